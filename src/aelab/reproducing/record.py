"""What was measured, in a file for each experiment: tables outlive the runs, and two people's runs merge."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aelab.errors import UserError
from aelab.machines.atomic_files import write_whole
from aelab.reproducing.measured import Answer, Measured
from aelab.reproducing.pairs import Gap
from aelab.reproducing.paper import SIZES


def read_record(folder: Path, experiment: str) -> dict[str, Measured]:
    """What is kept of an experiment, by size."""
    path = folder / f"{experiment}.json"
    if not path.exists():
        return {}
    try:
        return {size: _measured(one) for size, one in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise UserError(f"{path}: not written by scripts/reproduce.py ({problem}); delete it") from problem


def keep(folder: Path, experiment: str, size: str, measured: Measured) -> bool:
    """Keep a measurement unless more of the same runs were measured before; whether it is kept."""
    record = read_record(folder, experiment)
    before = record.get(size)
    if before and before.expected == measured.expected and len(before.runs) > len(measured.runs):
        return False
    record[size] = measured
    ordered = [f'"{size}": {_text(record[size])}' for size in SIZES if size in record]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{experiment}.json", "{" + ",\n".join(ordered) + "}\n")
    return True


def _text(measured: Measured) -> str:
    """JSON, a line for each answer and each fact."""
    kept = asdict(measured)
    if not measured.gaps:
        del kept["gaps"]
    if measured.seeds == 1:
        del kept["seeds"]
    answers = ",\n  ".join(map(json.dumps, kept.pop("answers")))
    facts = ",\n ".join(f'"{name}": {json.dumps(value)}' for name, value in kept.items())
    return f'{{\n "answers": [\n  {answers}\n ],\n {facts}\n}}'


def _measured(kept: dict[str, Any]) -> Measured:
    answers = tuple(Answer(**one | {"runs": tuple(one["runs"])}) for one in kept["answers"])
    gaps = tuple(
        Gap(**one | {side: (one[side][0], one[side][1]) for side in ("lower", "higher")})
        for one in kept.get("gaps", ())
    )
    lists = {"expected": tuple(kept["expected"]), "runs": tuple(kept["runs"]), "gaps": gaps}
    return Measured(**kept | {"answers": answers} | lists)
