"""One class, and what is strange to it.

Deep SVDD learns a small ball that holds the codes of one digit; what lies far from its centre is something else.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import aelab

run = aelab.train(
    [
        "model=one_class",
        "data=digits",
        "data.one_class=3",
        "optimizer=adamw",
        "network.hidden=[64]",
        "network.code_size=16",
        "trainer.max_epochs=60",
        "logger=none",
    ]
)
run.evaluate("anomaly_detection", score="centre").query("metric == 'auroc'")[["method", "value", "low", "high"]].round(
    3
).to_string(index=False)

# %%
# Test digits from the nearest to the centre to the farthest.
digits, labels = load_digits().images[::5, None] / 16, load_digits().target[::5]
score = run.anomaly_score(digits)
order = np.argsort(score)
figure, axes = plt.subplots(2, 12, figsize=(10, 2.4), num="learned_one_class")
for row, chosen in zip(axes, (order[:12], order[-12:])):
    for axis, index in zip(row, chosen):
        axis.imshow(digits[index, 0], cmap="gray_r")
        axis.set_title(str(labels[index]), fontsize=8)
        axis.axis("off")
