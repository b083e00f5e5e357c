"""``python -m aelab``: the same as scripts/train.py."""

import sys

from aelab.cli.train import train

if __name__ == "__main__":
    sys.exit(train())
