"""Image data sets from an archive, a folder or a download, into one reproducible tar per domain."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple

from dah.datasets import LAYOUTS, Layout
from dah.errors import UserError
from dah.files.artifacts import unwritable
from dah.images.archives import read_members, write_tar
from dah.images.digits import DOMAINS as DIGITS
from dah.images.download import Progress, check_digest, download, record_digest
from dah.images.formats import READ, named_image
from dah.images.mnist_usps import download_scans, holds_scans, read_scans, scan_members
from dah.images.places import albums_as_flat, category_of, domain_and_member, plain
from dah.printable import printable

Places = dict[str, dict[str, tuple[int, int]]]


class Fetched(NamedTuple):
    """What a data set holds: images of each domain, how many of them have a category, and files.

    ``others``: of the files in the domains' folders that are no images by name, how many end how.
    """

    images: dict[str, int]
    labelled: dict[str, int]
    others: dict[str, int]


def check_domains(name: str, domains: Sequence[str]) -> None:
    """Refuse, by ``UserError``, domains that a data set of published or made ones has not."""
    layout = LAYOUTS.get(name)
    known = DIGITS if name == "digits" else layout.images if layout else domains
    for domain in domains:
        if domain not in known:
            raise UserError(f"domains: {name} has no {domain!r}; it has {', '.join(known)}")


def obtain(
    name: str,
    source: Path | None,
    domains: Sequence[str],
    folder: Path,
    *,
    cache: Path,
    checksums: Path,
    targets: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Write ``<folder>/<domain>.tar`` for each domain.

    ``name``: a key of LAYOUTS. ``source``: an archive or a folder; None downloads the published
    archive into ``cache`` once and keeps its SHA-256 in ``checksums``. That of ``mnist_usps`` may
    also be files of torchvision or of MATLAB (``dah.images.mnist_usps``). Members of the tars are
    ``<category>/<file>``, or ``<file>`` where a domain of the data set ``folder`` has no
    categories, in the order of their names: the same bytes from whatever they came in.

    In the source an image lies at ``[.../]<domain>/[images/][<category>/]<file>``, or deeper; case,
    spaces and ``_ - .`` do not count in a domain's name (``Real World`` is RealWorld). Folders
    within a category belong to it, and those of an album among the ``targets``, the domains that
    are no task's source, to the album (``albums_as_flat``). An image that no reader is known for is
    a member without bytes, which fails to be decoded; hidden files are passed over, and so are
    others. Raises ``UserError`` where a domain is not there, an image stands twice, or the counts
    are not the published ones.
    """
    layout = LAYOUTS[name]
    check_domains(name, domains)
    if layout is None and source is None:
        raise UserError(
            f"dataset.path is null, but dataset.name is {name!r}; set dataset.path to the archive"
            " or folder that holds <domain>/<category>/<image>"
        )
    if name == "mnist_usps" and (source is None or holds_scans(source)):
        return _scanned(name, source, domains, folder, cache)
    archive = cache / f"{name}.archive"
    if source is None:
        download(layout.urls, archive, layout.page, progress)
        check_digest(archive, checksums)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as spool:
            given, others = _collect(source or archive, domains, spool, layout is not None)
            found = albums_as_flat(given, () if layout else targets)
            for domain, places in found.items():
                _check(name, layout, domain, places, source or archive)
            if source is None:
                record_digest(archive, checksums)
            for domain, places in found.items():
                write_tar(folder / f"{domain}.tar", _in_order(spool, places))
    except OSError as error:
        raise unwritable(folder, error) from error
    labelled = {d: sum("/" in member for member in places) for d, places in found.items()}
    return Fetched({d: len(places) for d, places in found.items()}, labelled, others)


def _scanned(
    name: str, source: Path | None, domains: Sequence[str], folder: Path, cache: Path
) -> Fetched:
    """MNIST and USPS from files that are no images; None: from what torchvision downloads."""
    layout, root = LAYOUTS[name], source or cache / name
    if source is None:
        download_scans(root)
    scans = read_scans(root)
    if root.is_dir():
        for domain in domains:
            found = len(scans[domain].digits)
            if found != layout.images[domain]:
                raise UserError(
                    f"{root}: expected the {layout.images[domain]} images of {name}'s {domain!r},"
                    f" found {found}; delete the files to get them again"
                )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for domain in domains:
            write_tar(folder / f"{domain}.tar", scan_members(scans[domain]))
    except OSError as error:
        raise unwritable(folder, error) from error
    counts = {domain: len(scans[domain].digits) for domain in domains}
    return Fetched(counts, counts, {})


def _collect(
    source: Path, domains: Sequence[str], spool: BinaryIO, published: bool
) -> tuple[Places, dict[str, int]]:
    """Copy the domains' images into ``spool``: offset and length by domain and member name.

    And the number of other files in the domains' folders by the ends of their names.
    """
    known = {plain(domain): domain for domain in domains}
    if len(known) < len(domains):
        raise UserError(
            f"domains: expected names that differ in more than case and '_-.', found"
            f" {', '.join(domains)}; rename one"
        )
    found: Places = {domain: {} for domain in domains}
    elsewhere, others = set(), Counter()

    def place(name: str, length: int) -> None:
        domain, member = domain_and_member(name, known)
        if member in found[domain]:
            raise UserError(
                f"{source}: expected each image of {domain!r} once, found {member[:100]!r} twice,"
                f" the second time as {name[:100]!a}; remove one"
            )
        found[domain][member] = (spool.tell(), length)

    def wanted(name: str) -> bool:
        read = name.lower().endswith(READ)
        if domain_and_member(name, known) is None:
            elsewhere.update({"/".join(name.split("/")[:2])} if read else ())
        elif read:
            return True
        elif named_image(name) and not published:
            place(name, 0)
        else:
            others[PurePosixPath(name).suffix.lower()] += 1
        return False

    for name, data in read_members(source, wanted):
        place(name, len(data))
        spool.write(data)
    for domain, places in found.items():
        if not places:
            seen = "none"
            if elsewhere:
                seen = f"images in {', '.join(map(printable, sorted(elsewhere)[:5]))[:300]}"
            raise UserError(
                f"{source}: expected images ({', '.join(READ)}) in {domain}/<category>/, found"
                f" {seen}; look at dataset.path and domains"
            )
    return found, dict(others)


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
    categories = len({category_of(member) for member in places})
    images = layout.images[domain] if layout.fixed else len(places)
    if (categories, len(places)) != (layout.categories, images):
        raise UserError(
            f"{source}: expected {layout.categories} categories and {images} images"
            f" of {name}'s {domain!r}, found {categories} and {len(places)}; get the whole archive"
            f" from {layout.page}, or set dataset.name to folder to use it as it is"
        )


def _in_order(
    spool: BinaryIO, places: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, bytes]]:
    for member, (offset, length) in sorted(places.items()):
        spool.seek(offset)
        yield member, spool.read(length)
