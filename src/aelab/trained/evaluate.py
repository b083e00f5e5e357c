"""The evaluations of a finished run: measured once, beside their baselines, into manifest, pictures and W&B."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from aelab.building.agreement import check_questions
from aelab.building.progress import waiting
from aelab.config.objects import questions_of
from aelab.errors import UserError
from aelab.evaluation.measures.paired import differences
from aelab.evaluation.protocol import Curve, Evaluation, Examples
from aelab.evaluation.summary import flat, rows, told_of
from aelab.machines.atomic_files import write_whole
from aelab.runs import pictures
from aelab.runs.identity import recorded
from aelab.runs.per_example import write_contributions
from aelab.runs.record import FILE, open_record
from aelab.tracking.wandb_run import WandbRun, reopen_wandb_run
from aelab.trained.answers import print_answers
from aelab.trained.beside import scores_beside
from aelab.trained.coder import TrainedCoder, examples_of, trained_coders
from aelab.trained.contributions import contributions_of
from aelab.trained.loading import load_run
from aelab.trained.scoring import FILE as FILE_OF_SCORES
from aelab.trained.scoring import keep_scoring


def evaluate(
    directory: Path, wanted: Mapping[str, DictConfig] | None, wandb_run: WandbRun | None = None, force: bool = False
) -> dict[str, float]:
    """Measure, print and record the evaluations that a complete run lacks; the metrics they gave.

    ``wanted``: configs by name (``config.evaluation``). One that was measured with the same config before is
    printed again and nothing more, unless ``force``. The caller has claimed the directory.

    Raises UserError where the run or its data cannot answer.
    """
    wanted = _chosen(wanted)
    if not wanted:
        return {}
    record = open_record(directory)
    questions: dict[str, Evaluation] = questions_of(wanted)
    missing = lacking(record, wanted, force)
    done = record["evaluations"] = record.get("evaluations") or {}
    metrics: dict[str, float] = {}
    if missing:
        with waiting("reading the run and its data"):
            run = load_run(directory)
            data = examples_of(run)
            settings = trained_coders(run)
        for coder in [coder for coders in settings for coder in coders][:1]:
            check_questions({name: questions[name] for name in missing}, recorded(directory, record), coder.model)
    for name, question in questions.items():
        if name in missing:
            with _named(name):
                _keep_statistics(directory, question, record, settings, data)
                entry = _measure(directory, name, question, _plain(wanted[name]), record, data, settings)
                _keep_pictures(directory, name, question, settings[_best_setting(record)], data, wandb_run)
                done[name] = entry  # last, since what has its entry is not done again
                _keep_metrics(name, record)
                write_whole(directory / FILE, json.dumps(record, indent=1, allow_nan=True) + "\n")
                metrics |= flat(name, _best(record, entry["rows"]), _method(record))
        print_answers(name, _method(record), done[name], "" if name in missing else "measured already; ")
    return metrics


def evaluate_later(directory: Path, wanted: Mapping[str, DictConfig] | None, wandb: bool, force: bool = False) -> None:
    """``evaluate`` a run whose own W&B run, opened again where ``wandb``, is closed; UserError if it never had one."""
    wanted = _chosen(wanted)
    record = open_record(directory) if wanted else {}
    if not wandb or not lacking(record, wanted, force):
        evaluate(directory, wanted, force=force)
        return
    config = recorded(directory, record)
    if config.logger.name == "none":
        raise UserError(f"{directory}: trained with logger=none, so it has no W&B run to add to")
    wandb_run = reopen_wandb_run(config, directory, record, _outputs(directory, config.sweep))
    metrics: dict[str, float] = {}
    try:
        metrics = evaluate(directory, wanted, wandb_run, force)
    finally:
        wandb_run.finish(metrics, 0)


def _outputs(directory: Path, sweep: str) -> Path:
    """The folder that holds the sweep of a run, by where the run lies: a manifest names places of its own machine."""
    run = directory.resolve()
    depth = len(Path(sweep).parts)
    return run.parents[depth if run.parent.parts[-depth:] == Path(sweep).parts else 1]


def _chosen(wanted: Mapping[str, DictConfig] | None) -> dict[str, DictConfig]:
    """Without the settings that a recipe leaves behind where another evaluation than its own was asked for."""
    return {name: config for name, config in (wanted or {}).items() if "_target_" in config}


def lacking(record: Mapping[str, Any], wanted: Mapping[str, DictConfig], force: bool = False) -> list[str]:
    """The evaluations that a run's record does not hold, measured with these settings."""
    done = record.get("evaluations") or {}
    return [name for name in wanted if force or (done.get(name) or {}).get("config") != _plain(wanted[name])]


