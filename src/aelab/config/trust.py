"""Whom a config may name: an exact list for each group, held against the name before anything is imported.

A config may come from somebody else's run. So nothing is imported because a config says so: what may be built is what
``conf/`` itself names, a few more classes of PyTorch, and subclasses of the group's base class in packages that the
user has listed in ``AELAB_TRUSTED``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from aelab.errors import UserError

BASES = {
    "data": "aelab.data.module.DataModule",
    "network": "aelab.networks.network.Network",
    "model": "aelab.models.base.autoencoder.Autoencoder",
    "optimizer": "torch.optim.Optimizer",
    "scheduler": "torch.optim.lr_scheduler.LRScheduler",
    "replicas": "aelab.replicas.plans.Plan",
    "pretraining": "aelab.pretraining.Greedy",
    "augmentation": "aelab.data.augmentation.Augmentation",
    "trainer": "pytorch_lightning.Trainer",
}
"""The class that a class of a trusted package must descend from."""

ABILITIES = {
    "error": ("__call__", "reconstruction", "beside"),
    "corruption": ("__call__",),
    "evaluation": ("measure", "baselines", "pictures"),
}
"""What a class of a trusted package must have in groups without a base class."""

FACTS = {"error": ("name", "label", "kind", "event", "data_range", "logits", "is_squared", "decomposition")}
"""What such a class must say of itself."""

FACTORIES = ("optimizer", "scheduler", "initialization")
"""Groups whose objects are called once more, with what they work on."""

NOT_KEYS = {"trainer": ("model_registry",)}
"""Keys that would have other code loaded."""

_RATES = ("ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR", "LinearLR",
          "MultiStepLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "StepLR")  # fmt: skip
_STEPS = ("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam", "RAdam", "RMSprop",
          "Rprop", "SGD")  # fmt: skip
MORE: dict[str, tuple[str, ...]] = {
    "model": ("aelab.pretraining.RBM",),  # a layer of pretraining=rbm, as the two below
    "initialization": ("aelab.networks.initialization.normal",),
    "scheduler": ("aelab.pretraining.MomentumSwitch", *(f"torch.optim.lr_scheduler.{name}" for name in _RATES)),
    "optimizer": tuple(f"torch.optim.{name}" for name in _STEPS),
}
"""What may be built besides what ``conf/`` names."""


@lru_cache(maxsize=64)
def listed(group: str, conf: Path) -> frozenset[str]:
    """The names that ``group`` may build: those in ``conf/<group>/*.yaml``, and ``MORE``."""
    if group not in BASES and group not in ABILITIES and group not in FACTORIES:
        raise UserError(f"{group}: no config group that builds anything")
    texts = (path.read_text(encoding="utf-8") for path in sorted((conf / group).glob("*.yaml")))
    found = (re.search(r"^_target_: *([\w.]+) *$", text, re.MULTILINE) for text in texts)
    return frozenset(match[1] for match in found if match) | frozenset(MORE.get(group, ()))


def trusted_packages() -> list[str]:
    """The packages in ``AELAB_TRUSTED``: ``mypackage,theirs.models``."""
    names = (name.strip().rstrip(".") for name in os.environ.get("AELAB_TRUSTED", "").split(","))
    return [name for name in names if name]


def resolve(group: str, name: object, conf: Path) -> Callable[..., Any]:
    """The class (of ``initialization`` the function) that ``name`` stands for in a group.

    Raises UserError, before anything is imported, for a name that is neither listed nor in a trusted package; and for
    one of a trusted package that is no class of the group's kind.
    """
    if isinstance(name, str) and name in listed(group, conf):
        module, _, attribute = name.rpartition(".")
        found: Callable[..., Any] = getattr(import_module(module), attribute)
        return found
    if not isinstance(name, str) or not _is_trusted(name):
        raise UserError(
            f"{group}._target_={name}: not one of the names that {group} may build; use a choice of {group}=, or list "
            "its package in AELAB_TRUSTED=<your package> to trust a class of your own"
        )
    return _own(group, name)


def _is_trusted(name: str) -> bool:
    """Whether all of a trusted package's name, part by part, is the beginning of ``name``."""
    parts = name.split(".")
    packages = (package.split(".") for package in trusted_packages())
    return all(part.isidentifier() for part in parts) and any(
        parts[: len(package)] == package and len(parts) > len(package) for package in packages
    )


def _own(group: str, name: str) -> type:
    """A class of a trusted package, which is imported: its user has said that it may be."""
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute, None)
    except Exception as error:
        raise UserError(f"{group}._target_={name}: cannot be imported ({error}); mend {module}") from error
    if not isinstance(found, type):
        what = "not there" if found is None else "no class"
        raise UserError(f"{group}._target_={name}: {what}; name a class of {module}")
    if group in BASES:
        home, _, base = BASES[group].rpartition(".")
        if not issubclass(found, getattr(import_module(home), base)):
            raise UserError(f"{group}._target_={name}: no subclass of {BASES[group]}; make it one")
    else:
        lacking = [ability for ability in ABILITIES.get(group, ()) if not callable(getattr(found, ability, None))]
        lacking += [fact for fact in FACTS.get(group, ()) if not hasattr(found, fact)]
        if lacking or group not in ABILITIES:
            need = ", ".join(lacking) or "to be one of aelab's own functions"
            raise UserError(f"{group}._target_={name}: lacks what {group} needs: {need}; see CONTRIBUTING.md")
    return found
