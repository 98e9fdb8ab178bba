"""Archives of images: one reproducible tar out, any tar, zip or folder in, one member at a time."""

import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from lzma import LZMAError
from pathlib import Path
from typing import IO

from dah.artifacts import replacing
from dah.data.members import Refused, refused, safe_name
from dah.errors import UserError

MAX_BYTES = 512 * 2**20
HEAD = 32  # bytes
MAX_GROWTH = 10  # times an archive's size, beyond MAX_BYTES: images are packed already
EXPECTED = "an archive (tar, tar.gz, zip) or a folder"
_PACKINGS = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ": "xz",
}
_DAMAGE = (
    EOFError,
    LookupError,
    LZMAError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)
_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)

Wanted = Callable[[str], bool]
Looks = Callable[[str, bytes], bool]
Told = Callable[[Refused], None]


class _Header(tarfile.TarInfo):
    """A tar header that is whole: Python's reader takes a broken one for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> "_Header":
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if header.type in _NAMES and header.size > 2**20:
            raise tarfile.ReadError(_too_large(header.name, header.size))
        _check_size(header)  # below zero the next header would be this one, for ever
        return header


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Store ``(name, bytes)`` as an uncompressed tar, in the order given.

    The file's bytes follow from the members alone: no time, no owner, mode 0644. It is written
    beside ``path`` and renamed, one member in memory at a time.
    """
    with replacing(path) as part, tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, BytesIO(data))
            tar.members.clear()  # it would keep every header


def refuse(error: Refused) -> None:
    raise error


def anything(name: str, head: bytes) -> bool:
    return True


def read_members(
    path: Path,
    wanted: Wanted = bool,
    looks: Looks = anything,
    left_out: Told = refuse,
) -> Iterator[tuple[str, bytes]]:
    """The files of a tar (plain, gz, bz2, xz), a zip or a folder as ``(name, bytes)``.

    Archives come in stored order, folders depth first in the order of their names. Names are
    relative, with ``/``. What macOS and Windows leave behind (``__MACOSX``, ``._*``, ``.DS_Store``,
    ``Thumbs.db``) is skipped, and so is, unread, what ``wanted`` says no to by its name, or
    ``looks`` by its name and its first HEAD bytes. One member is in memory at a time. A member that
    cannot be taken is an error, or what ``left_out`` is told of, and the others follow.

    Raises ``UserError``, when iterated, for a path that is not there, not an archive, truncated or
    damaged, and for a member that is unsafe (absolute, with ``..``, backslash, drive letter or
    control character, a very long name, a link, device or fifo) or above ``MAX_BYTES``, and for an
    archive that unpacks to ``MAX_GROWTH`` times its size.
    """
    if path.is_dir():
        yield from _in_folder(path, "", wanted, looks, left_out)
        return
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UserError(f"{path}: expected {EXPECTED}, found: {error.strerror}") from error
    packing = _packing(head)
    try:
        if packing == "zip":
            yield from _in_zip(path, wanted, looks, left_out)
        else:
            yield from _in_tar(path, packing, wanted, looks, left_out)
    except (tarfile.TarError, zipfile.BadZipFile, *_DAMAGE) as error:
        if not packing and head[257:262] != b"ustar":
            raise UserError(
                f"{path}: expected {EXPECTED}, found {describe(head)}; get the file again"
            ) from error
        raise UserError(
            f"{path}: expected a whole archive, found it truncated or damaged"
            f" ({' '.join(str(error).split())[:300]});"
            " get the file again"
        ) from error


def is_archive(path: Path) -> bool:
    """Whether a file begins like an archive that ``read_members`` reads."""
    try:
        if not path.is_file():  # a pipe would wait for its writer
            return False
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return False
    return bool(_packing(head)) or head[257:262] == b"ustar"


def member_names(path: Path, left_out: Told = refuse) -> list[str]:
    """The names of what ``read_members`` would give, in its order, no file's contents read."""
    names: list[str] = []

    def noted(name: str) -> bool:
        names.append(name)
        return False

    for _ in read_members(path, noted, left_out=left_out):
        pass
    return names


