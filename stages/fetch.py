"""Obtain the data set: one archive per domain."""

from argparse import Namespace

from tqdm import tqdm

from dah.data import digits
from dah.data.archives import write_tar
from dah.params import Params
from stages.command import run


def main(params: Params, paths: Namespace) -> None:
    for domain in tqdm(params.domains, desc="fetch", unit="domain"):
        members = digits.members(domain, params.dataset.seed)
        write_tar(paths.out / f"{domain}.tar", members)


if __name__ == "__main__":
    run(main, "--out")
