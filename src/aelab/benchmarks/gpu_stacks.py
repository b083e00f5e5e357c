"""K models in one stack on a device: seconds of a step through our whole fit, by itself, and as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from aelab.benchmarks import ours
from aelab.benchmarks.gpu_clock import EpochClock, Row, in_turn, now, peak_memory, spread
from aelab.benchmarks.replicas import Size
from aelab.benchmarks.timing import silenced
from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.fitting.replication import Replication
from aelab.models import Autoencoder
from aelab.replicas.best import BestWeights

COUNTS = (1, 4, 16, 64, 256)
EPOCHS = 2  # of 32 steps each, timed behind a first one
WARM_UP = 5
STEPS = 50
SIZES = (
    Size("mlp", 64, (32,), 8, 32, EPOCHS),
    Size("mlp", 784, (256,), 64, 256, EPOCHS),
    Size("conv", 784, (16, 32), 16, 64, EPOCHS),
)
DRY = (Size("mlp", 64, (32,), 8, 4, 1), Size("mlp", 784, (256,), 64, 4, 1), Size("conv", 64, (8,), 16, 4, 1))
FIT = "our fit"
BARE = "its step alone"
GRAPH = "its step alone, a CUDA graph"
Step = Callable[[], object]


def measured(device: str, dry: bool, rounds: int) -> Iterator[Row]:
    """A row for each network, K and way: seconds of a step of the whole stack."""
    precisions = ("32-true", "bf16-mixed")
    for size in DRY if dry else SIZES:
        for count in (1, 2) if dry else COUNTS:
            yield from _stack(size, count, precisions, device, dry, rounds)


def _stack(size: Size, count: int, precisions: tuple[str, ...], device: str, dry: bool, rounds: int) -> Iterator[Row]:
    """Ways that belong together are measured in turn."""
    trainer = "gpu" if device == "cuda" else "cpu"
    lone = (*size.overrides(), f"trainer={trainer}", *ours.BARE)
    with silenced():
        data = build_data(ours.compose(*lone))
        fits = {precision: partial(_fit, (*lone, f"trainer.precision={precision}"), count) for precision in precisions}
        cases = {f"{FIT}, {precision}": partial(_through_fit, make, device) for precision, make in fits.items()}
        steps = 2 if dry else STEPS
        for graph in (False, True) if device == "cuda" else (False,):
            fit = fits["32-true"]()
            batch = torch.stack([data.examples("train", limit=size.batch)] * count)
            step = step_of(fit.model, batch if count > 1 else batch[0], device)
            cases[GRAPH if graph else BARE] = partial(_repeated, captured(step) if graph else step, device, steps)
    memory: dict[str, Row] = {name: {} for name in cases}
    watched = {name: partial(_watched, run, device, memory[name]) for name, run in cases.items()}
    seconds = in_turn(watched, rounds)
    for name in cases:
        row = {"network": str(size), "replicas": count, "way": name, "seconds_per_step": spread(seconds[name])}
        if name == GRAPH:
            pairs = zip(seconds[name], seconds[BARE], strict=True)
            row["ratio_to_the_step"] = spread([own / other for own, other in pairs])
        if name.startswith(FIT):
            row |= memory[name]
        yield row


def _watched(run: Callable[[], float], device: str, found: Row) -> float:
    with peak_memory(device, found):
        return run()


def _fit(overrides: tuple[str, ...], count: int, *callbacks: Callback) -> Fit:
    config = ours.compose(*overrides)
    members = [Member(config)]
    if count > 1:
        plan = ("replicas=initializations", f"replicas.count={count}")
        members = Replication(ours.compose(*overrides, *plan), Path()).members(range(count))
    return Fit(members, build_data(config), BestWeights(), callbacks=callbacks)


def _through_fit(make: Callable[..., Fit], device: str) -> float:
    clock = EpochClock(device)
    fit = make(clock)
    fit.run()
    return clock.seconds_per_step(-(-fit.data.size("train") // fit.data.batch_size))


def step_of(model: Autoencoder, x: Tensor, device: str) -> Step:
    """One optimiser step on the same batch ``x`` ``[K, B, D]`` again and again, ``[B, D]`` of a lone model."""
    model = model.to(device).train()
    x = x.to(device)
    optimizer = model.make_optimizer(model.parameters())
    for group in optimizer.param_groups:
        group["capturable"] = device == "cuda"

    def step() -> None:
        optimizer.zero_grad()
        model.objective(x).loss.sum().backward()
        optimizer.step()

    return step


def captured(step: Step) -> Step:
    """The same step as one launch: its kernels are recorded once and then played again."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _repeated(step: Step, device: str, steps: int) -> float:
    for _ in range(WARM_UP):
        step()
    began = now(device)
    for _ in range(steps):
        step()
    return (now(device) - began) / steps
