"""Every data set keeps the same contract."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import BY_TIME, DOWNLOADED, NAMES, OFFICIAL, OWN, batches, rows_of
from imitations import (
    TEST,
    TRAIN,
)

import aelab.data
from aelab.data.module import PARTS, DataModule


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_disjoint_whole_and_labelled(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name)
    parts = {part: data.examples(part) for part in PARTS}
    assert data.name == name
    for part, x in parts.items():
        assert x.dtype == torch.float32 and x.shape == (data.size(part), int(np.prod(data.shape)))
        assert part not in data.labels or len(data.labels[part]) == len(x)
    if name == "movies":  # films of one year and length have the same values
        train, val, test = (set(data.origin(part)["row"].tolist()) for part in PARTS)
        assert len(train | val | test) == sum(data.size(part) for part in PARTS)
    else:
        train, val, test = (rows_of(parts[part]) for part in PARTS)
    assert not train & val and not train & test and not val & test
    if name in DOWNLOADED:
        assert [data.size(part) for part in PARTS] == [TRAIN * 9 // 10, TRAIN // 10, TEST]
    json.dumps(data.describe())


@pytest.mark.parametrize("name", sorted(DOWNLOADED | OWN))
def test_labels_travel_with_their_examples(sample: Callable[..., DataModule], name: str) -> None:
    overrides = {"standardize": False} if "table" in name else {}
    data = sample(name, **overrides)
    for part in PARTS:
        first = data.examples(part)[:, 0] * (1 if "table" in name else 255)
        assert first.round().int().tolist() == [int(label) for label in data.require_labels()[part]]


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_the_split_and_nothing_else_does(sample: Callable[..., DataModule], name: str) -> None:
    first, again, other = (sample(name, split_seed=seed).describe() for seed in (0, 0, 1))
    small = sample(name, train_size=5)
    assert first == again
    assert (first["fingerprints"]["train"] == other["fingerprints"]["train"]) == (name in BY_TIME)
    assert (first["fingerprints"]["test"] == other["fingerprints"]["test"]) == (name in OFFICIAL | BY_TIME)
    assert small.size("train") == 5 and rows_of(small.examples("train", 2)) <= rows_of(small.examples("train"))
    if not small.standardize:
        assert small.describe()["fingerprints"]["test"] == first["fingerprints"]["test"]
        assert small.describe()["fingerprints"]["val"] == first["fingerprints"]["val"]


@pytest.mark.parametrize("name", NAMES)
def test_order_depends_on_seed_and_epoch_only(sample: Callable[..., DataModule], name: str) -> None:
    def epoch(seed: int, number: int, noise: int) -> torch.Tensor:
        data = sample(name, batch_size=7, seed=seed, train_size=20)
        torch.manual_seed(noise)
        np.random.seed(noise)
        loader = data.train_dataloader()
        loader.sampler.set_epoch(number)
        before = torch.get_rng_state()
        x = torch.cat(batches(data, loader))
        assert torch.equal(before, torch.get_rng_state())  # the run's random stream is left alone
        return x

    x = epoch(0, 3, noise=1)
    assert torch.equal(x, epoch(0, 3, noise=2))
    assert not torch.equal(x, epoch(0, 4, noise=1)) and not torch.equal(x, epoch(1, 3, noise=1))


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_floats_in_range_and_the_last_is_kept(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name, batch_size=7, train_size=23)
    loaders = {
        "train": data.train_dataloader(),
        **dict(zip(("test", "val"), data.test_dataloader(), strict=False)),
    }
    for part, loader in loaders.items():
        got = batches(data, loader)
        assert len(got) == len(loader) and all(x.dtype == torch.float32 for x in got)
        x = torch.cat(got)
        assert torch.equal(x.sort(0).values, data.examples(part).sort(0).values)
        if len(data.shape) == 3 and data.preprocessing.is_plain:  # images
            assert x.min() >= 0 and x.max() <= 1 and x.max() > 0.5
    assert [len(x) for x in batches(data, loaders["train"])] == [7, 7, 7, 2]


@pytest.mark.parametrize("name", sorted(DOWNLOADED | {"mnist5k", "arrays"}))
def test_images_stay_in_memory_as_bytes(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name)
    assert all(data.values[part].dtype == torch.uint8 for part in PARTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_limited_choice_is_always_the_same(sample: Callable[..., DataModule], name: str) -> None:
    data = sample(name)
    rows = data.chosen("train", 6)
    assert len(set(rows.tolist())) == 6 and rows.tolist() != list(range(6))
    assert torch.equal(data.examples("train", 6), data.examples("train")[rows])
    assert torch.equal(rows, sample(name, seed=5).chosen("train", 6))
    assert torch.equal(data.examples("val", 10**6), data.examples("val"))


def imported_at_once(module: str) -> set[str]:
    """Top-level packages that importing a module of ``aelab.data`` imports, through others of them as well."""
    path = Path(aelab.data.__file__).parent / f"{module.replace('.', '/')}.py"
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = re.fullmatch(r"aelab\.data\.([\w.]+)", node.module)
            found |= imported_at_once(inner[1]) if inner else {node.module.partition(".")[0]}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_does_without_what_others_need(name: str) -> None:
    heavy = {"pandas", "pyarrow", "sklearn", "scipy", "mlxtend", "torchvision", "PIL"}
    own = {"table": {"pandas"}, "streamed_table": {"pandas"}, "movies": {"pandas"}, "image_folder": {"PIL"}}
    assert imported_at_once(name) & heavy == own.get(name, set())
