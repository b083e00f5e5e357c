"""Papers' experiments: which have been run, and their figures beside the papers'. See docs/reproductions.md."""

import sys

from aelab.cli.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
