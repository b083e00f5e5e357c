"""W&B's client, so opened and closed that no run waits long for W&B or ends because of it."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aelab.runs.wandb_note import Note
from aelab.tracking.wandb_mode import wandb_mode

INIT_TIMEOUT = 15  # seconds; keys of conf/logger/wandb.yaml
FINISH_TIMEOUT = 30
INTERRUPTED = 255  # the exit code that W&B's own client gives a run that was stopped from outside
INTERRUPTED_PATIENCE_S = 2.0
_LOST_PATIENCE_S = 0.2  # for a run that is open while the server is known not to take it; its finish goes on
_FLUSHED_EVERY_S = 2.0  # of the .wandb file; what is younger is lost with a process that is killed

_out_of_reach = False  # as this process found: its next runs do not try again


def open_run(outputs: Path, logger: Mapping[str, Any], note: Note, **arguments: Any) -> Any:
    """A W&B run whose files lie under ``outputs/wandb``; kept offline where the server does not answer.

    Where ``note`` tells of its earlier files, these are removed, since whoever opens a run logs all of it anew; on
    a server the run goes on after its last row, ``starting_step``, unless it was started over.
    ``logger``: keys of ``conf/logger/wandb.yaml``. ``arguments``: those of ``wandb.init``.
    """
    resume = "allow" if note.goes_on() else None
    run = _start(outputs, logger, resume, arguments)
    home = outputs.resolve() / "wandb"
    if run.dir and Path(run.dir).is_relative_to(home):  # not where WANDB_MODE=disabled
        new = Path(run.dir).parent.name
        named = [name for name in note.folders() if name != new and Path(name).name == name]
        old = [name for name in named if name.endswith(f"-{run.id}")]  # others are of another trial of a W&B Sweep
        note.opened(new, old)
        for name in old:
            shutil.rmtree(home / name, ignore_errors=True)
    return run


def _start(outputs: Path, logger: Mapping[str, Any], resume: str | None, arguments: dict[str, Any]) -> Any:
    import wandb

    outputs.mkdir(parents=True, exist_ok=True)
    # artifacts are staged where W&B's own default is the home directory, which may not outlive the run
    staging = str((outputs / ".wandb-staging").resolve())
    os.environ.setdefault("WANDB_DATA_DIR", staging)
    os.environ.setdefault("WANDB_CACHE_DIR", staging)
    os.environ.setdefault("WANDB_SILENT", "true")  # also for what it says of the key before it reads settings
    mode = wandb_mode(logger.get("mode", "auto"))
    arguments |= {
        "project": logger.get("project", "aelab"),
        "entity": logger.get("entity"),
        "dir": str(outputs),
        "settings": _settings(logger),
    }
    if mode == "online" and _out_of_reach:
        mode = "offline"
    if mode == "online":
        before = set(outputs.glob("wandb/run-*"))
        try:
            return wandb.init(mode="online", resume=resume, **arguments)  # type: ignore[arg-type]
        except Exception as error:
            _reset()  # W&B's service still holds the id of the run that did not start
            for attempt in set(outputs.glob(f"wandb/run-*{arguments['id']}")) - before:
                shutil.rmtree(attempt, ignore_errors=True)
            later = f"`wandb sync {outputs}/wandb/offline-run-*` sends them later"
            _give_up(f"could not be reached ({_reason(error)}); runs are kept offline: {later}")
            mode = "offline"
    return wandb.init(mode=mode, **arguments)  # type: ignore[arg-type]


def close_run(run: Any, note: Note, exit_code: int, signum: int | None = None) -> None:
    """Finish a run, marked failed for a non-zero exit code, within its ``finish_timeout``; all of it stays on disk.

    ``note`` says whether it came to its end. ``signum``: the signal that interrupted it. Whoever sent it waits seconds,
    so W&B gets two of them.
    """
    if signum is None and not _out_of_reach:
        _finish(run, note, exit_code)
    else:
        close_runs([(run, note)], exit_code, signum)


def close_runs(runs: Sequence[tuple[Any, Note]], exit_code: int, signum: int | None = None) -> None:
    """The same of several at a time, which together take as long as the slowest."""
    code = INTERRUPTED if exit_code and signum is not None else exit_code
    all_finishing = [threading.Thread(target=_finish, args=(run, note, code), daemon=True) for run, note in runs]
    for finishing in all_finishing:
        finishing.start()
    short = INTERRUPTED_PATIENCE_S if signum is not None else _LOST_PATIENCE_S if _out_of_reach else None
    deadline = None if short is None else time.monotonic() + short
    for finishing in all_finishing:
        finishing.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
    if signum is not None and any(finishing.is_alive() for finishing in all_finishing):
        atexit.register(_leave, 128 + signum)


def _finish(run: Any, note: Note, exit_code: int) -> None:
    folder = Path(run.dir).parent
    before = _written(folder)
    try:
        run.finish(exit_code=exit_code)
        patience = time.monotonic() + 0.2  # W&B's service writes the end of its file just after it has said so
        while _written(folder) == before and time.monotonic() < patience:
            time.sleep(0.002)
        note.closed()
    except Exception as error:
        if isinstance(error, TimeoutError):
            later = f"`wandb sync --include-online {folder}` sends the rest, and the next runs are kept offline"
            _give_up(f"did not take all of {run.id} in time: {later}")
            return
        print(f"W&B's client did not come to the end of {run.id}: {_reason(error)}", file=sys.stderr, flush=True)
        _reset()


def _reset() -> None:
    """Let the next run start with a new service of W&B's."""
    import wandb

    with suppress(Exception):
        wandb.teardown()


def _written(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.wandb"))


def _leave(status: int) -> None:
    """End the process before W&B's own wait for its uploads, which was registered earlier, begins."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _settings(logger: Mapping[str, Any]) -> Any:
    """What W&B may collect (neither command line nor environment) and how long it may take, as far as it knows it."""
    import wandb

    wanted = {
        "silent": True,
        "console": "off",
        "save_code": False,
        "x_disable_meta": True,
        "x_transaction_log_flush_interval": _FLUSHED_EVERY_S,
        "init_timeout": logger.get("init_timeout", INIT_TIMEOUT),
        "finish_timeout": logger.get("finish_timeout", FINISH_TIMEOUT),
        "finish_timeout_raises": True,
    }
    return wandb.Settings(**{key: value for key, value in wanted.items() if key in wandb.Settings.model_fields})


def _give_up(what_happened: str) -> None:
    global _out_of_reach
    _out_of_reach = True
    print(f"W&B {what_happened}", file=sys.stderr, flush=True)


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines and lines[0] != "<no message>" else "it refused the key" if lines else type(error).__name__
