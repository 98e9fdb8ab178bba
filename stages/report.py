"""Gather the tasks' figures: their means, a page of tables and pictures, tables in the terminal."""

from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from dah.evaluation.figures import Figures, deviations, means
from dah.files.artifacts import read_pictures, replacing
from dah.files.tables import read_figures, read_json, write_json
from dah.params import Params
from dah.report.facts import facts
from dah.report.overview import HEADLINE
from dah.report.page import page
from dah.report.tables import column_of
from stages.command import run


def pictured(record: dict) -> list[str]:
    """The ids of the target images that a task's record shows."""
    queries = [query for of in record.get("nearest", {}).values() for query in of]
    shown = [image for query in queries for image in (query, *query["nearest"])]
    shown += [image for of in record.get("predicted", {}).values() for image in of]
    return [image["id"] for image in shown]


def validators(folder: Path, seeds: Iterable[int]) -> Figures:
    """The means over seeds of what `encode` found of a task without labels of its target."""
    return means(read_figures(folder / f"{seed}.json") for seed in seeds)


def headline(figures: Figures, methods: Sequence[str], learnt: bool) -> Figures:
    """The figures of HEADLINE of the methods that are among `methods`, in their order, or are not.

    Apart, since the first columns of ``dvc exp show`` are what a person sees of it.
    """
    found = {}
    for figure in (name for name in HEADLINE if name in figures):
        of = figures[figure]
        names = [m for m in (methods if learnt else of) if m in of and (m in methods) == learnt]
        found |= {figure: {method: of[method] for method in names}} if names else {}
    return found


def main(params: Params, given: Namespace) -> None:
    keys = "figures", "runs", "categories", "left_out"
    records = {task: read_json(given.records / f"{task}.json", keys) for task in params.tasks}
    domains = read_json(given.domains, ("images",))
    figures = [record["figures"] for record in records.values()]
    runs = zip(*(record["runs"] for record in records.values()), strict=True)
    summary = means(figures)
    deviation = deviations(means(tasks) for tasks in runs)
    summary |= {"deviation": deviation} if deviation else {}
    columns = [
        column_of(task, record["figures"] | {"deviation": deviations(record["runs"])})
        for task, record in records.items()
    ]
    columns.append(column_of("mean", summary))
    found = [validators(given.validation / task, params.train.seeds) for task in params.tasks]
    beside = [
        replace(column, figures=of | column.figures)
        for column, of in zip(columns, [*found, means(found)], strict=True)
    ]
    images = {}
    for task, record in records.items():
        _, target = params.domains_of(task)
        wanted = pictured(record)
        read = read_pictures(given.images / f"{target}.h5", wanted)
        images |= dict(zip(wanted, read, strict=True))
    with replacing(given.page) as part:
        text = page(
            beside,
            records,
            domains,
            params.dataset.name,
            params.dah.bits,
            images,
            facts(params, Path()),
        )
        part.write_text(text, encoding="utf-8")
    write_json(given.means, summary)
    for path, learnt in ((given.summary, True), (given.others, False)):
        write_json(path, headline(summary, params.methods, learnt))
    for task, record in records.items():
        for method, reason in record["left_out"].items():
            print(f"left out: {method} on {task}: {reason}")
    print(f"{given.page}: tables and pictures; `python -m dah results` prints the main ones")


if __name__ == "__main__":
    paths = "records", "validation", "domains", "images", "summary", "others", "means", "page"
    run(main, *(f"--{name}" for name in paths))
