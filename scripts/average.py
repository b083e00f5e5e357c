"""Means of a metric over the values of a swept key, beside the baselines' and with paired differences.

example: python scripts/average.py outputs/one_class_mnist anomaly_detection/auroc data.one_class
"""

import sys
from pathlib import Path

from aelab.comparison.averages import averages
from aelab.comparison.figures.figure import split
from aelab.comparison.groups import gather
from aelab.errors import UserError


def main(argv: list[str]) -> int:
    """Print one line for each method; returns the exit status."""
    if len(argv) != 3:
        print(f"average: name a sweep's directory, a metric and a swept key\n{__doc__}", file=sys.stderr)
        return 2
    directory = Path(argv[0])
    metric = argv[1]
    key = argv[2]
    try:
        comparison = gather([directory])
        if key not in comparison.keys:
            raise UserError(
                f"{key}: not swept over in {directory}; choose among {', '.join(comparison.keys) or 'none'}"
            )
        for label, groups in split(comparison.groups, [other for other in comparison.keys if other != key]):
            print(f"{label}: " * bool(label) + f"{metric}, mean over {len(groups)} values of {key}")
            for name, mean, difference, half in averages(groups, metric):
                apart = "" if half is None else f"   own minus it {difference:+.4f} ± {half:.4f}"
                print(f"  {name:20} {mean:.4f}{apart}")
    except UserError as problem:
        print(f"average: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
