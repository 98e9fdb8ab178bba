"""Indexes that are served: another generation is taken as soon as it lies in the folder."""

import sys
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import TypeVar

from dah.encoder.imagecodes import Header, check_model
from dah.errors import UserError
from dah.search.folders import State, state_of
from dah.search.index import ImageIndex, open_index
from dah.web.upload import Refused

T = TypeVar("T")
TRIES = 5


class LiveIndex:
    """An index of an encoder's codes, and the generation of it that answers."""

    def __init__(self, index: ImageIndex, header: Header) -> None:
        check_model(index.folder, index.header, header)
        self.folder = index.folder
        self.name = index.folder.stem
        self._index = index
        self._header = header
        self._unfit: State | None = None
        self._lock = Lock()

    def ask(self, question: Callable[[ImageIndex], T]) -> T:
        """The answer of one generation, the one that lies in the folder.

        Raises ``Refused`` where that is none, or one of another model, and ``UserError`` where it
        cannot be read.
        """
        for _ in range(TRIES):
            index = self._current()
            try:
                answer = question(index)
            except UserError:
                if index.is_current:
                    raise
            else:
                if index.is_current:
                    return answer
        raise Refused(503, f"{self.name} is replaced again and again; try later")

    def _current(self) -> ImageIndex:
        """The generation in the folder, opened whole and checked; the reason goes to the terminal.

        What was found unfit is not opened again.
        """
        with self._lock:
            state = state_of(self.folder)
            if state not in (self._index.files, self._unfit):
                try:
                    found = open_index(self.folder)
                    check_model(self.folder, found.header, self._header)
                    self._index = found
                    return found
                except UserError as error:
                    self._unfit = state
                    print(f"dah: {error}", file=sys.stderr)
            if state != self._index.files:
                raise Refused(
                    503,
                    f"{self.name} is no index of this model any more, or none at all; index again,"
                    " or start serve with the other model",
                )
            return self._index


def generation(index: ImageIndex) -> str:
    """A short name of a generation."""
    return blake2b(repr(index.files).encode(), digest_size=6).hexdigest()
