"""PCA against a nonlinear code.

A linear autoencoder ends where PCA does. What does a hidden layer add, and at which code size?
"""

# %%
# Every combination of what has several values, six runs that are fitted together.
import matplotlib.pyplot as plt

import aelab

comparison = aelab.sweep(
    ["data=digits", "sweep=pca", "logger=none", "trainer.max_epochs=60", "optimizer.lr=0.003"],
    network=("linear", "mlp"),
    **{"network.code_size": (2, 8, 24)},
)
table = comparison.table.sort_values(["network.name", "network.code_size"])
table[["network.name", "network.code_size", "test/error", "test/pca_error"]].round(3)

# %%
# Below the grey line is what no projection of that size can reach.
figure, axis = plt.subplots(figsize=(6, 4))
for name, runs in table.groupby("network.name"):
    axis.plot(runs["network.code_size"], runs["test/error"], "o-", label=name)
axis.plot(runs["network.code_size"], runs["test/pca_error"], "--", color="gray", label="PCA")
axis.set(xlabel="code size", ylabel="test error of a digit", yscale="log")
axis.legend(frameon=False)
