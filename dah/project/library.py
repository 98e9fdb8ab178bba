"""What a project of one's own depends on in the installed library: a digest of each wing."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ruamel.yaml import YAML

import dah
from dah.files.artifacts import replacing

LIBRARY = Path("library.yaml")
INSTALLED = Path(dah.__file__).parent
NO_CODE = {"__pycache__", "template"}


def digests(package: Path = INSTALLED) -> dict[str, str]:
    """SHA-256 of each wing, a package or module in the folder `package`: ``compute``, ``errors``.

    Of the names and contents of all files in it, in order, those of a package's folders included,
    so that two installations have equal digests where they have equal files.
    """
    wings = (path for path in sorted(package.iterdir()) if path.name not in NO_CODE)
    return {path.stem: _digest(path) for path in wings if path.is_dir() or path.suffix == ".py"}


def _digest(wing: Path) -> str:
    total = hashlib.sha256()
    for path in _files(wing):
        total.update(f"{path.relative_to(wing.parent).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.name not in NO_CODE:
        for inner in sorted(path.iterdir()):
            yield from _files(inner)


def write_library(path: Path) -> None:
    """Write the library's version and digests, by which DVC sees that it was updated."""
    try:
        number = version("dah")
    except PackageNotFoundError:
        number = "not installed"
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        file.write(
            "# Written by each `dvc repro` (stage library): stages depend on these digests.\n"
        )
        YAML().dump({"version": number, **digests()}, file)
