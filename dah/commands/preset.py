"""Set the parameters of a preset in params.yaml."""

from argparse import ArgumentParser

from dah.project.presets import apply_preset
from dah.project.root import PARAMS, PRESETS, at_root


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument(
        "name", metavar="NAME", help="digits, office31, ...: a file of presets/ without .yaml"
    )


@at_root()
def run(name: str) -> None:
    """Write the preset's values; comments and other keys stay."""
    apply_preset(name, PRESETS, PARAMS)
    print(f"{PARAMS} now has the values of {PRESETS / name}.yaml; `git diff {PARAMS}` shows them")
