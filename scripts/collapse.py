"""Bias², the variances and the rate against the weight of the KL, beside the linear VAE's closed forms.

example: python scripts/collapse.py outputs/tradeoff_beta
Writes collapse.png into the sweep's directory. The closed forms are there where runs were asked evaluation=collapse.
"""

import sys
from pathlib import Path

from aelab.comparison.collapse import draw, rows
from aelab.comparison.groups import gather
from aelab.errors import UserError


def main(argv: list[str]) -> int:
    """Print a line for each weight and write the picture; returns the exit status."""
    if len(argv) != 1:
        print(f"collapse: name a sweep's directory\n{__doc__}", file=sys.stderr)
        return 2
    directory = Path(argv[0])
    try:
        found = rows(gather([directory]).groups)
        for row in found:
            told = [
                f"{name} {value:.3f}" + (f" (linear {row.linear[name]:.3f})" if name in row.linear else "")
                for name, value in row.ours.items()
            ]
            print(f"{row.weight:g}: " + ", ".join(told))
        print(f"figure: {draw(found, directory)}")
    except UserError as problem:
        print(f"collapse: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
