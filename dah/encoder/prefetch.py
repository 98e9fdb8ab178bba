"""The next items of an iterator are made while this one is used."""

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
_END = object()
_POLL = 0.1  # seconds until a thread that cannot hand over looks whether anyone still waits


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """The items in their order, up to `count` of them made beforehand by a thread of its own.

    What iterating raises is raised here, after the items before it. Where the reader stops early
    the thread ends with the item that it is at.
    """
    waiting: Queue[tuple[Any, BaseException | None]] = Queue(count)
    stopped = Event()

    def hand_over(item: Any, error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            try:
                waiting.put((item, error), timeout=_POLL)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not hand_over(item):
                    return
        except BaseException as error:
            hand_over(_END, error)
        else:
            hand_over(_END)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
