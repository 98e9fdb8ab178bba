"""Every term of the objective against loops, values worked out by hand and finite differences."""

import math
from statistics import median_low

import pytest
import torch
from torch.testing import assert_close

from dah import losses
from dah.losses import (
    category_log_probabilities,
    mk_mmd,
    quantization_loss,
    supervised_hash_loss,
    target_entropy,
)


def random(*shape, seed=0, scale=1.0):
    """Normal float64 numbers that ask for gradients."""
    rng = torch.Generator().manual_seed(seed)
    values = scale * torch.randn(*shape, generator=rng, dtype=torch.float64)
    return values.requires_grad_()


def loop_mmd(xs, xt):
    """Eq. 1 quadruple by quadruple, kernel by kernel, in plain Python."""
    xs, xt, half = xs.tolist(), xt.tolist(), len(xs) // 2

    def squared(x, y):
        return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))

    quadruples = [
        (
            squared(xs[i], xs[half + i]),
            squared(xt[i], xt[half + i]),
            squared(xs[i], xt[half + i]),
            squared(xs[half + i], xt[i]),
        )
        for i in range(half)
    ]
    sigma = median_low(d for quadruple in quadruples for d in quadruple)
    total = 0.0
    for d in quadruples:
        for q in range(-8, 9):
            ss, tt, st, ts = (math.exp(-x / (sigma * 2**q)) for x in d)
            total += (ss + tt - st - ts) / 17
    return total / half


@pytest.mark.parametrize("rows", [2, 3, 8, 9])
def test_mmd_equals_loops_over_quadruples_and_kernels(rows):
    """Also where an odd last row is left out."""
    xs, xt = random(rows, 5), random(rows, 5, seed=1) + 0.5
    assert_close(mk_mmd(xs, xt).item(), loop_mmd(xs, xt), rtol=1e-12, atol=1e-14)


def test_mmd_of_one_quadruple_by_hand():
    """s = 0, 0, t = 1, 1 on a line: distances 0, 0, 1, 1, lower median 0, so k(x, y) = [x = y]."""
    value = mk_mmd(torch.zeros(2, 1), torch.ones(2, 1))
    assert_close(value, torch.tensor(2.0))


def test_mmd_is_zero_for_the_same_sample_and_symmetric():
    """Identical samples cancel term by term, and source and target play the same part."""
    xs, xt = random(10, 4), random(10, 4, seed=1)
    assert_close(mk_mmd(xs, xs.clone()).item(), 0.0)
    assert_close(mk_mmd(xs, xt), mk_mmd(xt, xs))


def test_mmd_is_unbiased():
    """The mean over many samples of one distribution is zero within five standard errors."""
    rng = torch.Generator().manual_seed(0)
    values = torch.stack(
        [mk_mmd(*torch.randn(2, 20, 3, generator=rng, dtype=torch.float64)) for _ in range(2000)]
    )
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean()) < 5 * error
    assert values.min() < 0


def test_mmd_does_not_know_the_unit_of_its_inputs():
    """The median makes it invariant to scale."""
    xs, xt = random(8, 4), random(8, 4, seed=1) + 1
    assert_close(mk_mmd(1000 * xs, 1000 * xt), mk_mmd(xs, xt))


@pytest.mark.parametrize("shapes", [((1, 3), (1, 3)), ((4, 3), (5, 3)), ((4,), (4,))])
def test_mmd_of_unequal_or_single_rows_is_refused(shapes):
    """The estimate needs as many target rows as source rows, and two of each."""
    with pytest.raises(ValueError, match=r"one shape \(n, D\) with n >= 2, found"):
        mk_mmd(*(torch.zeros(shape) for shape in shapes))


def test_hash_loss_equals_a_loop_over_pairs():
    """Eq. 5 pair by pair, all ordered pairs, like ones weighted."""
    u, y = random(6, 3), torch.tensor([0, 1, 0, 2, 1, 0])
    total = 0.0
    for i in range(6):
        for j in range(6):
            inner = (u[i] @ u[j]).item()
            if y[i] == y[j]:
                total += 10 * -(inner - math.log1p(math.exp(inner)))
            else:
                total += math.log1p(math.exp(inner))
    assert_close(supervised_hash_loss(u, y, 10.0).item(), total / 6)


def test_hash_loss_by_hand():
    """Two orthogonal unlike images: self-pairs -ln sigma(1) of weight 4, unlike pairs ln 2."""
    u = torch.eye(2, dtype=torch.float64)
    expected = (2 * 4 * math.log(1 + math.exp(-1)) + 2 * math.log(2)) / 2
    assert_close(supervised_hash_loss(u, torch.tensor([0, 1]), 4.0).item(), expected)


def test_quantization_loss_by_hand():
    """sgn(0) = +1: (0.5^2 + 0.25^2 + 1 + 0) / 2."""
    u = torch.tensor([[0.5, -0.75], [0.0, -1.0]])
    assert_close(quantization_loss(u), torch.tensor((0.25 + 0.0625 + 1.0) / 2))


