"""What an evaluation found, printed: one column for the run, one for each baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aelab.evaluation.measures.replicated import EXAMPLES
from aelab.evaluation.summary import table
from aelab.machines import terminal


def print_answers(name: str, method: str, entry: Mapping[str, Any], note: str) -> None:
    """Print an entry of the manifest, a table for each setting, and below it by how much ``method``, the run, differs
    from what stands beside it; ``note`` stands in its heading."""
    settings = {row.get("setting"): row.get("values") or {} for row in entry["rows"]}
    for index, values in settings.items():
        found, apart = (
            [row for row in entry.get(kind) or () if row.get("setting") == index] for kind in ("rows", "differences")
        )
        varied = "".join(f"  {key}={value}" for key, value in values.items())
        replicas = max(row.get("replicas") or 1 for row in entry["rows"])
        over = _covered(entry["rows"], replicas)
        words = "; ".join(f"{key} {_shown(value)}" for key, value in (entry.get("facts") or {}).items())
        _print(f"{name}{varied}  ({note}{over}{words})", table(found))
        if apart:
            told = " or ".join(sorted({str(row.get("over")) for row in apart}))
            _print(
                f"{method} minus each  (paired, on the same test examples; 95 % intervals over {told})",
                table(apart, "+"),
            )


def _print(heading: str, lines: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    screen = terminal.console()
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column, name in enumerate(lines[0]):
        drawn.add_column(terminal.text(name), justify="right" if column else "left")
    for line in lines[1:]:
        drawn.add_row(*map(terminal.text, line))
    screen.print()
    screen.print(terminal.text(heading, "bold"))
    screen.print(drawn)


def _covered(found: list[dict[str, Any]], replicas: int) -> str:
    """What the intervals below a heading cover, of the run and of what stands beside it."""
    if replicas < 2:
        single = next((str(row.get("over") or EXAMPLES) for row in found if row.get("low") is not None), "")
        return f"95 % intervals over {single}; " if single else ""
    told = [row["over"] for row in found if row.get("over")]
    if not told:  # measured before that was told
        return f"mean of {replicas} replicas with its 95 % interval over replicas alone; "
    own = sorted({str(row["over"]) for row in found if row.get("over") and (row.get("replicas") or 1) > 1})
    beside = sorted({str(row["over"]) for row in found if row.get("over") and (row.get("replicas") or 1) == 1})
    words = f"mean of {replicas} replicas with its 95 % interval over {' or '.join(own)}" if own else ""
    others = f", of the others over {' or '.join(beside)}" if beside else ""
    return f"{words}{others}; "


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(part)}" for key, part in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
