"""The trade-off curve of every regulariser.

Five variants, each from next to no penalty or noise to a lot of it: what does it do to bias², and what to variance?
"""

# %%
import matplotlib.pyplot as plt

import aelab

common = [
    "data=digits",
    "data.train_size=300",
    "network.hidden=[64]",
    "network.code_size=16",
    "initialization=pca",
    "replicas=bootstrap",
    "replicas.count=8",
    "replicas.weights=last",
    "callbacks.pictures_every=0",
    "logger=none",
]
knobs = {
    "weight_decay": "model.weight=1e-5,1e-4,1e-3,1e-2",
    "sparse_l1": "model.weight=1e-3,1e-2,1e-1,3e-1",
    "sparse_kl": "model.weight=1e-3,1e-2,1e-1,1",
    "contractive": "model.weight=1e-3,1e-2,1e-1,1",
    "denoising": "corruption.std=0.05,0.1,0.2,0.4",
}
tables = {
    name: aelab.sweep(
        [*common, f"model={name}", *(["corruption=gaussian"] if name == "denoising" else []), values], sweep=name
    ).table
    for name, values in knobs.items()
}

# %%
# A line for each variant, from weak (small dot) to strong (large dot). The dashed lines join points of equal error:
# what moves along one has bought variance with bias² at par, and only what moves down and left of it has won.
figure, axis = plt.subplots(figsize=(7, 4.6))
for name, table in tables.items():
    key = "corruption.std" if name == "denoising" else "model.weight"
    table = table.sort_values(key)
    [line] = axis.plot(table["test/bias2"], table["test/variance"], label=name)
    axis.scatter(table["test/bias2"], table["test/variance"], s=[15, 40, 80, 140], color=line.get_color())
low, high = axis.get_xlim(), axis.get_ylim()
for total in (0.5, 1, 2, 4, 8):
    axis.axline((0, total), slope=-1, color="0.8", linestyle="--", linewidth=1, zorder=0)
axis.set(xlabel="bias²", ylabel="variance", xlim=(0, low[1]), ylim=(0, high[1]))
axis.legend(frameon=False)
