"""Where every variant stands.

Bias² and variance of twelve variants, each with a code of 16 values for the 64 of a digit, trained on five resamples of
300 digits. One setting each, not tuned and trained for thirty epochs: a place to begin, not a verdict.
"""

# %%
# The replicas of a variant are one fit, so that twelve variants take a minute. What a variant needs beside its name
# stands behind it.
import matplotlib.pyplot as plt
import pandas as pd

import aelab

common = [
    "data=digits",
    "data.train_size=300",
    "network=mlp",
    "network.hidden=[64]",
    "network.code_size=16",
    "replicas=bootstrap",
    "replicas.count=5",
    "replicas.weights=last",
    "data.batch_size=10",
    "trainer.max_epochs=30",
    "trainer.check_val_every_n_epoch=30",
    "callbacks.pictures_every=0",
    "logger=none",
]
families = {
    "classic": {
        "undercomplete": [],
        "denoising": ["corruption=gaussian", "corruption.std=0.1"],
        "contractive": ["model.weight=0.01"],
        "rae": ["model.code_weight=0.01"],
    },
    "sparse": {
        "sparse_l1": ["model.weight=0.01"],
        "sparse_kl": ["model.weight=0.01"],
        "k_sparse": [],
    },
    "distributions": {
        "vae": ["model.weight=0.03"],
        "wae_mmd": ["model.weight=1.0"],
        "adversarial": ["model.weight=0.1"],
    },
    "codewords": {"vq_vae": ["model.entries=32", "model.size=2"], "fsq": ["model.levels=[8,4]"]},
}
rows = []
for family, variants in families.items():
    for name, words in variants.items():
        metrics = aelab.train([*common, f"model={name}", *words]).manifest["metrics"]
        rows.append((name, family, metrics["test/bias2"], metrics["test/variance"]))
table = pd.DataFrame(rows, columns=["model", "family", "bias2", "variance"]).set_index("model")
table.sort_values("bias2").round(2)

# %%
# Both parts of each error, the smallest error above. Codes that are distributions are measured by their means.
table = table.assign(error=table.bias2 + table.variance).sort_values("error", ascending=False)
colors = dict(zip(families, ("#4477aa", "#ee6677", "#228833", "#aa7700")))
figure, axis = plt.subplots(figsize=(8.5, 5.5))
axis.barh(table.index, table.bias2, color=[colors[family] for family in table.family])
axis.barh(table.index, table.variance, left=table.bias2, color=[colors[family] for family in table.family], alpha=0.4)
for family, color in colors.items():
    axis.bar(0, 0, color=color, label=family)
axis.bar(0, 0, color="0.3", label="full: bias²")
axis.bar(0, 0, color="0.3", alpha=0.4, label="pale: variance")
axis.axvline(metrics["test/pca_error"], color="0.2", linestyle="--", label="PCA with 16 components")
axis.set(xlabel="error = bias² + variance, squared error per digit", xlim=(0, None))
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False, loc="upper right")
