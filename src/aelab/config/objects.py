"""Where the config folder is, and the one door through which configs become objects."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.config.arguments import check_arguments, check_names, unknown
from aelab.config.trust import FACTORIES, NOT_KEYS, resolve
from aelab.errors import UserError


def conf_dir() -> Path:
    """The folder of config groups: inside an installed wheel, else at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


_composing = threading.RLock()


@contextmanager
def apart_from_other_applications() -> Iterator[None]:
    """Within it no Hydra application is under way; afterwards another one's, say the caller's, is as it was."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.utils import JobRuntime
    from hydra.version import VersionBase

    with _composing:
        job = HydraConfig.instance()
        version = VersionBase.instance()
        runtime = JobRuntime.instance()
        outer = GlobalHydra.instance().hydra
        before = job.cfg, version.version_base, runtime.conf.copy()
        GlobalHydra.instance().hydra = job.cfg = None
        try:
            yield
        finally:
            GlobalHydra.instance().hydra = outer
            job.cfg, version.version_base, runtime.conf = before


@contextmanager
def composing() -> Iterator[None]:
    """``hydra.compose`` reads ``conf/`` within, one thread at a time; another application's Hydra is given back."""
    import hydra

    with apart_from_other_applications(), hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


def instantiate(group: str, config: DictConfig, **arguments: Any) -> Any:
    """Build the object that a group's config describes, its ``name`` set aside; ``arguments`` are added to its own.

    Of a group of factories (optimizer, scheduler, initialization) what is built takes more arguments later.

    Raises UserError for a ``_target_`` that the group may not build (see ``config/trust.py``), for a key or a value
    that it does not take, and for any other of Hydra's instructions: ``_target_`` deeper down, ``_args_``, ...
    """
    if not isinstance(config, DictConfig):
        raise UserError(f"{group}={config}: must be a choice of {group} with its keys")
    values: Any = OmegaConf.to_container(config, resolve=True)
    named = values.pop("_target_", None)
    target = resolve(group, named, conf_dir())
    values.pop("name", None)
    if group in FACTORIES and values.get("_partial_") is True:
        del values["_partial_"]
    _refuse_instructions(group, values)
    for key in (*NOT_KEYS.get(group, ()), *arguments):
        if key in values:
            raise UserError(f"{group}.{key}={values[key]}: set by aelab itself; leave it out")
    check_names(group, target, values, named)
    check_arguments(group, target, values)
    if group in FACTORIES:
        return partial(target, **values, **arguments)
    try:
        return target(**values, **arguments)
    except TypeError as error:
        if match := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
            raise unknown(group, match[1], values.get(match[1]), named) from None
        if match := re.search(r"missing \d+ required .*arguments?: '(\w+)'", str(error)):
            raise UserError(f"{group}.{match[1]}: is missing; {named} needs it") from None
        raise


def questions_of(configs: Mapping[str, DictConfig] | None) -> dict[str, Any]:
    """The evaluations of a config, by name; settings that a recipe leaves behind for another one are none."""
    wanted = {name: config for name, config in (configs or {}).items() if "_target_" in config}
    return {name: instantiate("evaluation", config) for name, config in wanted.items()}


def _refuse_instructions(key: str, node: Any) -> None:
    """UserError for a key that Hydra would obey: these are the values of one object and no more than that."""
    if isinstance(node, dict):
        for name, value in node.items():
            if str(name).startswith("_"):
                raise UserError(f"{key}.{name}={value}: nothing but a group itself is built; leave it out")
            _refuse_instructions(f"{key}.{name}", value)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            _refuse_instructions(f"{key}.{index}", value)
