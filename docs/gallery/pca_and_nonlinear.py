"""PCA against a nonlinear code.

How many numbers does a digit need? The same code sizes for PCA and for an autoencoder that starts as PCA.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import aelab

found = aelab.sweep(
    [
        "data=digits",
        "network.hidden=[256]",
        "network.code_size=1,2,4,8,16,32",
        "initialization=pca",
        "callbacks.pictures_every=0",
        "logger=none",
    ],
    sweep="pca",
)
table = found.table.sort_values("network.code_size")
table[["network.code_size", "test/error", "test/pca_error"]].round(2).to_string(index=False)

# %%
# The error is the squared error of a digit, summed over its 64 pixels. An autoencoder needs about half as many numbers
# as PCA for the same error, and the lead is largest where the code is narrow.
digits = load_digits().images.reshape(-1, 64) / 16
train, test = digits[np.arange(len(digits)) % 5 != 0], digits[::5]
run = aelab.load_run(table[table["network.code_size"] == 4].iloc[0]["directory"])
pca = PCA(4).fit(train)
rows = {
    "digit": test[:10],
    "PCA": pca.inverse_transform(pca.transform(test[:10])),
    "autoencoder": run.reconstruct(test[:10].reshape(-1, 1, 8, 8).astype(np.float32)).reshape(-1, 64),
}
figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=[1, 1.3])
axes[0].plot(table["network.code_size"], table["test/pca_error"], "o--", color="0.4", label="PCA")
axes[0].plot(table["network.code_size"], table["test/error"], "o-", color="#4477aa", label="autoencoder")
axes[0].set(xscale="log", yscale="log", xlabel="numbers of a code", ylabel="test error")
axes[0].set_xticks([1, 2, 4, 8, 16, 32], labels=["1", "2", "4", "8", "16", "32"])
axes[0].legend(frameon=False)
sheet = np.vstack([np.hstack(np.pad(row.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))) for row in rows.values()])
axes[1].imshow(1 - sheet.clip(0, 1), cmap="gray")
axes[1].set(title="from a code of 4 numbers", xticks=[], yticks=[5, 15, 25])
axes[1].set_yticklabels(rows)
figure.tight_layout()
