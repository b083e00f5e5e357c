"""Children killed just before one of their changes to files; started by test_kill_points.py as one process.

``python kill_points.py FOLDER SHARE`` does each scenario once undisturbed, which counts its changes (files opened for
writing, renamed or removed, folders made or removed; not the heartbeat's). Then it does it anew for each change, or for
SHARE of them drawn at random, kills the process there with SIGKILL, gives the same command again and looks at what is
there. What it found is FOLDER/told.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning  # noqa: F401  (once, before the children are forked)
import torch
import wandb  # noqa: F401
from fake_runs import write_run
from killed import child, finished
from omegaconf import DictConfig, OmegaConf
from tiny_runs import compose_tiny
from wandb_log import read_log

from aelab.cli.compare import compare
from aelab.config.objects import conf_dir
from aelab.fitting import run as training
from aelab.reproducing.paper import read_papers
from aelab.reproducing.record import keep, read_record
from aelab.reproducing.table import Entry, write_page
from aelab.runs import checkpoints, heartbeat
from aelab.runs.claim import claim
from aelab.runs.history_file import read_rows
from aelab.trained.code_file import write_codes
from aelab.trained.evaluate import evaluate_later
from aelab.trained.export import export
from aelab.trained.loading import load_run

EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
CHECKED = ("evaluation=code_health", "evaluation.code_health.jacobians=3")
Outcome = dict[str, Any]


def changes_of(folder: Path, deadly: int = 0) -> list[str]:
    """A list that grows by one with each change under ``folder``; this process is killed before number ``deadly``."""
    seen: list[str] = []
    place = os.path.realpath(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return
        if (event != "open" and event not in EVENTS) or not isinstance(arguments[0], str | os.PathLike):
            return
        if not os.path.realpath(arguments[0]).startswith(place) or heartbeat.FILE in os.path.basename(arguments[0]):
            return  # signs of life come by the clock: a slower machine makes more of them
        seen.append(f"{event} {arguments[0]}")
        if len(seen) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return seen


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.suffix in (".tmp", ".part"))


def outcome_of_run(folder: Path) -> Outcome:
    """All that a user can see of a run, without times."""
    (path,) = folder.glob("runs/*/manifest.json")
    manifest, run = json.loads(path.read_text()), path.parent
    logs = [read_log(log) for log in folder.glob("wandb/offline-run-*/*.wandb")]
    logs = [log for log in logs if log.history]  # killed in the instant of its opening, an empty one stays
    pictures = {picture.name: digest(picture) for picture in run.glob("pictures/**/*.png")}
    state = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    return {
        "status": manifest["status"],
        "metrics": manifest["metrics"],
        "evaluations": {name: entry["rows"] for name, entry in manifest.get("evaluations", {}).items()},
        "rows": read_rows(run / "metrics.jsonl"),
        "pictures": pictures,
        "weights": {name: value.tolist() for name, value in state.items()},
        "wandb epochs": [[row["epoch"] for row in log.history if "val/error" in row] for log in logs],
        "wandb pictures": sorted({key for log in logs for row in log.history for key in row if "pictures/" in key}),
        "wandb summary": [{k: v for k, v in log.summary.items() if k.startswith("test/")} for log in logs],
        "wandb exit": [log.exit_code for log in logs],
        "left over": left_over(folder),
    }


def run(config: DictConfig, **settings: Any) -> None:
    checkpoints.SECONDS_BETWEEN = 0.0
    training.run(OmegaConf.merge(config, settings), [])  # type: ignore[arg-type]


class Trained:
    """A run from nothing to its end, with W&B and an evaluation."""

    overrides: tuple[str, ...] = ("logger=wandb", "logger.mode=offline", "callbacks.pictures_every=1", *CHECKED)

    def prepare(self, folder: Path) -> None:
        """What lies there before."""

    def task(self, folder: Path) -> None:
        run(compose_tiny(folder, *self.overrides))

    def again(self, folder: Path) -> None:
        self.task(folder)

    def outcome(self, folder: Path) -> Outcome:
        return outcome_of_run(folder)


class Chunks(Trained):
    overrides = ("replicas=bootstrap", "replicas.count=3", "replicas.chunk=2")


class Pretrained(Trained):
    overrides = ("pretraining=greedy", "pretraining.max_epochs=2")


class Finished(Trained):
    """A run that is complete; made once and copied, since what is killed comes after it."""

    overrides = ("trainer.max_epochs=1",)
    made: Path

    def prepare(self, folder: Path) -> None:
        if not hasattr(self, "made"):
            self.made = folder.with_name(f"{type(self).__name__}-made")
            finished(child(lambda: run(compose_tiny(self.made, *self.overrides)) or 0, self.made.with_suffix(".txt")))
        shutil.copytree(self.made, folder)

    def directory(self, folder: Path) -> Path:
        (manifest,) = folder.glob("runs/*/manifest.json")
        return manifest.parent


class StartedOver(Finished):
    """``force=true`` of a run whose files hold something else: all of it is gone, or, killed early, all is there."""

    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        run = self.directory(folder)
        for name in ("manifest.json", "metrics.jsonl"):
            text = (run / name).read_text()
            (run / name).write_text(text.replace('"val/error": ', '"val/error": 1000'))
        for name in ("best.ckpt", "last.ckpt"):
            state = torch.load(run / "checkpoints" / name, weights_only=True)
            state["state_dict"] = {key: value + 7 for key, value in state["state_dict"].items()}
            torch.save(state, run / "checkpoints" / name)

    def task(self, folder: Path) -> None:
        run(compose_tiny(folder, *self.overrides, "force=true"))

    def again(self, folder: Path) -> None:
        """Resumed as the message says, where the start over had begun; given again where it had not."""
        begun = any(
            self.directory_or_none(folder) is None or (path / ".started_over").exists()
            for path in folder.glob("runs/*")
        )
        run(compose_tiny(folder, *self.overrides)) if begun else self.task(folder)

    def directory_or_none(self, folder: Path) -> Path | None:
        return next((path.parent for path in folder.glob("runs/*/manifest.json")), None)


class Evaluated(Finished):
    def task(self, folder: Path) -> None:
        wanted = OmegaConf.load(conf_dir() / "evaluation" / "code_health.yaml")
        wanted.jacobians = 3
        with claim(self.directory(folder)):
            evaluate_later(self.directory(folder), {"code_health": wanted}, wandb=False)  # type: ignore[dict-item]


class Exported(Finished):
    def task(self, folder: Path) -> None:
        trained = load_run(self.directory(folder))
        write_codes(trained)
        export(trained, "torch_export", "encoder")

    def outcome(self, folder: Path) -> Outcome:
        exports = self.directory(folder) / "exports"
        torch.export.load(exports / "encoder.pt2")
        return {"codes": digest(exports / "codes.npz"), "files": sorted(map(str, os.listdir(exports)))}


class Compared(Trained):
    def prepare(self, folder: Path) -> None:
        for seed in range(3):
            write_run(folder / "sweep" / f"r{seed}", metrics={"test/error": 2.0 + seed, "val/error": 1.0}, seed=seed,
                      curve=[3.0, 2.0, 1.5])  # fmt: skip

    def task(self, folder: Path) -> None:
        compare([folder / "sweep"])

    def outcome(self, folder: Path) -> Outcome:
        files = [
            path for path in (folder / "sweep").rglob("*") if path.is_file() and path.suffix in (".csv", ".png", ".svg")
        ]
        told = {str(path.relative_to(folder)): digest(path) for path in files if path.suffix != ".svg"}
        return told | {"report": (folder / "sweep" / "report.html").exists(), "left over": left_over(folder)}


class Reproduced(Trained):
    """The table of reproductions, and the records that it is made of."""

    def prepare(self, folder: Path) -> None:
        shutil.copytree(conf_dir().parent / "docs" / "reproductions", folder / "docs" / "reproductions")
        shutil.copy(conf_dir().parent / "docs" / "reproductions.md", folder / "docs")

    def task(self, folder: Path) -> None:
        """As reproduce.py does behind the sweep, without composing every recipe anew."""
        papers, docs = read_papers(), folder / "docs"
        for name in ("kunin2019_l2", "bao2020_axis"):
            keep(docs / "reproductions", name, "small", read_record(docs / "reproductions", name)["small"])
        kept = {name: read_record(docs / "reproductions", name) for name in papers}
        sizes = [(name, size, measured) for name, found in kept.items() for size, measured in found.items()]
        write_page(docs / "reproductions.md", [Entry(name, size, papers[name], one) for name, size, one in sizes])

    def outcome(self, folder: Path) -> Outcome:
        told = {path.name: digest(path) for path in (folder / "docs").rglob("*") if path.is_file()}
        return told | {"left over": left_over(folder)}


SCENARIOS: dict[str, Trained] = {
    "a run with W&B and an evaluation": Trained(),
    "replicas in two chunks": Chunks(),
    "layers pretrained": Pretrained(),
    "force=true": StartedOver(),
    "an evaluation later": Evaluated(),
    "export": Exported(),
    "compare": Compared(),
    "reproduce": Reproduced(),
}


def attempt(task: Callable[[Path], None], folder: Path, deadly: int = 0) -> int:
    """Do it in a process of its own, which dies before one of its changes; its exit status."""

    def whole() -> int:
        seen = changes_of(folder, deadly)
        task(folder)
        folder.with_suffix(".changes").write_text("\n".join(seen))
        return 0

    return finished(child(whole, folder.with_suffix(".txt")))


def try_all(scenario: Trained, folder: Path, share: float) -> dict[str, Any]:
    whole = folder / "whole"
    scenario.prepare(whole)
    assert attempt(scenario.task, whole) == 0, whole.with_suffix(".txt").read_text()
    wanted = scenario.outcome(whole)
    changes = whole.with_suffix(".changes").read_text().splitlines()
    chosen = [change for change in range(1, len(changes) + 1) if random.random() < share] or [len(changes)]
    wrong: dict[str, Any] = {}
    killed = 0
    for change in chosen:
        place = folder / f"killed{change}"
        scenario.prepare(place)
        killed += attempt(scenario.task, place, change) == -signal.SIGKILL
        status = attempt(scenario.again, place)
        said = place.with_suffix(".txt").read_text()
        try:
            found = scenario.outcome(place) if status == 0 else {"status": f"{status}: {said[-1500:]}"}
        except Exception as error:
            found = {"status": f"{error!r}: {said[-1500:]}"}
        differing = {key: [value, found.get(key)] for key, value in wanted.items() if found.get(key) != value}
        if differing:
            wrong[changes[change - 1].replace(str(whole), "")] = differing
        shutil.rmtree(place, ignore_errors=True)
    return {"changes": len(changes), "tried": len(chosen), "killed": killed, "wrong": wrong}


def main(folder: Path, share: float, names: list[str]) -> None:
    torch.set_num_threads(1)
    random.seed(0)
    told = {}
    for index, name in enumerate(names or SCENARIOS):
        place = folder / str(index)
        place.mkdir(parents=True)
        told[name] = try_all(SCENARIOS[name], place, share)
        (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