def loop_probabilities(ut, us, ys, categories):
    """Eq. 6 image by image, means within categories."""
    rows = []
    for u in ut:
        scores = []
        for category in range(categories):
            alike = [math.exp((u @ v).item()) for v, y in zip(us, ys, strict=True) if y == category]
            scores.append(sum(alike) / len(alike) if alike else 0.0)
        rows.append([score / sum(scores) for score in scores])
    return torch.tensor(rows, dtype=torch.float64)


def test_probabilities_and_entropy_equal_loops():
    """Categories of unequal size, in any order, one of them empty."""
    ut, us, ys = random(5, 4), random(9, 4, seed=1), torch.tensor([3, 0, 0, 3, 1, 0, 0, 1, 3])
    p = loop_probabilities(ut, us, ys, 4)
    assert_close(category_log_probabilities(ut, us, ys, 4).exp(), p)
    entropy = -sum(x * math.log(x) for x in p.ravel().tolist() if x) / 5
    assert_close(target_entropy(ut, us, ys).item(), entropy)


def test_probabilities_with_equal_categories_are_the_papers_sums():
    """With K images of each category the means of eq. 6 are its sums."""
    ut, us, ys = random(3, 4), random(6, 4, seed=1), torch.tensor([0, 1, 2, 0, 1, 2])
    sums = torch.stack([torch.exp(ut @ us[ys == c].T).sum(dim=1) for c in range(3)], dim=1)
    expected = sums / sums.sum(dim=1, keepdim=True)
    assert_close(category_log_probabilities(ut, us, ys, 3).exp(), expected)


def test_entropy_is_log_c_where_nothing_is_alike_and_zero_at_a_category():
    """The two ends of its range."""
    us, ys = 8 * torch.eye(4, dtype=torch.float64), torch.arange(4)
    assert_close(
        target_entropy(torch.zeros(2, 4, dtype=torch.float64), us, ys),
        math.log(4) * us.new_ones(()),
    )
    assert target_entropy(us, us, ys) < 1e-20


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: supervised_hash_loss(a, torch.tensor([0, 1, 0, 1]), 10.0),
        lambda a, b: quantization_loss(a),
        lambda a, b: target_entropy(a, b, torch.tensor([0, 1, 0, 1])),
    ],
)
def test_gradients_equal_finite_differences(loss):
    """Analytic derivatives of every term in both of its inputs."""
    assert torch.autograd.gradcheck(loss, (random(4, 3), random(4, 3, seed=1)))


def test_gradient_of_mmd_equals_finite_differences_at_a_fixed_bandwidth():
    """sigma is a constant for the gradient: differences of the loop formula with sigma held."""
    xs, xt = random(6, 3), random(6, 3, seed=1)
    half = 3

    def squared(a, b):
        pairs = (
            (a[:half], a[half:]),
            (b[:half], b[half:]),
            (a[:half], b[half:]),
            (a[half:], b[:half]),
        )
        return torch.stack([(x - y).square().sum(dim=1) for x, y in pairs])

    sigma = squared(xs, xt).detach().ravel().sort().values[5]

    def held(a, b):
        k = torch.stack([torch.exp(-squared(a, b) / (sigma * 2.0**q)) for q in range(-8, 9)])
        k = k.mean(dim=0)
        return (k[0] + k[1] - k[2] - k[3]).mean()

    assert torch.autograd.gradcheck(held, (xs, xt))
    ours = torch.autograd.grad(mk_mmd(xs, xt), (xs, xt))
    assert_close(ours, torch.autograd.grad(held(xs, xt), (xs, xt)))


@pytest.mark.parametrize("rows", [2, 5, 8])
def test_gradient_of_the_quadruples_distances_equals_finite_differences(rows):
    """The one written by hand, a left-out last row included."""
    samples = random(rows, 3), random(rows, 3, seed=1)
    assert torch.autograd.gradcheck(losses._QuadrupleDistances.apply, samples)


def test_mmd_keeps_no_more_than_its_differences():
    """What waits for the backward pass is as large as both samples, whatever batch and width."""
    for rows, width in ((8, 50), (32, 50), (32, 400)):
        kept = {}

        def note(tensor, kept=kept):
            kept[tensor.data_ptr()] = tensor.numel()
            return tensor

        xs, xt = random(rows, width), random(rows, width, seed=1)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            mk_mmd(xs, xt)
        kernels = 4 * (rows // 2) * 17
        assert sum(kept.values()) <= 2 * rows * width + 4 * kernels


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e4])
@pytest.mark.parametrize("bits", [1, 1024])
def test_gradients_are_finite_at_extremes(value, bits):
    """Saturated, equal and zero outputs of long codes; enormous activations for the MMD."""
    u = torch.full((4, bits), min(max(value, -1.0), 1.0), requires_grad=True)
    v = torch.full((4, bits), -1.0, requires_grad=True)
    x = torch.full((4, bits), value, requires_grad=True)
    y = torch.tensor([0, 1, 0, 1])
    terms = (
        supervised_hash_loss(u, y, 10.0),
        quantization_loss(u),
        target_entropy(u, v, y),
        target_entropy(u, u, y),
        mk_mmd(x, v),
        mk_mmd(x, x + 0),
    )
    for term in terms:
        assert torch.isfinite(term)
        for gradient in torch.autograd.grad(term, (u, v, x), allow_unused=True):
            assert gradient is None or torch.isfinite(gradient).all()
