"""Gather the tasks' figures: their means, a page of tables and curves, a table on the terminal."""

from argparse import Namespace

from dah.artifacts import replacing
from dah.evaluation import mean_over_tasks
from dah.params import Params
from dah.report import page, text_tables
from dah.tables import read_json, write_json
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    records = {task: read_json(given.records / f"{task}.json") for task in params.tasks}
    tasks = {task: record["figures"] for task, record in records.items()}
    curves = {task: record["precision_recall"] for task, record in records.items()}
    domains = read_json(given.domains)
    mean = mean_over_tasks(tasks)
    with replacing(given.page) as part:
        part.write_text(page(tasks, mean, curves, domains, params.dataset.name), encoding="utf-8")
    write_json(given.summary, mean)
    print(text_tables(tasks, mean, domains))
    print(f"\nTables and curves: {given.page}")


if __name__ == "__main__":
    run(main, "--records", "--domains", "--summary", "--page")
