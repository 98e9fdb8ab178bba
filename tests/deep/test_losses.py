"""Every term of the objective against loops, values worked out by hand and finite differences."""

import math

import pytest
import torch
from torch.testing import assert_close

from dah.deep.losses import (
    category_log_probabilities,
    label_cross_entropy,
    quantization_loss,
    similarity_loss,
    supervised_hash_loss,
    target_entropy,
)


def random(*shape, seed=0, scale=1.0):
    """Normal float64 numbers that ask for gradients."""
    rng = torch.Generator().manual_seed(seed)
    values = scale * torch.randn(*shape, generator=rng, dtype=torch.float64)
    return values.requires_grad_()


@pytest.mark.parametrize("sharpness", [3.0, 1.5, 10.0])
def test_hash_loss_equals_a_loop_over_pairs(sharpness):
    """Eq. 5 pair by pair, all ordered pairs, like ones weighted; 3, the d here, is the paper's."""
    u, y = random(6, 3), torch.tensor([0, 1, 0, 2, 1, 0])
    total = 0.0
    for i in range(6):
        for j in range(6):
            inner = sharpness * (u[i] @ u[j]).item() / 3
            if y[i] == y[j]:
                total += 10 * -(inner - math.log1p(math.exp(inner)))
            else:
                total += math.log1p(math.exp(inner))
    assert_close(supervised_hash_loss(u, y, 10.0, sharpness).item(), total / 6)


def test_hash_loss_by_hand():
    """Two orthogonal unlike images: self-pairs -ln sigma(1) of weight 4, unlike pairs ln 2."""
    u = torch.eye(2, dtype=torch.float64)
    expected = (2 * 4 * math.log(1 + math.exp(-1)) + 2 * math.log(2)) / 2
    assert_close(supervised_hash_loss(u, torch.tensor([0, 1]), 4.0, 2.0).item(), expected)


def test_quantization_loss_by_hand():
    """sgn(0) = +1: (0.5^2 + 0.25^2 + 1 + 0) / 2."""
    u = torch.tensor([[0.5, -0.75], [0.0, -1.0]])
    assert_close(quantization_loss(u), torch.tensor((0.25 + 0.0625 + 1.0) / 2))


def test_quantization_draws_zero_to_one():
    """sgn(0) = +1 shows in the slope alone: 2 (0 - 1) / n."""
    u = torch.zeros(2, 1, requires_grad=True)
    quantization_loss(u).backward()
    assert_close(u.grad, torch.full((2, 1), -1.0))


def test_no_term_of_inner_products_depends_on_the_length_of_the_code():
    """Codes that repeat themselves agree in the same share of their bits, and mean the same."""
    u, v, y = random(6, 5).tanh(), random(4, 5, seed=1).tanh(), torch.tensor([0, 1, 0, 2, 1, 2])
    long_u, long_v = u.repeat(1, 8), v.repeat(1, 8)
    assert_close(supervised_hash_loss(long_u, y, 10, 7), supervised_hash_loss(u, y, 10, 7))
    assert_close(
        category_log_probabilities(long_v, long_u, y, 7), category_log_probabilities(v, u, y, 7)
    )
    assert_close(target_entropy(long_v, long_u, y, 7), target_entropy(v, u, y, 7))


def loop_probabilities(ut, us, ys, categories):
    """Eq. 6 image by image, means within categories, to the letter: sharpness d."""
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
    assert_close(category_log_probabilities(ut, us, ys, 4, 4).exp(), p)
    entropy = -sum(x * math.log(x) for x in p.ravel().tolist() if x) / 5
    assert_close(target_entropy(ut, us, ys, 4).item(), entropy)


def test_probabilities_with_equal_categories_are_the_papers_sums():
    """With K images of each category the means of eq. 6 are its sums."""
    ut, us, ys = random(3, 4), random(6, 4, seed=1), torch.tensor([0, 1, 2, 0, 1, 2])
    sums = torch.stack([torch.exp(ut @ us[ys == c].T).sum(dim=1) for c in range(3)], dim=1)
    expected = sums / sums.sum(dim=1, keepdim=True)
    assert_close(category_log_probabilities(ut, us, ys, 4, 3).exp(), expected)


