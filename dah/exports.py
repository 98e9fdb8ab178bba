"""Names that a package offers, each imported with its module when it is first asked for.

Packages here hold modules that need torch, h5py or faiss beside others that need nothing: who asks
for a light name must not wait for the heavy ones (PEP 562).
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazily(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package: module to the names in it."""
    places = {name: module for module, of in names.items() for name in of}

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    return get, lambda: sorted(places), sorted(places)
