"""A first model.

A contractive autoencoder of 1,797 small digits, which come with scikit-learn: trained, opened, and asked for a few
reconstructions.
"""

# %%
# The words are those of the command line, `aelab train model=contractive data=digits ...`: the same run in the same
# directory.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

import aelab

run = aelab.train(["model=contractive", "data=digits", "network.hidden=[64]", "network.code_size=8", "logger=none"])
run

# %%
# The error is a sum over the 64 values of a digit, and it stands beside that of PCA with as many values.
{name: round(run.manifest["metrics"][name], 3) for name in ("test/error", "test/pca_error", "test/fvu")}

# %%
# What is left of ten digits after their way through 8 numbers.
digits = load_digits().images[:10, None] / 16
again = run.reconstruct(digits)
figure, axes = plt.subplots(2, 10, figsize=(10, 2.2))
for column, (before, after) in enumerate(zip(digits, again)):
    for row, picture in enumerate((before, after)):
        axes[row, column].imshow(picture[0], cmap="gray_r", vmin=0, vmax=1)
        axes[row, column].axis("off")
