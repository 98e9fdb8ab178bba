"""Attacks on what holds weights: files of torch and of MATLAB."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.io import savemat

from benchmarks.hostile.bombs import Attacks, nested_cells


class Payload:
    """Unpickled by a careless reader, it leaves a file."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os  # noqa: PLC0415 - the module that the pickle names

        return os.system, ("touch executed",)


def saved(content: Any, **options: Any) -> bytes:
    """A file of torch."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def pickles(whole: Sequence[bytes]) -> Attacks:
    """For whatever torch loads."""
    content = torch.load(io.BytesIO(whole[0]), weights_only=True)
    state = content.get("state", content)
    config = content.get("config", {})
    huge = torch.zeros(1).expand(10**6, 10**6)

    def with_state(**changed: Any) -> bytes:
        changed_state = {**state, **changed}
        return saved({"state": changed_state, "config": config} if config else changed_state)

    def with_config(**changed: Any) -> bytes:
        return saved({"state": state, "config": {**config, **changed}})

    def script() -> bytes:
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
        return file.getvalue()

    def packed() -> bytes:
        file = io.BytesIO()
        old = zipfile.ZipFile(io.BytesIO(whole[0]))
        with old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
            new.writestr(f"{old.namelist()[0].split('/')[0]}/data/bomb", bytes(2**28))
        return file.getvalue()

    key = next(iter(state))
    made: Attacks = {
        "code": lambda: saved(Payload()),
        "code in a bare pickle": lambda: pickle.dumps(Payload()),
        "code in the old format": lambda: saved(Payload(), _use_new_zipfile_serialization=False),
        "code as a weight": lambda: with_state(**{key: Payload()}),
        "weights that are not finite": lambda: with_state(**{key: state[key] * np.nan}),
        "a weight of 4 TB in 4 bytes": lambda: with_state(**{key: huge}),
        "a weight too many": lambda: with_state(more=torch.zeros(1)),
        "a weight that is text": lambda: with_state(**{key: "text"}),
        "a sparse weight": lambda: with_state(**{key: state[key].to_sparse()}),
        "a list": lambda: saved([1, 2]),
        "a number": lambda: saved(1),
        "weights as a list": lambda: saved({"state": [1], "config": config}),
        "a program of torch": script,
        "packed weights": packed,
    }
    if config:
        made |= {
            "no config": lambda: saved({"state": state}),
            "a config of numbers": lambda: saved({"state": state, "config": 1}),
            "another trunk": lambda: with_config(trunk="alexnet"),
            "no trunk": lambda: with_config(trunk="nosuch"),
            "a trunk that is a list": lambda: with_config(trunk=["lenet"]),
        }
    if "outputs" in config:
        made |= {
            f"{name} {value!r}": lambda name=name, value=value: with_config(**{name: value})
            for name in ("outputs", "bottleneck", "softmax")
            for value in (-1, 2**40, 10**30, "1", 1.5, None)
        }
    return made


def encoders(whole: Sequence[bytes]) -> Attacks:
    """Sizes beyond all, and source codes that are not what they seem to be."""
    content = torch.load(io.BytesIO(whole[0]), weights_only=True)
    state, config = content["state"], content["config"]

    def with_config(**changed: Any) -> bytes:
        return saved({"state": state, "config": {**config, **changed}})

    def with_source(name: str, value: Any) -> bytes:
        return saved({"state": {**state, f"source.{name}": value}, "config": config})

    def halved() -> bytes:
        half = {
            name: value.bfloat16() for name, value in state.items() if value.is_floating_point()
        }
        return saved({"state": {**state, **half}, "config": config})

    codes, labels = state["source.codes"], state["source.labels"]
    sizes = (-1, 0, 7, 27, 5000, 2**31, 2**63, 10**5000, True, 32.0, np.inf, "32", [32], None)
    categories = (0, None, "mug", [], [1, 2, 3], ["x"] * 10**5, [["mug"]], {"mug": 1})
    sharpness = (0.0, -1.0, 1025.0, np.nan, np.inf, 10**5000, 1, "1", None)
    sources = {
        "labels": [labels - 1, labels + 1, labels[:-1], labels[:, None], labels[:0]],
        "codes": [codes[:-1], codes[0], codes.long(), codes[:, :0], codes[:0], codes.to("meta")],
    }
    sources["labels"] += [labels.float(), labels.bfloat16(), labels[:1].expand(2**40)]
    sources["codes"] += [codes.float().requires_grad_(), codes[:1].expand(2**40, 1)]
    return {
        **{f"size {i}": lambda v=v: with_config(size=v) for i, v in enumerate(sizes)},
        **{
            f"categories {i}": lambda v=v: with_config(categories=v)
            for i, v in enumerate(categories)
        },
        **{f"sharpness {i}": lambda v=v: with_config(sharpness=v) for i, v in enumerate(sharpness)},
        **{
            f"{name} {i}": lambda n=name, v=value: with_source(n, v)
            for name, values in sources.items()
            for i, value in enumerate(values)
        },
        "weights of bfloat16": halved,
    }


def matlab(whole: Sequence[bytes]) -> Attacks:
    """MATLAB files of other forms, bombs, nesting."""

    def of(content: Mapping[str, Any], **options: Any) -> bytes:
        file = io.BytesIO()
        savemat(file, content, **options)
        return file.getvalue()

    zeros = zlib.compress(bytes(8) + struct.pack("<II", 9, 2**30) + bytes(2**30), 1)
    packed = whole[0][:128] + struct.pack("<II", 15, len(zeros)) + zeros
    return {
        "MATLAB 4": lambda: of({"layers": np.ones((2, 2))}, format="4"),
        "MATLAB 4 of 2^62": lambda: struct.pack("<iiiii", 0, 2**31 - 1, 2**31 - 1, 0, 2) + b"x\0",
        "MATLAB 7.3": lambda: (
            b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<HH", 0x0200, 0x4D49)
        ),
        "1 GiB of zeros": lambda: packed,
        "50 nested cells": lambda: nested_cells(whole[0][:128], 50),
        "20000 nested cells": lambda: nested_cells(whole[0][:128], 20000),
        "no layers": lambda: of({"layers": np.empty(0, object)}),
        "layers of numbers": lambda: of({"layers": np.ones(3)}),
        "a net of text": lambda: of({"net": "text"}),
    }
