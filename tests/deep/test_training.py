"""Batches, augmentation, the schedule, rates per layer, methods and one whole fit."""

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn.functional import softplus
from torch.testing import assert_close

from dah import params
from dah.compute.augment import as_float, augment, centre_crop, colour_deviation, drawn_views
from dah.compute.devices import choose_device, exact_products, use_precision
from dah.compute.distributed import exchanged
from dah.deep import losses, methods
from dah.deep.batches import SourceBatches, target_batches
from dah.deep.methods import Batch, check_finite, multi_layer_mmd
from dah.deep.mmd import MK_MMD
from dah.deep.optimiser import learning_rate, optimiser
from dah.deep.training import Training, fit, train_head_first
from dah.errors import UserError
from dah.names import DEEP
from dah.networks.adversary import Critic, reversal_weight
from dah.networks.build import build_trunk
from dah.networks.heads import Head, Network, Outputs, build_network

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")


def terms_of(method, batch, *weights):
    """The terms of a method by its name."""
    return getattr(methods, DEEP[method].terms)(batch, *weights)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_source_batch_holds_k_images_of_each_category_once():
    """Balanced, in random order, no image twice before all of its category were drawn."""
    labels = torch.tensor([0] * 7 + [1] * 3 + [2] * 6)
    draw = SourceBatches(labels, 3, generator())
    batches = [next(draw) for _ in range(14)]
    for batch in batches:
        assert_close(labels[batch].bincount(), torch.tensor([3, 3, 3]))
    assert any(labels[batch].tolist() != sorted(labels[batch].tolist()) for batch in batches)
    drawn = torch.cat(batches)
    for label, count in ((0, 7), (1, 3), (2, 6)):
        sequence = drawn[labels[drawn] == label]
        assert_close(sequence.unique(), torch.nonzero(labels == label).ravel())
        counts = sequence.bincount(minlength=16)[labels == label]
        assert counts.max() - counts.min() <= 1
        assert len(sequence) == 14 * 3 >= count


def test_a_small_source_category_is_repeated():
    """One image of a category fills its K places."""
    batch = next(SourceBatches(torch.tensor([1, 0, 0, 0]), 3, generator()))
    assert sorted(batch.tolist()) == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize(("count", "size", "steps"), [(10, 4, 3), (8, 4, 2), (3, 8, 1), (1, 5, 1)])
def test_target_batches_pass_over_all_images(count, size, steps):
    """All images in ceil(count / size) full batches, the last one filled up from the start."""
    batches = list(target_batches(count, size, generator()))
    assert [len(batch) for batch in batches] == [size] * steps
    order = torch.cat(batches)
    assert_close(order[:count].sort().values, torch.arange(count))
    for place in range(count, steps * size):
        assert order[place] == order[place - count]


def pixels(n=6, side=32, seed=0):
    return torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, generator=generator(seed))


def test_without_randomness_augmentation_of_a_full_window_is_the_identity():
    """aspect 1, no mirror, no colour, window = image: resampling gives every pixel back."""
    options = params.Augment(aspect=1.0, flip=False, colour=0.0)
    images = pixels(side=28)
    view = augment(images, generator(), size=28, options=options, deviation=torch.eye(3))
    assert_close(view, as_float(images), atol=1e-5, rtol=0)


def ramps(n, side, step):
    """Images whose red tells the column and whose green tells the row, in steps of grey."""
    ramp = torch.arange(side, dtype=torch.uint8) * step
    images = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)], dim=2)
    return torch.cat([images, images[:, :, :1]], dim=2).expand(n, -1, -1, -1)


def test_windows_lie_inside_the_image_and_move():
    """A ramp along both axes shows where a window lies: never outside, nearly everywhere inside."""
    n, side, size = 400, 32, 28
    images = ramps(n, side, step=8)
    options = params.Augment(aspect=1.0, flip=False, colour=0.0)
    view = augment(images, generator(), size=size, options=options, deviation=torch.eye(3))
    left, top = (255 / 8 * view[:, axis].amin(dim=(1, 2)) for axis in (0, 1))
    for edge in (left, top):
        assert edge.min() >= 0
        assert edge.max() <= side - size + 1e-3
        assert edge.min() < 0.2
        assert edge.max() > side - size - 0.2
    assert torch.corrcoef(torch.stack([left, top]))[0, 1].abs() < 0.2


