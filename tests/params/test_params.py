"""Every mistake in params.yaml is refused in one line that names the key."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from ruamel.yaml import YAML

from dah.errors import UserError
from dah.params import Params, load

ROOT = Path(__file__).parents[2]


def changed(tmp_path, change):
    """The default parameters after a change to their content."""
    content = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump(content, path)
    return path


def put(key, value):
    """A change of one dotted key."""

    def change(content):
        *sections, name = key.split(".")
        for section in sections:
            content = content[section]
        content[name] = value

    return change


def test_the_default_is_valid_and_says_what_the_paper_says():
    """d = 64, K = 5, eta 3, like weight 10, momentum 0.9, decay 5e-4, trunk at a tenth."""
    params = load(ROOT / "params.yaml")
    assert (params.dah.bits, params.dah.samples_per_class, params.dah.eta) == (64, 5, 3.0)
    assert (params.dah.like_weight, params.train.trunk_factor) == (10.0, 0.1)
    assert (params.train.momentum, params.train.weight_decay) == (0.9, 0.0005)


def keys(kind, prefix=""):
    """All dotted keys of a dataclass of parameters."""
    for field in fields(kind):
        inner = get_type_hints(kind)[field.name]
        yield prefix + field.name
        if is_dataclass(inner):
            yield from keys(inner, f"{prefix}{field.name}.")


@pytest.mark.parametrize("key", list(keys(Params)))
def test_a_missing_key_is_named(tmp_path, key):
    """No key has a hidden default."""

    def remove(content):
        *sections, name = key.split(".")
        for section in sections:
            content = content[section]
        del content[name]

    with pytest.raises(UserError, match=f"lacks the key '{key.split('.')[-1]}'"):
        load(changed(tmp_path, remove))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dah.bits", 0, "dah.bits must be at least 1, found 0"),
        ("dah.bits", 64.0, "dah.bits must be a whole number, found 64.0"),
        ("dah.bits", True, "dah.bits must be a whole number, found True"),
        ("dah.bits", None, "dah.bits must be a whole number, found None"),
        ("dah.samples_per_class", 0, "dah.samples_per_class must be at least 1"),
        ("dah.gamma", -1, "dah.gamma must be at least 0"),
        ("dah.gamma", float("nan"), "dah.gamma must be"),
        ("dah.gamma", float("inf"), "dah.gamma must be finite"),
        ("dah.gamma", "high", "dah.gamma must be a number, found 'high'"),
        ("dah.colour", 1, "section dah has the unknown key 'colour'; known there are bits,"),
        ("extra", 1, "the file has the unknown key 'extra'"),
        ("train", 3, "section train must hold keys with values, found 3"),
        ("train.learning_rate", 0, "train.learning_rate must be above 0"),
        ("train.device", "gpu", "train.device must be one of auto, cpu, cuda, found 'gpu'"),
        (
            "train.precision",
            "fp16",
            "train.precision must be one of fp32, tf32, bf16, found 'fp16'",
        ),
        ("train.compile", "yes", "train.compile must be true or false"),
        ("train.processes", 0, "train.processes must be at least 1, found 0"),
        ("train.processes", 10**6, "train.processes must be at most 64, found 1000000"),
        ("train.threads", 10**6, "train.threads must be at most 1024, found 1000000"),
        ("train.augment.flip", 1, "train.augment.flip must be true or false"),
        ("methods", [], "methods is an empty list; it needs at least one entry"),
        ("methods", ["dah", "dann9"], r"methods\[1\] must be one of .*, found 'dann9'"),
        ("methods", ["dah", "dah"], "methods: 'dah' stands twice"),
        ("tasks", ["print-art"], "tasks: 'print-art' is not '<source>-<target>' of two different"),
        ("tasks", ["hand-hand"], "tasks: 'hand-hand' is not"),
        ("tasks", "print-hand", "tasks must be a list"),
        ("tasks", ["print-hand", "print-hand"], "tasks: 'print-hand' stands twice"),
        ("domains", ["a/b", "hand"], "domains: 'a/b' cannot be a file name"),
        ("dataset.seed", -1, "dataset.seed must be at least 0"),
    ],
)
def test_a_mistake_is_named(tmp_path, key, value, message):
    """Unknown keys, wrong types, ranges and contradictions."""
    path = changed(tmp_path, put(key, value))
    with pytest.raises(UserError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_whole_number_is_a_number(tmp_path):
    """``eta: 1`` means 1.0."""
    assert load(changed(tmp_path, put("dah.eta", 1))).dah.eta == 1.0


@pytest.mark.parametrize("text", ["dah: [", "\t- x", "- 1", "", "\x00"])
def test_files_that_are_not_parameters_are_refused(tmp_path, text):
    """One line, whatever YAML says in many."""
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"not YAML|must hold keys") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    """With its name."""
    with pytest.raises(UserError, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml")


def test_a_task_names_its_domains():
    """Also where a domain's name holds a hyphen."""
    assert load(ROOT / "params.yaml").domains_of("print-hand") == ("print", "hand")


def test_a_task_that_can_be_read_in_two_ways_is_refused(tmp_path):
    """Hyphens in domains are allowed where they leave no doubt."""
    path = changed(tmp_path, put("domains", ["a", "a-b", "b-c", "c"]))
    text = path.read_text(encoding="utf-8")
    for task, fails in (("a-b-c", True), ("a-b-b-c", False)):
        path.write_text(text.replace("print-hand", task).replace("hand-scene", "a-c"), "utf-8")
        if fails:
            with pytest.raises(UserError, match="'a-b-c' could be 'a' to 'b-c' and 'a-b' to 'c'"):
                load(path)
        else:
            assert load(path).domains_of(task) == ("a-b", "b-c")
