"""Unsupervised hashing: binary codes of features, learned without labels.

Every function is called with training features X ``(n, d)``, a code length and a generator, and
returns a fitted encoder: ``.encode(X)`` gives packed uint8 codes ``(n, ceil(bits / 8))`` of
training and new features alike.
"""

from dah.hashing.autoencoder import binary_autoencoder
from dah.hashing.kmeans import kmeans_hashing
from dah.hashing.network import binary_network
from dah.hashing.quantization import itq

__all__ = ["binary_autoencoder", "binary_network", "itq", "kmeans_hashing"]
