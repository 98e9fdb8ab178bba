"""All images in parts of many: whoever encodes one, in whatever order, gives the same codes."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dah.encoder.inputs import Place
from dah.images.contents import Unread

WAVES = 8  # parts for each worker, at least, so that none waits long for the last


class Part(NamedTuple):
    """Some images of one folder or archive, and the number of the shard that they will be."""

    number: int
    origin: Place
    names: list[str]


def parts_of(
    listed: Sequence[tuple[Place, Sequence[str]]], first: int, batch: int, most: int, workers: int
) -> list[Part]:
    """Images in the order listed, each name of an origin once, in parts numbered from `first`.

    Parts are whole batches, so that a network sees the batches that one process would show it:
    floating-point sums may depend on them. A part has at most `most` images, or one batch.
    """
    unique = [(origin, list(dict.fromkeys(names))) for origin, names in listed]
    share = sum(len(names) for _, names in unique) // (WAVES * workers)
    size = batch * max(1, min(share, most) // batch)
    pieces = (
        (origin, names[start : start + size])
        for origin, names in unique
        for start in range(0, len(names), size)
    )
    return [Part(number, *piece) for number, piece in enumerate(pieces, start=first)]


class Deal:
    """Which parts are still to be handed out: a worker stays with its folder or archive.

    So an archive is read through once by each worker that has it, and copied from a storage by few.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._left: dict[str, deque[Part]] = {}
        self._readers: Counter[str | None] = Counter()  # workers at each
        for part in parts:
            self._left.setdefault(part.origin.place, deque()).append(part)

    def next(self, last: Part | None) -> Part | None:
        """The next part for one whose last was `last`; None where all are handed out."""
        place = None if last is None else last.origin.place
        if place not in self._left:
            places = list(self._left)
            chosen = min(places, key=lambda name: self._readers[name], default=None)
            self._readers[place] -= 1
            self._readers[chosen] += 1
            place = chosen
        if place is None:
            return None
        part = self._left[place].popleft()
        if not self._left[place]:
            del self._left[place]
        return part

    def give_back(self, part: Part) -> None:
        """A part that was lost is the next of its folder or archive."""
        self._left.setdefault(part.origin.place, deque()).appendleft(part)
        self._readers[part.origin.place] -= 1


class Reader:
    """The images of one part after another of a folder or archive, read through once.

    Where a part lies before the last one, or that one's images were not all there, it is opened
    anew.
    """

    def __init__(self) -> None:
        self._part: Part | None = None
        self._members: Iterator[tuple[str, bytes]] = iter(())
        self._wanted: set[str] = set()

    def members(self, part: Part) -> Iterator[tuple[str, bytes]]:
        """``(name, bytes)`` of the images of a part, in the order of its folder or archive."""
        before, self._part = self._part, part
        self._wanted = set(part.names)
        if before is None or before.origin != part.origin or part.number <= before.number:
            self._open(part.origin)
        while self._wanted:
            found = next(self._members, None)
            if found is None:
                self._part = None
                break
            if found[0] in self._wanted:  # a folder that cannot be read is given unasked
                self._wanted.remove(found[0])
                yield found
        for name in sorted(self._wanted):
            yield name, Unread("is not there any more")

    def _open(self, origin: Place) -> None:
        self._members = origin.members(lambda name: name in self._wanted)
