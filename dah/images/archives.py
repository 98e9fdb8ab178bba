"""Archives of images: one reproducible tar out, any tar, zip or folder in, one member at a time."""

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

from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.images.contents import MAX_BYTES, Unread, contents
from dah.images.folders import read_folder, unreadable
from dah.images.members import leads_elsewhere, member_name, passed_over, refused

MAX_HEADER = 2**20  # bytes of a name or of other attributes
MAX_GROWTH = 10  # times an archive's size, beyond MAX_BYTES: images are packed already
EXPECTED = "an archive (tar, tar.gz, zip) or a folder"
_UTF8 = 0x800  # a zip's flag that a member's name is UTF-8
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
        return _checked(header)


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


def read_members(
    path: Path, wanted: Wanted = bool, *, strict: bool = True
) -> Iterator[tuple[str, bytes]]:
    """The files of a tar (plain, gz, bz2, xz), a zip or a folder as ``(name, bytes)``.

    Archives come in stored order, folders depth first in the order of their names. Names are
    relative, with ``/``; a byte of them that is no UTF-8 is a surrogate, as in ``os.fsdecode``.
    Hidden files and folders and what systems leave behind (``passed_over``) are skipped, and so is,
    unread, what ``wanted`` says no to by its name. One member is in memory at a time.

    Raises ``UserError``, when iterated, for a path that is not there, not an archive, truncated or
    damaged, for a member whose name leads elsewhere, and for an archive that unpacks to
    ``MAX_GROWTH`` times its size; where `strict`, also for a member that is a link out of the
    folder, a link of an archive, a device or fifo, encrypted, or above ``MAX_BYTES``. These come
    as ``Unread`` otherwise, and so do a folder's files that cannot be read, and what is no image by
    its name and first bytes.
    """
    for name, data in _members(path, wanted, strict):
        if strict and isinstance(data, Unread):
            raise refused(path, name, data.reason)
        yield name, data


def _members(path: Path, wanted: Wanted, strict: bool) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        try:
            yield from read_folder(path, wanted, strict)
        except OSError as error:
            raise unreadable(path, error) from error
        return
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UserError(f"{path}: expected {EXPECTED}, found: {error.strerror}") from error
    packing = _packing(head)
    try:
        if packing == "zip":
            yield from _in_zip(path, wanted, strict)
        else:
            yield from _in_tar(path, packing, wanted, strict)
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
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return False
    return bool(_packing(head)) or head[257:262] == b"ustar"


def member_names(path: Path, *, strict: bool = True) -> list[str]:
    """The names of what ``read_members`` would give, in its order, no file's contents read."""
    names: list[str] = []

    def noted(name: str) -> bool:
        names.append(name)
        return False

    for name, _ in read_members(path, noted, strict=strict):
        names.append(name)  # a folder that cannot be read
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


def open_tar(path: Path, packing: str = "") -> tarfile.TarFile:
    """A tar, of which a broken header is an error."""
    return tarfile.open(path, f"r:{packing}", tarinfo=_Header, encoding="utf-8")


def tar_headers(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The headers of a tar, none kept."""
    while (header := tar.next()) is not None:
        tar.members.clear()
        yield _checked(header)  # again: an extended header may have told another size


def _checked(header: tarfile.TarInfo) -> tarfile.TarInfo:
    """Refuse a size below zero, after which the next header would be this one, for ever."""
    if header.size < 0 or (header.size > MAX_HEADER and header.type in _NAMES):
        raise tarfile.ReadError(f"the header {header.name[:100]!r} of {header.size} bytes")
    return header


def _in_tar(path: Path, packing: str, wanted: Wanted, strict: bool) -> Iterator[tuple[str, bytes]]:
    with open_tar(path, packing) as tar:
        limit = _limit(path)
        for header in tar_headers(tar):
            _check_growth(path, header.offset_data + header.size, limit)
            name = member_name(path, header.name)
            if header.isdir() or not name or passed_over(name) or not wanted(name):
                continue
            if header.isreg():
                with tar.extractfile(header) as file:
                    yield name, contents(file, name, header.size, strict)
            else:
                yield name, Unread("is a link or a device")
        while tar.fileobj.read(2**20):  # a checksum stands at the end of packed data
            _check_growth(path, tar.fileobj.tell(), limit)


def _in_zip(path: Path, wanted: Wanted, strict: bool) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        sizes = (header.file_size for header in archive.infolist())
        _check_growth(path, sum(s for s in sizes if s <= MAX_BYTES), _limit(path))
        for header in archive.infolist():
            stored = zip_name(header)
            name = member_name(path, stored)
            if leads_elsewhere(stored):
                raise refused(path, stored, "has a drive or backslashes in its name")
            if header.is_dir() or not name or passed_over(name) or not wanted(name):
                continue
            if stat.S_IFMT(header.external_attr >> 16) not in {0, stat.S_IFREG}:
                yield name, Unread("is a link or a device")
            elif header.flag_bits & 1:
                yield name, Unread("is encrypted")
            else:
                with archive.open(header) as file:
                    yield name, contents(file, name, header.file_size, strict)


def zip_name(header: zipfile.ZipInfo) -> str:
    """A member's name as UTF-8, which is what it is unless an old program packed it.

    The code page of such a name is not told: its bytes are kept as those of a file's name are that
    is no UTF-8, where Python would take them for the code page 437.
    """
    if header.flag_bits & _UTF8:
        return header.orig_filename
    return header.orig_filename.encode("cp437").decode("utf-8", "surrogateescape")


def _limit(path: Path) -> int:
    return MAX_BYTES + MAX_GROWTH * path.stat().st_size


def _check_growth(path: Path, unpacked: int, limit: int) -> None:
    """Refuse a bomb: an archive that would fill the disk, or keep a reader busy for ever."""
    if unpacked > limit:
        raise UserError(
            f"{path}: expected at most {limit >> 20} MiB in an archive of {path.stat().st_size}"
            " bytes, found more; unpack it and give the folder"
        )
