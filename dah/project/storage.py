"""What DVC has on record: the outputs of its lock, and the contents that its cache keeps."""

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml


class Storage:
    """DVC's record of a repository, read when it is asked for; a folder without DVC has none."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def outputs(self) -> set[Path]:
        """The outputs, absolute, of every stage in ``dvc.lock``, listed or no longer."""
        try:
            lock = load_yaml(str(self.root / "dvc.lock"))
        except (DvcException, OSError, ValueError):  # none, or cut off: then it proves nothing
            return set()
        stages = _mapping(_mapping(lock).get("stages"))
        found = (out for stage in stages.values() for out in _mapping(stage).get("outs") or ())
        return {_absolute(self.root / str(_mapping(out).get("path"))) for out in found}

    @cached_property
    def _cache(self) -> Path | None:
        try:
            with Repo(str(self.root)) as repo:
                return Path(repo.cache.local.path)
        except DvcException:
            return None

    def has(self, path: Path) -> bool:
        """Whether the cache keeps a copy of a file's content."""
        if self._cache is None:
            return False
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        copy = self._cache / digest[:2] / digest[2:]
        return copy.is_file() and copy.stat().st_size == path.stat().st_size

    def made(self, path: Path) -> bool:
        """Whether a file is, or lies in, an output of the lock."""
        absolute = _absolute(path)
        return any(place in self.outputs for place in (absolute, *absolute.parents))


def _absolute(path: Path) -> Path:
    """As it is written, links in it not followed."""
    return Path(os.path.abspath(path))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
