"""The defaults of 0.2, by which runs are named and figures were frozen before training was chosen on validation."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

SMALL = ("adbench", "arrays", "digits", "mnist5k", "movies", "table")  # data sets whose batches were of 128
NETWORKS = ("mlp", "linear", "conv", "centred_mlp")  # whose codes were of 32 values


def with_scheduler(overrides: Sequence[str]) -> list[str]:
    """``overrides``, and no scheduler unless they choose one."""
    chosen = any(override.startswith("scheduler=") for override in overrides)
    return list(overrides) if chosen else ["scheduler=none", *overrides]


def as_before(config: DictConfig) -> DictConfig:
    """``config`` with the numbers that were its defaults."""
    if config.optimizer.name == "adam" and config.optimizer.lr == 3e-3:
        config.optimizer.lr = 1e-3
    if config.data.name in SMALL and config.data.batch_size == 32:
        config.data.batch_size = 128
    if config.network.name in NETWORKS and config.network.code_size is None:
        config.network.code_size = 32
    if config.network.get("output_activation", "") is None:
        config.network.output_activation = "identity"
    if config.model.name == "k_sparse" and config.model.k is None:
        config.model.k = 4
    return config
