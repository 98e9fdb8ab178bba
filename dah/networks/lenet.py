"""LeNet: the small trunk of the embedded digits."""

from torch import Tensor, nn


class LeNet(nn.Module):
    """Two convolutions, fc6 and fc7 over colour squares of 28 pixels (after LeCun et al. 1998).

    RGB float ``(n, 3, 28, 28)`` in [0, 1] to the activations fc6 ``(n, 256)`` and fc7 ``(n, 128)``,
    each after its rectifier.
    """

    input_size = 28
    widths = (256, 128)

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 20, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(20, 50, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.fc6 = nn.Sequential(nn.Linear(50 * 4 * 4, 256), nn.ReLU())
        self.fc7 = nn.Sequential(nn.Linear(256, 128), nn.ReLU())
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fc6 = self.fc6(self.convolutions(2 * images - 1))
        return fc6, self.fc7(fc6)
