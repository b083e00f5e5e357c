"""A trained run as one file that needs no aelab: ONNX or ``torch.export``, held against the run's own numbers."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aelab.data.files.user_files import pick
from aelab.errors import UserError
from aelab.machines.atomic_files import unfinished_of
from aelab.trained.exported_score import ExportedScore
from aelab.trained.run import Run

PARTS = ("encoder", "decoder", "autoencoder", "anomaly_score")
SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2"}
TOLERANCE = 1e-4  # of what an exported file may differ by, relative to the largest magnitude of its output
NAMES = {
    "encoder": ("x", "code"),
    "decoder": ("code", "reconstruction"),
    "autoencoder": ("x", "reconstruction"),
    "anomaly_score": ("x", "score"),
}


class Exported(nn.Module):
    """``run.encode``, ``run.decode`` or ``run.reconstruct`` as a module of float32 tensors.

    Examples are ``[N, *shape]`` on the scale of the data, codes ``[N, code_size]``. Where float32 is too coarse for
    that scale, examples are taken in double precision.
    """

    def __init__(self, run: Run, which: str) -> None:
        super().__init__()
        self.model = run.model
        self.shape = run.shape
        self.which = which
        self.preprocessing = run.preprocessing

    def forward(self, x: Tensor) -> Tensor:
        if self.which == "decoder":
            return self._restored(self.model.decode(x))
        x = self.preprocessing(x.flatten(1))
        return self.model.encode(x) if self.which == "encoder" else self._restored(self.model.reconstruct(x))

    def _restored(self, x: Tensor) -> Tensor:
        restored: Tensor = self.preprocessing.restore(x).float()
        return restored.unflatten(1, self.shape)


def export(run: Run, format: str, which: str = "encoder", path: Path | None = None) -> str:
    """Write a part of a run to ``path``, or ``<run>/exports/<which>`` with the format's suffix; a line about it.

    ``format``: ``onnx`` or ``torch_export``. ``which``: ``encoder``, ``decoder``, ``autoencoder`` or ``anomaly_score``,
    the score that the run was evaluated by. The file takes any number of examples at once. It is opened again and must
    give the run's numbers for random input, else UserError and no file.
    """
    kind = pick("format", format, SUFFIXES)
    part = pick("which", which, PARTS)
    target = path or run.directory / "exports" / f"{part}{SUFFIXES[kind]}"
    write, read = {"onnx": (_write_onnx, _read_onnx), "torch_export": (_write_torch, _read_torch)}[kind]
    module = (ExportedScore(run) if part == "anomaly_score" else Exported(run, part)).eval()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = unfinished_of(target)
        folder.mkdir(exist_ok=True)
        try:
            written = folder / target.name
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the exporters, about their own insides
                write(module, _examples(run, part, 3), written, NAMES[part])
                difference = _difference(run, part, read(written))
            os.replace(written, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise UserError(f"path={target}: cannot be written ({error}); name another file with path=...") from error
    shapes = (list(run.shape), [run.model.network.code_size])
    taken, given = {"encoder": shapes, "decoder": shapes[::-1], "autoencoder": (shapes[0], shapes[0])}.get(
        part, (shapes[0], [])
    )
    kind = "float64" if part != "decoder" and run.preprocessing.needs_double else "float32"
    above = (
        f"; an anomaly is what scores above {run.scoring.threshold!r}"
        if part == "anomaly_score" and run.scoring
        else ""
    )
    return _line(target, kind, taken, given, difference) + above


def _line(target: Path, kind: str, taken: list[int], given: list[int], difference: float) -> str:
    return (
        f"{target}: {kind} {_shown(taken)} to {_shown(given)}; the run's numbers to {difference:.1g} of their largest"
    )


def _shown(shape: list[int]) -> str:
    return f"[{', '.join(map(str, ('N', *shape)))}]"


def _examples(run: Run, part: str, count: int) -> Tensor:
    """Random input: uniform as pixels, or normal about the training mean; codes are those of such examples."""
    draw = torch.Generator().manual_seed(count)
    x = torch.rand(count, run.model.network.input_size, generator=draw)
    preprocessing = run.preprocessing
    if preprocessing.offset is not None:
        x = preprocessing.restore(torch.randn(x.shape, generator=draw))
        x = x if preprocessing.needs_double else x.float()
    x = x.unflatten(1, run.shape)
    return torch.from_numpy(run.encode(x)) if part == "decoder" else x


def _difference(run: Run, part: str, exported: Callable[[np.ndarray], np.ndarray]) -> float:
    """Largest difference from the run's own numbers relative to their largest magnitude; UserError beyond 1e-4."""
    own = {
        "encoder": run.encode,
        "decoder": run.decode,
        "autoencoder": run.reconstruct,
        "anomaly_score": run.anomaly_score,
    }[part]
    worst = 0.0
    for count in (1, 2, 17):  # other numbers of examples than the one that was traced
        x = _examples(run, part, count)
        wanted = own(x)
        found = exported(x.numpy())
        if wanted.shape != found.shape:
            raise UserError(
                f"{run.directory}: the exported {part} gives {found.shape} for {wanted.shape}; nothing is kept"
            )
        off = np.abs(found - wanted).max() / max(np.abs(wanted).max(), np.finfo(np.float32).tiny)
        worst = float(np.maximum(worst, off))  # NaN where either is
    if not worst <= TOLERANCE:
        raise UserError(f"{run.directory}: the exported {part} is {worst:.1g} off the run's numbers; nothing is kept")
    return worst


def _write_torch(module: nn.Module, example: Tensor, path: Path, names: tuple[str, str]) -> None:
    size = torch.export.Dim("N", min=1)
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=({0: size},)), path)


def _read_torch(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    module: Any = torch.export.load(path).module()
    return lambda x: module(torch.from_numpy(x)).detach().numpy()


def _write_onnx(module: nn.Module, example: Tensor, path: Path, names: tuple[str, str]) -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f'format=onnx: needs {error.name}, which is not installed; pip install "aelab[onnx]"'
        ) from error
    for name in ("onnx_ir", "onnxscript"):
        logging.getLogger(name).setLevel(logging.WARNING)
    torch.onnx.export(
        module,
        (example,),
        path,
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _read_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    try:
        from onnxruntime import InferenceSession
    except ImportError as error:
        raise UserError(
            f'format=onnx: needs {error.name}, which is not installed; pip install "aelab[onnx]"'
        ) from error
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    [name] = [value.name for value in session.get_inputs()]
    return lambda x: np.asarray(session.run(None, {name: x})[0])
