"""The trade-off of codes that are distributions.

Bias² and variance of eight variants whose codes are matched to a normal distribution, against the code size.
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
# With the squared error the weight of a KL is twice the variance of a value about its reconstruction, here about 0.04.
sizes = {"network.code_size": (2, 4, 8)}
aelab.sweep([*words, "model.weight=0.04"], model=("vae", "iwae", "info_vae"), **sizes)
aelab.sweep([*words, "model.weight=0.2", "model.kl_weight=0.04"], model=("beta_tc", "factor"), **sizes)
comparison = aelab.sweep(words, model=("undercomplete", "wae_mmd", "sliced_wasserstein", "adversarial"), **sizes)

# %%
# Where the error comes from: what the model cannot represent, and what depends on the sample.
columns = ["model.name", "network.code_size", "test/error", "test/bias2", "test/variance"]
comparison.table[columns].sort_values(columns[:2]).round(3).to_string(index=False)

# %%
comparison.figure()
