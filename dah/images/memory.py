"""Memory that several threads share without taking more than there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Memory:
    """So many bytes: who wants some waits until that many are free."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._changed = Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Hold `amount` bytes, at most all of them, until the block ends."""
        amount = min(amount, self.total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= amount)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()
