"""What runs gave at a fixed seed before the house was rebuilt.

``python tests/support/frozen.py FILE`` measures it anew; ``frozen.json`` was measured on commit 7322a72. Whoever
changes a result on purpose measures it anew and says so.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from former import as_before, with_scheduler
from PIL import Image
from tiny_runs import compose_tiny

FILE = Path(__file__).with_name("frozen.json")
SPARSE = ("network=linear", "network.code_size=96")
MODELS = {
    "undercomplete": (), "weight_decay": (), "sparse_l1": (), "sparse_kl": (), "k_sparse": ("model.k=2",),
    "winner_take_all": (), "denoising": ("corruption=gaussian",), "contractive": (), "semantic_hashing": (),
    "relu_l1": SPARSE, "top_k": (*SPARSE, "model.k=8"), "batch_top_k": (*SPARSE, "model.k=8"), "jump_relu": SPARSE,
    "gated": SPARSE,
}  # fmt: skip
DATA = {
    "subspace": ("data.train_examples=300", "data.test_examples=100"),
    "mixture": ("data.train_examples=300", "data.test_examples=100"),
    "dictionary": ("data.train_examples=300", "data.test_examples=100", "data.batch_size=64"),
    "rectangles": ("data.train_examples=120", "data.test_examples=100"),
    "convex": ("data.train_examples=120", "data.test_examples=100"),
    "curves": ("data.train_examples=120", "data.test_examples=100"),
    "mnist5k": ("data.train_size=300",),
    "natural_patches": ("data.count=200", "data.held_out=50"),
    "whitened_patches": ("data.count=200", "data.held_out=50"),
    "arrays": ("data.path={folder}/x.npz", "data.standardize=true"),
    "table": ("data.path={folder}/t.csv", "data.label=kind", "data.missing=indicator", "data.categorical=[colour]"),
    "streamed_table": ("data.path={folder}/u.csv", "data.missing=mean", "data.cache={folder}/rows"),
    "image_folder": (
        "data.path={folder}/pictures",
        "data.image_size=8",
        "data.num_workers=0",
        "trainer.precision=32-true",
    ),
}
EVALUATIONS = ("code_health", "retrieval", "dimensionality_reduction", "linear_probe", "denoising",
               "contraction", "classification")  # fmt: skip
SCENARIOS: dict[str, tuple[str, ...]] = {
    **{f"model={name}": (f"model={name}", *more) for name, more in MODELS.items()},
    **{f"stacked {name}": (f"model={name}", *more, "replicas=bootstrap", "replicas.count=2")
       for name, more in MODELS.items()},
    **{f"data={name}": (f"data={name}", *more) for name, more in DATA.items()},
    **{f"replicas={name}": (f"replicas={name}", "replicas.count=4", "corruption=masking")
       for name in ("bootstrap", "initializations")},
    "replicas=subsample": ("replicas=subsample", "replicas.count=3"),
    "replicas=disjoint": ("replicas=disjoint", "replicas.count=4"),
    "replicas=nested": ("replicas=nested", "replicas.data_sets=2", "replicas.initializations=2"),
    "replicas=fresh": ("replicas=fresh", "replicas.count=3", "data=subspace", *DATA["subspace"]),
    "replicas in chunks": ("replicas=bootstrap", "replicas.count=3", "replicas.chunk=2"),
    "replicas one by one": ("replicas=bootstrap", "replicas.count=2", "replicas.mode=sequential"),
    "error=cross_entropy": ("error=cross_entropy",),
    "replicas cross_entropy": ("error=cross_entropy", "replicas=bootstrap", "replicas.count=3"),
    "network=conv": ("network=conv",),
    "network=linear": ("network=linear",),
    "network=centred_mlp": ("network=centred_mlp", "data=natural_patches", *DATA["natural_patches"]),
    "tied": ("network.tied=true",),
    **{f"initialization={name}": (f"initialization={name}",)
       for name in ("xavier", "kaiming", "orthogonal", "sparse", "transposed", "pca")},
    **{f"corruption={name}": (f"corruption={name}", "model=denoising") for name in ("masking", "salt_and_pepper")},
    **{f"optimizer={name}": (f"optimizer={name}", *more) for name, more in
       {"adamw": (), "sgd": (), "lbfgs": ("optimizer.max_iter=2",), "cg": ()}.items()},
    "scheduler=cosine": ("scheduler=cosine",),
    "scheduler=plateau": ("scheduler=plateau", "callbacks=early_stopping"),
    "pretraining=greedy": ("pretraining=greedy", "pretraining.max_epochs=1"),
    "pretraining=rbm": ("pretraining=rbm", "pretraining.max_epochs=1", "pretraining.momentum_epochs=1",
                        "network.activation=sigmoid", "error=cross_entropy"),
    **{f"evaluation={name}": (f"evaluation={name}",) for name in EVALUATIONS},
    "evaluation=anomaly_detection": ("evaluation=anomaly_detection", "data.one_class=1"),
    "evaluation=linear_theory": ("evaluation=linear_theory", "network=linear", "data=subspace", *DATA["subspace"]),
    "evaluation=dictionary": ("evaluation=dictionary", "model=top_k", *SPARSE, "data=dictionary", *DATA["dictionary"]),
}  # fmt: skip


def files(folder: Path) -> None:
    """The user's own data: an archive, two tables with gaps, pictures of two kinds."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(150, 6)) @ draw.normal(size=(6, 6)) + 3
    np.savez(folder / "x.npz", x=x, y=draw.integers(0, 2, 150))
    frame = pd.DataFrame(x, columns=list("abcdef"))
    frame.loc[frame.index % 9 == 0, "b"] = np.nan
    frame.to_csv(folder / "u.csv", index=False)
    frame["colour"] = draw.choice(["red", "green", "blue"], 150)
    frame["kind"] = draw.choice(["one", "two"], 150)
    frame.to_csv(folder / "t.csv", index=False)
    for index in range(60):
        path = folder / "pictures" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(path)


def measured(name: str, folder: Path, run: Callable[..., Any]) -> dict[str, Any]:
    """The metrics of a scenario, and of its settings where it has several."""
    overrides = [part.format(folder=folder) if "{folder}" in part else part for part in SCENARIOS[name]]
    place = folder / name.replace("=", "-").replace(" ", "-")
    run(as_before(compose_tiny(place, *with_scheduler(["trainer.precision=64-true", *overrides]))), [])
    [manifest] = (json.loads(path.read_text()) for path in place.glob("runs/*/manifest.json"))
    settings = (manifest.get("replicas") or {}).get("settings") or []
    return {"metrics": manifest["metrics"], "settings": [setting["metrics"] for setting in settings]}


def main(target: Path) -> None:
    from aelab.fitting.run import run

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files(folder)
        found = {scenario: measured(scenario, folder, run) for scenario in SCENARIOS}
    target.write_text("{" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items()) + "}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
