"""One file for production.

An encoder becomes an ONNX file that needs neither aelab nor PyTorch, and gives the same numbers.
"""

# %%
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import aelab

run = aelab.train(["data=digits", "model=denoising", "network.hidden=[64]", "network.code_size=8", "logger=none"])
subprocess.run(
    [
        sys.executable,
        "-c",
        "from aelab.cli.export import main; main()",
        f"run={run.directory}",
        "format=onnx",
        "which=encoder",
        "path=encoder.onnx",
    ],
    check=True,
    capture_output=True,
)
f"{Path('encoder.onnx').stat().st_size / 1024:.0f} KiB"

# %%
# What another program does with it: no aelab here.
import onnxruntime

digits = (load_digits().images[:, None] / 16).astype(np.float32)
session = onnxruntime.InferenceSession("encoder.onnx")
[code] = session.run(None, {"x": digits})
f"largest difference to the run's own codes: {np.abs(code - run.encode(digits)).max():.1e}"

# %%
centred = code - code.mean(0)
map_of_two = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
figure, axis = plt.subplots(figsize=(5.4, 4.4))
shown = axis.scatter(*map_of_two.T, c=load_digits().target, cmap="tab10", s=8)
axis.set(title="codes from the file, two of their principal components", xticks=[], yticks=[])
figure.colorbar(shown, label="digit")