def _plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=True)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say which evaluation a complaint comes from."""
    try:
        yield
    except UserError as error:
        words = "" if str(error).startswith("evaluation.") else f"evaluation={name}: "
        raise UserError(f"{words}{error}") from error


def _method(record: Mapping[str, Any]) -> str:
    """What the run is called beside its baselines."""
    return str(record["config"]["model"]["name"])


def _measure(
    directory: Path,
    name: str,
    question: Evaluation,
    config: Any,
    record: dict[str, Any],
    data: Examples,
    all_coders: Any,
) -> dict[str, Any]:
    """The entry of the manifest: rows of the run and its baselines, for every setting of varied hyperparameters.

    What each example contributes to the run's own is kept beside the manifest.
    """
    began = time.monotonic()
    settings = (record.get("replicas") or {}).get("settings") or [None]
    found: list[dict[str, Any]] = []
    apart: list[dict[str, Any]] = []
    kept = []
    for index, (setting, coders) in enumerate(zip(settings, all_coders, strict=True)):
        scores = []
        for number, coder in enumerate(coders, 1):
            with waiting(f"{name}: replica {number} of {len(coders)}" if len(coders) > 1 else name):
                scores.append(question.measure(coder, data))
        kept.append(contributions_of(scores))
        if not coders:
            continue
        beside = scores_beside(name, question, config, record, data, coders[0])
        own = rows(_method(record), scores) + [row for other in beside for row in rows(other, [beside[other]])]
        of = {} if setting is None else {"setting": index, "values": setting["values"]}
        if len(coders) > 1 and hasattr(question, "across"):
            together = rows(_method(record), [question.across(coders, data)])
            own += [row | {"replicas": len(coders)} for row in together]
        found += told_of(question, [row | of for row in own])
        apart += told_of(question, [row | of for row in differences(scores, beside)])
    if any(one.examples for one in kept):
        write_contributions(directory, kept, name)
    facts = {"examples": {part: len(getattr(data, part).x) for part in ("train", "val", "test")}}
    words = getattr(question, "facts", None)
    facts |= words(data) if words else {}
    entry = {"config": config, "rows": found, "differences": apart, "facts": facts}
    if hasattr(question, "curves"):
        with waiting(f"{name}: curves"):
            entry["curves"] = [
                _mean_curves([question.curves(coder, data) for coder in coders]) for coders in all_coders
            ]
    return entry | {"seconds": round(time.monotonic() - began, 3)}


def _keep_statistics(
    directory: Path, question: Evaluation, record: Mapping[str, Any], settings: list[list[TrainedCoder]], data: Examples
) -> None:
    """What an anomaly score remembers, of every replica of every setting; nothing of those that diverged."""
    statistics = getattr(question, "statistics", None)
    if statistics is None:
        return
    replicas = record.get("replicas") or {}
    count = replicas.get("count") or 1
    diverged = set(replicas.get("diverged") or ())
    coders = iter([coder for coders in settings for coder in coders])
    members = range(count * len(settings))
    kept = [{} if member in diverged else statistics(next(coders), data) for member in members]
    file = getattr(question, "kept_in", FILE_OF_SCORES)
    keep_scoring(directory, question.score, kept, file)  # type: ignore[attr-defined]


def _mean_curves(found: list[Mapping[str, Curve]]) -> dict[str, Any]:
    """Curves of replicas as one curve each, with plain numbers."""
    curves = {}
    for name, first in found[0].items() if found else ():
        mean = np.mean([one[name].y for one in found], axis=0)
        curves[name] = first._asdict() | {"x": [float(x) for x in first.x], "y": [float(y) for y in mean]}
    return curves


def _best_setting(record: Mapping[str, Any]) -> int:
    """Index of the setting with the lowest value of the run's monitor, whose metrics are the run's."""
    settings = (record.get("replicas") or {}).get("settings")
    monitor = record.get("monitor") or "val/error"
    if not settings:
        return 0
    return int(np.nanargmin([setting["metrics"].get(monitor, np.nan) for setting in settings]))


def _best(record: Mapping[str, Any], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in found if row.get("setting") in (None, _best_setting(record))]


def _keep_metrics(name: str, record: dict[str, Any]) -> None:
    """Put the rows of an evaluation among the metrics of the run and of its settings, instead of older ones."""
    found = record["evaluations"][name]["rows"]
    targets = [(record["metrics"], _best(record, found))]
    for index, setting in enumerate((record.get("replicas") or {}).get("settings") or []):
        targets.append((setting["metrics"], [row for row in found if row["setting"] == index]))
    for metrics, own in targets:
        for old in [key for key in metrics if key.startswith(f"{name}/")]:
            del metrics[old]
        metrics |= flat(name, own, _method(record))


def _keep_pictures(
    directory: Path,
    name: str,
    question: Evaluation,
    coders: list[TrainedCoder],
    data: Examples,
    wandb_run: WandbRun | None,
) -> None:
    """Pictures of the first replica, as PNG and in W&B."""
    with waiting(f"{name}: pictures"):
        sheets = question.pictures(coders[0], data) if coders else {}
    paths = {picture: directory / "pictures" / f"{name}_{picture}.png" for picture in sheets}
    for picture, pixels in sheets.items():
        pictures.save_png(paths[picture], pixels)
    if wandb_run:
        wandb_run.pictures(list(paths.values()))
