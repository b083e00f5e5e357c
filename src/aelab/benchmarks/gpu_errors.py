"""Whether a device and its precisions give the same errors: the same seeds, pair by pair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from aelab.benchmarks import ours
from aelab.benchmarks.gpu_clock import Row, now, peak_memory
from aelab.benchmarks.timing import silenced
from aelab.building.build import build_data
from aelab.building.fit import Fit
from aelab.comparison.groups import t_interval
from aelab.fitting.replication import Replication
from aelab.replicas.best import BestWeights

REPLICAS = 16
NET = ("data=digits", "network.hidden=[32]", "network.code_size=8", "data.batch_size=32")
REFERENCE = "cpu, 32-true"


def measured(device: str, dry: bool) -> Iterator[Row]:
    """Mean test errors of the same replicas by processor and precision, and their ratios to those of the CPU."""
    count, epochs = (2, 1) if dry else (REPLICAS, 20)
    trainer = "gpu" if device == "cuda" else "cpu"
    ways = {REFERENCE: ("cpu", "32-true")}
    ways |= {f"{trainer}, {precision}": (trainer, precision) for precision in ("32-true", "bf16-mixed")}
    reference = None
    for name, (place, precision) in ways.items():
        row: Row = {"way": name, "replicas": count, "epochs": epochs}
        with silenced(), peak_memory(device if place == "gpu" else "cpu", row):
            began = now(device)
            errors = _errors(
                count, f"trainer={place}", f"trainer.precision={precision}", f"trainer.max_epochs={epochs}"
            )
            row["seconds"] = now(device) - began
        reference = errors if reference is None else reference
        ratios = (errors / reference).tolist()
        row |= {
            "test_error": errors.mean().item(),
            "ratio": sum(ratios) / len(ratios),
            "plus_minus": t_interval(ratios),
        }
        yield row


def _errors(count: int, *overrides: str) -> torch.Tensor:
    """Test errors ``[K]`` of the best epochs, float64."""
    config = ours.compose(*NET, *overrides, "callbacks.pictures_every=0", "replicas=initializations",
                          f"replicas.count={count}")  # fmt: skip
    fit = Fit(Replication(config, Path()).members(range(count)), build_data(config), BestWeights())
    fit.run()
    fit.keep_best()
    fit.test()
    return fit.model.latest["test/error"].double().cpu()
