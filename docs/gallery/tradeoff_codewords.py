"""The trade-off of codewords.

Bias² and variance of quantised codes beside the plain one, against the number of code values, of which four are a
codeword.
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
comparison = aelab.sweep(words, model=("undercomplete", "vq_vae", "fsq"), **{"network.code_size": (4, 8, 16, 32)})

# %%
# Where the error comes from: what the model cannot represent, and what depends on the sample.
columns = ["model.name", "network.code_size", "test/error", "test/bias2", "test/variance"]
comparison.table[columns].sort_values(columns[:2]).round(3).to_string(index=False)

# %%
comparison.figure()
