"""The contractive penalty in each of its forms: a whole training step over one without the penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from aelab.benchmarks import ours
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure
from aelab.building.build import build_model
from aelab.models import ContractiveAutoencoder
from aelab.objectives import jacobian

PLAIN = "no penalty"


class Size(NamedTuple):
    """An encoder, its batch size, the steps that are timed, and the form its exact penalty takes."""

    sizes: tuple[int, ...]
    batch: int
    steps: int
    exact: str


SIZES = (
    Size((784, 1000), 128, 10, "closed form"),
    Size((784, 256, 64), 256, 10, "quadratic form"),
    Size((64, 32, 8), 32, 300, "quadratic form"),
    Size((784, 1000, 500, 250, 30), 128, 4, "chain"),
)


def benchmark(rounds: int) -> list[Row]:
    rows = []
    for size in SIZES:
        cases = [
            Case(PLAIN, step_case(size, "undercomplete")),
            Case(f"exact: {size.exact}", step_case(size, "contractive", "model.method=exact"), (PLAIN,)),
            Case("estimate, 1 probe", step_case(size, "contractive", "model.method=probe"), (PLAIN,)),
        ]
        if size.exact == "quadratic form":
            cases.append(
                Case("exact: chain", step_case(size, "contractive", "model.method=exact", chain=True), (PLAIN,))
            )
        rows += measure(f"{'-'.join(map(str, size.sizes))}, batch {size.batch}", cases, rounds)
    return rows


def step_case(size: Size, variant: str, *overrides: str, chain: bool = False) -> Callable[[], float]:
    """Seconds per training step. ``chain``: as a product of layer Jacobians whatever would be cheaper."""
    config = ours.compose(
        f"model={variant}",
        f"network.hidden={list(size.sizes[1:-1])}",
        f"network.code_size={size.sizes[-1]}",
        "network.activation=sigmoid",
        f"model.code_activation={'identity' if len(size.sizes) > 2 else 'sigmoid'}",
        *overrides,
    )
    x = torch.rand(size.batch, size.sizes[0], generator=torch.Generator().manual_seed(0))

    def run() -> float:
        model = build_model(config, (1, 1, size.sizes[0]), x)
        if chain:
            assert isinstance(model, ContractiveAutoencoder)
            by_chain(model)
        optimizer = model.configure_optimizers()

        def step() -> None:
            optimizer.zero_grad()
            model.objective(x).loss.backward()
            optimizer.step()

        step()
        return cpu_seconds(step, size.steps)

    return run


def by_chain(model: ContractiveAutoencoder) -> None:
    def penalty(x: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        linear = model.network.linearize(x)
        assert linear is not None
        return jacobian.chain(linear.weights, linear.slopes)

    model.exact_penalty = penalty  # type: ignore[method-assign]
