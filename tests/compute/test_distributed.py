"""Training in several real processes is training in one: values, gradients, weights, records."""

import os
import socket
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.testing import assert_close

from dah import params
from dah.compute.activations import activations
from dah.compute.augment import as_float, augment
from dah.compute.distributed import (
    SharedBatchNorm,
    exchanged,
    gather,
    is_first,
    own_share,
    process_group,
    processes,
    share_batch_norm,
    shared_over_processes,
    shares,
)
from dah.deep import methods
from dah.deep.methods import Batch
from dah.deep.training import Training, fit
from dah.errors import UserError
from dah.networks.heads import Network

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")
CPU = torch.device("cpu")
METHODS = ("dah", "dah-p", "noda", "dann")


class Trunk(nn.Module):
    """A small trunk as torchvision's are: convolutions, batch norm, pooled features."""

    input_size = 8
    widths = (6,)

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        )  # fmt: skip

    def forward(self, images):
        return (self.layers(images).mean(dim=(2, 3)),)


def images(n, seed):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 10, 10, 3), dtype=torch.uint8, generator=rng)


def network(outputs=4, softmax=False):
    torch.manual_seed(0)
    return Network(Trunk(), outputs, bottleneck=5, softmax=softmax)


def moments():
    """Batch norm of this process's share of rows: outputs, gradients, running moments."""
    rng = torch.Generator().manual_seed(3)
    whole = torch.randn(7, 3, 4, 5, generator=rng, dtype=torch.float64) + 100
    weights = torch.randn(7, 3, 4, 5, generator=rng, dtype=torch.float64)
    x = whole[own_share(7)].clone().requires_grad_()
    net = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3).double())
    nn.init.normal_(net[0].weight, generator=rng)
    if processes() > 1:
        share_batch_norm(net)
    y = net(x)
    (y * weights[own_share(7)]).sum().backward()
    return [gather(part, 7) for part in (y.detach(), x.grad)], net.state_dict()