def test_aspects_stay_within_their_range():
    """Width : height of the window, read off the ramp, is log-uniform in [1 / aspect, aspect]."""
    n, side, size = 400, 64, 28
    images = ramps(n, side, step=4)
    options = params.Augment(aspect=1.5, flip=False, colour=0.0)
    view = (
        255 / 4 * augment(images, generator(), size=size, options=options, deviation=torch.eye(3))
    )
    width, height = ((view[:, axis].amax((1, 2)) - view[:, axis].amin((1, 2))) for axis in (0, 1))
    ratio = (width / height).log() / torch.tensor(1.5).log()
    assert ratio.abs().max() <= 1.001
    assert_close(ratio.mean().item(), 0.0, atol=0.1, rtol=0)
    assert_close(ratio.std().item(), 1 / 3**0.5, atol=0.05, rtol=0)
    assert_close((width * height).sqrt(), torch.full((n,), 27.0), atol=0.6, rtol=0)


def test_half_of_the_images_are_mirrored():
    """And only where flip is set."""
    images = pixels(n=300, side=28)
    for flip in (False, True):
        options = params.Augment(aspect=1.0, flip=flip, colour=0.0)
        view = augment(images, generator(), size=28, options=options, deviation=torch.eye(3))
        mirrored = (view - as_float(images).flip(3)).abs().amax((1, 2, 3)) < 1e-5
        assert mirrored.sum() in (range(110, 190) if flip else [0])


def test_colours_vary_as_the_pixels_do():
    """The deviation is a square root of the covariance of RGB, and shifts have its covariance."""
    a, b = pixels(seed=1) // 2, pixels(n=3, seed=2)
    b[..., 1] = b[..., 0]
    deviation = colour_deviation(a.numpy(), b.numpy())
    values = torch.cat([a.reshape(-1, 3), b.reshape(-1, 3)]).double().T / 255
    assert_close(
        (deviation @ deviation.T).double(), torch.cov(values, correction=0), atol=1e-6, rtol=1e-4
    )
    grey = torch.full((4000, 4, 4, 3), 128, dtype=torch.uint8)
    options = params.Augment(aspect=1.0, flip=False, colour=0.1)
    view = augment(grey, generator(), size=4, options=options, deviation=deviation)
    shift = (view - 128 / 255)[:, :, 0, 0]
    assert_close(torch.cov(shift.T), 0.01 * deviation @ deviation.T, atol=1e-4, rtol=0.1)


def test_centre_crop_takes_the_middle():
    """Two pixels are cut off each side of 32 for a network of 28."""
    images = pixels(side=32)
    assert_close(centre_crop(images, 28), as_float(images[:, 2:30, 2:30]))


def test_the_rate_falls_log_linearly():
    """From 1e-3 to 1e-4 in five epochs: a constant ratio; one epoch has the first rate."""
    options = replace(DEFAULT.train, epochs=5, learning_rate=1e-3, final_learning_rate=1e-4)
    rates = [learning_rate(epoch, options) for epoch in range(5)]
    assert_close(rates[0], 1e-3)
    assert_close(rates[-1], 1e-4)
    assert_close([a / b for a, b in pairwise(rates)], [10**0.25] * 4)
    assert_close(learning_rate(0, replace(options, epochs=1)), 1e-3)


def test_rates_and_decay_per_layer():
    """Trunk at a tenth, biases at twice their layer's rate and without decay; each once."""
    network = Network(build_trunk("lenet"), 8)
    found = {}
    for group in optimiser(network, None, DEFAULT.train).groups:
        for parameter in group.parameters:
            assert id(parameter) not in found
            found[id(parameter)] = (group.factor, group.decay)
    for name, parameter in network.named_parameters():
        factor = 0.1 if name.startswith("trunk.") else 1.0
        bias = name.endswith(".bias")
        assert_close(found.pop(id(parameter)), (factor * (2 if bias else 1), 0.0 if bias else 5e-4))
    assert not found


