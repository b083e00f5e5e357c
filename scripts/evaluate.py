"""Ask a finished run what its codes are good for. See docs/evaluation.md."""

import sys

from aelab.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
