"""Unsupervised hashing of the target's fc7: ITQ, K-means hashing, BA and BDNN."""

from argparse import Namespace

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dah import hashing
from dah.artifacts import Codes, write_codes
from dah.data.pictures import read_fc7
from dah.data.tasks import read_lists
from dah.errors import UserError
from dah.params import Params
from stages.command import run

METHODS = {
    "itq": hashing.itq,
    "kmeans": hashing.kmeans_hashing,
    "ba": hashing.binary_autoencoder,
    "bdnn": hashing.binary_network,
}


def main(params: Params, given: Namespace) -> None:
    lists, bits = read_lists(given.lists), params.dah.bits
    Xs, Xt = read_fc7(given.features, params.domains_of(given.task), lists)
    for name, method in (bar := tqdm(METHODS.items(), f"hash {given.task}", unit="method")):
        bar.set_postfix(method=name)
        try:
            with threadpool_limits(1):  # matrices this small lose more to threads than they gain
                encoder = method(Xt, bits, np.random.default_rng(params.train.seed))
        except ValueError as error:
            raise UserError(f"{name} on {given.task}, dah.bits {bits}: {error}") from error
        no_share = np.empty((len(Xt), 0), np.float32)
        codes = Codes(
            bits=bits,
            source=encoder.encode(Xs),
            source_ids=lists.source_ids,
            target=encoder.encode(Xt),
            target_ids=lists.target_ids,
            probabilities=no_share,
            probabilities_real=no_share,
            domain_error=None,
        )
        write_codes(given.out / f"{name}.h5", codes)


if __name__ == "__main__":
    run(main, "--task", "--features", "--lists", "--out")
