"""Refuse mistakes in the parameters before any work starts."""

from argparse import Namespace

from dah.params import Params
from stages.command import run


def main(params: Params, _: Namespace) -> None:
    print(f"{len(params.tasks)} tasks, {len(params.methods)} methods, {params.dah.bits} bits")


if __name__ == "__main__":
    run(main)
