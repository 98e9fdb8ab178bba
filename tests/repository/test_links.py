"""Links that lead out of the project have the form of an address; nothing is asked of a network."""

import runpy
from pathlib import Path

import pytest

LINKS = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "links.py"))


def test_every_link_has_the_form_of_an_address():
    """In the README, the documents, the notebooks and what init writes."""
    found = LINKS["addresses"]()
    assert {a: said for a in found if (said := list(LINKS["faults"](a)))} == {}
    assert "https://dvc.org" in found
    assert "docs/index.md" in found["https://dvc.org"]


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("http://dvc.org", "expected https"),
        ("https://dvc", "the name of a host, found dvc"),
        ("https://dvc.org/a b", "the path of an address, found /a b"),
        ("https://[dvc.org", "Invalid IPv6"),
    ],
)
def test_what_is_no_address_is_told(address, fault):
    """With what is wrong."""
    assert fault in " ".join(LINKS["faults"](address))
