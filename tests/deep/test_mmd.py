"""Both estimates of MK-MMD against loops, values worked out by hand and finite differences."""

import math
from statistics import median_low

import pytest
import torch
from torch.testing import assert_close

from dah.deep import mmd
from dah.deep.mmd import MK_MMD, linear_mk_mmd, quadratic_mk_mmd

both = pytest.mark.parametrize("mk_mmd", MK_MMD.values(), ids=list(MK_MMD))


def random(*shape, seed=0):
    """Normal float64 numbers that ask for gradients."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64).requires_grad_()


def loop_quadratic(xs, xt):
    """The unbiased estimate pair by pair, kernel by kernel, in plain Python."""
    xs, xt = xs.tolist(), xt.tolist()
    rows = xs + xt

    def squared(x, y):
        return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))

    sigma = median_low(squared(x, y) for i, x in enumerate(rows) for y in rows[:i])

    def k(x, y):
        return sum(math.exp(-squared(x, y) / (sigma * 2**q)) for q in range(-8, 9)) / 17

    def within(x):
        n = len(x)
        return sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    across = sum(k(x, y) for x in xs for y in xt) / (len(xs) * len(xt))
    return within(xs) + within(xt) - 2 * across


@pytest.mark.parametrize(("n", "m"), [(2, 2), (5, 5), (3, 6)])
def test_quadratic_estimate_equals_loops_over_pairs(n, m):
    """Also where one sample is larger."""
    xs, xt = random(n, 5), random(m, 5, seed=1) + 0.5
    assert_close(quadratic_mk_mmd(xs, xt).item(), loop_quadratic(xs, xt), rtol=1e-10, atol=1e-12)


def test_quadratic_estimate_by_hand():
    """s = 0, 0, t = 1, 1: distances 0, 0 and four of 1, so sigma = 1 and M = 2 - 2 k(1)."""
    k = sum(math.exp(-(2.0**-q)) for q in range(-8, 9)) / 17
    value = quadratic_mk_mmd(torch.zeros(2, 1), torch.ones(2, 1))
    assert_close(value, torch.tensor(2 - 2 * k))


@both
def test_mmd_is_symmetric(mk_mmd):
    """Source and target play the same part."""
    xs, xt = random(10, 4), random(10, 4, seed=1)
    assert_close(mk_mmd(xs, xt), mk_mmd(xt, xs))


def test_linear_estimate_is_zero_for_the_same_sample():
    """Its quadruples cancel term by term."""
    xs = random(10, 4)
    assert_close(linear_mk_mmd(xs, xs.clone()).item(), 0.0)


@both
def test_mmd_is_unbiased(mk_mmd):
    """The mean over many samples of one distribution is zero within five standard errors."""
    rng = torch.Generator().manual_seed(0)
    values = torch.stack(
        [mk_mmd(*torch.randn(2, 20, 3, generator=rng, dtype=torch.float64)) for _ in range(2000)]
    )
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean()) < 5 * error
    assert values.min() < 0


def test_the_quadratic_estimate_varies_less():
    """By a factor of more than four of the deviation, for batches of 50: what it is there for."""
    rng = torch.Generator().manual_seed(0)
    samples = torch.randn(300, 2, 50, 8, generator=rng)
    deviation = {
        name: torch.stack([mk_mmd(*of) for of in samples]).std() for name, mk_mmd in MK_MMD.items()
    }
    assert deviation["quadratic"] < deviation["linear"] / 4


@both
def test_mmd_does_not_know_the_unit_of_its_inputs(mk_mmd):
    """The median makes it invariant to scale."""
    xs, xt = random(8, 4), random(8, 4, seed=1) + 1
    assert_close(mk_mmd(1000 * xs, 1000 * xt), mk_mmd(xs, xt))


@both
def test_mmd_does_not_know_the_origin(mk_mmd):
    """An offset far larger than the spread costs the Gram matrix no digits."""
    xs, xt = (x.detach().float() for x in (random(8, 4), random(8, 4, seed=1) + 1))
    offset = 1024.0
    moved = mk_mmd(xs + offset, xt + offset)
    assert_close(moved, mk_mmd(xs, xt), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "shapes",
    [((1, 3), (2, 3)), ((2, 3), (1, 3)), ((4, 3), (4, 2)), ((4,), (4,)), ((4, 3, 1), (4, 3)),
     ((4, 3), (4, 3, 1))],
)  # fmt: skip
def test_quadratic_estimate_of_single_rows_is_refused(shapes):
    """It needs two rows of each domain, of one width."""
    with pytest.raises(ValueError, match="need two rows each and one width, found"):
        quadratic_mk_mmd(*(torch.zeros(shape) for shape in shapes))


def test_gradient_of_the_quadratic_estimate_equals_finite_differences():
    """sigma is a constant for the gradient: differences of a direct formula with sigma held."""
    xs, xt = random(4, 3), random(5, 3, seed=1)
    x = torch.cat([xs, xt]).detach()
    sigma = torch.pdist(x).square().median()
    same = torch.zeros(9, 9, dtype=torch.bool)
    same[:4, :4] = same[4:, 4:] = True
    off = ~torch.eye(9, dtype=torch.bool)

    def held(a, b):
        rows = torch.cat([a, b])
        squared = (rows[:, None] - rows).square().sum(dim=2)
        k = torch.stack([torch.exp(-squared / (sigma * 2.0**q)) for q in range(-8, 9)]).mean(dim=0)
        ss, tt = k[:4, :4][off[:4, :4]], k[4:, 4:][off[4:, 4:]]
        return ss.mean() + tt.mean() - 2 * k[:4, 4:].mean()

    assert torch.autograd.gradcheck(held, (xs, xt))
    ours = torch.autograd.grad(quadratic_mk_mmd(xs, xt), (xs, xt))
    assert_close(ours, torch.autograd.grad(held(xs, xt), (xs, xt)))


def test_the_kernels_slope_equals_finite_differences():
    """The one written by hand, sigma held."""
    squared = random(3, 4).square().detach().requires_grad_()
    sigma = torch.tensor(0.7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda d: mmd._Kernels.apply(d, sigma), (squared,))


def test_the_quadratic_estimate_holds_no_array_of_pairs_and_columns():
    """What waits for the backward pass grows with pairs plus columns, not with their product."""
    kept = {}

    def note(tensor):
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    rows, width = 32, 400
    xs, xt = random(rows, width), random(rows, width, seed=1)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        quadratic_mk_mmd(xs, xt)
    assert sum(kept.values()) <= 2 * rows * width + 8 * (2 * rows) ** 2


@both
@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e4, 1e15])
@pytest.mark.parametrize("width", [1, 1024])
def test_gradients_are_finite_at_extremes(mk_mmd, value, width):
    """Equal and enormous activations."""
    x = torch.full((4, width), value, requires_grad=True)
    v = torch.full((4, width), -1.0, requires_grad=True)
    for term in (mk_mmd(x, v), mk_mmd(x, x + 0)):
        assert torch.isfinite(term)
        for gradient in torch.autograd.grad(term, (x, v), allow_unused=True):
            assert gradient is None or torch.isfinite(gradient).all()


@both
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [16, 4096, 25088])
def test_equal_rows_among_others_do_not_pull(mk_mmd, width, dtype):
    """More than half of the rows are one point far from the origin: sigma is least, the gradient 0.

    A distance that is lost in rounding is none: else a kernel as sharp as sigma is small would
    multiply the rounding.
    """
    rng = torch.Generator().manual_seed(3)
    x = torch.randn(width, generator=rng, dtype=dtype).mul(100).repeat(62, 1)
    x[:10] += torch.randn(10, width, generator=rng, dtype=dtype)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(mk_mmd(x, x[torch.arange(61, -1, -1)]), x)
    assert_close(gradient, torch.zeros_like(x))


def loop_linear(xs, xt):
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
def test_linear_estimate_equals_loops_over_quadruples_and_kernels(rows):
    """Also where an odd last row is left out."""
    xs, xt = random(rows, 5), random(rows, 5, seed=1) + 0.5
    assert_close(linear_mk_mmd(xs, xt).item(), loop_linear(xs, xt), rtol=1e-12, atol=1e-14)


def test_linear_estimate_of_one_quadruple_by_hand():
    """s = 0, 0, t = 1, 1 on a line: distances 0, 0, 1, 1, lower median 0, so k(x, y) = [x = y]."""
    value = linear_mk_mmd(torch.zeros(2, 1), torch.ones(2, 1))
    assert_close(value, torch.tensor(2.0))


@pytest.mark.parametrize("shapes", [((1, 3), (1, 3)), ((4, 3), (5, 3)), ((4,), (4,))])
def test_linear_estimate_of_unequal_or_single_rows_is_refused(shapes):
    """The estimate needs as many target rows as source rows, and two of each."""
    with pytest.raises(ValueError, match=r"one shape \(n, D\) with n >= 2, found"):
        linear_mk_mmd(*(torch.zeros(shape) for shape in shapes))


def test_gradient_of_the_linear_estimate_equals_finite_differences_at_a_fixed_bandwidth():
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
    ours = torch.autograd.grad(linear_mk_mmd(xs, xt), (xs, xt))
    assert_close(ours, torch.autograd.grad(held(xs, xt), (xs, xt)))


def test_gradient_of_the_pairs_distances_equals_finite_differences():
    """The one written by hand; each pair once, its weight that of the estimate."""
    x = random(5, 3)
    pairs, weights = mmd._pairs(3, 2, x.dtype, x.device)
    direct = torch.stack([(x[i] - x[j]).square().sum() for i in range(5) for j in range(i + 1, 5)])
    assert_close(mmd._PairDistances.apply(x, pairs), direct)
    inside, across = 2 / (3 * 2), -2 / (3 * 2)
    expected = [inside, inside, across, across, inside, across, across, across, across, 2 / 2]
    assert_close(weights, torch.tensor(expected, dtype=x.dtype))
    weights = torch.rand(len(pairs), generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    assert torch.autograd.gradcheck(lambda x: weights * mmd._PairDistances.apply(x, pairs), (x,))


@pytest.mark.parametrize(("factor", "counts"), [(0.67, False), (1.5, True)])
def test_a_distance_counts_from_where_rounding_ends(factor, counts):
    """From 4 + sqrt(D) units in the last place of the squares that it is the difference of."""
    away = 12 * torch.finfo(torch.float64).eps * 2  # of 64 columns, two rows of length one
    x = torch.zeros(4, 64, dtype=torch.float64)
    x[:, 0] = torch.tensor([1.0, 1.0, -1.0, -1.0])  # about 0
    x[:, 1] = torch.tensor([0.5, -0.5, 0.5, -0.5]) * math.sqrt(factor * away)
    pairs, _ = mmd._pairs(2, 2, x.dtype, x.device)
    x.requires_grad_()
    squared = mmd._PairDistances.apply(x, pairs)[[0, 5]]
    expected = torch.full((2,), factor * away * counts, dtype=torch.float64)
    assert_close(squared, expected, rtol=0.3, atol=0)
    (gradient,) = torch.autograd.grad(squared.sum(), x)
    assert gradient.any().item() == counts


@pytest.mark.parametrize(
    "apply",
    [
        lambda x: mmd._Kernels.apply(x, torch.tensor(1.0)),
        lambda x: mmd._PairDistances.apply(x, torch.tensor([1, 2])),
        lambda x: mmd._QuadrupleDistances.apply(x, x),
    ],
)
def test_a_second_derivative_is_refused(apply):
    """The first is written by hand: what autograd made of it would be wrong without a word."""
    x = random(3, 2)
    (gradient,) = torch.autograd.grad(apply(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_faint_kernels_are_none():
    """Where the sharpest octave is below the range of float32, the others still tell."""
    squared = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    rates = [2.0**-octave / 4.0 for octave in mmd.OCTAVES]
    direct = torch.stack([torch.exp(-rate * squared) for rate in rates]).mean(dim=0)
    assert_close(mmd._Kernels.apply(squared, torch.tensor(4.0)), direct)


@pytest.mark.parametrize("rows", [2, 5, 8])
def test_gradient_of_the_quadruples_distances_equals_finite_differences(rows):
    """The one written by hand, a left-out last row included."""
    samples = random(rows, 3), random(rows, 3, seed=1)
    assert torch.autograd.gradcheck(mmd._QuadrupleDistances.apply, samples)


def test_the_linear_estimate_keeps_no_more_than_its_differences():
    """What waits for the backward pass is as large as both samples, whatever batch and width."""
    for rows, width in ((8, 50), (32, 50), (32, 400)):
        kept = {}

        def note(tensor, kept=kept):
            kept[tensor.data_ptr()] = tensor.numel()
            return tensor

        xs, xt = random(rows, width), random(rows, width, seed=1)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            linear_mk_mmd(xs, xt)
        kernels = 4 * (rows // 2) * 17
        assert sum(kept.values()) <= 2 * rows * width + 4 * kernels
