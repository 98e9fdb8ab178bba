"""Write what params.yaml may hold as JSON Schema, by which editors check it."""

import json
from argparse import ArgumentParser

from dah import params
from dah.files.artifacts import replacing
from dah.project.root import PARAMS, SCHEMA, at_root


def arguments(_: ArgumentParser) -> None:
    """It takes none."""


@at_root()
def run() -> None:
    """Write the file anew, with the comments and values of params.yaml."""
    params.load(PARAMS)
    schema = params.json_schema(PARAMS.read_text(encoding="utf-8"))
    with replacing(SCHEMA) as part:
        part.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    print(f"{SCHEMA} has {PARAMS}'s comments and values")
