"""What arguments of several commands have in common."""

from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError
from importlib.metadata import PackageNotFoundError, version
from typing import Any

MODEL = "an encoder's file, or a network that the pipeline trained: data/models/.../dah.pt"
IMAGES = "folders, archives, images or glob patterns in quotes"
ADDRESSES = "or addresses in a storage, s3://bucket/folder"
PICTURES = "a folder or archive whose pictures are shown too; those that encode read here are"
CODES = "what encode wrote"
INDEX = "what index wrote"
DEVICES = ("auto", "cpu", "cuda")
ENGINES = ("auto", "torch", "onnx")
ENGINE = "what computes on a CPU; auto, the default: ONNX Runtime where it is installed and pays"
DEVICE = "where the network runs; auto, the default: a GPU where there is one"


class Version(Action):
    """``--version``: that of the installed package, which pyproject.toml says."""

    def __init__(self, option_strings: list[str], dest: str, **given: Any) -> None:
        super().__init__(option_strings, SUPPRESS, nargs=0, default=SUPPRESS, **given)

    def __call__(self, parser: ArgumentParser, *given: Any) -> None:
        """Print it and end."""
        try:
            print(f"dah {version('dah')}")
        except PackageNotFoundError:
            parser.exit(1, "dah: it is not installed here: pip install -e .\n")
        parser.exit()


def whole(low: int, value: str) -> int:
    """An argument that is a whole number of at least `low`."""
    try:
        number = int(value)
    except ValueError as error:
        raise ArgumentTypeError(f"expected a whole number, found {value!r}") from error
    if number < low:
        raise ArgumentTypeError(f"expected at least {low}, found {number}")
    return number


def port(value: str) -> int:
    """An argument that is a port; 0 takes any that is free."""
    number = whole(0, value)
    if number > 65535:
        raise ArgumentTypeError(f"expected a port of 0 ... 65535, found {number}")
    return number


def host_name(value: str) -> str:
    """An argument that is a host's name, or its address, alone."""
    if not value or set(value) & set("/@*, ") or (":" in value and value.count(":") == 1):
        raise ArgumentTypeError(f"expected a name like photos.example.org, found {value!r}")
    return value.strip("[]")
