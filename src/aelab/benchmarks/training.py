"""One model: our train step against the loop written by hand, the usual way and other libraries."""

from __future__ import annotations

from pathlib import Path

from aelab.benchmarks import bare, ours, usual
from aelab.benchmarks.timing import Case, Row, measure
from aelab.building.build import build_data

BARE = "bare loop, fused Adam"
USUAL = "Lightning, the usual way"
# encoder, batch size, epochs that are timed
SIZES = (((784, 256, 64), 256, 2), ((64, 32, 8), 32, 40))


def pictures() -> list[str]:
    """Overrides for 28 x 28 images: 16,384 of Fashion-MNIST or MNIST where they lie in ``data``, else mnist5k."""
    for name, folder in (("fashion_mnist", "FashionMNIST"), ("mnist", "MNIST")):
        if Path("data", folder, "raw").is_dir():
            return [f"data={name}", "data.train_size=16384"]
    return ["data=mnist5k"]


def network(sizes: tuple[int, ...], batch_size: int, epochs: int) -> list[str]:
    """Overrides for an autoencoder of these widths, and one more epoch than is timed."""
    data = pictures() if sizes[0] == 784 else ["data=digits"]
    return [
        *data,
        f"network.hidden={list(sizes[1:-1])}",
        f"network.code_size={sizes[-1]}",
        f"data.batch_size={batch_size}",
        f"trainer.max_epochs={epochs + 1}",
    ]


def benchmark(rounds: int) -> list[Row]:
    rows = []
    for sizes, batch_size, epochs in SIZES:
        overrides = network(sizes, batch_size, epochs)
        x = build_data(ours.compose(*overrides)).examples("train")
        arguments = (x, sizes, batch_size, epochs)
        cases = [
            Case(BARE, bare.train_case(*arguments)),
            Case("bare loop, Adam", bare.train_case(*arguments, fused=False), (BARE,)),
            Case("ours", ours.train_case(*overrides), (BARE, USUAL)),
            Case("ours, 1 step at a time", ours.train_case(*overrides, "trainer.steps_per_execution=1"), (BARE,)),
            Case("ours, 64 steps at a time", ours.train_case(*overrides, "trainer.steps_per_execution=64"), (BARE,)),
            Case("ours, bf16-mixed", ours.train_case(*overrides, "trainer.precision=bf16-mixed"), (BARE,)),
            Case(
                "ours with validation, checkpoints, pictures",
                ours.train_case(*_whole(overrides), everything=True),
                (BARE,),
            ),
            Case(USUAL, usual.lightning(*arguments), (BARE,)),
            *usual.peers(*arguments, BARE),
        ]
        name = "-".join(map(str, sizes))
        rows += measure(f"{name}, batch {batch_size}", cases, rounds)
    return rows


def _whole(overrides: list[str]) -> list[str]:
    """All examples and enough epochs for the pictures that are taken every fifth."""
    kept = [each for each in overrides if not each.startswith("data.train_size")]
    epochs = max(6, int(kept.pop().rpartition("=")[2]))
    return [*kept, f"trainer.max_epochs={epochs}"]
