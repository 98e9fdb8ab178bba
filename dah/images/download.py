"""Large public files into a cache folder: resumed where they broke off, checked ever after."""

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import shorten

from tqdm import tqdm

from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.images.archives import read_members

Progress = Callable[[int, int | None], None]
RETRIES = 5  # after up to 1, 2, 4, 8, 16 seconds, each going on where the last one stopped
TIMEOUT = 60.0  # seconds without a byte


def download(urls: Iterable[str], path: Path, page: str, progress: Progress | None = None) -> None:
    """Download an archive to ``path`` unless it is there, from the first address that gives it.

    What a broken attempt left beside ``path`` is gone on with, in this run and in the next one.
    Google Drive's links are followed through its question about viruses. ``progress`` is called
    with the bytes so far and in all (None: unknown); without it, a bar shows them on a terminal.

    Raises ``UserError`` where no address gives an archive: what each one gave instead, and that
    ``page`` is where to get it by hand.
    """
    import gdown  # noqa: PLC0415 - only where something is to be downloaded
    from gdown.exceptions import DownloadError  # noqa: PLC0415

    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            with tqdm(desc=path.name, unit="B", unit_scale=True, disable=_hidden(progress)) as bar:
                gdown.download(
                    url,
                    str(path),
                    quiet=True,
                    use_cookies=False,
                    resume=True,
                    retries=RETRIES,
                    timeout=TIMEOUT,
                    progress=progress or _shown_in(bar),
                )
            next(read_members(path), None)
        except (DownloadError, OSError) as error:  # those of requests, and of a full disk
            failures.append(f"{url}: {shorten(str(error), 300)}")
        except UserError as error:
            path.unlink()
            failures.append(f"{url}: {error}")
        else:
            return
    raise UserError(
        f"{path}: cannot be downloaded ({'; '.join(failures)}); run it again to go on (to start"
        f" over, delete {path.name}*.part first), or get the archive by hand from {page} and set"
        " dataset.path to it"
    )


def check_digest(path: Path, checksums: Path) -> None:
    """Refuse a file that is not the one whose SHA-256 ``checksums`` has recorded, if it has one.

    ``checksums``: lines ``<64 hexadecimal digits>  <file name>``, as of sha256sum. Raises
    ``UserError`` with both sums, and where a line is no such line.
    """
    expected = _recorded(checksums).get(path.name)
    if expected is None:
        return
    found = _digest(path)
    if found != expected:
        raise UserError(
            f"{path}: expected the SHA-256 {expected} that {checksums} records, found {found};"
            " delete the file to get it again, or that line if this is the right one"
        )


def record_digest(path: Path, checksums: Path) -> None:
    """Add the file's SHA-256 to ``checksums`` unless its name stands there."""
    recorded = _recorded(checksums)
    if path.name in recorded:
        return
    recorded[path.name] = _digest(path)
    lines = (f"{digest}  {name}\n" for name, digest in sorted(recorded.items()))
    with replacing(checksums) as part:
        part.write_text("".join(lines), encoding="utf-8", newline="\n")


def _hidden(progress: Progress | None) -> bool | None:
    return None if progress is None else True  # None: hidden where there is no terminal


def _shown_in(bar: tqdm) -> Progress:
    def show(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _recorded(checksums: Path) -> dict[str, str]:
    if not checksums.exists():
        return {}
    recorded = {}
    try:
        lines = checksums.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{checksums}: expected lines '<SHA-256>  <file>', found: {error}; delete the file"
        ) from error
    for number, line in enumerate(lines, start=1):
        found = re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line)
        if found is None:
            raise UserError(
                f"{checksums}, line {number}: expected '<SHA-256>  <file>', found {line[:80]!r};"
                " mend the line or delete it"
            )
        recorded[found[2]] = found[1]
    return recorded
