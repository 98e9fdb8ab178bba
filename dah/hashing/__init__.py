"""Hashing without a network that learns from images: binary codes of features.

Unsupervised: every function but ``psca`` is called with training features X ``(n, d)``, a code
length and a generator, and returns a fitted encoder: ``.encode(X)`` gives packed uint8 codes
``(n, ceil(bits / 8))`` of training and new features alike. ``psca`` learns codes of a labelled
source and an unlabelled target together.
"""

from dah.hashing.autoencoder import binary_autoencoder
from dah.hashing.kmeans import kmeans_hashing
from dah.hashing.network import binary_network
from dah.hashing.quantization import itq
from dah.hashing.transfer import psca

__all__ = ["binary_autoencoder", "binary_network", "itq", "kmeans_hashing", "psca"]
