"""Image data sets from an archive, a folder or a download, into one reproducible tar per domain."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from dah.artifacts import unwritable
from dah.data.archives import read_members, write_tar
from dah.data.download import Progress, check_digest, download, record_digest
from dah.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


@dataclass(frozen=True)
class Layout:
    """A published data set: its images per domain, its categories, and where it is to be had."""

    images: Mapping[str, int]
    categories: int
    urls: tuple[str, ...]
    page: str


def _drive(file: str, key: str) -> tuple[str, ...]:
    """Google Drive's addresses of a file; those of before 2021 ask for a resource key."""
    host = "https://drive.usercontent.google.com"
    return (
        f"{host}/download?id={file}&export=download&confirm=t&resourcekey={key}",
        f"https://drive.google.com/uc?id={file}",
    )


LAYOUTS: dict[str, Layout | None] = {
    "office31": Layout(
        images={"amazon": 2817, "dslr": 498, "webcam": 795},
        categories=31,
        urls=_drive("0B4IapRTv9pJ1WGZVd1VDMmhwdlE", "0-gNMHVtZfRAyO_t2_WrOunA"),
        page="https://drive.google.com/file/d/0B4IapRTv9pJ1WGZVd1VDMmhwdlE/view"
        "?resourcekey=0-gNMHVtZfRAyO_t2_WrOunA",
    ),
    "office_home": Layout(
        images={"Art": 2427, "Clipart": 4365, "Product": 4439, "RealWorld": 4357},
        categories=65,
        urls=_drive("0B81rNlvomiwed0V1YUxQdC1uOTg", "0-2SNWq0CDAuWOBRRBL7ZZsw"),
        page="https://www.hemanthdv.org/officeHomeDataset.html",
    ),
    "folder": None,
}


def obtain(
    name: str,
    source: Path | None,
    domains: Sequence[str],
    folder: Path,
    *,
    cache: Path,
    checksums: Path,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Write ``<folder>/<domain>.tar`` for each domain; returns the images in each.

    ``name``: a key of LAYOUTS. ``source``: an archive or a folder; None downloads the published
    archive into ``cache`` once and keeps its SHA-256 in ``checksums``. Members of the tars are
    ``<category>/<file>``, or ``<file>`` where a domain of the data set ``folder`` has no
    categories, in the order of their names: the same bytes from whatever they came in.

    In the source an image lies at ``[.../]<domain>/[images/][<category>/]<file>``; case, spaces
    and ``_ - .`` do not count in a domain's name (``Real World`` is RealWorld); other files are
    passed over. Raises ``UserError`` where a domain is not there, an image stands twice, or the
    counts are not the published ones.
    """
    layout = LAYOUTS[name]
    if layout is not None:
        for domain in domains:
            if domain not in layout.images:
                raise UserError(
                    f"domains: {name} has no {domain!r}; it has {', '.join(layout.images)}"
                )
    elif source is None:
        raise UserError(
            f"dataset.path is null, but dataset.name is {name!r}; set dataset.path to the archive"
            " or folder that holds <domain>/<category>/<image>"
        )
    archive = cache / f"{name}.archive"
    if source is None:
        download(layout.urls, archive, layout.page, progress)
        check_digest(archive, checksums)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as spool:
            found = _collect(source or archive, domains, spool)
            for domain, places in found.items():
                _check(name, layout, domain, places, source or archive)
            if source is None:
                record_digest(archive, checksums)
            for domain, places in found.items():
                write_tar(folder / f"{domain}.tar", _in_order(spool, places))
    except OSError as error:
        raise unwritable(folder, error) from error
    return {domain: len(places) for domain, places in found.items()}


def _collect(
    source: Path, domains: Sequence[str], spool: BinaryIO
) -> dict[str, dict[str, tuple[int, int]]]:
    """Copy the domains' images into ``spool``: offset and length by domain and member name."""
    known = {_plain(domain): domain for domain in domains}
    if len(known) < len(domains):
        raise UserError(
            f"domains: expected names that differ in more than case and '_-.', found"
            f" {', '.join(domains)}; rename one"
        )
    found: dict[str, dict[str, tuple[int, int]]] = {domain: {} for domain in domains}
    others = set()

    def wanted(name: str) -> bool:
        if not name.lower().endswith(SUFFIXES):
            return False
        if _place(name, known) is None:
            others.add("/".join(name.split("/")[:2]))
            return False
        return True

    for name, data in read_members(source, wanted):
        domain, member = _place(name, known)
        if member in found[domain]:
            raise UserError(
                f"{source}: expected each image of {domain!r} once, found {member[:100]!r} twice,"
                f" the second time as {name[:100]!r}; remove one"
            )
        found[domain][member] = (spool.tell(), len(data))
        spool.write(data)
    for domain, places in found.items():
        if not places:
            seen = f"images in {', '.join(sorted(others)[:5])[:300]}" if others else "none"
            raise UserError(
                f"{source}: expected images ({', '.join(SUFFIXES)}) in {domain}/<category>/, found"
                f" {seen}; look at dataset.path and domains"
            )
    return found


def _place(name: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    """Domain and member name of an image that lies one or two folders deep in a domain's folder."""
    parts = name.split("/")
    for i, part in enumerate(parts[:-1]):
        inner = parts[i + 1 :]
        if len(inner) in (2, 3) and inner[0].lower() == "images":
            inner = inner[1:]
        if len(inner) <= 2 and _plain(part) in known:
            return known[_plain(part)], "/".join(inner)
    return None


def _plain(name: str) -> str:
    return re.sub(r"[ _.-]", "", name).lower()


def _check(
    name: str,
    layout: Layout | None,
    domain: str,
    places: Mapping[str, tuple[int, int]],
    source: Path,
) -> None:
    """Refuse a domain that is half flat, or whose counts are not the published ones."""
    flat = [member for member in places if "/" not in member]
    if flat and (layout is not None or len(flat) < len(places)):
        raise UserError(
            f"{source}: expected all images of {domain!r} in folders of categories, found"
            f" {flat[0][:100]!r} beside them ({len(flat)} of {len(places)}); move or remove these"
        )
    if layout is None:
        return
    categories = len({member.split("/")[0] for member in places})
    if (categories, len(places)) != (layout.categories, layout.images[domain]):
        raise UserError(
            f"{source}: expected {layout.categories} categories and {layout.images[domain]} images"
            f" of {name}'s {domain!r}, found {categories} and {len(places)}; get the whole archive"
            f" from {layout.page}, or set dataset.name to folder to use it as it is"
        )


def _in_order(
    spool: BinaryIO, places: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, bytes]]:
    for member, (offset, length) in sorted(places.items()):
        spool.seek(offset)
        yield member, spool.read(length)
