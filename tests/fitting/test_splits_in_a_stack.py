"""Runs whose data are split, or drawn, by different seeds share a stack, each with its own examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweeps_twice import DOUBLE, check_equal, check_same_state, sweep
from tiny_runs import compose_tiny
from variants import SIZES, VARIANTS

from aelab.fitting import stacks
from aelab.fitting.fit_together import fitted_together
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.manifest import read_manifest


def check_splits(folder: Path, own: tuple[str, ...]) -> None:
    """Jobs of one and two split seeds, plain and with replicas, equal the same runs by themselves."""
    jobs = [
        (*own, "seed=1", "data.split_seed=0"),
        (*own, "seed=2", "data.split_seed=5"),
        (*own, "seed=1", "data.split_seed=5", "replicas=bootstrap", "replicas.count=2"),
        (*own, "seed=3", "data.split_seed=7", "replicas=bootstrap", "replicas.count=2"),
    ]
    stacked = sweep(folder / "stacked", jobs, together=True)
    fingerprints = set()
    for name, alone in sweep(folder / "alone", jobs, together=False).items():
        record = read_manifest(stacked[name])
        assert record and record["stacked"]["runs"] == len(jobs), name
        check_equal(stacked[name], alone, 1e-10)
        if record["config"]["replicas"]["name"] == "none":
            check_same_state(stacked[name], alone)
        fingerprints.add(record["data"]["fingerprints"]["val"])
    assert len(fingerprints) == 3, "three different splits"


@pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=() if name in ("denoising", "vq_vae") else pytest.mark.slow) for name in VARIANTS],
)
def test_runs_of_different_splits_equal_the_runs(variant: str, tmp_path: Path) -> None:
    check_splits(tmp_path, (f"model={variant}", *SIZES, *DOUBLE))


@pytest.mark.parametrize(
    "settings",
    [
        ("+data.standardize=true",),
        ("data.binarize=dynamic", "error=cross_entropy"),
        ("augmentation=crops",),
        ("data=subspace", "data.train_size=200"),
        ("initialization=pca", "network.hidden=[]"),
    ],
)
def test_each_run_keeps_its_own_preprocessing_and_start(settings: tuple[str, ...], tmp_path: Path) -> None:
    check_splits(tmp_path, (*DOUBLE, *settings))
    if settings[0] == "+data.standardize=true":
        for stacked, alone in zip(
            sorted((tmp_path / "stacked" / "runs").iterdir()),
            sorted((tmp_path / "alone" / "runs").iterdir()),
            strict=True,
        ):
            for name in ("last.ckpt", "best.ckpt"):
                if (alone / "checkpoints" / name).exists():
                    one, other = (load_checkpoint(path / "checkpoints" / name) for path in (stacked, alone))
                    [key] = [key for key in other if key == "Digits"]
                    assert str(one[key]) == str(other[key])


def test_more_splits_than_fit_the_memory_are_stacked_one_lot_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stacks, "DATA_BYTES", 2 * 2 * 1797 * 64 * 4 + 10)  # of two splits of digits, each twice
    jobs = [
        ("trainer.max_epochs=1", f"seed={seed}", f"data.split_seed={split}") for split in (0, 1, 2) for seed in (0, 1)
    ]
    configs = [(compose_tiny(tmp_path, *job), []) for job in jobs]
    assert list(fitted_together(configs)) == [[0, 1, 2, 3], [4, 5]]
    assert capsys.readouterr().out.startswith(
        "data=digits: 3 splits of 0.46 MB each, of which at most 2 are in memory, and so in a stack, at a time\n"
    )
