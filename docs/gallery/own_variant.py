"""A variant of your own.

An autoencoder whose code is decorrelated: one method, in a module outside aelab.
"""

# %%
# The module, as it would lie in a package of yours. A config may name its classes because `AELAB_TRUSTED` lists it.
import os
import sys
from pathlib import Path

Path("theirs.py").write_text('''
from aelab.models import Autoencoder


class Decorrelated(Autoencoder):
    """Adds ``weight * sum of the squared correlations of two code units``."""

    unused = ()  # of the base class's keys; it has no use for model.weight, and this one has

    def penalties(self, forward, generator=None):
        code = forward.encoding.code
        code = (code - code.mean(-2, keepdim=True)) / code.std(-2, keepdim=True).clamp(min=1e-6)
        correlation = code.transpose(-1, -2) @ code / (code.shape[-2] - 1)
        return {"penalty": correlation.tril(-1).square().sum((-1, -2))}
''')
sys.path.insert(0, os.getcwd())
os.environ["AELAB_TRUSTED"] = "theirs"

# %%
# Trained beside the plain autoencoder.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import aelab

words = [
    "data=digits",
    "network.hidden=[64]",
    "network.code_size=12",
    "trainer.max_epochs=60",
    "optimizer.lr=0.003",
    "logger=none",
]
plain = aelab.train(words)
ours = aelab.train([*words, "model._target_=theirs.Decorrelated", "model.name=decorrelated", "+model.weight=0.05"])

# %%
# The error hardly changes; the code does.
digits = load_digits().images[:, None] / 16
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6))
for axis, run in zip(axes, (plain, ours)):
    shown = axis.imshow(np.corrcoef(run.encode(digits).T), cmap="RdBu", vmin=-1, vmax=1)
    error = run.manifest["metrics"]["test/error"]
    axis.set(
        title=f"{run.manifest['config']['model']['name']}: error {error:.2f}", xlabel="code unit", ylabel="code unit"
    )
figure.colorbar(shown, ax=axes, label="correlation")
