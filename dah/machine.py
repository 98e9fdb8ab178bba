"""The machine that figures were made on: what decides how their sums are rounded."""

import platform
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

CPU = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")


@cache
def machine() -> str:
    """Processor, NVIDIA GPUs and torch: ``AMD EPYC 25/1, torch 2.13.0``; no name of a host.

    Two machines of one kind are one: they round alike.
    """
    return ", ".join([processor(), *graphics(), f"torch {version('torch')}"])


def processor() -> str:
    """The processor's name, family and model where the system tells them, else its architecture."""
    text = _text(CPU)
    keys = "model name", "cpu family", "model"  # a virtual machine hides a part of the name
    found = [re.search(rf"^{key}\s*:\s*(.+)$", text, re.MULTILINE) for key in keys]
    if not all(found):
        return platform.processor() or platform.machine()
    name, family, model = (" ".join(of[1].split()) for of in found)
    return f"{name} {family}/{model}"


def graphics() -> Iterator[str]:
    """The names of the NVIDIA GPUs as the driver lists them, each once."""
    files = sorted(GPUS.glob("*/information"))
    names = (re.search(r"^Model:\s*(.+)$", _text(path), re.MULTILINE) for path in files)
    yield from sorted({name[1].strip() for name in names if name})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
