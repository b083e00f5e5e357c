"""Compare finished runs: table, curves, report.html. See README.md."""

import sys

from aelab.cli.compare import main

if __name__ == "__main__":
    sys.exit(main())
