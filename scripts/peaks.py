"""Does a sweep's error, bias or variance peak over a swept number? The rule is in aelab.replicas.peaks.

example: python scripts/peaks.py outputs/rahimi2024_descents network.hidden
"""

import sys
from pathlib import Path

from aelab.comparison.figures.figure import split
from aelab.comparison.groups import Group, gather
from aelab.errors import UserError
from aelab.replicas.peaks import describe

METRICS = {"test/error": "error", "test/bias2": "bias²", "test/variance": "variance"}


def number(group: Group, key: str) -> float:
    """The value of the key; network.hidden=[16] is 16."""
    value = group.value(key)
    first = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(first, bool) or not isinstance(first, int | float):
        raise UserError(f"{key}={value}: not a number; name a key that was swept over numbers")
    return float(first)


def main(argv: list[str]) -> int:
    """Print one line for each curve; returns the exit status."""
    if len(argv) != 2:
        print(f"peaks: name a sweep's directory and a swept key\n{__doc__}", file=sys.stderr)
        return 2
    directory = Path(argv[0])
    key = argv[1]
    try:
        comparison = gather([directory])
        others = [other for other in comparison.keys if other != key]
        for label, groups in split(comparison.groups, others):
            ordered = sorted(groups, key=lambda group: number(group, key))
            for metric, name in METRICS.items():
                found = [(number(group, key), group.mean(metric), group.mean(f"{metric}_se")) for group in ordered]
                known = [(x, mean, se) for x, mean, se in found if mean is not None and se is not None]
                if known:
                    x, means, errors = zip(*known, strict=True)
                    print(f"{label}: " * bool(label) + describe(x, means, errors, key, name))
    except UserError as problem:
        print(f"peaks: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
