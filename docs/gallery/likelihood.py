"""How likely is an example?

An importance-weighted autoencoder of black and white digits gives an estimate of log p(x), in nats.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import aelab

run = aelab.train(
    [
        "model=iwae",
        "data=digits",
        "data.binarize=threshold",
        "error=bernoulli",
        "network.hidden=[64]",
        "network.code_size=8",
        "trainer.max_epochs=60",
        "optimizer.lr=0.003",
        "callbacks.pictures_every=0",
        "logger=none",
    ]
)
run.evaluate("likelihood", samples=[1, 50, 500]).round(2).to_string(index=False)

# %%
# Test digits, the same lying on their side, and pictures in which every pixel is drawn by itself.
digits = (load_digits().images[::5, None] / 16 >= 0.5).astype(np.float32)
random = (np.random.default_rng(0).random(digits.shape) < digits.mean(0)).astype(np.float32)
sets = {"digits": digits, "lying": np.rot90(digits, axes=(2, 3)).copy(), "pixel by pixel": random}
figure, axis = plt.subplots(figsize=(7, 3.6))
for name, x in sets.items():
    axis.hist(run.log_likelihood(x, samples=200), bins=40, range=(-60, -5), alpha=0.6, label=name)
axis.set(xlabel="log p(x), nats", ylabel="pictures")
axis.legend(frameon=False)
