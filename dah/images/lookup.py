"""Single images again, by the folder or archive and the name that they were read under."""

import tarfile
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

from dah.errors import UserError
from dah.images.archives import open_tar, read_members, tar_headers, zip_name
from dah.images.contents import MAX_BYTES
from dah.images.folders import ends_inside
from dah.images.members import member_name

_DAMAGE = (OSError, LookupError, RuntimeError, ValueError, zlib.error, zipfile.BadZipFile)
_KEPT = 8  # archives whose tables of contents stay in memory


def read_image(origin: Path, name: str) -> bytes:
    """The bytes of one image of a folder or archive.

    Direct for folders, zips and plain tars, whose table of contents is read once; packed tars are
    read up to the image. Raises ``UserError`` where it is not there any more, for a name that leads
    out of its folder, and for a link that does, unless into a cache that the folder is made of.
    """
    if not name or member_name(origin, name) != name:
        raise UserError(f"{origin}: expected the name of an image, found {name!r}")
    try:
        if origin.is_dir():
            return _in_folder(origin, name)
        if not origin.is_file():
            raise UserError(f"{origin}: expected a folder or an archive, found neither")
        if zipfile.is_zipfile(origin):
            return _in_zip(origin, name)
        place = _places(origin, origin.stat().st_mtime_ns).get(name)
        if place is not None and place[1] <= MAX_BYTES:
            with origin.open("rb") as file:
                file.seek(place[0])
                return file.read(place[1])
        for _, data in read_members(origin, name.__eq__):
            return data
    except _DAMAGE as error:
        raise UserError(f"{origin}: the image {name!r} cannot be read: {error}") from error
    raise UserError(f"{origin}: expected the image {name!r}, found none of that name")


def _in_folder(origin: Path, name: str) -> bytes:
    path = origin / name
    if not ends_inside(origin, path) or path.stat().st_size > MAX_BYTES:
        raise UserError(f"{origin}: the image {name!r} is a link out of it or too large")
    if not path.is_file():
        raise UserError(f"{origin}: expected the image {name!r}, found a device or a folder")
    return path.read_bytes()


def _in_zip(origin: Path, name: str) -> bytes:
    with zipfile.ZipFile(origin) as archive:
        for header in archive.infolist():
            if member_name(origin, zip_name(header)) == name and header.file_size <= MAX_BYTES:
                return archive.read(header)
    raise UserError(f"{origin}: expected the image {name!r}, found none of that name")


@lru_cache(maxsize=_KEPT)
def _places(origin: Path, changed: int) -> dict[str, tuple[int, int]]:
    """Offset and length in bytes of each file of a plain tar; nothing of a packed one."""
    try:
        with open_tar(origin) as tar:
            files = ((member_name(origin, m.name), m) for m in tar_headers(tar) if m.isreg())
            return {name: (member.offset_data, member.size) for name, member in files}
    except tarfile.ReadError:
        return {}