def outputs(n, seed):
    layers = tuple(torch.randn(n, width, generator=generator(seed)) for width in (5, 4, 3))
    return Outputs(layers, torch.tanh(layers[-1]))


def batch_of(method):
    """Outputs of four images of each domain that the method sees, labels 0, 0, 1, 1."""
    target = outputs(4, 1) if not DEEP[method].blind else None
    torch.manual_seed(0)
    return Batch(outputs(4, 0), target, torch.tensor([0, 0, 1, 1]), 3, 0.5, Critic(4))


TERMS = {
    "dah": {"hash", "quantization", "mmd", "entropy"},
    "dah-e": {"hash", "quantization", "mmd"},
    "noda": {"hash", "quantization"},
    "source": {"softmax"},
    "dan": {"softmax", "mmd"},
    "dah-p": {"hash", "quantization", "mmd", "entropy"},  # before it has labels
    "dann": {"softmax", "adversary"},
}


@pytest.mark.parametrize("method", TERMS)
def test_methods_differ_in_their_terms(method):
    """dah-e has no entropy, noda and source nothing of the target, dan M, dann an adversary."""
    terms = terms_of(method, batch_of(method), DEFAULT.dah, DEFAULT.softmax)
    assert set(terms) == TERMS[method]


@pytest.mark.parametrize(
    ("method", "key", "name"),
    [
        ("dah", "gamma", "mmd"),
        ("dah", "eta", "entropy"),
        ("dah", "quantization", "quantization"),
        ("dan", "mmd", "mmd"),
    ],
)
def test_terms_are_linear_in_their_weights(method, key, name):
    """J = L + gamma M + eta H + quantization Q: doubling a weight doubles its term alone."""
    weights = [DEFAULT.dah, DEFAULT.softmax]
    once = terms_of(method, batch_of(method), *weights)
    section = next(i for i, of in enumerate(weights) if hasattr(of, key))
    weights[section] = replace(weights[section], **{key: 2 * getattr(weights[section], key)})
    twice = terms_of(method, batch_of(method), *weights)
    for other, value in once.items():
        assert_close(twice[other], value * (2 if other == name else 1))


def test_the_softmax_loss_is_the_mean_negative_log_share():
    """By loops over images and categories."""
    batch = batch_of("source")
    scores = batch.source.u.double().tolist()
    total = 0.0
    for row, label in zip(scores, batch.y.tolist(), strict=True):
        total -= math.log(math.exp(row[label]) / sum(math.exp(score) for score in row)) / 4
    terms = terms_of("source", batch, DEFAULT.dah, DEFAULT.softmax)
    assert_close(terms["softmax"].item(), total)


@pytest.mark.parametrize("method", ["dah", "dah-e", "noda"])
def test_terms_of_inner_products_are_as_sharp_as_told(method):
    """The hash loss of every hashing method, and DAH's entropy; SuH trains as noda."""
    batch, chosen = batch_of(method), replace(DEFAULT.dah, sharpness=3.0)
    terms = terms_of(method, batch, chosen, DEFAULT.softmax)
    u, y = batch.source.u, batch.y
    assert_close(terms["hash"], losses.supervised_hash_loss(u, y, chosen.like_weight, 3.0))
    if method == "dah":
        entropy = losses.target_entropy(batch.target.u, u, y, 3.0, batch.categories)
        assert_close(terms["entropy"], chosen.eta * entropy)


@pytest.mark.parametrize("estimate", MK_MMD)
def test_dan_and_dah_share_one_discrepancy(estimate):
    """M is summed over the layers, by the estimate chosen; each weighs it by its own constant."""
    batch, chosen = batch_of("dan"), replace(DEFAULT.dah, mmd_estimate=estimate)
    pairs = zip(batch.source.layers, batch.target.layers, strict=True)
    total = sum(MK_MMD[estimate](xs, xt) for xs, xt in pairs)
    for method, weight in (("dan", DEFAULT.softmax.mmd), ("dah", chosen.gamma)):
        terms = terms_of(method, batch_of(method), chosen, DEFAULT.softmax)
        assert_close(terms["mmd"], weight * total)


