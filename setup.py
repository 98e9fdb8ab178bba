"""The wheel takes along what ``dah init`` writes: this repository's own files, listed in
pyproject.toml (``tool.dah.template``), as ``dah/template``. All else is in pyproject.toml."""

import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEMPLATE = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in PROJECT["tool"]["dah"]["template"]
    for path in ROOT.glob(pattern)
)


class Gathered(build_py):
    """``build_py`` that copies the template's files into the package, and lists them as sources."""

    def run(self) -> None:
        super().run()
        for name in () if self.editable_mode else TEMPLATE:
            copy = Path(self.build_lib, "dah", "template", name)
            self.mkpath(str(copy.parent))
            self.copy_file(name, str(copy))

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), "constraints.txt", *TEMPLATE]


setup(cmdclass={"build_py": Gathered})
