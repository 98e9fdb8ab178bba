"""ONNX Runtime in torch's place: the same codes, or a line that says why not."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoders import BITS, SIZE, parts
from numpy.testing import assert_allclose, assert_array_equal

from dah.compute import graphs
from dah.compute.augment import centre_crop
from dah.compute.graphs import check, keep, place_of, session_of
from dah.encoder.encoder import assemble, with_engine
from dah.errors import UserError

ELSEWHERE = Path("model.pt")
SQUARES = np.random.default_rng(0).integers(0, 256, (9, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A LeNet by ONNX Runtime; its graph is kept."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install onnxscript")
    pytest.importorskip("onnxruntime", reason="it is not installed: pip install onnxruntime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield assemble(parts(), ELSEWHERE, "auto", "onnx")


def test_codes_are_those_of_the_plain_network(encoder):
    """Each image alone through the network as it was trained: bits away from zero are equal."""
    assert (encoder.engine, encoder.device.type) == ("onnx", "cpu")
    network = parts().network(ELSEWHERE)
    with torch.no_grad():
        views = [centre_crop(torch.from_numpy(square[None]), 28) for square in SQUARES]
        u = np.concatenate([network(view).u.numpy() for view in views])
    found = encoder.outputs(SQUARES)
    assert_allclose(found, u, atol=1e-5)
    sure = np.abs(u) > 1e-5
    bits = np.unpackbits(encoder.codes(SQUARES), axis=1, count=BITS)
    assert_array_equal(bits[sure], (u >= 0)[sure])
    assert u.std() > 0.1


def test_a_graph_that_is_there_is_taken_but_for_a_few_images(encoder, monkeypatch):
    """For an unknown number, and for many; of slight work, for none."""
    monkeypatch.setattr("dah.encoder.engine.SLIGHT", 10)
    assert assemble(parts(), ELSEWHERE, "cpu", "auto", 10**9).engine == "torch"
    monkeypatch.setattr("dah.encoder.engine.SLIGHT", 0)
    taken = [assemble(parts(), ELSEWHERE, "cpu", "auto", n).engine for n in (None, 0, 1, 10**9)]
    assert taken == ["onnx", "torch", "torch", "onnx"]


def test_any_number_of_squares_in_pieces(encoder, monkeypatch):
    """Pieces of four give what nine at once give."""
    whole = encoder.outputs(SQUARES)
    monkeypatch.setattr(graphs, "PIXELS", 4 * SIZE**2)
    again = assemble(parts(), ELSEWHERE, "cpu")
    assert again.engine == "onnx"
    assert_allclose(again.outputs(SQUARES), whole, atol=1e-6)


def test_a_graph_is_made_where_it_pays(tmp_path, monkeypatch):
    """A few images are torch's, without a word; of a great many why they are torch's is told."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(graphs, "graph_of", lambda *_: (_ for _ in ()).throw(UserError("no way")))
    monkeypatch.setattr("dah.encoder.engine.SLIGHT", 0)
    for images in (None, 0, 100):
        few = assemble(parts(), ELSEWHERE, "cpu", "auto", images)
        assert (few.engine, few.told) == ("torch", "")
    many = assemble(parts(), ELSEWHERE, "cpu", "auto", 10**9)
    assert (many.engine, many.told) == ("torch", "engine: torch; no way")
    assert with_engine(many, ELSEWHERE, "auto", 10**9) is many
    assert with_engine(few, ELSEWHERE, "torch", 10**9) is few


def test_a_kept_graph_that_disagrees_is_made_anew(encoder, tmp_path, monkeypatch):
    """That of another encoder, under this one's name."""
    graph = place_of(parts().fingerprint()).read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    other = parts(seed=1)
    place = place_of(other.fingerprint())
    place.parent.mkdir(parents=True)
    place.write_bytes(graph)
    found = assemble(other, ELSEWHERE, "cpu", "onnx")
    assert_allclose(
        found.outputs(SQUARES),
        assemble(other, ELSEWHERE, "cpu", "torch").outputs(SQUARES),
        atol=1e-5,
    )
    assert place.read_bytes() != graph


