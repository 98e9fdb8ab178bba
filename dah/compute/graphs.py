"""Networks that have stopped learning as ONNX graphs, and ONNX Runtime that looks through them.

A graph takes seconds to make, so that it is kept in the user's cache folder by what decides its
outputs: ``$XDG_CACHE_HOME/dah/graphs`` or ``~/.cache/dah/graphs``.
"""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dah.compute.augment import centre_crop
from dah.errors import UserError

OPSET = 20
PIXELS = 2**18  # of a batch
SAME = 1e-4  # of the largest output, by which two engines may differ
SAMPLE = 4  # images on which they are compared
KEPT = 8  # graphs

Look = Callable[[np.ndarray], np.ndarray]


def graph_of(model: nn.Module, example: Tensor, name: str, outputs: list[str]) -> Any:
    """The ONNX graph of a network, for any number of images; its input and outputs are named.

    Raises ``UserError`` where onnx or onnxscript is not installed, and for a network that torch
    cannot follow.
    """
    try:
        import onnx  # noqa: F401, PLC0415 - an extra
        import onnxscript  # noqa: F401, PLC0415 - what torch exports with
    except ImportError as error:
        raise UserError(
            f"an ONNX graph needs {error.name}, which is not installed: pip install 'dah[onnx]'"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, of its exporter's insides
            program: Any = torch.onnx.export(
                model.eval(),
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[name],
                output_names=outputs,
                dynamic_shapes={name: {0: torch.export.Dim("count")}},
            )
    except Exception as error:  # whatever torch's exporter makes of a network's own code
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"torch makes no ONNX graph of this network: {reason}") from error
    return program.model_proto


def session_of(graph: bytes | Path, threads: int, spinning: bool = False) -> Any:
    """ONNX Runtime on a graph, in so many threads, which sleep while they wait, or spin.

    Its outputs do not depend on their number. Raises ``UserError`` where it is not installed, or
    cannot read the graph.
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


def looking(place: Path, model: Callable[[], nn.Module], size: int) -> Look:
    """What ONNX Runtime makes of squares uint8 ``(n, size, size, 3)``, in the process's threads.

    By the graph that is kept at `place`, else by that of what `model` returns, a network of such
    squares with one output, which is kept there. Errors as of ``graph_of`` and ``session_of``.
    """
    threads, session = torch.get_num_threads(), None
    if place.is_file():
        with suppress(UserError):  # of a damaged one: it is made anew
            session = session_of(place, threads)
    if session is None:
        _runtime()  # before a graph is made for nothing
        example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
        graph = graph_of(model(), example, "image", ["y"]).SerializeToString()
        session = session_of(graph, threads)
        keep(place, graph)
    count = max(1, PIXELS // size**2)

    def look(squares: np.ndarray) -> np.ndarray:
        pieces = (squares[start : start + count] for start in range(0, len(squares), count))
        return np.concatenate([session.run(["y"], {"image": piece})[0] for piece in pieces])

    return look


class Last(nn.Module):
    """From squares uint8 ``(n, size, size, 3)`` to a trunk's last activation."""

    def __init__(self, trunk: nn.Module, side: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.side = side

    def forward(self, image: Tensor) -> Tensor:
        return self.trunk(centre_crop(image, self.side))[-1]


def agreeing(
    place: Path, model: Callable[[], nn.Module], size: int, expected: Look, squares: np.ndarray
) -> Look:
    """``looking``, whose outputs of some squares are those of `expected`, torch's own.

    A kept graph of which that does not hold, of another version of this library say, is made anew.
    Raises ``UserError`` as ``looking`` and ``check``.
    """
    kept = place.is_file()
    found = looking(place, model, size)
    try:
        check(found, expected, squares)
    except UserError:
        if not kept:
            raise
        place.unlink(missing_ok=True)
        found = looking(place, model, size)
        check(found, expected, squares)
    return found


def trunk_looking(trunk: Any, expected: Look, squares: np.ndarray) -> Look:
    """fc7 float32 ``(n, D)`` of squares by a trunk that is ``settled``; else as of ``agreeing``."""
    size = squares.shape[1]
    digest = blake2b(f"fc7 {size} {trunk}".encode(), digest_size=8)
    for name, value in trunk.state_dict().items():
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    place = place_of(digest.hexdigest())
    return agreeing(place, lambda: Last(trunk, trunk.input_size), size, expected, squares)


def check(found: Look, expected: Look, squares: np.ndarray) -> None:
    """Raise ``UserError`` where two engines' outputs of some squares differ by more than rounding.

    That is ``SAME`` of the largest: of outputs in (-1, 1) only signs of values below that differ.
    """
    y = expected(squares)
    apart, most = float(np.abs(found(squares) - y).max()), SAME * float(np.abs(y).max())
    if not apart <= most:
        raise UserError(
            f"ONNX Runtime's outputs of this network differ from torch's by {apart:.2g}, more than"
            f" rounding ({most:.2g}); take torch as the engine"
        )


def place_of(digest: str) -> Path:
    """Where a graph is kept, by hexadecimal digits of what decides its outputs."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = f"{digest}-{OPSET}-{torch.__version__}.onnx"
    try:
        return Path(home).expanduser() / "dah" / "graphs" / name
    except RuntimeError:  # a user without a home: below a device nothing can be kept
        return Path(os.devnull) / name


def keep(place: Path, graph: bytes) -> None:
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
