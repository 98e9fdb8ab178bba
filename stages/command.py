"""How every stage starts and ends: arguments in, one clear line for a user's mistake."""

import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from dah import params
from dah.errors import UserError
from dah.files.artifacts import unwritable
from dah.params import Params
from dah.project.costs import record_cost, seconds_before
from dah.project.outputs import stages_of
from dah.project.progress import ended, keep_end, this_run, told
from dah.project.root import METRICS, PARAMS

COST = METRICS / "cost.json"
KINDS = {"--domain": str, "--task": str, "--method": str, "--seed": int}


def run(main: Callable[[Params, Namespace], None], *arguments: str) -> None:
    """Call `main` with the validated parameters and the stage's named arguments.

    An argument ``--name`` takes a path, or what KINDS says, and is required. Exits with 1 after one
    line on standard error where ``UserError`` is raised, or the disk is full. Where DVC runs the
    stage, what the work took goes to COST under its name there.
    """
    module = sys.modules[main.__module__]
    parser = ArgumentParser(Path(module.__file__).stem, description=module.__doc__)
    for argument in arguments:
        parser.add_argument(argument, required=True, type=KINDS.get(argument, Path))
    given = parser.parse_args()
    start = time.perf_counter()
    stage = os.environ.get("DVC_STAGE")
    try:
        options = params.load(PARAMS)
        place = os.environ.get("RANK")  # among processes that share a stage
        if stage is None or place not in {None, "0"}:
            main(options, given)
            return
        run_of = this_run()
        if place is None:
            done, before = ended(run_of), seconds_before(COST)
            print(told(stage, stages_of(options), done, before), flush=True)
        main(options, given)
        seconds = time.perf_counter() - start
        record_cost(COST, stage, seconds)
        keep_end(run_of, stage, seconds)
    except UserError as error:
        sys.exit(f"{parser.prog}: {error}")
    except OSError as error:
        sys.exit(f"{parser.prog}: {unwritable(error.filename or Path.cwd(), error)}")