def test_entropy_is_log_c_where_nothing_is_alike_and_zero_at_a_category():
    """The two ends of its range."""
    us, ys = 8 * torch.eye(4, dtype=torch.float64), torch.arange(4)
    assert_close(
        target_entropy(torch.zeros(2, 4, dtype=torch.float64), us, ys, 4),
        math.log(4) * us.new_ones(()),
    )
    assert target_entropy(us, us, ys, 4) < 1e-20


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: supervised_hash_loss(a, torch.tensor([0, 1, 0, 1]), 10.0, 3.0),
        lambda a, b: quantization_loss(a),
        lambda a, b: target_entropy(a, b, torch.tensor([0, 1, 0, 1]), 3.0),
    ],
)
def test_gradients_equal_finite_differences(loss):
    """Analytic derivatives of every term in both of its inputs."""
    assert torch.autograd.gradcheck(loss, (random(4, 3), random(4, 3, seed=1)))


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
@pytest.mark.parametrize("bits", [1, 1024])
@pytest.mark.parametrize("sharpness", [1e-3, 10.0, 1024.0])
def test_gradients_are_finite_at_extremes(value, bits, sharpness):
    """Saturated, equal and zero outputs of short and long codes, flat and steep."""
    u = torch.full((4, bits), value, requires_grad=True)
    v = torch.full((4, bits), -1.0, requires_grad=True)
    y = torch.tensor([0, 1, 0, 1])
    terms = (
        supervised_hash_loss(u, y, 10.0, sharpness),
        quantization_loss(u),
        target_entropy(u, v, y, sharpness),
        target_entropy(u, u, y, sharpness),
    )
    for term in terms:
        assert torch.isfinite(term)
        for gradient in torch.autograd.grad(term, (u, v), allow_unused=True):
            assert gradient is None or torch.isfinite(gradient).all()


def test_similarity_loss_equals_a_loop_over_pairs():
    """Pairs alike by degrees: each between the two losses of like and of unlike, by its degree."""
    u, s = random(5, 4), torch.rand(5, 5, generator=torch.Generator().manual_seed(1)).double()
    total = 0.0
    for i in range(5):
        for j in range(5):
            z, degree = 7 * (u[i] @ u[j]).item() / 4, s[i, j].item()
            nll = -degree * math.log(1 / (1 + math.exp(-z)))
            nll -= (1 - degree) * math.log(1 - 1 / (1 + math.exp(-z)))
            total += (10 * degree + (1 - degree)) * nll
    assert_close(similarity_loss(u, s, 10.0, 7.0).item(), total / 5)


def test_similarity_loss_is_least_where_the_logistic_of_a_product_is_the_similarity():
    """The gradient of a pair vanishes at sigmoid(z) = s."""
    u = torch.tensor([[1.0], [0.5]], dtype=torch.float64, requires_grad=True)
    s = torch.sigmoid(3 * u @ u.T).detach()
    similarity_loss(u, s, 10.0, 3.0).backward()
    assert_close(u.grad, torch.zeros_like(u.grad))


def test_cross_entropy_of_labels_is_that_of_a_loop_and_the_entropy_of_its_own():
    """-1/n sum q log p, image by image; with q = p the entropy of eq. 7."""
    u, us, y = random(2, 4), random(5, 4, seed=1), torch.tensor([0, 1, 0, 1, 2])
    p = category_log_probabilities(u, us, y, 7).exp()
    q = torch.tensor([[1.0, 0, 0], [0.25, 0.25, 0.5]], dtype=torch.float64)
    total = sum(-q[i, j] * math.log(p[i, j].item()) for i in range(2) for j in range(3))
    assert_close(label_cross_entropy(u, q, us, y, 7), total / 2)
    assert_close(label_cross_entropy(u, p, us, y, 7), target_entropy(u, us, y, 7))


def test_cross_entropy_is_finite_without_images_of_a_category():
    """Such a category counts as exp(-50); one image of the target, one of the source, will do."""
    one, u = torch.ones(1, 4, dtype=torch.float64), random(1, 4)
    absent = label_cross_entropy(u, one[:, :2] * torch.tensor([0, 1]), one, torch.tensor([0]), 7, 2)
    assert absent.item() == 50
    u, q = random(2, 4), torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    loss = label_cross_entropy(u, q, random(2, 4, seed=1), torch.tensor([0, 1]), 7, 3)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(u.grad).all()
