"""Gather the tasks' figures: their means, a page of tables and pictures, tables in the terminal."""

from argparse import Namespace
from pathlib import Path

from dah.artifacts import read_pictures, replacing
from dah.figures import deviations, means
from dah.params import Params
from dah.report.facts import facts
from dah.report.overview import HEADLINE
from dah.report.page import page
from dah.report.tables import column_of
from dah.tables import read_json, write_json
from stages.command import run


def pictured(record: dict) -> list[str]:
    """The ids of the target images that a task's record shows."""
    queries = [query for of in record.get("nearest", {}).values() for query in of]
    return [image["id"] for query in queries for image in (query, *query["nearest"])]


def main(params: Params, given: Namespace) -> None:
    keys = "figures", "runs", "categories"
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
    images = {}
    for task, record in records.items():
        _, target = params.domains_of(task)
        wanted = pictured(record)
        read = read_pictures(given.images / f"{target}.h5", wanted)
        images |= dict(zip(wanted, read, strict=True))
    with replacing(given.page) as part:
        text = page(columns, records, domains, params.dataset.name, images, facts(params, Path()))
        part.write_text(text, encoding="utf-8")
    write_json(given.means, summary)
    write_json(given.summary, {name: of for name, of in summary.items() if name in HEADLINE})
    print(f"{given.page}: tables and pictures; `python -m dah results` prints the main ones")


if __name__ == "__main__":
    run(main, "--records", "--domains", "--images", "--summary", "--means", "--page")
