"""List a task's images: the source with labels, the target without; its truth apart."""

from argparse import Namespace
from pathlib import Path

from dah.files.omissions import foreseen
from dah.files.tables import LABELS, read_table
from dah.params import Params
from dah.tasks.lists import write_task
from dah.tasks.split import Domain, make_task
from stages.command import run


def read_domain(folder: Path, name: str) -> Domain:
    """The images of a domain from its list of labels."""
    table = read_table(folder / f"{name}.csv", LABELS)
    return Domain(name, table["id"], table["category"])


def main(params: Params, given: Namespace) -> None:
    source, target = (read_domain(given.labels, name) for name in params.domains_of(given.task))
    task = make_task(source, target, params.dah.samples_per_class, params.dataset.seed)
    write_task(task, source.ids, target.ids, given.lists, given.truth)
    labelled, methods = any(target.categories), (params.unsupervised, params.oracles)
    for method, reason in foreseen(len(target.ids), labelled, params.dah.bits, *methods).items():
        print(f"{method} on {given.task} will be left out: {reason}")


if __name__ == "__main__":
    run(main, "--task", "--labels", "--lists", "--truth")
