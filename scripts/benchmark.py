"""Measure the figures of docs/performance.md."""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # read when NumPy and PyTorch are imported

from aelab.benchmarks.main import main

if __name__ == "__main__":
    main()
