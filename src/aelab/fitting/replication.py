"""Fit the replicas of a plan - stacked, in chunks or one by one - and decompose their error."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from aelab.building.agreement import check_output, check_questions
from aelab.building.build import build_data, build_trainer, check_optimizer, joined_steps
from aelab.building.fit import Fit, Member, build_member
from aelab.building.settling import settle
from aelab.config.objects import instantiate
from aelab.data.module import DataModule
from aelab.errors import DivergedError, UserError
from aelab.evaluation.protocol import Evaluation
from aelab.fitting.among_ranks import fit_among_ranks
from aelab.machines.atomic_files import write_whole
from aelab.machines.devices import apart_from_its_group
from aelab.machines.interruption import Interrupted, Interruption, interruptible
from aelab.machines.orphans import follow
from aelab.machines.ranks import group, is_of_one_model
from aelab.models import Autoencoder
from aelab.replicas.best import BestWeights
from aelab.replicas.chunking import LAYOUT, begun, chunks, flops_of_step
from aelab.replicas.measuring import Curves
from aelab.replicas.plans import Assignment, Plan
from aelab.runs.checkpoints import AtomicCheckpointIO
from aelab.runs.history_file import mean_history, write_rows
from aelab.tracking.wandb_run import WandbRun


class Fitted(NamedTuple):
    """Trained replicas: ``models`` (stacks and lone ones, replicas in order), their lone ``states``, and
    whether each stayed finite. ``metrics``: per-replica means of every part, name to ``[K]``."""

    models: list[Autoencoder]
    states: list[dict[str, Tensor]]
    keep: list[bool]
    metrics: dict[str, Tensor]


class Replication:
    """What a run with ``replicas=...`` trains: the replicas of a plan."""

    def __init__(self, config: DictConfig, directory: Path, fresh: bool = False) -> None:
        self.data: DataModule = build_data(config)
        settle(config, self.data)
        self.config = copy.deepcopy(config)
        self.directory = directory
        self.plan: Plan = instantiate("replicas", config.replicas)
        self.among_ranks = group()[1] > 1 and not is_of_one_model(config.trainer)
        own = config.trainer.devices if isinstance(config.trainer.devices, int) else 1
        self.processes = group()[1] if self.among_ranks else own
        with open_dict(self.config):
            self.config.trainer.devices = 1
            self.config.trainer.strategy = "auto"
        if self.plan.needs_generator:
            self.data.generate_training_sets(self.plan.generator_seeds())
        self.assignment: Assignment = self.plan.assign(self.data.size("train"), config.seed)
        self._check()
        wanted = chunks(self.count, self.plan, self.config, self.processes, self.flops_per_step)
        self.chunks = wanted if fresh else begun(directory, wanted, self.plan)

    @property
    def count(self) -> int:
        """Replicas."""
        return len(self.assignment.seeds)

    def _check(self) -> None:
        error = instantiate("error", self.config.error)
        if error.decomposition is None:
            raise UserError(
                f"error={error.name} replicas={self.config.replicas.name}: it is not known how this error splits into "
                "bias and variance; use error=squared, or replicas=none"
            )
        rows = self.assignment.rows.shape[1]
        if rows < self.data.batch_size:
            raise UserError(
                f"data.batch_size={self.data.batch_size}: each replica has only {rows} training examples; lower it or "
                "use fewer replicas"
            )

    def check(self, questions: Mapping[str, Evaluation]) -> None:
        """Raise UserError where a model or a trainer cannot be built, or the model not answer a question."""
        model = self._build(0)
        check_optimizer(self.config, model)
        check_output(self.config, model, self.data)
        check_questions(questions, self.config, model, self.data)
        self._check_draws(model)
        joined_steps(self.config, self.data)
        build_trainer(self.config, None)

    def _check_draws(self, model: Autoencoder) -> None:
        if self.plan.draws and type(model).draw is Autoencoder.draw:
            raise UserError(
                f"replicas.draws={self.plan.draws} model={self.config.model.name}: its code is a function of the "
                "example, and nothing is drawn; use replicas.draws=0, or model=vae"
            )

    def flops_per_step(self) -> float:
        """Floating-point operations of one training step of one replica."""
        return flops_of_step(self._build(0).network.multiplications(), self.data.batch_size)

    def members(self, indices: Iterable[int]) -> list[Member]:
        """Replicas by their index."""
        rows = self.assignment.rows
        seeds = self.assignment.seeds
        return [Member(self.config, rows[index], seeds[index]) for index in indices]

    def _build(self, member: int) -> Autoencoder:
        return build_member(self.members([member])[0], self.data)

    # --- fitting ---

    def fit(self, wandb_run: WandbRun | None) -> Fitted:
        """Train all chunks, in several processes where there are some or ``trainer.devices`` asks, and gather them."""
        write_whole(self.directory / LAYOUT, json.dumps(self.chunks))
        if self.among_ranks:
            self.fit_share()
            with apart_from_its_group(self.config.trainer.accelerator):
                return self._gathered(wandb_run)
        if self.processes > 1 and len(self.chunks) > 1:
            self._fit_in_processes()
        return self._gathered(wandb_run)

    def fit_share(self) -> None:
        """Train the chunks that are this rank's, as all ranks but the first do, and those that nobody is at."""
        if len(self.chunks) > 1:
            directories = [self.chunk_directory(index) for index in range(len(self.chunks))]
            rank, size = group()
            with apart_from_its_group(self.config.trainer.accelerator):
                fit_among_ranks(directories, rank, size, lambda index: self._fit_chunk(index, None))

    def _gathered(self, wandb_run: WandbRun | None) -> Fitted:
        parts = [self._fit_chunk(index, wandb_run) for index in range(len(self.chunks))]
        if len(self.chunks) > 1:
            self._gather_history(wandb_run)
        return Fitted(
            [model for part in parts for model in part.models],
            [state for part in parts for state in part.states],
            [kept for part in parts for kept in part.keep],
            {name: torch.cat([part.metrics[name] for part in parts]) for name in parts[0].metrics},
        )

    def _gather_history(self, wandb_run: WandbRun | None) -> None:
        """The run's own curves: means over its chunks, which each kept theirs."""
        paths = [self.chunk_directory(index) / "metrics.jsonl" for index in range(len(self.chunks))]
        rows = mean_history(paths, [len(chunk) for chunk in self.chunks])
        write_rows(self.directory / "metrics.jsonl", rows)
        if wandb_run:
            wandb_run.epochs()

    def chunk_directory(self, index: int) -> Path:
        """Where a chunk keeps its checkpoints: the run's own directory where it is the only one."""
        return self.directory if len(self.chunks) == 1 else self.directory / "replicas" / f"{index:03d}"

    def _fit_in_processes(self) -> None:
        """Leave every chunk complete on disk; the chunks are independent, so nothing depends on who trains them."""
        plain: Any = OmegaConf.to_container(self.config, resolve=True)
        context = multiprocessing.get_context("spawn")
        shares = [list(range(rank, len(self.chunks), self.processes)) for rank in range(self.processes)]
        with ProcessPoolExecutor(self.processes, context, initializer=follow, initargs=(os.getpid(),)) as pool:
            jobs = [
                pool.submit(_fit_share, plain, self.directory, self.processes, rank, share)
                for rank, share in enumerate(shares)
            ]
            try:
                for job in jobs:
                    job.result()
            except BaseException:  # the pool waits for them
                for process in multiprocessing.active_children():
                    process.terminate()
                raise

    def _fit_chunk(self, index: int, wandb_run: WandbRun | None) -> Fitted:
        best = BestWeights()
        curves = [Curves(self.assignment.data_sets)] if self._draws_curves() else []
        members = self.members(self.chunks[index])
        fit = Fit(members, self.data, best, self.chunk_directory(index), curves)
        fit.follow(wandb_run if len(self.chunks) == 1 else None)
        keep = [True] * len(members)
        try:
            fit.run()
        except DivergedError:
            if len(members) > 1:
                raise
            keep = [False]
        if best.state:
            if self.plan.weights == "best":
                fit.keep_best()
            keep = [kept and ok for kept, ok in zip(keep, best.finite(), strict=True)]
        fit.test()
        metrics = {name: value.detach().cpu().reshape(-1) for name, value in fit.model.latest.items()}
        states = fit.states()
        # the last weights may have diverged after the best
        finite = [all(bool(value.isfinite().all()) for value in state.values()) for state in states]
        keep = [kept and ok for kept, ok in zip(keep, finite, strict=True)]
        return Fitted([fit.model], states, keep, {k: v for k, v in metrics.items() if len(v) == len(members)})

    def _draws_curves(self) -> bool:
        """Whether bias and variance can be followed by epoch: all replicas in one fit."""
        everyone = len(self.chunks) == 1 and len(self.chunks[0]) > 1
        return everyone and self.assignment.partitions is None

    def lone(self, fitted: Fitted, member: int) -> Autoencoder:
        """A trained replica as a model of its own, in evaluation mode."""
        model = self._build(member)
        model.load_state_dict(fitted.states[member])
        return model.eval()

    def save(self, fitted: Fitted) -> None:
        """Keep every replica's best weights as lone models' states in one checkpoint."""
        checkpoint = {
            "replicas": len(fitted.states),
            "state_dict": {f"{k}.{name}": v for k, state in enumerate(fitted.states) for name, v in state.items()},
            "pytorch-lightning_version": pl.__version__,
            type(self.data).__name__: self.data.state_dict(),
        }
        AtomicCheckpointIO().save_checkpoint(checkpoint, self.directory / "checkpoints" / "best.ckpt")


def _fit_share(plain: dict[str, Any], directory: Path, processes: int, rank: int, share: Sequence[int]) -> None:
    from aelab.machines.quiet import quiet

    quiet()
    config = OmegaConf.create(plain)
    config.trainer.devices = processes
    replication = Replication(config, directory)
    if config.trainer.accelerator != "cpu":
        replication.config.trainer.devices = [rank]
    with suppress(Interrupted), interruptible(Interruption()):  # the parent knows
        for index in share:
            replication._fit_chunk(index, None)
