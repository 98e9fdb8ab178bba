"""Presets leave comments alone and nothing of each other behind, and lead back to the default."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from dah.errors import UserError
from dah.images.fetch import check_domains
from dah.networks.build import build_trunk
from dah.params import load
from dah.project.presets import apply_preset
from dah.report.later import OFFICE_HOME, later
from dah.report.published import OFFICE31_TASKS

ROOT = Path(__file__).parents[2]
PRESETS = ROOT / "presets"
NAMES = sorted(path.stem for path in PRESETS.glob("*.yaml"))
DEFAULT = (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture
def params(tmp_path):
    """A copy of the default parameters."""
    path = tmp_path / "params.yaml"
    path.write_text(DEFAULT, encoding="utf-8")
    return path


def leaves(content, prefix=()):
    """Dotted keys and values of nested mappings."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, (*prefix, key))
        else:
            yield ".".join((*prefix, key)), value


def read(path):
    return dict(leaves(YAML(typ="safe").load(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_sets_its_keys_and_no_other(params, name):
    """All other keys have the default's values; every comment is still there, in its place."""
    apply_preset(name, PRESETS, params)
    expected = read(ROOT / "params.yaml") | read(PRESETS / f"{name}.yaml")
    assert read(params) == expected
    load(params)
    lines = [params.read_text(encoding="utf-8").splitlines(), DEFAULT.splitlines()]
    comments = [
        [(line, after.split(":")[0]) for line, after in pairwise(text) if "#" in line]
        for text in lines
    ]
    assert comments[0] == comments[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_way_back_is_exact(params, name):
    """digits after any other preset is the default, byte for byte."""
    apply_preset(name, PRESETS, params)
    apply_preset("digits", PRESETS, params)
    assert params.read_text(encoding="utf-8") == DEFAULT


def test_what_was_set_by_hand_stays(params):
    """A key that no preset knows."""
    params.write_text(DEFAULT.replace("momentum: 0.9", "momentum: 0.8"), encoding="utf-8")
    apply_preset("office31", PRESETS, params)
    assert load(params).train.momentum == 0.8


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_names_domains_that_its_data_set_has(params, name):
    """And a trunk that sees no more than is stored."""
    apply_preset(name, PRESETS, params)
    given = load(params)
    check_domains(given.dataset.name, given.domains)
    with torch.device("meta"):
        assert build_trunk(given.backbone.name).input_size <= given.images.size


@pytest.mark.parametrize(
    ("name", "tasks"), [("office31_vgg16", OFFICE31_TASKS), ("office_home_vgg16", OFFICE_HOME)]
)
def test_later_methods_stand_beside_every_task_of_their_presets(params, name, tasks):
    """The trunk, the tasks and a length of code of the tables that the report has of them."""
    apply_preset(name, PRESETS, params)
    given = load(params)
    assert (given.backbone.name, given.tasks) == ("vgg16", tuple(tasks))
    assert later(given.dataset.name, "map_cross", given.dah.bits)["cph"].keys() == set(tasks)


def test_the_authors_digits_have_the_settings_of_their_script(params):
    """Codes of 10 bits, K of 20, like pairs of 100, inner products halved, the quadratic MMD."""
    apply_preset("mnist_usps_28", PRESETS, params)
    dah = load(params).dah
    assert (dah.bits, dah.samples_per_class, dah.like_weight, dah.eta) == (10, 20, 100, 0.1)
    assert (dah.sharpness, dah.mmd_estimate, dah.quantization) == (dah.bits / 2, "quadratic", 1)


@pytest.mark.parametrize("name", ["paper", "office31", "office_home"])
def test_the_papers_presets_are_to_the_letter(params, name):
    """Inner products as they are: a sharpness of d; the linear estimate; eta 1."""
    apply_preset(name, PRESETS, params)
    dah = load(params).dah
    assert (dah.sharpness, dah.mmd_estimate, dah.eta) == (dah.bits, "linear", 1)


def test_an_unknown_preset_is_answered_with_the_known(params):
    """And nothing is written."""
    with pytest.raises(UserError, match=r"has no preset 'ofice'; it has digits, mnist_usps, "):
        apply_preset("ofice", PRESETS, params)
    assert params.read_text(encoding="utf-8") == DEFAULT


def test_a_preset_that_makes_no_valid_file_changes_nothing(params, tmp_path):
    """The parameters are read back before they take the file's place."""
    for name, text in (("digits", "images:\n  size: 32\n"), ("bad", "images:\n  size: none\n")):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"bad\.yaml: images\.size must be a whole number"):
        apply_preset("bad", tmp_path, params)
    assert params.read_text(encoding="utf-8") == DEFAULT


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("", "expected keys of params.yaml, found None"),
        ("imagges:\n  size: 32\n", "params.yaml has no key 'imagges'"),
        ("images: 32\n", "expected keys of params.yaml, found 32"),
    ],
)
def test_a_broken_preset_is_refused(params, tmp_path, preset, message):
    """By its name."""
    (tmp_path / "digits.yaml").write_text(preset, encoding="utf-8")
    with pytest.raises(UserError, match=f"digits.yaml: {message}"):
        apply_preset("digits", tmp_path, params)


def test_a_mistaken_parameter_file_is_refused(params):
    """A list that is none, before anything is written."""
    text = DEFAULT.replace("  - hand\n  - scene\n  - print\n", "  hand\n")
    params.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="domains must be a list"):
        apply_preset("office31", PRESETS, params)
