"""VGG-F: the paper's trunk, the fast network (CNN-F) of Chatfield et al. 2014."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

WIDTHS = (64, 256, 256, 256, 256, 4096, 4096)
IMAGENET_RGB = (123.68, 116.779, 103.939)
LRN = (5, 2.0, 1e-4, 0.75)  # channels N, kappa, alpha, beta


class VggF(nn.Module):
    """Five convolutions, fc6 and fc7 over photographs of 224 pixels, without dropout.

    RGB float ``(n, 3, 224, 224)`` in [0, 1] to the activations fc6 and fc7, float ``(n, 4096)``
    each, after their rectifiers. `mean`, float ``(3, 224, 224)``, is subtracted from the images in
    0 ... 255; it is part of the weights. Local response normalisation divides channel k by

        (kappa + alpha * sum of the squares of channels k - 2 ... k + 2) ** beta

    and pooling windows may hang over the lower and the right edge by one pixel. `widths` are those
    of conv1 ... conv5, fc6 and fc7.
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
        size, kappa, alpha, beta = LRN
        # torch divides alpha by the number of channels, MatConvNet does not
        self.norm = nn.LocalResponseNorm(size, alpha=alpha * size, beta=beta, k=kappa)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = 255 * images - self.mean
        x = self.pool(self.norm(relu(self.conv1(x))))
        x = self.pool(self.norm(relu(self.conv2(x))))
        x = relu(self.conv3(x))
        x = relu(self.conv4(x))
        x = self.pool(relu(self.conv5(x)))
        fc6 = relu(self.fc6(x.flatten(1)))
        return fc6, relu(self.fc7(fc6))
