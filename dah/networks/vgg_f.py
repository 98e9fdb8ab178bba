"""VGG-F: the paper's trunk, the fast network (CNN-F) of Chatfield et al. 2014."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.fx import wrap
from torch.nn.functional import relu

WIDTHS = (64, 256, 256, 256, 256, 4096, 4096)
IMAGENET_RGB = (123.68, 116.779, 103.939)
LRN = (5, 2.0, 1e-4, 0.75)  # channels N, kappa, alpha, beta


wrap("response_norm")  # one step of the trunk where it is cut in two


class VggF(nn.Module):
    """Five convolutions, fc6 and fc7 over photographs of 224 pixels, without dropout.

    RGB float ``(n, 3, 224, 224)`` in [0, 1] to the activations fc6 and fc7, float ``(n, 4096)``
    each, after their rectifiers. `mean`, float ``(3, 224, 224)``, is subtracted from the images in
    0 ... 255; it is part of the weights. Pooling windows may hang over the lower and the right edge
    by one pixel. `widths` are those of conv1 ... conv5, fc6 and fc7.
    """

    input_size = 224
    left_out = "fc8"

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        c1, c2, c3, c4, c5, d6, d7 = widths
        self.widths = (d6, d7)
        mean = torch.tensor(IMAGENET_RGB).view(3, 1, 1)
        self.register_buffer("mean", mean.repeat(1, self.input_size, self.input_size))
        self.conv1 = nn.Conv2d(3, c1, 11, stride=4)
        self.conv2 = nn.Conv2d(c1, c2, 5, padding=2)
        self.conv3 = nn.Conv2d(c2, c3, 3, padding=1)
        self.conv4 = nn.Conv2d(c3, c4, 3, padding=1)
        self.conv5 = nn.Conv2d(c4, c5, 3, padding=1)
        self.fc6 = nn.Linear(c5 * 6 * 6, d6)
        self.fc7 = nn.Linear(d6, d7)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = 255 * images - self.mean
        x = self.pool(response_norm(relu(self.conv1(x))))
        x = self.pool(response_norm(relu(self.conv2(x))))
        x = relu(self.conv3(x))
        x = relu(self.conv4(x))
        x = self.pool(relu(self.conv5(x)))
        fc6 = relu(self.fc6(x.flatten(1)))
        return fc6, relu(self.fc7(fc6))


def response_norm(x: Tensor) -> Tensor:
    """Local response normalisation of channels, float ``(n, C, h, w)`` (Krizhevsky et al. 2012).

        y_k = x_k t_k^-beta,   t_k = kappa + alpha sum over |j - k| <= 2 of x_j^2

    With MatConvNet's constants: torch.nn.LocalResponseNorm divides alpha by the five channels, and
    takes several times as long.
    """
    return _ResponseNorm.apply(x)


class _ResponseNorm(torch.autograd.Function):
    """dx_j = g_j t_j^-beta - 2 alpha beta x_j sum over |j - k| <= 2 of g_k x_k t_k^(-beta - 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        _, kappa, alpha, beta = LRN
        t = _neighbours(x.square()).mul_(alpha).add_(kappa)
        ctx.save_for_backward(x, t)
        return x * t.pow(-beta)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x, t), (_, _, alpha, beta) = ctx.saved_tensors, LRN
        scaled = gradient * t.pow(-beta)
        crossed = _neighbours((scaled * x).div_(t)).mul_(x)
        return scaled.sub_(crossed, alpha=2 * alpha * beta)


def _neighbours(x: Tensor) -> Tensor:
    """Sums over the channels k - 2 ... k + 2 of each channel k."""
    total = x.clone()
    for step in range(1, LRN[0] // 2 + 1):
        total[:, step:] += x[:, :-step]
        total[:, :-step] += x[:, step:]
    return total