@pytest.mark.parametrize("adversary", [1.0, 0.3])
def test_the_adversary_acts_on_fc7_in_reverse(adversary):
    """The critic descends its loss, fc7 ascends it, by the reversal's weight; fc8 feels nothing."""
    gradients, softmax = {}, replace(DEFAULT.softmax, adversary=adversary)
    for reverse in (True, False):
        torch.manual_seed(0)
        critic = Critic(4)
        sides = [torch.randn(3, 4, generator=generator(i)).requires_grad_() for i in (0, 1)]
        if reverse:
            layers = [(torch.zeros(3, 5), side, torch.zeros(3, 2)) for side in sides]
            both = [Outputs(of, of[-1]) for of in layers]
            batch = Batch(*both, torch.tensor([0, 1, 1]), 2, 0.5, critic)
            loss = terms_of("dann", batch, DEFAULT.dah, softmax)["adversary"]
        else:
            scores = critic(torch.cat(sides))
            signs = torch.tensor([1.0] * 3 + [-1.0] * 3)
            loss = softplus(signs * scores).mean()
        loss.backward()
        gradients[reverse] = (
            loss,
            [side.grad for side in sides],
            [p.grad for p in critic.parameters()],
        )
    assert_close(gradients[True][0], gradients[False][0])
    assert_close(gradients[True][2], gradients[False][2])
    weight = adversary * reversal_weight(0.5)
    assert_close(gradients[True][1], [-weight * gradient for gradient in gradients[False][1]])


def test_the_discrepancy_counts_the_last_layers():
    """One: fc8 alone; three and more: all; the sum is over the layers."""
    source, target = outputs(6, 1), outputs(6, 2)
    linear = MK_MMD["linear"]
    each = [linear(xs, xt) for xs, xt in zip(source.layers, target.layers, strict=True)]
    for last, expected in ((1, each[2]), (2, each[1] + each[2]), (3, sum(each)), (9, sum(each))):
        assert_close(multi_layer_mmd(source, target, "linear", last), expected)
    assert_close(multi_layer_mmd(source, target, "linear"), sum(each))


def test_the_reversal_grows_from_nothing_to_one():
    """2 / (1 + exp(-10 p)) - 1 = tanh(5 p)."""
    for progress in (0.0, 0.1, 0.5, 1.0):
        assert_close(reversal_weight(progress), math.tanh(5 * progress))


def small_fit(method="dah", seed=0, **changes):
    """Two categories of flat colours, two epochs; the network and its records."""
    labels = torch.arange(40) % 2
    shade = torch.where(labels == 1, 200, 50).to(torch.uint8)
    source = shade[:, None, None, None].expand(-1, 28, 28, 3).contiguous()
    target = (source // 2)[:25].contiguous()
    options = replace(DEFAULT.train, epochs=2, **changes)
    softmax = DEEP[method].softmax
    torch.manual_seed(seed)
    network = Network(build_trunk("lenet"), 2 if softmax else 8, softmax=softmax)
    view = partial(augment, size=28, options=options.augment, deviation=torch.eye(3) / 4)
    data, weights = (source, labels, target), (DEFAULT.dah, DEFAULT.softmax)
    settings = *weights, options, seed, replace(DEFAULT.pseudo_labels, warm_up=2)
    records = list(fit(Training(network, *data, view, method, *settings)))
    return network, records


def test_a_fit_repeats_itself_to_the_last_bit():
    """Same seed, same weights; another seed, other weights."""
    first, records = small_fit()
    again, more = small_fit()
    other, _ = small_fit(seed=1)
    assert records == more
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.head.fc8.weight, other.head.fc8.weight)


@pytest.mark.parametrize("method", TERMS)
def test_records_name_every_term_and_add_up(method):
    """The objective is the sum of the terms; one record per epoch."""
    _, records = small_fit(method)
    assert len(records) == 2
    for record in records:
        terms = [record[name] for name in TERMS[method]]
        assert_close(record["objective"], sum(terms), rtol=1e-5, atol=1e-5)


