"""The pipeline on one's own photographs: a frozen trunk, a broken file, a blind target."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from clones import clone, run
from PIL import Image

from dah.files.artifacts import read_codes
from dah.files.tables import SKIPPED, read_json, read_table
from dah.networks.build import build_trunk
from dah.networks.checkpoints import load_network
from dah.tasks.lists import read_lists

CATEGORIES = ("mug", "pen", "sofa")
CHANGES = {
    "  name: digits": "  name: folder",
    "  path: null": "  path: ../pictures",
    "  - hand\n  - scene\n  - print\n": "  - studio\n  - street\n  - album\n",
    "  - print-hand\n  - hand-scene\n": "  - studio-street\n  - studio-album\n",
    "  - dah-p\n": "",
    "  - dah-e\n  - noda\n": "",
    "  bits: 64": "  bits: 6",
    "  size: 32": "  size: 224",
    "  on_error: stop": "  on_error: skip",
    "  name: lenet": "  name: mobilenet_v2",
    "  weights: letters": "  weights: ../weights.pth",
    "  samples_per_class: 5": "  samples_per_class: 2",
    "  epochs: 36": "  epochs: 2",
    "  finetune: all": "  finetune: head",
    "subspaces.\n    dim: 20": "subspaces.\n    dim: 2",
    "its regulariser.\n    dim: 20": "its regulariser.\n    dim: 2",
    "100, 1, 10).\n    dim: 20": "100, 1, 10).\n    dim: 2",
}


def draw(folder: Path, names: list[str]) -> None:
    """Small coloured noise in files of the given names."""
    rng = np.random.default_rng(len(names))
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Two labelled domains and a flat one with a file that is no image, reproduced once."""
    folder = tmp_path_factory.mktemp("own")
    for domain in ("studio", "street"):
        names = [f"{domain}/{category}/{i}.png" for category in CATEGORIES for i in range(4)]
        draw(folder / "pictures", names)
    draw(folder / "pictures", [f"album/{i}.jpg" for i in range(7)])
    (folder / "pictures/album/broken.jpg").write_bytes(b"no image")
    torch.manual_seed(0)
    torch.save(build_trunk("mobilenet_v2").model.state_dict(), folder / "weights.pth")
    repository = clone(folder / "dah", CHANGES)
    run(repository, "dvc", "repro")
    return repository


@pytest.mark.slow
def test_without_labels_codes_and_predictions_are_there_and_figures_are_not(repository):
    """A target without labels has codes and probabilities, no accuracy, and the page says so."""
    codes = read_codes(repository / "data/codes/studio-album/0/deep/dah.h5")
    assert (codes.source.shape, codes.target.shape) == ((12, 1), (7, 1))
    assert codes.probabilities.shape == (7, 3)
    assert set(json.loads((repository / "metrics/studio-album.json").read_text())) == {
        "imbalance", "collisions", "correlation", "domain_error", "a_distance", "out_of_reach",
    }  # fmt: skip
    page = (repository / "metrics/report.html").read_text(encoding="utf-8")
    assert "No labels in the target, so no accuracy and no mAP: studio-album" in page


@pytest.mark.slow
def test_a_labelled_target_beside_it_is_measured(repository):
    """The summary's accuracy is that of the tasks that have one."""
    figures = read_json(repository / "metrics/studio-street.json")
    assert set(figures["accuracy"]) == {"none", "gfk", "tca", "coral", "jda", "dah", "psca"}
    headline = [
        read_json(repository / f"metrics/{of}.json")["accuracy"] for of in ("summary", "others")
    ]
    assert headline[0] | headline[1] == figures["accuracy"]
    assert set(headline[0]) == {"dah"}


@pytest.mark.slow
def test_what_cannot_be_read_is_listed_and_counted(repository):
    """The broken file is in no list, but in data/skipped and in Table 1."""
    skipped = read_table(repository / "data/skipped/album.csv", SKIPPED)
    assert skipped["file"] == ["broken.jpg"]
    assert "not a readable image" in skipped["reason"][0]
    assert len(read_lists(repository / "data/tasks/studio-album").target_ids) == 7
    domains = read_json(repository / "metrics/domains.json")
    assert domains["skipped"] == {"studio": 0, "street": 0, "album": 1}
    assert domains["images"] == {"studio": 12, "street": 12, "album": 7}
    assert domains["smallest_category"] == {"studio": 4, "street": 4}
    assert domains["largest_image"]["album"] == "40 x 30"


@pytest.mark.slow
def test_a_frozen_trunk_is_kept_whole_in_the_model(repository):
    """The model needs no other file, and its trunk is the pretrained one."""
    network = load_network(repository / "data/models/studio-album/0/dah.pt")
    pretrained = torch.load(repository.parent / "weights.pth", weights_only=True)
    for name, value in network.trunk.model.state_dict().items():
        assert torch.equal(value, pretrained[name])
    assert network.shape["bottleneck"] == 512


@pytest.mark.slow
def test_predictions_go_by_the_names_of_files(repository):
    """One row for each readable image of the flat folder."""
    rows = run(repository, "python", "-m", "dah", "predictions", "studio-album", "dah").splitlines()
    assert rows[0] in {f"file,category,{what},code,nearest" for what in ("probability", "score")}
    assert [row.split(",")[0] for row in rows[1:]] == [f"{i}.jpg" for i in range(7)]
    shown = {form.format(of) for of in CATEGORIES for form in ("{}", "none of them ({})")}
    assert {row.split(",")[1] for row in rows[1:]} <= shown


@pytest.mark.slow
def test_a_trained_network_encodes_pictures_where_it_lies(repository):
    """It finds codes, lists and images beside it; the file that is no image is listed."""
    model, album = "data/models/studio-album/0/dah.pt", "data/raw/album.tar"
    run(repository, "python", "-m", "dah", "encode", model, album, "-o", "album.h5")
    assert (repository / "album.h5").exists()
    assert "broken.jpg" in (repository / "album.skipped.csv").read_text(encoding="utf-8")
