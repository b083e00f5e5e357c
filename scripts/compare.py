"""Compare finished runs: table, curves, report.html. See README.md."""

import sys

from aelab.comparison.compare import main

if __name__ == "__main__":
    sys.exit(main())
