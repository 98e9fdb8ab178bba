"""ONNX Runtime as the engine of an encoder on a CPU, where it gives the same codes."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
import torch

from dah.encoder.file import EncoderParts
from dah.encoder.portable import OPSET, Outputs, graph_of
from dah.errors import UserError

ENGINES = ("auto", "torch", "onnx")
PIXELS = 2**18  # of a batch
SAME = 1e-4  # by which two engines' outputs may differ: bits of values beyond are equal
SAMPLE = 4  # images that they are compared on
WORTH = 20.0  # seconds of torch's work, more than half of which a graph saves: it takes 5 to make
KEPT = 8  # graphs

Look = Callable[[np.ndarray], np.ndarray]


def faster(
    look: Look, parts: EncoderParts, path: Path, engine: str, images: int
) -> tuple[Look | None, str]:
    """ONNX Runtime in place of `look`, torch's own outputs u of squares; or None, and the reason.

    With the engine ``auto`` that is where its graph was made before, or where encoding so many
    `images` takes torch longer than making it pays for, and where the outputs of both differ by at
    most ``SAME`` on a sample; there is no reason to tell where it is not worth it. With ``onnx``
    whatever hinders raises ``UserError``.
    """
    place, squares = graph_file(parts), sample(parts)
    must = engine == "onnx"
    if not must and not place.is_file() and images * _seconds(look, squares) < WORTH:
        return None, ""
    try:
        found = _looking(place, parts, path)
        check(found, look, squares)
    except UserError as error:
        if must:
            raise
        return None, f"engine: torch; {error}"
    return found, ""


def check(found: Look, expected: Look, squares: np.ndarray) -> None:
    """Raise ``UserError`` where two engines' outputs of some squares differ by more than rounding.

    Bits then differ only where a value lies within ``SAME`` of zero.
    """
    apart = float(np.abs(found(squares) - expected(squares)).max())
    if not apart <= SAME:
        raise UserError(
            f"ONNX Runtime's outputs of this encoder differ from torch's by {apart:.2g}, more than"
            f" {SAME:g}; encode with --engine torch"
        )


def sample(parts: EncoderParts) -> np.ndarray:
    """Some squares uint8 ``(n, size, size, 3)`` of coarse and fine noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 192, (SAMPLE, 8, 8, 3))
    rows = np.arange(parts.size) * 8 // parts.size
    fine = rng.integers(0, 64, (SAMPLE, parts.size, parts.size, 3))
    return (coarse[:, rows][:, :, rows] + fine).astype(np.uint8)


def graph_file(parts: EncoderParts) -> Path:
    """Where the graph of an encoder is kept: the user's cache folder, by what decides its outputs.

    ``$XDG_CACHE_HOME/dah/graphs`` or ``~/.cache/dah/graphs``.
    """
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = f"{parts.fingerprint()}-{OPSET}-{torch.__version__}.onnx"
    try:
        return Path(home).expanduser() / "dah" / "graphs" / name
    except RuntimeError:  # a user without a home: below a device nothing can be kept
        return Path(os.devnull) / name


def session_of(graph: bytes | Path, threads: int, spinning: bool = False) -> Any:
    """ONNX Runtime on a graph, in so many threads, which sleep while they wait, or spin.

    Raises ``UserError`` where it is not installed, or cannot read the graph.
    """
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    given = str(graph) if isinstance(graph, Path) else graph
    try:
        return runtime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no class in common but this
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"ONNX Runtime cannot read this graph: {reason}") from error


def _looking(place: Path, parts: EncoderParts, path: Path) -> Look:
    """The outputs of squares by a graph that is kept at `place`, else made and kept."""
    threads, session = torch.get_num_threads(), None
    if place.is_file():
        with suppress(UserError):  # of a damaged one: it is made anew
            session = session_of(place, threads)
    if session is None:
        _runtime()  # before a graph is made for nothing
        example = torch.zeros(2, parts.size, parts.size, 3, dtype=torch.uint8)
        graph = graph_of(Outputs(parts, path), example, "image", ["u"]).SerializeToString()
        session = session_of(graph, threads)
        _keep(place, graph)
    size = max(1, PIXELS // parts.size**2)

    def look(squares: np.ndarray) -> np.ndarray:
        pieces = (squares[start : start + size] for start in range(0, len(squares), size))
        return np.concatenate([session.run(["u"], {"image": piece})[0] for piece in pieces])

    return look


def _keep(place: Path, graph: bytes) -> None:
    """Keep a graph, and only the last few; where nothing can be written it is made each time."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryDirectory(dir=place.parent) as folder:  # two processes may make it at once
            part = Path(folder) / place.name
            part.write_bytes(graph)
            os.replace(part, place)
        found = sorted(place.parent.glob("*.onnx"), key=lambda file: file.stat().st_mtime)
        for old in found[:-KEPT]:
            old.unlink()


def _runtime() -> ModuleType:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            f"engine onnx needs {error.name}, which is not installed: pip install 'dah[onnx]'"
        ) from error
    return onnxruntime


def _seconds(look: Look, squares: np.ndarray) -> float:
    """What an image takes, once all is warm."""
    look(squares)
    start = time.perf_counter()
    look(squares)
    return (time.perf_counter() - start) / len(squares)
