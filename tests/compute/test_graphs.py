"""fc7 of a frozen trunk by ONNX Runtime, as the stage `features` takes it."""

import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dah.compute import graphs
from dah.compute.devices import use_precision
from dah.compute.graphs import session_of
from dah.compute.inference import settled
from dah.errors import UserError
from dah.networks.build import build_trunk
from stages.features import fc7_by

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    """A LeNet; its graph is kept for this module."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install onnxscript")
    pytest.importorskip("onnxruntime", reason="it is not installed: pip install onnxruntime")
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield settled(build_trunk("lenet"), CPU)


def kept():
    """The graphs in the cache."""
    return sorted(graphs.place_of("").parent.glob("*.onnx"))


def test_fc7_is_torchs_and_no_threads_change_a_bit(trunk):
    """To rounding; pieces and threads of ONNX Runtime give the same numbers."""
    rows = torch.from_numpy(IMAGES)
    expected = fc7_by("torch", trunk, IMAGES, CPU)(rows).numpy()
    found = fc7_by("onnx", trunk, IMAGES, CPU)(rows).numpy()
    assert expected.std() > 0.01
    assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    (graph,) = kept()
    for threads in (1, 2, 3):
        session = session_of(graph, threads)
        for count in (1, 3, 7):
            parts = np.split(IMAGES, range(count, 7, count))
            again = [session.run(["y"], {"image": part})[0] for part in parts]
            assert_array_equal(np.concatenate(again), found)


def test_a_gpu_is_torchs(trunk):
    """`engine` is about a CPU."""
    assert fc7_by("onnx", trunk, IMAGES, torch.device("cuda")).__name__ == "by_torch"


def test_other_weights_have_a_graph_of_their_own(trunk, monkeypatch):
    """That of others in its place is made anew; what still disagrees then is refused."""
    fc7_by("onnx", trunk, IMAGES, CPU)
    other = settled(build_trunk("lenet"), CPU)
    (graph,) = kept()
    monkeypatch.setattr(graphs, "graph_of", lambda *_: (_ for _ in ()).throw(UserError("anew")))
    with pytest.raises(UserError, match="anew"):
        fc7_by("onnx", other, IMAGES, CPU)
    monkeypatch.setattr(graphs, "place_of", lambda _: graph)
    with pytest.raises(UserError, match="anew"):
        fc7_by("onnx", other, IMAGES, CPU)
    assert kept() == []
    monkeypatch.setattr(graphs, "looking", lambda *_: lambda squares: np.ones((len(squares), 1)))
    with pytest.raises(UserError, match=r"differ from torch's by .*; take torch as the engine"):
        fc7_by("onnx", other, IMAGES, CPU)


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp32"])
def test_a_graph_is_made_whatever_the_precision(trunk, precision):
    """torch's exporter asks what the GPU's convolutions and products may round to."""
    use_precision(precision)
    example = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    assert graphs.graph_of(graphs.Last(trunk, 28), example, "image", ["y"]).graph.node
    use_precision("fp32")


def test_without_it_the_remedy_is_told(trunk, monkeypatch):
    """The parameter asks for what is not installed."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="engine onnx needs onnxruntime, which is not installed"):
        fc7_by("onnx", trunk, IMAGES, CPU)
