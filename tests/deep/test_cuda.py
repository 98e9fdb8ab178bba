"""What a GPU computes: as a CPU does, the same each time, and without a word from torch."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from dah import params
from dah.compute.activations import activations
from dah.compute.augment import plain_view, random_view
from dah.compute.devices import make_repeatable, use_precision
from dah.deep.losses import supervised_hash_loss, target_entropy
from dah.deep.mmd import MK_MMD
from dah.deep.training import Training, fit
from dah.names import DEEP
from dah.networks.build import build_trunk
from dah.networks.heads import build_network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")
CATEGORIES = 3


@pytest.fixture(autouse=True)
def settings_restored():
    """Repeatable operators and exact products, and whatever was set before after the test."""
    before = torch.are_deterministic_algorithms_enabled()
    use_precision("fp32")
    yield
    use_precision("fp32")
    torch.use_deterministic_algorithms(before)


def pixels(count, size, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=draw)


def learner_of(trunk, method="dah", device="cuda"):
    make_repeatable(torch.device(device), 0)
    softmax = DEEP[method].softmax
    outputs = CATEGORIES if softmax else 16
    return build_network(build_trunk(trunk), outputs, 32, "all", softmax).to(device)


def training_of(network, method="dah", device="cuda", epochs=2, margin=4, **changes):
    """Two batches an epoch, of random pixels; without a margin all views are at one place."""
    size = network.input_size
    source, target = pixels(12, size + margin), pixels(20, size + margin, seed=1)
    dah = replace(DEFAULT.dah, samples_per_class=4, bits=16)
    options = replace(DEFAULT.train, epochs=epochs, clip=1.0, **changes)
    use_precision(options.precision)
    view = random_view("all", size, options.augment, torch.device(device), source.numpy())
    data = (x.to(device) for x in (source, torch.arange(12) % CATEGORIES, target))
    return Training(network, *data, view, method, dah, DEFAULT.softmax, options, 0)


def weights_of(network):
    return torch.cat([value.double().flatten().cpu() for value in network.state_dict().values()])


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
@pytest.mark.parametrize("estimate", MK_MMD)
def test_mmd_keeps_its_digits(estimate, precision):
    """Value and gradient of float32 on the GPU are those of float64, also where tf32 is allowed."""
    use_precision(precision)
    draw = torch.Generator().manual_seed(0)
    sides = [torch.randn(60, 200, generator=draw, dtype=torch.float64) + 5 for _ in range(2)]
    exact = [side.clone().requires_grad_() for side in sides]
    shown = [side.float().cuda().requires_grad_() for side in sides]
    expected, found = MK_MMD[estimate](*exact), MK_MMD[estimate](*shown)
    expected.backward()
    found.backward()
    assert_close(found.double().cpu(), expected, rtol=1e-4, atol=1e-6)
    for x, y in zip(shown, exact, strict=True):
        assert_close(x.grad.double().cpu(), y.grad, rtol=1e-3, atol=1e-7)


def test_the_other_losses_are_those_of_a_cpu():
    draw = torch.Generator().manual_seed(0)
    u, v = (torch.rand(30, 64, generator=draw) * 2 - 1 for _ in range(2))
    y = torch.arange(30) % CATEGORIES
    for device in ("cuda", "cpu"):
        us, ut, ys = u.to(device).requires_grad_(), v.to(device).requires_grad_(), y.to(device)
        loss = supervised_hash_loss(us, ys, 10.0, 10.0)
        loss = loss + target_entropy(ut, us, ys, 10.0, CATEGORIES)
        loss.backward()
        found = [x.detach().cpu() for x in (loss, us.grad, ut.grad)]
        if device == "cuda":
            shown = found
    assert_close(shown, found, rtol=1e-4, atol=1e-6)


TRUNKS = "lenet", "alexnet", "vgg_f", "vgg11", "resnet18", "mobilenet_v2"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("trunk", TRUNKS)
def test_a_training_repeats_itself_to_the_last_bit(trunk, precision):
    """Without one of torch's warnings, which are errors here."""
    ends = []
    for _ in range(2):
        network = learner_of(trunk)
        records = list(fit(training_of(network, precision=precision)))
        ends.append((records, weights_of(network)))
    assert ends[0][0] == ends[1][0]
    assert torch.equal(ends[0][1], ends[1][1])


@pytest.mark.parametrize("method", ["dah", "dah-e", "noda", "source", "dan", "dann"])
def test_a_training_is_that_of_a_cpu(method):
    """Up to the rounding of other sums: the terms of the first epoch."""
    records = {}
    for device in ("cpu", "cuda"):
        network = learner_of("lenet", method, device)
        network.load_state_dict(learner_of("lenet", method, "cpu").state_dict())
        training = training_of(network, method, device, epochs=1, margin=0, augment=still())
        records[device] = next(fit(training))
    assert records["cpu"].keys() == records["cuda"].keys()
    for name, value in records["cpu"].items():
        assert_allclose(records["cuda"][name], value, rtol=2e-2, atol=2e-3, err_msg=name)


def still():
    """Views without randomness: the devices draw other numbers."""
    return replace(DEFAULT.train.augment, aspect=1.0, flip=False, colour=0.0)


def test_a_training_goes_on_where_it_was_stopped(tmp_path):
    """From its file on the same device, to the same bits."""
    whole = learner_of("lenet")
    list(fit(training_of(whole, epochs=4)))
    path = tmp_path / "checkpoint.pt"
    first = fit(training_of(learner_of("lenet"), epochs=4), path)
    next(first), next(first)
    first.close()
    rest = learner_of("lenet")
    list(fit(training_of(rest, epochs=4), path))
    assert torch.equal(weights_of(rest), weights_of(whole))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its compiler's insides
def test_a_compiled_network_learns_what_the_network_does():
    records = []
    for compiled in (False, True):
        network = learner_of("lenet")
        records.append(next(fit(training_of(network, epochs=1, compile=compiled))))
    for name, value in records[0].items():
        assert_allclose(records[1][name], value, rtol=1e-2, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("trunk", ["lenet", "mobilenet_v2"])
def test_codes_are_those_of_a_cpu(trunk):
    """But for the bits of outputs about zero."""
    network = learner_of(trunk, device="cpu")
    images, view = pixels(40, network.input_size), plain_view("all", network.input_size)
    expected = activations(network, images, view)
    found = activations(network.cuda(), images.cuda(), view)
    assert_close(found.u, expected.u, rtol=0, atol=1e-4)
    assert_close(found.fc7, expected.fc7, rtol=1e-3, atol=1e-4)
