"""Where an image of a data set belongs: its domain, its category, its name there."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import TypeVar

Place = TypeVar("Place")


def domain_and_member(name: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    """Of an image that lies at any depth in a domain's folder; None where it lies in none.

    ``name``: ``[.../]<domain>/[images/][<category>/][.../]<file>``; ``known``: domains by their
    ``plain`` names. Where several folders have a domain's name it is the outermost that leaves one
    folder for the category, then the innermost. Categories are in Unicode's form NFC, so that one
    of a Mac is that of any other system; bytes that are no UTF-8 become ``\\x..``.
    """
    parts = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").split("/")
    found = []
    for i, part in enumerate(parts[:-1]):
        inner = parts[i + 1 :]
        if len(inner) > 1 and inner[0].lower() == "images":
            inner = inner[1:]
        if plain(part) in known:
            found.append((known[plain(part)], inner))
    if not found:
        return None
    domain, inner = next((place for place in found if len(place[1]) <= 2), found[-1])
    folders = [unicodedata.normalize("NFC", folder) for folder in inner[:-1]]
    return domain, "/".join([*folders, inner[-1]])


def plain(name: str) -> str:
    """A domain's name without what does not count in it: case, spaces and ``_ - .``."""
    return re.sub(r"[ _.-]", "", name).lower()


def category_of(member: str) -> str:
    """The first folder of a member; empty where it lies in none."""
    return member.partition("/")[0] if "/" in member else ""


def albums_as_flat(
    found: Mapping[str, Mapping[str, Place]], targets: Collection[str] | None
) -> dict[str, Mapping[str, Place]]:
    """The members of each domain, those of an album without folders, as ``2019%2F05%2F1.jpg``.

    An album is a domain among ``targets``, those that are no task's source, whose folders are no
    categories: none has the name of a source's category, and there are images beside the folders,
    or folders in them. None: which are targets is not known, those with images beside folders are.
    """
    if targets is None:
        targets = {name for name, members in found.items() if not all("/" in m for m in members)}
    categories = {
        category_of(member)
        for domain, members in found.items()
        for member in members
        if domain not in targets and "/" in member
    }
    flat = {}
    for domain, members in found.items():
        depths = {member.count("/") for member in members}
        apart = categories.isdisjoint(map(category_of, members))
        if domain in targets and categories and apart and len(depths | {1}) > 1 and depths != {0}:
            flat[domain] = {member.replace("/", "%2F"): place for member, place in members.items()}
        else:
            flat[domain] = members
    return flat
