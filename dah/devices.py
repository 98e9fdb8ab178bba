"""Where networks run."""

import torch

from dah.errors import UserError


def choose_device(name: str) -> torch.device:
    """``auto`` is a GPU where there is one; ``cuda`` without one raises ``UserError``."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("train.device is cuda, but torch finds no GPU here; set it to auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
