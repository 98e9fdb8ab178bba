"""Files of torch: tensors and plain values, never code."""

import io
import struct
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from dah.errors import UserError
from dah.files.artifacts import replacing

_DAMAGE = (
    OSError,
    RuntimeError,
    UnpicklingError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    ImportError,
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
)


def save_tensors(path: Path, content: Any) -> None:
    """Store tensors and plain values by ``torch.save``, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as part:
        part.write_bytes(buffer.getvalue())


def load_tensors(path: Path, expected: str) -> Any:
    """What ``torch.save`` stored, on the CPU.

    Raises ``UserError``, which says what was `expected`, for anything else: code, damage, and an
    archive that unpacks to more bytes than it has (torch packs nothing).
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > path.stat().st_size:
                raise ValueError(f"an archive that unpacks to {unpacked} bytes")
        return torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        reason = str(error).strip().split("\n", 1)[0][:300] or type(error).__name__
        raise UserError(f"{path}: expected {expected}, found: {reason}") from error


def load_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file; raises ``UserError`` for anything else."""
    try:
        from safetensors import SafetensorError  # noqa: PLC0415 - comes with timm
        from safetensors.torch import load  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UserError(f"{path}: needs safetensors; run pip install 'dah[timm]'") from error
    try:
        return load(path.read_bytes())
    except (SafetensorError, *_DAMAGE) as error:
        reason = str(error)[:300]
        raise UserError(f"{path}: expected a file of safetensors, found: {reason}") from error


def is_weight(value: Any) -> bool:
    """Whether a value is an ordinary tensor of real numbers, neither sparse nor quantized.

    It has as many bytes in memory as numbers: a file may tell a view of one byte as large as all.
    """
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and not value.is_complex()
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )
