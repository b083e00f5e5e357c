"""The trade-off of dictionaries.

Bias² and variance of five sparse autoencoders with 8 active units an example, against the number of atoms.
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
models = ("relu_l1", "top_k", "batch_top_k", "jump_relu", "gated")
words.remove("network.hidden=[64]")
comparison = aelab.sweep(
    [*words, "model.k=8", "model.dead_after=2000"], model=models, **{"network.code_size": (64, 128, 256)}
)

# %%
# Where the error comes from: what the model cannot represent, and what depends on the sample.
columns = ["model.name", "network.code_size", "test/error", "test/bias2", "test/variance"]
comparison.table[columns].sort_values(columns[:2]).round(3).to_string(index=False)

# %%
comparison.figure()
