"""The trade-off of classic variants.

Bias² and variance of seven variants that limit or disturb the code, against its size.
"""

# %%
# Eight networks on eight resamples of 400 digits at every point; none of the settings is tuned.
import aelab

words = [
    "data=digits",
    "data.train_size=400",
    "data.batch_size=40",
    "network.hidden=[64]",
    "optimizer.lr=0.003",
    "trainer.max_epochs=50",
    "replicas=bootstrap",
    "replicas.count=8",
    "replicas.weights=last",
    "callbacks.pictures_every=0",
    "logger=none",
    "sweep=all",
]
models = ("undercomplete", "weight_decay", "rae", "semantic_hashing", "denoising", "contractive", "masked")
comparison = aelab.sweep(words, model=models, **{"network.code_size": (4, 8, 16)})

# %%
# Where the error comes from: what the model cannot represent, and what depends on the sample.
columns = ["model.name", "network.code_size", "test/error", "test/bias2", "test/variance"]
comparison.table[columns].sort_values(columns[:2]).round(3).to_string(index=False)

# %%
comparison.figure()
