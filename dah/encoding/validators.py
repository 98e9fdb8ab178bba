"""Validators: figures that rank trained networks without any label of the target.

Letters: p are category probabilities of the target (eq. 6), u the outputs of the hash layer, x fc7,
y the source's labels, s source, t target. Every validator is a number for one run and one method.
"""

import numpy as np

from dah.compute.activations import Activations
from dah.files.artifacts import Codes
from dah.linalg import rows_at_once
from dah.samples import AS_WRITTEN, asked
from dah.shallow.domains import domain_odds

ROWS_AT_ONCE = 1024
TEMPERATURE = 0.05  # of soft neighbourhood density (Saito et al. 2021)


def entropy(p: np.ndarray) -> float:
    """Mean entropy of the target's predictions; the smaller, the surer they are.

        H = -1/n_t sum_i sum_j p_ij log p_ij,   0 log 0 = 0

    Probabilities float ``(n_t, C)``. Eq. 7; as a validator Morerio et al., ICLR 2018.
    """
    return float(_entropies(p).mean())


def information_maximisation(p: np.ndarray) -> float:
    """Mutual information of image and prediction; the larger, the surer and the more varied.

        I = H(1/n_t sum_i p_i) - 1/n_t sum_i H(p_i),   0 <= I <= log C

    Probabilities float ``(n_t, C)``. Shi & Sha, ICML 2012; as a validator Musgrave et al. 2022.
    """
    return float(_entropies(p.mean(axis=0, keepdims=True))[0] - _entropies(p).mean())


def neighbourhood_density(p: np.ndarray) -> float:
    """Soft neighbourhood density; the larger, the more of the target lies near each image.

        D = -1/n_t sum_i sum_{j != i} q_ij log q_ij
        q_ij = exp(<f_i, f_j> / 0.05) / sum_{k != i} exp(<f_i, f_k> / 0.05),   f_i = p_i / ||p_i||

    Probabilities float ``(n_t, C)`` of at least two images. In blocks of rows, so that no matrix of
    all pairs is held; of very many images i, those that are ``asked``, among all j. Raises
    ValueError for fewer than two. Saito et al., ICCV 2021.
    """
    if len(p) < 2:
        raise ValueError(f"neighbours need at least 2 images, found {len(p)}")
    f = p.astype(np.float64)
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    total, images = 0.0, asked(len(f))
    step = rows_at_once(len(f), ROWS_AT_ONCE)
    for start in range(0, len(images), step):
        rows = images[start : start + step]
        score = f[rows] @ f.T / TEMPERATURE
        score[np.arange(len(rows)), rows] = -np.inf
        score -= score.max(axis=1, keepdims=True)
        total += _softmax_entropies(score).sum()
    return float(total / len(images))


def embedded_risk(weights: np.ndarray, losses: np.ndarray) -> float:
    """Deep embedded validation: the target's risk from the source's losses; smaller is better.

        R = mean(w l) + eta mean(w) - eta,   eta = -cov(w l, w) / var(w)

    The weights w_i = p(t | x_i) / p(s | x_i) make the source's images count as the target's would;
    their mean is 1, so that the rest is a control variate: it lowers the variance and leaves the
    expectation (eta = 0 where all weights are equal). Float ``(n_s,)`` each. You et al., ICML 2019.
    """
    weighted = weights * losses
    spread = weights - weights.mean()
    equal = np.ptp(weights) <= len(weights) * np.finfo(float).eps * weights.max()
    eta = 0.0 if equal else -np.mean(spread * weighted) / np.mean(spread**2)
    return float(weighted.mean() + eta * (weights.mean() - 1))


def left_out_log_probabilities(
    u: np.ndarray,
    y: np.ndarray,
    sharpness: float,
    categories: int,
    images: np.ndarray | None = None,
) -> np.ndarray:
    """log p_ij of the source's own images by eq. 6, each compared with all images but itself.

        p_ij = mean_{k != i} exp z(u_i, u_k^j) / sum_l mean_{k != i} exp z(u_i, u_k^l)
        z = sharpness / d <., .>

    An image compared with itself would always find its category; the only image of a category
    cannot, and has p = 0 there. Outputs float ``(n_s, bits)``, labels int64 ``(n_s,)`` in
    0 ... categories - 1, each present; `images`: the rows i, int64 ``(n,)``, of None all.
    Returns float64 ``(n, categories)``. Raises ValueError for a category without images.
    """
    counts = np.bincount(y, minlength=categories)
    if not counts.all():
        raise ValueError(f"category {counts.argmin()} has no image: number those that have some")
    order = np.argsort(y, kind="stable")
    starts = np.concatenate([[0], counts.cumsum()[:-1]])
    u = u.astype(np.float64)
    images = np.arange(len(u)) if images is None else images
    place, columns = np.arange(len(u)), u
    if early := len(u) > AS_WRITTEN:  # in the order of the categories before the product
        place, columns = np.argsort(order), u[order]
    log_p = np.empty((len(images), categories))
    step = rows_at_once(len(u), ROWS_AT_ONCE)
    for start in range(0, len(images), step):
        rows = images[start : start + step]
        inner = sharpness / u.shape[1] * u[rows] @ columns.T
        inner[np.arange(len(rows)), place[rows]] = -np.inf
        log_p[start : start + step] = _log_sums(inner if early else inner[:, order], starts)
    others = counts - (y[images, None] == np.arange(categories))
    log_p -= np.log(np.maximum(others, 1))
    return log_p - np.logaddexp.reduce(log_p, axis=1, keepdims=True)


