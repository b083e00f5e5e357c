"""Anomalies of a table, with the reasons.

178 wines of three growers, of which one grower is called an anomaly: which bottles are strange, and what about them is?
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_wine

import aelab

wine = load_wine(as_frame=True)
table = wine.data.assign(grower=wine.target.map({0: "first", 1: "second", 2: "third"}))
table[table.grower != "third"].sample(110, random_state=0).to_csv("known.csv", index=False)
table.drop(columns="grower").to_csv("new.csv", index=False)
run = aelab.train(
    [
        "data=table",
        "data.path=known.csv",
        "data.label=grower",
        "network.hidden=[16]",
        "network.code_size=4",
        "trainer.max_epochs=150",
        "data.batch_size=16",
        "optimizer.lr=0.003",
        "logger=none",
    ]
)

# %%
# On the command line: `aelab score run=... path=new.csv`. Each row has its score, and the columns that contribute
# most to it.
import subprocess
import sys

subprocess.run(
    [
        sys.executable,
        "-c",
        "from aelab.cli.score import main; main()",
        f"run={run.directory}",
        "path=new.csv",
        "output=scores.csv",
    ],
    check=True,
)
scores = pd.read_csv("scores.csv").assign(grower=table.grower)
scores.sort_values("anomaly_score", ascending=False).head(6).round(2).to_string(index=False)

# %%
# Wines of the third grower, which it has never seen, are rebuilt worst; their colour is the commonest reason.
third = scores[scores.grower == "third"]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for grower, rows in scores.groupby("grower"):
    axes[0].hist(rows.anomaly_score.clip(upper=25), bins=30, range=(0, 25), alpha=0.6, label=grower)
axes[0].set(xlabel="anomaly score", ylabel="wines")
axes[0].legend(frameon=False)
third.column_1.value_counts().head(6).sort_values().plot.barh(ax=axes[1])
axes[1].set(xlabel="wines of the third grower whose first reason it is", ylabel="")
figure.tight_layout()