def test_the_target_changes_nothing_without_adaptation():
    """noda's weights do not depend on the target's pixels, dah's do; batch norm included."""
    network = {}
    for method in ("noda", "dah"):
        for shift in (0, 90):
            labels = torch.arange(20) % 2
            source = pixels(20, 28)
            options = replace(DEFAULT.train, epochs=1)
            torch.manual_seed(0)
            net = Network(build_trunk("lenet"), 8)
            view = partial(augment, size=28, options=options.augment, deviation=torch.eye(3))
            target = pixels(20, 28, seed=5) // 2 + shift
            weights = DEFAULT.dah, DEFAULT.softmax
            list(fit(Training(net, source, labels, target, view, method, *weights, options, 0)))
            network[method, shift] = net.state_dict()
    for name in network["noda", 0]:
        assert torch.equal(network["noda", 0][name], network["noda", 90][name])
    assert not torch.equal(
        network["dah", 0]["head.norm.running_mean"], network["dah", 90]["head.norm.running_mean"]
    )


def test_a_frozen_trunk_keeps_its_weights():
    """trunk_factor 0 trains the hash layer alone."""
    torch.manual_seed(0)
    before = build_trunk("lenet").state_dict()
    network, _ = small_fit(trunk_factor=0.0)
    for name, value in network.trunk.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_head_learns_alone_before_blocks_do():
    """It is one trained on the trunk's activations of the centres; then the blocks move too."""
    draw = torch.Generator().manual_seed(0)
    views = torch.rand(30, 2, 256, generator=draw).half()
    labels, target = torch.arange(30) % 2, views[:20] / 2
    options = replace(DEFAULT.train, epochs=2, finetune=1, head_epochs=3)
    settings = "dah-p", DEFAULT.dah, DEFAULT.softmax
    built = []
    for _ in range(2):
        torch.manual_seed(0)
        built.append(build_network(build_trunk("lenet"), 8, 0, 1))
    network, twin = built
    learner, blocks = network.learner(1), twin.learner(1).eval()
    labelled = replace(DEFAULT.pseudo_labels, warm_up=0, dim=2, neighbours=3)
    data = views, labels, target
    training = Training(learner, *data, drawn_views, *settings, options, 0, labelled)
    train_head_first(training)
    with torch.no_grad():
        fc7 = [blocks.trunk(side[:, 0].float())[-1] for side in (views, target)]
    frozen = replace(options, epochs=3, finetune="head")
    data = fc7[0], labels, fc7[1]
    alone = Training(twin.head, *data, lambda x, *_: x, *settings, frozen, 0, labelled)
    list(fit(alone))
    for name, value in network.state_dict().items():
        assert_close(value, twin.state_dict()[name], rtol=1e-5, atol=1e-6)
    assert_close(training.labelling, alone.labelling)
    before = network.trunk.state_dict()["fc7.0.weight"].clone()
    assert len(list(fit(training))) == 2
    assert not torch.equal(network.trunk.state_dict()["fc7.0.weight"], before)
    assert_close(training.labelling, alone.labelling)


@pytest.mark.parametrize("method", TERMS)
def test_every_methods_head_learns_alone(method):
    """Also one that is fc8 alone, which no adversary can move: then dann's learns as source's."""
    views = torch.rand(20, 2, 256, generator=torch.Generator().manual_seed(0)).half()
    options = replace(DEFAULT.train, epochs=1, finetune=1, head_epochs=2)
    labelled = replace(DEFAULT.pseudo_labels, warm_up=0, dim=2, neighbours=3)
    fc8 = []
    for of in {method, method.replace("dann", "source")}:
        torch.manual_seed(0)
        network = build_network(build_trunk("lenet"), 8, 0, 1, DEEP[of].softmax)
        data = network.learner(1), views, torch.arange(20) % 2, views / 2
        settings = drawn_views, of, DEFAULT.dah, DEFAULT.softmax, options, 0, labelled
        training = Training(*data, *settings)
        train_head_first(training)
        fc8.append(network.head.fc8.weight.detach().clone())
        (record,) = fit(training)
        assert math.isfinite(record["objective"])
        assert of != "dann" or "adversary" in record  # the blocks have it
    assert_close(fc8[0], fc8[-1])


