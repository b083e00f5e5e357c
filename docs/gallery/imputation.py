"""Fill in what is missing.

A masked autoencoder learns to rebuild what it cannot see. Half of every digit is taken away.
"""

# %%
# A model that was trained with hidden values, and one that was not.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import aelab

words = [
    "data=digits",
    "network.hidden=[256]",
    "network.code_size=64",
    "trainer.max_epochs=150",
    "optimizer.lr=0.002",
    "callbacks.pictures_every=0",
    "logger=none",
]
masked = aelab.train([*words, "model=masked", "model.share=0.5"])
plain = aelab.train([*words, "model=undercomplete"])

# %%
# Hidden values are 0 for both, as in the training of the first. Beside them the mean of the training digits.
digits = load_digits().images[:, None] / 16
test = np.arange(len(digits)) % 5 == 0
seen = np.random.default_rng(0).random(digits[test].shape) > 0.5
holes = digits[test] * seen
mean = np.broadcast_to(digits[~test].mean(0), holes.shape)
filled = {"mean": mean, "undercomplete": plain.reconstruct(holes), "masked": masked.reconstruct(holes)}
{name: round(float(np.square(values - digits[test])[~seen].mean()), 4) for name, values in filled.items()}

# %%
rows = {"with holes": np.where(seen, digits[test], np.nan)} | {
    name: np.where(seen, digits[test], each) for name, each in filled.items()
}
figure, axes = plt.subplots(5, 12, figsize=(10, 4.4))
for row, (name, pictures) in zip(axes, (rows | {"truth": digits[test]}).items()):
    row[0].set_title(name, fontsize=9, loc="left")
    for axis, picture in zip(row, pictures[5:]):
        axis.imshow(picture[0], cmap=plt.get_cmap("gray_r").with_extremes(bad="#9ecae1"), vmin=0, vmax=1)
        axis.axis("off")
