"""The programs a user starts. Nothing heavy is imported before a run really begins."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aelab.cli.ending import exit_status, failures
from aelab.cli.plan import WORD, plan
from aelab.config.objects import conf_dir
from aelab.machines import devices
from aelab.machines.orphans import follow_named
from aelab.runs.identity import register_resolver

_HYPHENED = re.compile(r"--(?!cfg=|package=|info=|config-|experimental-)[\w./@]+=")

register_resolver()
devices.register_resolver()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _job(config: DictConfig) -> float:
    """One job. A failure is recorded and reported in one line; the other jobs of a multirun still run."""
    from aelab.cli.refusals import refuse
    from aelab.errors import UserError
    from aelab.fitting.run import RunFailed, run
    from aelab.machines.ranks import is_judged, is_rank_zero
    from aelab.runs.claim import Held
    from aelab.runs.identity import directory_name
    from aelab.runs.manifest import leave

    job = HydraConfig.get()
    directory = f"{config.paths.outputs}/{config.sweep}/{directory_name(config)}"
    typed: list[str] = OmegaConf.to_container(job.overrides.task, resolve=False)  # type: ignore[assignment]
    first = is_rank_zero()  # of the processes of one run one speaks
    sweeping = job.mode == RunMode.MULTIRUN
    grid = job.runtime.choices.get("hydra/sweeper") == "basic"  # any other sweeper wants to know every result
    try:
        with devices.devices_of_its_own(config, job.runtime.choices.get("hydra/launcher")):
            result = run(config, typed, wait=sweeping and not grid)
    except Held as held:
        if sweeping:
            leave(Path(directory))
            print(f"{held}; left to it", flush=True)
            return float("nan")
        print(f"{held}; wait for it or stop it", file=sys.stderr)
        failures.append(directory)
        return float("nan")
    except (RunFailed, UserError) as error:
        if first and isinstance(error, RunFailed):
            print(f"{directory}: {error}", file=sys.stderr)
        elif first:
            refuse(Path(directory), str(error))
        if not sweeping or is_judged():
            failures.append(directory)
        return float("nan")
    if first:
        print(f"run: {directory}", flush=True)
    return result


def without_hyphens(words: Sequence[str]) -> list[str]:
    """``--key=value``, as W&B's agent gives it, is ``key=value``; Hydra's own options are left alone."""
    return [word[2:] if _HYPHENED.match(word) else word for word in words]


def train() -> int:
    """Train one run, or a sweep with ``-m``; returns the exit status."""
    follow_named()
    sys.argv[1:] = without_hyphens(sys.argv[1:])
    if WORD in sys.argv[1:]:
        return plan(sys.argv[1:])
    return exit_status(_job, "train")
