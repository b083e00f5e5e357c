"""Means over several pools of data, with paired differences, as a table in Markdown.

An arrow tells in how many pools the difference's own 95 % interval, adjusted by Holm, lies below (↓) or above (↑) 0.

example: python scripts/pools.py outputs/tradeoff_noise against=corruption.std=0
"""

import sys
from pathlib import Path

from aelab.comparison.groups import gather
from aelab.comparison.paired import QUANTITIES
from aelab.comparison.pools import LEVELS, Change, over_pools
from aelab.errors import UserError

NAMES = ("error", "bias²", "variance")


def main(argv: list[str]) -> int:
    """Print the table; returns the exit status."""
    if len(argv) not in (2, 3) or not argv[1].startswith("against="):
        print(f"pools: name a sweep's directory, against=… and, if it is another key, the pools' key\n{__doc__}")
        return 2
    try:
        settings = over_pools(gather([Path(argv[0])]), argv[1].removeprefix("against="), *argv[2:])
    except UserError as problem:
        print(f"pools: {problem}", file=sys.stderr)
        return 2
    pca = any("test/pca_error" in one.levels for one in settings)
    headings = [*NAMES, *(("PCA: error", "PCA: bias²", "PCA: variance") if pca else ())]
    print("|", " | ".join(["setting", *headings, *(f"Δ {name}" for name in NAMES)]), "|")
    print("|---" * (1 + len(headings) + len(NAMES)) + "|")
    for one in settings:
        levels = [f"{one.levels[name]:.3f}" if name in one.levels else "—" for name in LEVELS[: len(headings)]]
        changes = [told(one.changes[name]) if name in one.changes else "" for name in QUANTITIES]
        print("|", " | ".join([one.label, *levels, *changes]), "|")
    return 0


def told(change: Change) -> str:
    """`-0.069 ± 0.021 ↓3`; pools whose interval holds 0 have no arrow."""
    half = "" if change.half is None else f" ± {change.half:.3f}"
    arrows = f" ↓{change.below}" * bool(change.below) + f" ↑{change.above}" * bool(change.above)
    return f"{change.mean:+.3f}{half}{arrows or ' –'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