def gradients(dtype):
    """Of the whole objective of DAH in all weights, on one batch of nine and nine images."""
    net = network().to(dtype)
    forward = shared_over_processes(net)
    batch = torch.rand(18, 3, 8, 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    outputs = exchanged(forward(batch[own_share(18)]), 18)
    sides = outputs.rows(slice(9)), outputs.rows(slice(9, None))
    terms = methods.dah(Batch(*sides, torch.arange(9) % 3, 3), DEFAULT.dah, DEFAULT.softmax)
    sum(terms.values()).backward()
    return {name: parameter.grad for name, parameter in net.named_parameters()}


def training(method):
    """Two epochs with augmentation: weights, running moments and records."""
    options = replace(DEFAULT.train, epochs=2, clip=10.0)
    net = network(3 if method == "dann" else 4, method == "dann")
    view = partial(augment, size=8, options=options.augment, deviation=torch.eye(3) / 4)
    data = images(15, 1), torch.arange(15) % 3, images(20, 2)
    dah = replace(DEFAULT.dah, samples_per_class=3)
    labels = replace(DEFAULT.pseudo_labels, warm_up=1, neighbours=4)
    settings = dah, DEFAULT.softmax, options, 1, labels
    records = list(fit(Training(net, *data, view, method, *settings)))
    return net.state_dict(), records


def encoding():
    """fc7 and outputs of eleven images in evaluation mode, and of none of a share's own."""
    sides = (activations(network(), images(n, 4)[:, 1:9, 1:9], as_float) for n in (11, 1))
    return [(side.fc7, side.u) for side in sides]


def everything():
    return {
        "first": is_first(),
        "moments": moments(),
        "double": gradients(torch.float64),
        "single": gradients(torch.float32),
        "encoding": encoding(),
        "training": {method: training(method) for method in METHODS},
    }


def work(rank, count, port, folder):
    """One of `count` processes, as torchrun starts them."""
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    os.environ |= {"WORLD_SIZE": str(count), "RANK": str(rank), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with process_group(CPU):
        torch.save(everything(), folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def alone():
    return everything()


@pytest.fixture(scope="module", params=[2, 3])
def ranks(request, tmp_path_factory):
    """What every one of two or three real processes computed."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (request.param, port, folder), request.param)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(request.param)]


def test_batch_norm_is_that_of_all_rows(alone, ranks):
    """Outputs, gradients and running moments of torch's own, of unequal shares, far from zero."""
    (y, gradient), state = alone["moments"]
    for rank in ranks:
        (own_y, own_gradient), own_state = rank["moments"]
        assert_close(own_y, y, rtol=1e-10, atol=1e-10)
        assert_close(own_gradient, gradient, rtol=1e-9, atol=1e-9)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            assert_close(own_state[f"0.{name}"], state[f"0.{name}"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("kind", "bound"), [("double", 1e-12), ("single", 1e-5)])
def test_the_gradient_is_that_of_one_process(alone, ranks, kind, bound):
    """Of pairs, quadruples, entropy and batch norm of the same batch, relative to its largest."""
    largest = max(gradient.abs().max() for gradient in alone[kind].values())
    for rank in ranks:
        assert rank[kind].keys() == alone[kind].keys()
        for name, gradient in alone[kind].items():
            assert_close(rank[kind][name], gradient, rtol=0, atol=bound * largest.item())


@pytest.mark.parametrize("method", METHODS)
def test_training_is_that_of_one_process(alone, ranks, method):
    """The same images, views and steps: weights and records agree, and the names of weights."""
    state, records = alone["training"][method]
    for rank in ranks:
        own_state, own_records = rank["training"][method]
        assert own_state.keys() == state.keys()
        for name, value in state.items():
            assert_close(own_state[name], value, rtol=1e-4, atol=1e-5)
        for own, record in zip(own_records, records, strict=True):
            assert_close(own, record, rtol=1e-4, atol=1e-4)


def test_encoding_is_that_of_one_process(alone, ranks):
    """Every process has the activations of all images, in their order, even where it has none."""
    for rank in ranks:
        for own, whole in zip(rank["encoding"], alone["encoding"], strict=True):
            for own_part, part in zip(own, whole, strict=True):
                assert_allclose(own_part, part, rtol=1e-5, atol=1e-6)


def test_all_processes_end_with_the_same_bits(ranks):
    """No process's weights drift from the others'; the first one alone writes."""
    assert [rank["first"] for rank in ranks] == [True] + [False] * (len(ranks) - 1)
    for rank in ranks[1:]:
        for method in METHODS:
            for name, value in ranks[0]["training"][method][0].items():
                assert torch.equal(rank["training"][method][0][name], value)


def test_one_process_has_the_whole():
    """Without torchrun's environment nothing is gathered and nothing replaced."""
    net, x = network(), torch.rand(3, 2)
    with process_group(CPU):
        assert (processes(), is_first(), own_share(5), shares(5)) == (1, True, slice(0, 5), [
            slice(0, 5)
        ])  # fmt: skip
        assert gather(x, 3) is x
        assert shared_over_processes(net) is net
    assert not any(isinstance(layer, SharedBatchNorm) for layer in net.modules())


def test_shares_cover_all_rows_once(monkeypatch):
    """Consecutive, in order, of sizes that differ by at most one, some empty where rows are few."""
    for count in (1, 2, 3, 7):
        monkeypatch.setattr("dah.compute.distributed.processes", lambda count=count: count)
        for rows in (1, 2, 9, 10):
            covered = [list(range(rows))[share] for share in shares(rows)]
            assert [row for part in covered for row in part] == list(range(rows))
            sizes = [len(part) for part in covered]
            assert max(sizes) - min(sizes) <= 1


def test_more_processes_than_gpus_are_refused(monkeypatch):
    """Before any of them waits for the others."""
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with (
        pytest.raises(UserError, match="process 2 of this machine finds 1 GPUs; start at most"),
        process_group(torch.device("cuda")),
    ):
        pass
