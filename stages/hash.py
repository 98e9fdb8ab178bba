"""Unsupervised hashing of the target's fc7: ITQ, K-means hashing, BA, BDNN or some of them.

Of very many images a part is learned from. A baseline that these data have too few images or
directions for is left out with a word.
"""

from argparse import Namespace

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dah import hashing
from dah.files.artifacts import Codes, write_codes
from dah.files.omissions import write_omissions
from dah.names import UNSUPERVISED
from dah.params import Params
from dah.samples import learned, taken
from dah.tasks.inputs import read_fc7
from dah.tasks.lists import read_lists
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    lists, bits = read_lists(given.lists), params.dah.bits
    Xs, Xt = read_fc7(given.features, params.domains_of(given.task), lists)
    (few,) = taken(learned(len(Xt)), Xt)
    given.out.mkdir(parents=True, exist_ok=True)
    left_out = {}
    for name in (bar := tqdm(params.unsupervised, f"hash {given.task}", unit="method")):
        bar.set_postfix(method=name)
        try:
            with threadpool_limits(1):  # matrices this small lose more to threads than they gain
                fit = getattr(hashing, UNSUPERVISED[name])
                encoder = fit(few, bits, np.random.default_rng(given.seed))
                source, target = encoder.encode(Xs), encoder.encode(Xt)
        except ValueError as error:
            left_out[name] = f"dah.bits {bits}: {error}"
            continue
        codes = Codes(bits, source, lists.source_ids, target, lists.target_ids)
        write_codes(given.out / f"{name}.h5", codes)
    for line in write_omissions(given.out, given.task, left_out):
        print(line)


if __name__ == "__main__":
    run(main, "--task", "--seed", "--features", "--lists", "--out")
