"""Every variant in conf/model, found unasked, and small configs of each with any network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from tiny_runs import compose_tiny

from aelab.config.objects import conf_dir
from aelab.models import LossTerms


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


VARIANTS = choices("model")
CORRUPTIONS = [name for name in choices("corruption") if name != "tokens"]  # of numbers
SHAPE = (1, 8, 8)
SIZES = ("network.code_size=12", "network.hidden=[16]")  # room for a k of 8
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": [16]},
    "tied mlp": {"hidden": [16], "tied": True},
    "linear": {"hidden": []},
    "conv": {"hidden": [3]},
    "tied conv": {"hidden": [3], "tied": True},
    "resnet": {"widths": [4, 6]},
    "vit": {"width": 8, "blocks": 1, "heads": 2},
}
LIKE_OTHERS = ("iwae", "beta_tc", "info_vae", "factor", "wae_mmd", "sliced_wasserstein", "rae", "fsq", "one_class")
TRAINED = [pytest.param(variant, marks=pytest.mark.slow) if variant in LIKE_OTHERS else variant for variant in VARIANTS]
"""Every variant, for tests that train each: what another one stands for is trained in the slow suite alone."""
FURTHER: list[tuple[str, dict[str, Any]]] = [  # settings that change what a variant computes
    ("sparse_kl", {"mean_activation": "running"}),
    ("sparse_kl", {"decay": 0.5}),
    ("k_sparse", {"k": 3}),
    ("contractive", {"method": "exact"}),
    ("contractive", {"method": "probe", "probes": 3}),
    ("contractive", {"code_activation": "sigmoid"}),
    ("weight_decay", {"unit_weights": [0.5 * unit for unit in range(12)]}),
    ("top_k", {"k": 2, "dead_after": 6}),  # some units are dead after the first batch
    ("batch_top_k", {"k": 1, "dead_after": 6, "unit_norm": False}),
    ("gated", {"dead_after": 6, "pre_bias": False}),
    ("relu_l1", {"unit_norm": False, "k": 2}),
    ("vae", {"free_nats": 0.1, "optimal_variance": True}),
    ("vae", {"capacity": 3.0}),
    ("wae_mmd", {"kernel": "rbf"}),
    ("rae", {"regularizer": "gradient"}),
    ("rae", {"regularizer": "spectral"}),
    ("vq_vae", {"update": "gradient", "stages": 2, "dead_after": 6}),
    ("vq_vae", {"stages": 2, "dead_after": 6, "start": "drawn"}),
    ("masked", {"patch": 3}),
]
SETTINGS = [(variant, {}) for variant in VARIANTS] + FURTHER


@cache
def composed(variant: str) -> DictConfig:
    return compose_tiny(Path("nowhere"), f"model={variant}", *SIZES)


def config_of(variant: str, network: str = "mlp", settings: dict[str, Any] | None = None, **groups: str) -> DictConfig:
    """The config of a variant with another network and other choices of plain groups (Hydra is slow)."""
    config = composed(variant).copy()
    config.network = OmegaConf.merge(load("network", network.split()[-1]), {"code_size": 12}, NETWORKS[network])
    config.model = OmegaConf.merge(config.model, settings or {})
    for group, name in groups.items():
        config[group] = load(group, name)
    return config


def load(group: str, name: str) -> Any:
    return OmegaConf.load(conf_dir() / group / f"{name}.yaml")


def numbers(terms: LossTerms) -> list[torch.Tensor]:
    encoding = terms.encoding
    return [terms.loss, terms.error, *terms.penalties.values(), encoding.code, *encoding.parts.values()]
