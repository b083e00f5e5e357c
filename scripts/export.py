"""Write a trained run as an ONNX or torch.export file. See docs/export.md."""

import sys

from aelab.cli.export import main

if __name__ == "__main__":
    sys.exit(main())
