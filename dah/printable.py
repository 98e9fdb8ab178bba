"""Names of files and categories where people see them: as written, whatever they hold."""

import unicodedata

_HIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, bytes that are no UTF-8, breaks of lines
_TURNS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORMULA = tuple("=+-@'")


def printable(text: str) -> str:
    """A text in one line of valid Unicode.

    Controls, breaks of lines, marks that turn the direction of writing and bytes of a file's name
    that are no UTF-8 are shown as Python escapes them.
    """
    return "".join(
        _escaped(c) if c in _TURNS or unicodedata.category(c) in _HIDDEN else c for c in text
    )


def as_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: with ``'`` before = + - @ and ``'`` itself.

    Numbers stay as they are.
    """
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA) and not _is_number(shown) else shown


def _escaped(character: str) -> str:
    byte = ord(character) - 0xDC00  # as Python keeps a byte of a name that is no UTF-8
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else ascii(character)[1:-1]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
