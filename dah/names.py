"""The methods of the pipeline by their names in ``params.yaml``: the one list of them."""

from typing import NamedTuple


class Deep(NamedTuple):
    """A deep method: its function in ``dah.deep.methods``, and what it learns from.

    ``softmax``: it ends in the scores of categories and has no codes; ``blind``: it does not see
    the target's images; ``critic``: a critic of domains learns with it; ``labels``: it learns from
    pseudo-labels of the target.
    """

    terms: str
    softmax: bool = False
    blind: bool = False
    critic: bool = False
    labels: bool = False


DEEP = {
    "dah": Deep("dah"),
    "dah-e": Deep("dah_e"),
    "dah-p": Deep("dah_p", labels=True),
    "noda": Deep("noda", blind=True),
    "source": Deep("source", softmax=True, blind=True),
    "dan": Deep("dan", softmax=True),
    "dann": Deep("dann", softmax=True, critic=True),
}
TRANSFER = {"psca": "psca"}  # and their functions in dah.hashing
UNSUPERVISED = {  # and their functions in dah.hashing
    "itq": "itq",
    "kmeans": "kmeans_hashing",
    "ba": "binary_autoencoder",
    "bdnn": "binary_network",
}
SHALLOW = ("none", "gfk", "tca", "coral", "jda")  # as stages/adapt.py computes them
ORACLES = ("suh",)  # learn from target labels: upper bounds, not results
