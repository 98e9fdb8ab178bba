"""What editors are told of params.yaml."""

import json
from pathlib import Path

from dah.params import json_schema, load
from dah.params.json_schema import comments

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")


def test_the_file_is_what_the_parameters_say():
    """``python -m dah schema`` writes it anew."""
    stored = json.loads((ROOT / "params.schema.json").read_text(encoding="utf-8"))
    assert stored == json_schema(TEXT)
    assert TEXT.startswith("# yaml-language-server: $schema=params.schema.json\n")
    load(ROOT / "params.yaml")


def test_every_key_that_has_a_comment_has_a_description():
    schema = json_schema(TEXT)
    dah = schema["$defs"]["Dah"]["properties"]
    assert dah["bits"]["description"].startswith("d: length of the codes in bits")
    assert (dah["bits"]["minimum"], dah["bits"]["maximum"]) == (1, 1024)
    assert schema["properties"]["tasks"]["description"].startswith("Adaptation tasks")
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Train"]["properties"]["device"]["enum"] == ["auto", "cpu", "cuda"]


def test_comments_belong_to_the_key_below_them():
    """Also inside sections; a blank line parts a comment from what follows; lists are passed."""
    text = "# of the file\n\na:\n  # one\n  # more\n  b: 1\n  c: 2\nd:\n  - x\n# last\ne: 3\n"
    assert list(comments(text)) == [(["a", "b"], "one more"), (["e"], "last")]
