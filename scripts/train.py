"""Train an autoencoder, or a sweep of them with -m. See README.md."""

import sys

from aelab.cli.train import train

if __name__ == "__main__":
    sys.exit(train())
