"""What can be decomposed: errors that split, and predictions and targets that fit together."""

import torch
from torch import Tensor

from aelab.objectives import ERRORS, Error
from aelab.objectives.bregman import LARGEST, BregmanError
from aelab.objectives.observed import filled


def splitting(error: str | Error) -> BregmanError:
    """How an error splits; ValueError where it is unknown, or where that is not known."""
    if isinstance(error, str) and error not in ERRORS:
        raise ValueError(f"unknown error {error!r}: choose one of {', '.join(ERRORS)}")
    known = ERRORS[error] if isinstance(error, str) else error
    if known.decomposition is None:
        raise ValueError(f"error={known.name}: it is not known how this error splits into bias and variance")
    return known.decomposition


def check_shapes(predictions: Tensor, target: Tensor, event: int) -> None:
    shapes = f"predictions {[*predictions.shape]}, target {[*target.shape]}"
    if predictions.ndim < 2 + event or predictions.shape[1 : predictions.ndim - event] != target.shape:
        behind = " and one axis, the vocabulary, behind them" if event else ""
        raise ValueError(f"predictions need one axis, the replicas, before those of the target{behind}: {shapes}")
    if not predictions.numel():
        raise ValueError(f"no examples: {shapes}")


def check_target(error: BregmanError, predictions: Tensor, target: Tensor, partly: bool) -> None:
    """ValueError where a target is outside what the error takes; ``partly``: NaN in it is a value that is not known."""
    lowest, highest = error.target_range
    if partly and target.flatten(1).isnan().all(-1).any():
        raise ValueError("an example has no observed value")
    low, high = (extreme.item() for extreme in (filled(target) if partly else target).aminmax())
    fits = lowest <= low <= high <= highest  # not if they are nan
    wanted = "finite" if highest >= LARGEST else f"in [{lowest:g}, {highest:g}]"
    if error.event:
        fits = fits and high < predictions.shape[-1] and bool((target == target.round()).all())
        wanted = f"whole numbers in [0, {predictions.shape[-1] - 1}]"
    if not fits:
        raise ValueError(f"the target must be {wanted}, but its values lie between {low} and {high}")


def check_weight(weight: Tensor | None, count: int, begun: bool, weighted: bool) -> None:
    """ValueError for weights that are not one above 0 for each of ``count`` examples, or not of all batches or none."""
    if weight is not None and (weight.shape != (count,) or not bool(((weight > 0) & weight.isfinite()).all())):
        raise ValueError(f"weights must be {count} finite numbers above 0, one for each example: {[*weight.shape]}")
    if begun and weighted != (weight is not None):
        raise ValueError("weights of some batches and none of others")


def finite_replicas(predictions: Tensor) -> Tensor:
    """Which replicas [K] predict finite numbers throughout."""
    extremes = (torch.stack(each.aminmax()) for each in predictions)  # nan if one is; takes no memory
    return torch.stack([(each.abs() <= LARGEST).all() for each in extremes])


def in_double(values: Tensor) -> Tensor:
    """In double precision, on the same device unless that (Apple's) has none."""
    return values.to("cpu" if values.device.type == "mps" else values.device, torch.float64)
