"""torchvision, importable beside a torch without its compiled operators.

torchvision's wheels are built against CUDA torch. Beside a CPU build their operators do not load,
and the import fails where torchvision describes two of them (``nms``, ``qnms``) that were never
declared. Declaring the two schemas first makes models, transforms and data sets work; detection
operators, which this project does not use, stay unavailable. Everything here imports torchvision
from this module.
"""

import torch

try:
    import torchvision
except RuntimeError:
    for name in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    import torchvision

__all__ = ["torchvision"]
