"""Where the config folder is, and the one door through which configs become objects."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.arguments import check_arguments, check_names, unknown
from aelab.errors import UserError

TRUSTED = (
    "aelab.data.",
    "aelab.evaluation.",
    "aelab.models.",
    "aelab.networks.",
    "aelab.objectives.",
    "aelab.optimization.",
    "aelab.pretraining.",
    "aelab.replicas.",
    "pytorch_lightning.Trainer",  # not all of Lightning, which can unpickle whatever file it is pointed at
    "pytorch_lightning.trainer.trainer.",
    "torch.optim.",
)


def conf_dir() -> Path:
    """The folder of config groups: inside an installed wheel, else at the top of the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


_composing = threading.RLock()


@contextmanager
def composing() -> Iterator[None]:
    """``hydra.compose`` reads ``conf/`` within, one thread at a time; another application's Hydra is given back."""
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    with _composing:
        outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
        try:
            with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
                yield
        finally:
            GlobalHydra.instance().hydra = outer


def trusted_prefixes() -> tuple[str, ...]:
    """Modules whose names a config may instantiate; ``AELAB_TRUSTED=mypackage.`` adds the user's own."""
    own = os.environ.get("AELAB_TRUSTED", "")
    return (*TRUSTED, *(prefix.strip() for prefix in own.split(",") if prefix.strip()))


def instantiate(config: DictConfig, **arguments: Any) -> Any:
    """Build the object a config group describes, its ``name`` set aside; ``arguments`` are added to its own.

    Raises UserError for a ``_target_`` outside the trusted modules, wherever in the config it stands and
    whatever name it goes by, so that a config from a stranger cannot run code; and for a value of the wrong
    type.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import get_object
    from hydra.utils import instantiate as hydra_instantiate

    plain: Any = OmegaConf.to_container(config, resolve=True)
    for target in _targets(plain):
        _check_trusted(target)
    plain.pop("name", None)
    group, target = config._get_full_key(""), get_object(plain["_target_"])
    check_names(group, target, plain)
    check_arguments(group, target, plain)
    try:
        return hydra_instantiate(plain, **arguments, _recursive_=False, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        if match := re.search(r"unexpected keyword argument '(\w+)'", str(error.__cause__)):
            raise unknown(group, match[1], plain.get(match[1]), plain["_target_"]) from None
        raise


def trusted(target: str) -> Any:
    """What a ``_target_`` names; UserError where a config may not build it."""
    from hydra.utils import get_object

    _check_trusted(str(target))
    return get_object(str(target))


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "_target_":
                yield str(value)
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def _check_trusted(target: str) -> None:
    from hydra.utils import get_object

    prefixes = trusted_prefixes()
    fix = "use a class of aelab, or set AELAB_TRUSTED=<your package>. to trust your own"
    if not target.startswith(prefixes):
        raise UserError(f"_target_={target}: not a trusted target; {fix}")
    try:
        home = f"{get_object(target).__module__}."
    except Exception as error:
        raise UserError(f"_target_={target}: cannot be imported ({error})") from error
    if not home.startswith(prefixes):
        raise UserError(f"_target_={target}: lives in {home[:-1]}, not a trusted module; {fix}")
