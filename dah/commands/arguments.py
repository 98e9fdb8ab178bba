"""The arguments of the commands with a module of their own, which is imported when called."""

from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, _SubParsersAction
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MODEL = "an encoder's file, or a network that the pipeline trained: data/models/.../dah.pt"
IMAGES = "folders, archives, images or glob patterns in quotes"
PICTURES = "a folder or archive whose pictures are shown too; those that encode read here are"
CODES = "what encode wrote"
INDEX = "what index wrote"
DEVICES = ("auto", "cpu", "cuda")
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


def call(name: str, **given: Any) -> None:
    """Run a command's module; torch, faiss and DVC are imported by those that need them."""
    import_module(f"dah.commands.{name}").run(**given)


def add_commands(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add every command of this package with its arguments."""

    def add(name: str, text: str) -> ArgumentParser:
        command = commands.add_parser(name, help=text, description=f"{text}.")
        command.set_defaults(call=partial(call, name))
        return command

    add("mend", "Restore or delete files of DVC's own that a kill cut off")

    command = add("export", "Make one self-contained file of a trained network: .pt or .onnx")
    command.add_argument("model", type=Path, metavar="MODEL", help=MODEL)
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="ends in .pt or .onnx"
    )
    folders = "where the network does not lie in data/models: "
    command.add_argument(
        "--codes", type=Path, metavar="FILE", help=folders + "its codes, data/codes/.../dah.h5"
    )
    command.add_argument(
        "--lists", type=Path, metavar="FOLDER", help=folders + "its lists, data/tasks/<task>"
    )
    command.add_argument("--images", type=Path, metavar="FOLDER", help=folders + "data/images")

    command = add("encode", "Turn images into codes and predicted categories; goes on if stopped")
    command.add_argument("model", type=Path, metavar="MODEL", help=MODEL)
    command.add_argument("images", nargs="+", metavar="IMAGES", help=IMAGES)
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="CODES.h5", help="a new file, or to go on"
    )
    command.add_argument("--device", choices=DEVICES, default="auto", help=DEVICE)
    command.add_argument(
        "--outputs", action="store_true",
        help="keep the real outputs too, by which search orders equally distant images",
    )  # fmt: skip

    command = add("index", "Build an index of codes for searching")
    command.add_argument("codes", nargs="+", type=Path, metavar="CODES.h5", help=CODES)
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="INDEX", help="a folder, new or replaced"
    )
    kinds = ("flat", "ivf", "hnsw", "multihash")
    command.add_argument("--kind", choices=kinds, default="flat", help="default: flat, exact")
    command.add_argument(
        "--shard", type=partial(whole, 1), help="codes in a shard, default 2^25: bounds the memory"
    )

    command = add("search", "Find the images of an index that are nearest to other images")
    command.add_argument("index", type=Path, metavar="INDEX", help=INDEX)
    command.add_argument("queries", nargs="+", metavar="QUERY", help=IMAGES)
    command.add_argument("-k", type=partial(whole, 1), help="how many; 10 without --radius")
    command.add_argument("--radius", type=partial(whole, 0), help="largest Hamming distance")
    command.add_argument(
        "--effort", type=partial(whole, 1), help="ivf: cells searched; hnsw: candidates kept;"
        " multihash: bits that may differ"
    )  # fmt: skip
    command.add_argument("--model", type=Path, help="the model, where it was moved since encode")
    command.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    command.add_argument("--sheet", type=Path, metavar="PAGE.html", help="pictures as a page too")
    command.add_argument(
        "--pictures", action="append", default=[], type=Path, metavar="FOLDER", help=PICTURES
    )
    command.add_argument("--device", choices=DEVICES, default="auto", help=DEVICE)

    command = add("serve", "Show codes, categories and nearest images on a local web page")
    command.add_argument("model", type=Path, metavar="MODEL", help=MODEL)
    command.add_argument("indexes", nargs="+", type=Path, metavar="INDEX", help=INDEX)
    command.add_argument("--host", default="127.0.0.1", help="default: this machine alone")
    command.add_argument("--port", type=port, default=8000, help="default: 8000")
    command.add_argument(
        "--allow-host", action="append", default=[], type=host_name, metavar="NAME",
        help="a name under which a reverse proxy reaches this server; again for more",
    )  # fmt: skip
    command.add_argument(
        "--pictures", action="append", default=[], type=Path, metavar="FOLDER", help=PICTURES
    )
    command.add_argument("--device", choices=DEVICES, default="auto", help=DEVICE)

    command = add("pgvector", "Load codes into a PostgreSQL table that pgvector can search")
    command.add_argument("codes", type=Path, metavar="CODES.h5", help=CODES)
    command.add_argument("--url", required=True, help="postgresql://user@host/database")
    command.add_argument("--table", default="dah_images", help="default: dah_images")