def test_a_limited_gradient_makes_short_steps():
    """The first step of SGD is rate times gradient: no longer than rate times the limit."""
    torch.manual_seed(0)
    x, y = torch.randn(20, 6), torch.arange(20) % 2
    dah = replace(DEFAULT.dah, samples_per_class=10)
    lengths = []
    for clip in (None, 1e-3):
        torch.manual_seed(0)
        head = Head(6, 4, bottleneck=5)
        before = torch.cat([p.detach().clone().ravel() for p in head.parameters()])
        options = replace(DEFAULT.train, epochs=1, weight_decay=0.0, clip=clip)
        weights, view = (dah, DEFAULT.softmax), lambda rows, *_: rows
        list(fit(Training(head, x, y, x + 1, view, "dah", *weights, options, 0)))
        after = torch.cat([p.detach().ravel() for p in head.parameters()])
        lengths.append((after - before).norm().item())
    assert lengths[1] <= 2 * DEFAULT.train.learning_rate * 1e-3 < lengths[0]


def test_divergence_is_an_error_with_its_term_and_remedy():
    """A rate far too high ends the training with a sentence, not with a file of nan."""
    with pytest.raises(UserError, match=r"diverged in step \d+: .* lower the learning rate"):
        small_fit(learning_rate=1e25, final_learning_rate=1e25)
    values = torch.tensor([[1.0, 2.0], [3.0, float("nan")], [float("inf"), 0.0]])
    with pytest.raises(UserError, match=r"step 12: mmd is nan; .* terms were {'hash': 3.0, 'mmd'"):
        check_finite(["hash", "mmd"], values, 10)
    check_finite(["hash", "mmd"], values[:1], 10)


def test_losses_are_in_float32_whatever_the_network_computes_in():
    """Every output is widened, exactly; float64 stays."""
    for given, seen in (("bfloat16", "float32"), ("float32", "float32"), ("float64", "float64")):
        x = torch.randn(4, 3, generator=generator()).to(getattr(torch, given))
        outputs = exchanged(Outputs((x, 2 * x), 3 * x), 4)
        assert_close(outputs.layers, (x.to(getattr(torch, seen)), (2 * x).to(getattr(torch, seen))))
        assert_close(outputs.u, (3 * x).to(getattr(torch, seen)))


def test_bfloat16_learns_float32_weights():
    """Rounded to eight bits on the way, the terms are near those of float32, and not the same."""
    exact, records = small_fit("noda")
    rounded, near = small_fit("noda", precision="bf16")
    assert {value.dtype for value in rounded.parameters()} == {torch.float32}
    assert not torch.equal(rounded.head.fc8.weight, exact.head.fc8.weight)
    assert_close(near[0]["hash"], records[0]["hash"], rtol=0.2, atol=0)


def test_the_network_is_compiled_on_demand(monkeypatch):
    """Once, and only where train.compile says so."""
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    small_fit()
    assert compiled == []
    network, _ = small_fit(compile=True)
    assert compiled == [network]


def test_precision_is_that_of_matrices_and_convolutions():
    """fp32 is exact; tf32, and what bf16 leaves, is not; torch's older settings agree."""
    parts = torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn
    for name, digits in (("tf32", "tf32"), ("bf16", "tf32"), ("fp32", "ieee")):
        use_precision(name)
        assert [part.fp32_precision for part in parts] == [digits] * 3
        older = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        assert older == (digits == "tf32",) * 2
        with exact_products():
            assert parts[0].fp32_precision == "ieee"
            assert not torch.backends.cuda.matmul.allow_tf32
        assert parts[0].fp32_precision == digits


def test_a_missing_gpu_is_said_so(monkeypatch):
    """cuda is not silently replaced; auto is."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match=r"train\.device is cuda, but torch finds no GPU"):
        choose_device("cuda")
