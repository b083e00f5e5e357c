"""Codes that are whole numbers.

A VQ-VAE and its sibling without a codebook turn a digit into a few codewords. What does one codeword say?
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import aelab

words = [
    "data=digits",
    "network.hidden=[128]",
    "network.code_size=16",
    "trainer.max_epochs=60",
    "optimizer.lr=0.003",
    "logger=none",
]
runs = {
    "vq_vae": aelab.train([*words, "model=vq_vae", "model.entries=16"]),
    "fsq": aelab.train([*words, "model=fsq", "model.levels=[4,2,2,2]"]),
}
digits = load_digits().images[:, None] / 16
{name: run.indices(digits[:3])[:, 0].tolist() for name, run in runs.items()}

# %%
# Four codewords a digit, each one of 16 (`vq_vae`) or 32 (`fsq`). In each row one of the four is replaced by the
# codewords that other digits have in its place.
for name, run in runs.items():
    code, numbers = run.encode(digits), run.indices(digits)[:, 0]
    pictures = []
    for group in range(4):
        part = slice(4 * group, 4 * group + 4)
        words_of_group = np.unique(numbers[:, group], return_index=True)[1][:14]
        changed = np.repeat(code[3:4], len(words_of_group), 0)
        changed[:, part] = code[words_of_group, part]
        row = np.clip(run.decode(changed)[:, 0], 0, 1)
        pictures.append(np.pad(np.hstack(np.pad(row, ((0, 0), (1, 1), (1, 1)))), ((0, 0), (0, (14 - len(row)) * 10))))
    used = len(np.unique(numbers))
    figure, axis = plt.subplots(figsize=(9, 2.9), num=f"learned_{name}")
    axis.imshow(1 - np.vstack(pictures), cmap="gray", vmin=0, vmax=1)
    axis.set(
        title=f"{name}: {used} codewords used, test error {run.manifest['metrics']['test/error']:.2f}",
        yticks=range(5, 45, 10),
        xticks=[],
    )
    axis.set_yticklabels([f"codeword {group + 1}" for group in range(4)])