def test_an_engine_that_disagrees_is_not_taken(encoder, tmp_path, monkeypatch):
    """One that computes another network: auto says so, onnx refuses."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(graphs, "looking", lambda *_: encoder.outputs)
    other = parts(seed=1)
    monkeypatch.setattr("dah.encoder.engine.SLIGHT", 0)
    found = assemble(other, ELSEWHERE, "cpu", "auto", 10**9)
    assert found.engine == "torch"
    assert found.told.startswith("engine: torch; ONNX Runtime's outputs of this network differ")
    with pytest.raises(UserError, match=r"differ from torch's by .*; take torch as the engine"):
        assemble(other, ELSEWHERE, "cpu", "onnx")


def test_what_is_not_finite_disagrees():
    """A comparison with NaN is no agreement."""
    with pytest.raises(UserError, match="by nan"):
        check(lambda x: x * np.nan, lambda x: x, np.ones((2, 3)))
    with pytest.raises(UserError, match=r"by 0.0002, more than rounding \(0.0001\)"):
        check(lambda x: x + 2e-4, lambda x: x, np.ones((2, 3)))
    check(lambda x: x + 9e-5, lambda x: x, np.ones((2, 3)))


def test_a_damaged_graph_is_made_anew(encoder, tmp_path, monkeypatch):
    """And kept whole; of many the oldest go."""
    graph = place_of(parts().fingerprint()).read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    class Made:
        """What is made in its place."""

        def SerializeToString(self):
            return graph

    monkeypatch.setattr(graphs, "graph_of", lambda *_: Made())
    monkeypatch.setattr(graphs, "KEPT", 2)
    place = place_of(parts().fingerprint())
    place.parent.mkdir(parents=True)
    for name in ("a.onnx", "b.onnx"):
        place.with_name(name).write_bytes(b"old")
    place.write_bytes(b"damaged")
    assert assemble(parts(), ELSEWHERE, "cpu").engine == "onnx"
    assert place.read_bytes() == graph
    assert len(list(place.parent.iterdir())) == 2


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path):
    """The folder's name is a file's."""
    (tmp_path / "dah").write_text("in the way")
    keep(tmp_path / "dah" / "graphs" / "g.onnx", b"graph")
    assert (tmp_path / "dah").read_text() == "in the way"


def test_a_user_without_a_home_keeps_no_graph(monkeypatch):
    """Nothing can be written there, and nothing is found."""
    monkeypatch.setenv("XDG_CACHE_HOME", "~nobody-of-this-name/cache")
    place = place_of(parts().fingerprint())
    keep(place, b"graph")
    assert not place.is_file()


def test_without_onnx_runtime_the_remedy_is_told(encoder, monkeypatch):
    """Where it would be taken; few images are torch's without a word."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = assemble(parts(), ELSEWHERE, "cpu")
    assert found.engine == "torch"
    needed = "onnxruntime, which is not installed: pip install 'dah[onnx]'"
    assert found.told == f"engine: torch; engine onnx needs {needed}"
    assert assemble(parts(seed=3), ELSEWHERE, "cpu").told == ""
    with pytest.raises(UserError, match="pip install 'dah\\[onnx\\]'"):
        assemble(parts(), ELSEWHERE, "cpu", "onnx")


def test_it_takes_the_threads_of_the_process_and_they_sleep(encoder):
    """As many as torch has; OpenMP's cores are shared."""
    seen = session_of(place_of(parts().fingerprint()), 2).get_session_options()
    assert (seen.intra_op_num_threads, seen.inter_op_num_threads) == (2, 1)
    assert seen.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    with pytest.raises(UserError, match="ONNX Runtime cannot read this graph"):
        session_of(b"no graph", 1)


def test_a_gpu_stays_torchs(encoder):
    """auto leaves it; onnx is refused there."""
    gpu = replace(encoder, runtime=None, device=torch.device("cuda"))
    assert with_engine(gpu, ELSEWHERE, "auto", 10**9) is gpu
    with pytest.raises(UserError, match="engine onnx computes on a CPU; take --device cpu"):
        with_engine(gpu, ELSEWHERE, "onnx", 0)
