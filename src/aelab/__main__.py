"""``python -m aelab``: the command ``aelab``."""

import sys

from aelab.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