def _log_sums(z: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """log sum_k exp z_ik over the columns from each of `starts` to the next, float64 ``(n, C)``.

    Of many columns by way of the largest, which takes a fifth of the time.
    """
    if z.shape[1] <= AS_WRITTEN:
        return np.logaddexp.reduceat(z, starts, axis=1)
    sums = np.empty((len(z), len(starts)))
    for category, columns in enumerate(np.split(z, starts[1:], axis=1)):
        largest = columns.max(axis=1, keepdims=True)
        largest[np.isneginf(largest)] = 0  # an image alone in its category
        with np.errstate(divide="ignore"):
            sums[:, category] = np.log(np.exp(columns - largest).sum(axis=1)) + largest[:, 0]
    return sums


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """``log(exp z_ij / sum_k exp z_ik)`` of a softmax head's scores float ``(n, C)``, float64."""
    scores = scores.astype(np.float64)
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def validation_figures(
    codes: Codes,
    source: Activations,
    labels: np.ndarray,
    sharpness: float,
    log_odds: np.ndarray | None,
) -> dict[str, float]:
    """All validators of one exported run, by name, and what the network makes of its own source.

    ``domain_error`` (``dah.shallow.domains``), ``entropy``, ``information_maximisation`` and
    ``neighbourhood_density`` of the target's probabilities from real outputs, ``embedded_risk`` of
    the source's negative log likelihoods, and ``source_accuracy`` in percent, which tells a network
    that confuses the domains because it has lost the categories. `labels` int64 ``(n_s,)`` are the
    source's; rows as in `codes`; `log_odds` of ``held_out_log_odds``. Images that are the only ones
    of their category tell nothing of the source. A method that does not classify has the domain
    error alone; without odds, there is no embedded risk either. Of very many source images, those
    that are ``asked`` stand for all.
    """
    figures = {} if codes.domain_error is None else {"domain_error": codes.domain_error}
    p = codes.probabilities_real
    if p is None:
        return figures
    categories = p.shape[1]
    images = asked(len(labels))
    if codes.bits:
        log_p = left_out_log_probabilities(source.u, labels, sharpness, categories, images)
    else:
        log_p = log_softmax(source.u[images])
    figures |= {
        "entropy": entropy(p),
        "information_maximisation": information_maximisation(p),
        "neighbourhood_density": neighbourhood_density(p),
    }
    known = np.bincount(labels)[labels[images]] > 1
    images, log_p = images[known], log_p[known]
    y = labels[images]
    if len(y):
        figures["source_accuracy"] = 100 * float((log_p.argmax(axis=1) == y).mean())
        if log_odds is not None:
            weights = domain_odds(log_odds, len(labels))[images]
            figures["embedded_risk"] = embedded_risk(weights, -log_p[np.arange(len(y)), y])
    return figures


def _softmax_entropies(score: np.ndarray) -> np.ndarray:
    """The entropies of q_ij = exp z_ij / sum_k exp z_ik, float64 ``(n,)``.

        H_i = -sum_j q_ij log q_ij = log sum_k exp z_ik - sum_j q_ij z_ij

    as on the right of many columns, which takes a tenth of the time. Scores float64 ``(n, m)``, the
    largest of each row 0; minus infinity where q = 0.
    """
    q = np.exp(score)
    total = q.sum(axis=1, keepdims=True)
    if score.shape[1] <= AS_WRITTEN:
        return _entropies(q / total)
    score = np.maximum(score, -1e3)  # exp of either is 0, and 0 times it
    return np.log(total[:, 0]) - np.einsum("ij,ij->i", q, score) / total[:, 0]


def _entropies(p: np.ndarray) -> np.ndarray:
    """``-sum_j p_ij log p_ij`` of the rows of float ``(n, C)``, float64."""
    p = p.astype(np.float64)
    return -(p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1)
