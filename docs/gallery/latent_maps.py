"""Maps of two numbers.

Nine variants that care how their codes are distributed, with a code of two values: where the ten digits lie, and what
the map decodes to.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import aelab

words = [
    "data=digits",
    "network.hidden=[128,64]",
    "network.code_size=2",
    "trainer.max_epochs=100",
    "optimizer.lr=0.002",
    "callbacks.pictures_every=0",
    "logger=none",
]
variants = {
    "vae": ["model.optimal_variance=true"],
    "iwae": ["model.weight=0.05"],
    "beta_tc": ["model.weight=0.2", "model.kl_weight=0.05"],
    "factor": ["model.weight=0.2", "model.kl_weight=0.05"],
    "info_vae": ["model.weight=0.02"],
    "wae_mmd": [],
    "sliced_wasserstein": [],
    "adversarial": [],
    "rae": [],
}
runs = {name: aelab.train([*words, f"model={name}", *more]) for name, more in variants.items()}

# %%
# Left the code of every digit, its class a colour; right what the square from -2 to 2 decodes to (for `rae`, which
# has no prior, the
# square that holds its codes).
digits, labels = load_digits().images[:, None] / 16, load_digits().target
for name, run in runs.items():
    code = run.encode(digits)
    reach = 2.0 if name != "rae" else float(np.quantile(np.abs(code), 0.98))
    across, down = np.meshgrid(np.linspace(-reach, reach, 12), np.linspace(reach, -reach, 12))
    decoded = run.decode(np.stack([across, down], -1).reshape(-1, 2).astype(np.float32))
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.3), num=f"learned_{name}")
    axes[0].scatter(*code.T, c=labels, cmap="tab10", s=5)
    axes[0].set(title=f"{name}: test error {run.manifest['metrics']['test/error']:.2f}", aspect="equal")
    axes[1].imshow(1 - np.clip(decoded, 0, 1).reshape(12, 12, 8, 8).transpose(0, 2, 1, 3).reshape(96, 96), cmap="gray")
    axes[1].axis("off")
