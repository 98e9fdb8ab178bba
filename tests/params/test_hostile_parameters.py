"""Whatever stands in params.yaml is read as it stands, or refused in a line with the key."""

import math
from copy import deepcopy
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dah.deep.batches import SourceBatches, target_batches
from dah.errors import UserError
from dah.params import Params, load, parse
from dah.project.presets import apply_preset

ROOT = Path(__file__).parents[2]
PATH = Path("params.yaml")
VALID = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
REPEATABLE = settings(max_examples=400, deadline=None, derandomize=True, database=None)


def keys(kind, prefix=()):
    """All keys of the parameters as tuples, sections included."""
    for field in fields(kind):
        inner = get_type_hints(kind)[field.name]
        yield (*prefix, field.name)
        if is_dataclass(inner):
            yield from keys(inner, (*prefix, field.name))


KEYS = list(keys(Params))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.sampled_from([10**400, -(2**63), 2**32, 2**32 - 1, 1024, 1025, 1e308, -0.0, 1e-320]),
    st.floats(),
    st.text(),
    st.sampled_from(["digits", "folder", "dah", "hand", "print-hand", "letters", "\0", "x" * 5000]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=5,
)
REMOVED = object()


def changed(changes):
    """The default parameters after some keys were set, or removed; a key that is gone stays so."""
    content = deepcopy(VALID)
    for (*sections, name), value in changes:
        place = content
        for section in sections:
            place = place.get(section, {}) if isinstance(place, dict) else {}
        if not isinstance(place, dict):
            continue
        if value is REMOVED:
            place.pop(name, None)
        else:
            place[name] = value
    return content


def read_or_refused(content):
    """The parameters, or None and the refusal."""
    try:
        return parse(content, PATH), ""
    except UserError as error:
        message = str(error)
        assert message.startswith("params.yaml: ")
        assert message.isprintable()
        assert len(message) < 1000
        return None, message


def plain(params):
    """Parameters as the plain values of a file."""
    return {
        key: plain(value) if isinstance(value, dict) else list(value) if isinstance(value, tuple)
        else value
        for key, value in params.items()
    }  # fmt: skip


@REPEATABLE
@given(key=st.sampled_from(KEYS), value=VALUES | st.just(REMOVED))
def test_one_change_is_taken_or_refused_by_name(key, value):
    """The message names the key that was changed, or one that then contradicts it."""
    content = changed([(key, value)])
    params, message = read_or_refused(content)
    if params is not None:
        assert plain(asdict(params)) == content
        return
    named = {key[-1], {"domains": "tasks", "name": "weights"}.get(key[-1], key[-1])}
    if key == ("dataset", "name"):
        named |= {"dataset.path", "domains"}
    assert any(name in message for name in named), message


@REPEATABLE
@given(changes=st.lists(st.tuples(st.sampled_from(KEYS), VALUES | st.just(REMOVED)), max_size=6))
def test_many_changes_are_taken_or_refused(changes):
    """Nothing but ``UserError``; what is taken is within its bounds."""
    params, _ = read_or_refused(changed(changes))
    if params is not None:
        assert 1 <= params.dah.bits <= 1024
        assert params.dah.samples_per_class >= 1
        assert 0 <= params.train.momentum < 1
        assert all(math.isfinite(v) for v in asdict(params.softmax).values())
        assert all(len(params.domains_of(task)) == 2 for task in params.tasks)


@REPEATABLE
@given(section=st.sampled_from(["", "dah", "train", "adapt"]), name=SCALARS, value=VALUES)
def test_an_unknown_key_is_refused(section, name, value):
    """Of any type."""
    content = deepcopy(VALID)
    place = content[section] if section else content
    if name in place:
        return
    place[name] = value
    params, message = read_or_refused(content)
    assert params is None
    assert "has the unknown key" in message


@REPEATABLE
@given(content=VALUES)
def test_any_other_content_is_refused(content):
    """What is no mapping of all sections."""
    assert read_or_refused(content)[0] is None


@settings(REPEATABLE, max_examples=150)
@given(text=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_other_text_is_refused(tmp_path_factory, text):
    """By the reader of YAML or by that of its content; a preset does not touch such a file."""
    path = tmp_path_factory.mktemp("text") / "params.yaml"
    path.write_bytes(text)
    for act in (lambda: load(path), lambda: apply_preset("digits", ROOT / "presets", path)):
        with pytest.raises(UserError, match=r"params\.yaml: ") as caught:
            act()
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == text


@settings(REPEATABLE, max_examples=150)
@given(
    counts=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    per_category=st.integers(1, 9),
    target=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_batches_are_full_and_cover_the_target(counts, per_category, target, seed):
    """Whatever K, the categories and the target: also one smaller than a batch."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    batch = next(SourceBatches(labels, per_category, rng))
    assert torch.equal(labels[batch].bincount(), torch.full((len(counts),), per_category))
    size = len(batch)
    batches = list(target_batches(target, size, rng))
    assert {len(rows) for rows in batches} == {size}
    assert len(batches) == math.ceil(target / size)
    assert torch.cat(batches).unique().tolist() == list(range(target))
