"""Transfer hashing: codes of both domains, learned from their fc7 and the source's labels.

Categories of the target are predicted by eq. 6 from codes. Of very many images a part is learned
from, and the others are encoded as new ones. What these data cannot give is left out with a word.
"""

from argparse import Namespace
from dataclasses import asdict

import numpy as np
from threadpoolctl import threadpool_limits

from dah import hashing
from dah.files.artifacts import Codes, write_codes
from dah.files.omissions import write_omissions
from dah.hashing.prediction import category_probabilities
from dah.hashing.transfer import all_codes
from dah.names import TRANSFER
from dah.params import Params
from dah.samples import compared, learned, taken
from dah.tasks.inputs import read_fc7
from dah.tasks.lists import read_lists
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    lists, bits = read_lists(given.lists), params.dah.bits
    ys, categories = lists.source_labels, len(lists.categories)
    Xs, Xt = read_fc7(given.features, params.domains_of(given.task), lists)
    few_s, few_t = compared(ys), learned(len(Xt))
    of = *taken(few_s, Xs, ys), *taken(few_t, Xt)
    options = {"psca": asdict(params.psca)}
    given.out.mkdir(parents=True, exist_ok=True)
    left_out = {}
    for name in params.transfer:
        fit, rng = getattr(hashing, TRANSFER[name]), np.random.default_rng(given.seed)
        try:
            with threadpool_limits(1):  # matrices this small lose more to threads than they gain
                found = fit(*of, bits, rng, **options[name])
                source = all_codes(found.source, few_s, found.encoder, Xs)
                target = all_codes(found.target, few_t, found.encoder, Xt)
        except ValueError as error:
            left_out[name] = str(error)
            continue
        shares = category_probabilities(target, source, ys, bits, params.dah.sharpness, categories)
        codes = Codes(bits, source, lists.source_ids, target, lists.target_ids, shares)
        write_codes(given.out / f"{name}.h5", codes)
    for line in write_omissions(given.out, given.task, left_out):
        print(line)


if __name__ == "__main__":
    run(main, "--task", "--seed", "--features", "--lists", "--out")