def describe(head: bytes) -> str:
    """What a file that is no archive seems to be, from its first bytes, in a few words."""
    if not head:
        return "an empty file"
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if re.match(r"<(!doctype html|html|head|body)", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        shown = " ".join((title[1] if title else text).split())[:60]
        return f"an HTML page {'titled' if title else 'that begins with'} {shown!r}"
    return f"a file that begins with {head[:16]!r}"


def _packing(head: bytes) -> str:
    return next((how for magic, how in _PACKINGS.items() if head.startswith(magic)), "")


def tar_headers(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The headers of a tar, none kept."""
    while (header := tar.next()) is not None:
        tar.members.clear()  # it would keep every header
        _check_size(header)  # as an extended header tells it
        yield header


def open_tar(path: Path, packing: str = "") -> tarfile.TarFile:
    """A tar, of which a broken header is an error."""
    return tarfile.open(path, f"r:{packing}", tarinfo=_Header)


def _check_size(header: tarfile.TarInfo) -> None:
    if header.size < 0:
        raise tarfile.ReadError(f"the member {header.name[:100]!r} of {header.size} bytes")


def _in_tar(
    path: Path, packing: str, wanted: Wanted, looks: Looks, left_out: Told
) -> Iterator[tuple[str, bytes]]:
    with open_tar(path, packing) as tar:
        limit = _limit(path)
        for header in tar_headers(tar):
            _check_growth(path, header.offset_data + min(header.size, MAX_BYTES), limit)
            name = _name(path, header.name, left_out)
            if name is not None and not header.isdir():
                if not header.isreg():
                    left_out(refused(path, header.name, "is a link or a device"))
                elif wanted(name):
                    with tar.extractfile(header) as file:
                        yield from _taken(path, name, file, header.size, looks, left_out)
            _check_growth(path, header.offset_data + header.size, limit)
        while tar.fileobj.read(2**20):  # a checksum stands at the end of packed data
            _check_growth(path, tar.fileobj.tell(), limit)


def _in_zip(
    path: Path, wanted: Wanted, looks: Looks, left_out: Told
) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        sizes = (header.file_size for header in archive.infolist())
        _check_growth(path, sum(s for s in sizes if s <= MAX_BYTES), _limit(path))
        for header in archive.infolist():
            name = _name(path, header.orig_filename, left_out)
            if name is None or header.is_dir():
                continue
            kind = stat.S_IFMT(header.external_attr >> 16)
            if kind not in {0, stat.S_IFREG}:
                left_out(refused(path, header.filename, "is a link or a device"))
            elif not wanted(name):
                continue
            elif header.flag_bits & 1:
                left_out(refused(path, header.filename, "is encrypted"))
            else:
                with archive.open(header) as file:
                    yield from _taken(path, name, file, header.file_size, looks, left_out)


def _in_folder(
    root: Path, folder: str, wanted: Wanted, looks: Looks, left_out: Told
) -> Iterator[tuple[str, bytes]]:
    try:
        with os.scandir(root / folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        refusal = _unreadable(root, folder, error)
        if not folder:
            raise refusal from error
        left_out(refusal)
        return
    for entry in found:
        name = _name(root, folder + entry.name, left_out)
        if name is None:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _in_folder(root, f"{name}/", wanted, looks, left_out)
        elif not entry.is_file(follow_symlinks=False):
            left_out(refused(root, name, "is a link or a device"))
        elif wanted(name):
            yield from read_file(root, name, looks, left_out)


def read_file(root: Path, name: str, looks: Looks, left_out: Told) -> Iterator[tuple[str, bytes]]:
    """One file of a folder as ``(name, bytes)``, or nothing, as ``read_members``."""
    try:
        found = (root / name).stat()
        if not stat.S_ISREG(found.st_mode):
            left_out(refused(root, name, "is no file"))
            return
        with (root / name).open("rb") as file:
            taken = list(_taken(root, name, file, found.st_size, looks, left_out))
    except OSError as error:
        left_out(_unreadable(root, name, error))
        return
    yield from taken


def _name(path: Path, stored: str, left_out: Told) -> str | None:
    try:
        return safe_name(path, stored)
    except Refused as error:
        left_out(error)
        return None


def _taken(
    path: Path, name: str, file: IO[bytes], size: int, looks: Looks, left_out: Told
) -> Iterator[tuple[str, bytes]]:
    """A member, where it looks like what is wanted and is not too large."""
    head = b"" if looks is anything else file.read(HEAD)
    if not looks(name, head):
        return
    if size > MAX_BYTES:
        why = f"has {size >> 20} MiB, more than {MAX_BYTES >> 20}"
        left_out(Refused(f"{path}: {_too_large(name, size)}", name, why))
        return
    yield name, head + file.read()


def _unreadable(root: Path, name: str, error: OSError) -> Refused:
    message = f"{root}: expected readable files, found: {error}; look at its permissions"
    return Refused(message, name, f"cannot be read: {error.strerror}")


def _too_large(name: str, size: int) -> str:
    return (
        f"expected images of at most {MAX_BYTES >> 20} MiB, found the member {name[:100]!r} of"
        f" {size >> 20} MiB; remove it"
    )


def _limit(path: Path) -> int:
    return MAX_BYTES + MAX_GROWTH * path.stat().st_size


def _check_growth(path: Path, unpacked: int, limit: int) -> None:
    """Refuse a bomb: an archive that would fill the disk, or keep a reader busy for ever."""
    if unpacked > limit:
        raise UserError(
            f"{path}: expected at most {limit >> 20} MiB in an archive of {path.stat().st_size}"
            " bytes, found more; unpack it and give the folder"
        )
