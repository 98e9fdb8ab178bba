"""The pipeline's stages: each reads its inputs, calls the library once and writes its outputs."""

from dah.process import settle

settle(give_back=False)
