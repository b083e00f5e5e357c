"""Score new rows, arrays or pictures by a trained run. See docs/data.md."""

import sys

from aelab.cli.score import main

if __name__ == "__main__":
    sys.exit(main())
