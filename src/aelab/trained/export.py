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
from aelab.data.tables.columns import Columns
from aelab.errors import UserError
from aelab.machines.atomic_files import unfinished_of
from aelab.models.quantized.quantized import QuantizedCode
from aelab.trained.export_check import difference, examples
from aelab.trained.export_metadata import ONNX_KEY, TORCH_FILE, metadata
from aelab.trained.exported_columns import ColumnsToValues, ValuesToColumns
from aelab.trained.exported_score import ExportedScore
from aelab.trained.run import Run
from aelab.trained.table_out import check_replaced

PARTS = ("encoder", "decoder", "autoencoder", "sampler", "indices", "anomaly_score")
SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2"}
NAMES = {
    "encoder": ("x", "code"),
    "decoder": ("code", "reconstruction"),
    "autoencoder": ("x", "reconstruction"),
    "sampler": ("noise", "example"),
    "indices": ("x", "indices"),
    "anomaly_score": ("x", "score"),
}
FROM_CODE = ("decoder", "sampler")  # parts that take no examples


class Exported(nn.Module):
    """``run.encode``, ``run.decode``, ``run.reconstruct`` or ``run.indices`` as a module of float32 tensors.

    Examples are ``[N, *shape]`` on the scale of the data, codes and noise ``[N, code_size]``. Where float32 is too
    coarse for that, examples are taken in double precision. ``exact``: give them in double precision, too.
    """

    def __init__(self, run: Run, which: str, exact: bool = False) -> None:
        super().__init__()
        self.model = run.model
        self.shape = run.shape
        self.which = which
        self.preprocessing = run.preprocessing
        self.exact = exact

    def forward(self, x: Tensor) -> Tensor:
        if self.which in FROM_CODE:
            return self._restored(self.model.decode(x))
        x = self.preprocessing(x.flatten(1))
        if self.which == "indices":
            return self.model.infer(self.model.filled(x)).parts["indices"]
        return self.model.encode(x) if self.which == "encoder" else self._restored(self.model.reconstruct(x))

    def _restored(self, x: Tensor) -> Tensor:
        restored: Tensor = self.preprocessing.restore(x)
        return (restored.double() if self.exact else restored.float()).unflatten(1, self.shape)


def export(
    run: Run,
    format: str,
    which: str = "encoder",
    path: Path | None = None,
    columns: bool = False,
    force: bool = False,
) -> str:
    """Write a part of a run to ``path``, or ``<run>/exports/<which>`` with the format's suffix; a line about it.

    ``format``: ``onnx`` or ``torch_export``. ``which``: ``encoder`` (of codes that are drawn their mean), ``decoder``,
    ``autoencoder``, ``sampler`` (standard normal noise to new examples, where codes have that prior), ``indices`` (of
    codewords), or ``anomaly_score``, the score that the run was evaluated by. ``columns``: rows of a table go in and
    come out as they stand in it, float64 ``[N, C]`` (see ``ColumnsToValues``), instead of values. ``force``: replace
    ``path``. The file takes any number of examples at once and says what they are (see ``metadata``). It is opened
    again and must give the run's numbers for random input, else UserError and no file.
    """
    kind = pick("format", format, SUFFIXES)
    part = pick("which", which, PARTS)
    _check_part(run, part)
    target = path or run.directory / "exports" / f"{part}{SUFFIXES[kind]}"
    if path is not None:
        check_replaced("path", path, force)
    own = _own_columns(run) if columns else None
    about = metadata(run, part, columns)
    write, read = {"onnx": (_write_onnx, _read_onnx), "torch_export": (_write_torch, _read_torch)}[kind]
    module = _module(run, part, own)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = unfinished_of(target)
        folder.mkdir(exist_ok=True)
        try:
            written = folder / target.name
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the exporters, about their own insides
                write(module, examples(run, part, 3, own), written, NAMES[part], about)
                off = difference(run, part, read(written), own)
            os.replace(written, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise UserError(f"path={target}: cannot be written ({error}); name another file with path=...") from error
    taken, given = _shapes(run, part, own)
    kind = "float64" if part not in FROM_CODE and (own or run.preprocessing.needs_double) else "float32"
    above = (
        f"; an anomaly is what scores above {run.scoring.threshold!r}"
        if part == "anomaly_score" and run.scoring
        else ""
    )
    return _line(target, kind, taken, given, off) + above


def _check_part(run: Run, part: str) -> None:
    if run.preprocessing.given is not None:
        raise UserError(
            f"format=onnx, torch_export: {run.directory} was trained with data.given, which such a file has no "
            "place for; use format=codes, or aelab.load_run"
        )
    if run.preprocessing.vocabulary is not None:
        raise UserError(
            f"format=onnx, torch_export: {run.directory} takes and gives texts, which such a file has not; use "
            "format=codes, or aelab.load_run"
        )
    if part == "sampler" and run.model.prior is None:
        raise UserError(
            f"which=sampler: the codes of {run.directory} have no prior to draw from; use which=decoder, and draw "
            "codes like those of run.encode(x)"
        )
    if part == "indices" and not run.model.quantized:
        raise UserError(f"which=indices: the codes of {run.directory} have no codewords; use which=encoder")


def _shapes(run: Run, part: str, columns: Columns | None) -> tuple[list[int], list[int]]:
    """Of one example: what a part takes and what it gives."""
    example = list(run.shape) if columns is None else [len(columns)]
    code = [run.model.network.code_size]
    if part in FROM_CODE:
        return code, example
    words = list(run.model.words) if isinstance(run.model, QuantizedCode) else []
    return example, {"encoder": code, "autoencoder": example, "indices": words}.get(part, [])


def _own_columns(run: Run) -> Columns:
    if run.preprocessing.columns is None:
        raise UserError(f"columns=true: {run.directory} was not trained on data=table; leave it out")
    return run.preprocessing.columns


def _module(run: Run, part: str, columns: Columns | None) -> nn.Module:
    inner = ExportedScore(run) if part == "anomaly_score" else Exported(run, part, exact=columns is not None)
    if columns is None:
        return inner.eval()
    before = [] if part in FROM_CODE else [ColumnsToValues(columns)]
    behind = [ValuesToColumns(columns)] if part in (*FROM_CODE, "autoencoder") else []
    return nn.Sequential(*before, inner, *behind).eval()


def _line(target: Path, kind: str, taken: list[int], given: list[int], difference: float) -> str:
    return (
        f"{target}: {kind} {_shown(taken)} to {_shown(given)}; the run's numbers to {difference:.1g} of their largest"
    )


def _shown(shape: list[int]) -> str:
    return f"[{', '.join(map(str, ('N', *shape)))}]"


def _write_torch(module: nn.Module, example: Tensor, path: Path, names: tuple[str, str], about: str) -> None:
    size = torch.export.Dim("N", min=1)
    program = torch.export.export(module, (example,), dynamic_shapes=({0: size},))
    torch.export.save(program, path, extra_files={TORCH_FILE: about})


def _read_torch(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    module: Any = torch.export.load(path).module()
    return lambda x: module(torch.from_numpy(x)).detach().numpy()


def _write_onnx(module: nn.Module, example: Tensor, path: Path, names: tuple[str, str], about: str) -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f'format=onnx: needs {error.name}, which is not installed; pip install "aelab[onnx]"'
        ) from error
    for name in ("onnx_ir", "onnxscript"):
        logging.getLogger(name).setLevel(logging.WARNING)
    program = torch.onnx.export(
        module,
        (example,),
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props[ONNX_KEY] = about
    program.save(path, external_data=False)


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
