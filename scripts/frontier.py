"""Sparsity against error of a sweep's runs: one line a model, from the numbers of evaluation=dictionary.

example: python scripts/frontier.py outputs/gao2024_topk
Writes frontier.png into the sweep's directory. Other metrics: ... outputs/my_sweep code_health/l0 test/fvu
"""

import sys
from pathlib import Path

from aelab.comparison.frontier import draw, points
from aelab.comparison.groups import gather
from aelab.errors import UserError

DEFAULT = ("dictionary/l0", "dictionary/nmse")


def main(argv: list[str]) -> int:
    """Print a line for each point and write the picture; returns the exit status."""
    if len(argv) not in (1, 3):
        print(f"frontier: name a sweep's directory, and perhaps two metrics\n{__doc__}", file=sys.stderr)
        return 2
    directory = Path(argv[0])
    (x, y) = argv[1:] or DEFAULT
    try:
        lines = points(gather([directory]).groups, x, y)
        for label, line in lines.items():
            print(f"{label}: " + "  ".join(f"({a:.3g}, {b:.4g})" for a, b in line))
        print(f"figure: {draw(lines, x, y, directory)}")
    except UserError as problem:
        print(f"frontier: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
