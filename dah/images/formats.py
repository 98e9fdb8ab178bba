"""Which files are images: by the end of their names, by their first bytes, and to Pillow here."""

from contextlib import suppress

from PIL import features

with suppress(ImportError):  # the extra "heic"
    import pillow_heif

    pillow_heif.register_heif_opener()

HEIF = "pillow_heif" in globals()
AVIF = features.check("avif") is True
FORMATS = (
    *("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"),
    *(["AVIF"] if AVIF else []),
    *(["HEIF"] if HEIF else []),
)
READ = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".heic", ".heif", ".hif", ".avif"),
)
UNREAD = (
    *(".cr2", ".cr3", ".dng", ".nef", ".arw", ".orf", ".raf", ".rw2"),
    *(".jp2", ".jxl", ".psd", ".svg", ".tga", ".ppm", ".pgm", ".ico"),
)
HEAD = 16  # bytes that tell
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"GIF8", b"II*\0", b"MM\0*")
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"
)


def named_image(name: str) -> bool:
    """Whether a file's name says that it is an image, read here or not."""
    return name.lower().endswith(READ + UNREAD)


def begins_like_image(head: bytes) -> bool:
    """Whether a file's first ``HEAD`` bytes are those of a format in ``READ``."""
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith(_BEGINNINGS) or bool(_brand(head))


def lacking(head: bytes) -> str | None:
    """What to install for an image of which Pillow lacks the reader; None for any other file."""
    kind = _brand(head)
    if not kind or kind in FORMATS:
        return None
    return f"{kind}, which pillow-heif reads: pip install 'dah[heic]'"


def _brand(head: bytes) -> str | None:
    return _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None
