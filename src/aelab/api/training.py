"""One run, trained from Python as the command line trains it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from aelab.api.composition import composed
from aelab.api.program import finished
from aelab.api.words import words_of
from aelab.config.objects import apart_from_other_applications
from aelab.errors import UserError
from aelab.machines.ranks import is_of_one_model

if TYPE_CHECKING:
    from aelab.trained.run import Run


def train(overrides: Sequence[str] = (), /, **keys: Any) -> Run:
    """Train one run, or take the one that is there, and open it.

    The same words as ``aelab train``: the same run in the same directory under ``outputs/``, the same W&B run. What is
    complete is not trained again, what was interrupted (Ctrl-C, the kernel's stop) goes on where it was.

    ``overrides``: words of the command line, ``["data=digits", "model=vae"]``. ``keys``: the same as ``key=value``,
    ``seed=3``; a dict is the keys of a group, ``network={"code_size": 8}``.

    Raises UserError, one line, where the config cannot be meant or the run failed; KeyboardInterrupt where it was
    stopped.
    """
    from aelab.trained.loading import load_run

    words = words_of(overrides, keys)
    config = composed(words)
    # several processes Lightning starts by giving the command line again, which a notebook does not have
    several = is_of_one_model(config.trainer)
    directory = finished(["train", *words], "run") if several else _trained_here(config, words)
    return load_run(directory)


def _trained_here(config: DictConfig, words: list[str]) -> Path:
    """Train in this process, of which nothing is changed afterwards; the run's directory."""
    from aelab.config.checking import check, check_groups
    from aelab.fitting.run import RunFailed, RunInterrupted, run
    from aelab.machines.folders import clear, standing
    from aelab.runs.claim import Held
    from aelab.runs.containment import check_contained
    from aelab.runs.identity import run_id
    from aelab.runs.refused import forget

    with apart_from_other_applications():
        check_groups(config)
        check(config, words)
        directory = Path(config.paths.outputs) / config.sweep / run_id(config)
        check_contained(directory)
        stood = standing(directory.parent)
        try:
            with _as_it_was(), _told_on_disk(directory, config, words):
                run(config, words)
        except RunInterrupted as stop:
            raise KeyboardInterrupt(str(stop).replace("the same command", "the same call")) from None
        except Held as held:
            raise UserError(f"{held}; wait for it or stop it") from held
        except UserError:
            forget(directory)
            clear(directory.parent, stood)
            raise
        except RunFailed as failure:
            raise UserError(f"{directory}: {failure}") from failure
    return directory


@contextmanager
def _told_on_disk(directory: Path, config: DictConfig, words: list[str]) -> Iterator[None]:
    """What Hydra keeps beside a run: its config, what was typed, and its log."""
    kept = directory / ".hydra"
    kept.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, kept / "config.yaml")
    OmegaConf.save(words, kept / "overrides.yaml")
    log = logging.getLogger("aelab")
    handler = logging.FileHandler(directory / "train.log")
    handler.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.level, log.propagate = before
        log.removeHandler(handler)
        handler.close()


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Give back what a run changes in its process: random numbers, signals, warnings, PyTorch's switches, W&B's names.

    Lightning ignores Ctrl-C for good once it was interrupted.
    """
    import torch
    from pytorch_lightning.utilities.seed import isolate_rng

    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    names = {name: value for name, value in os.environ.items() if _is_of_a_run(name)}
    with ExitStack() as stack:
        stack.enter_context(isolate_rng())
        stack.enter_context(warnings.catch_warnings())
        try:
            yield
        finally:
            if main:
                signal.signal(signal.SIGINT, handler)
            torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
            for name in [name for name in os.environ if _is_of_a_run(name)]:
                with suppress(KeyError):
                    del os.environ[name]
            os.environ.update(names)


def _is_of_a_run(name: str) -> bool:
    return name.startswith(("WANDB_", "CUBLAS_WORKSPACE_CONFIG", "PL_"))
