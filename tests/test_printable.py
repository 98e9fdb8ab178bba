"""Names where people see them: as written, in one line, without effects."""

import os

import pytest

from dah.printable import as_cell, printable


@pytest.mark.parametrize(
    "name",
    [
        "mug",
        "\u732b",
        "caf\u00e9",
        "a\u00a0b\u202fc",
        "\U0001f468\u200d\U0001f469",
        "<b>$x$|`*_#",
        "=1+1",
    ],
)
def test_names_are_shown_as_they_are(name):
    """In any script, with markup, with the spaces and joiners of everyday names."""
    assert printable(name) == name


def test_what_cannot_be_printed_is_escaped():
    """Ends of lines, escapes of a terminal, marks that turn the writing, bytes that are no text."""
    assert printable("a\nb\tc\x1b[1m") == r"a\nb\tc\x1b[1m"
    assert printable("x\u202egnp.exe\u2028") == r"x\u202egnp.exe\u2028"
    assert printable(os.fsdecode(b"caf\xe9.png")) == r"caf\xe9.png"
    printable("".join(map(chr, range(0x110000)))).encode()


def test_a_spreadsheet_takes_no_cell_for_a_formula():
    """What begins like one gets an apostrophe; so does an apostrophe, which can be undone."""
    names = "=1+1", "+a", "-a", "@a", "'a"
    assert [as_cell(name) for name in names] == [f"'{name}" for name in names]
    assert [as_cell(name) for name in ("a=1", "-1.5", "3", "", "\t=1")] == [
        "a=1",
        "-1.5",
        "3",
        "",
        r"\t=1",
    ]
