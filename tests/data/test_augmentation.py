"""Augmentation: by (seed, epoch, example) alone, equal alone and in a stack, exact where it can be said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import Composer
from torch.testing import assert_close

from aelab.building.augmenting import augmentation_of
from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.data.augmentation import Augmentation
from aelab.data.batches.loader import EpochOrder, ResidentLoader
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.objectives.keyed import keyed_uniforms
from aelab.replicas.best import BestWeights

SHAPE = (3, 6, 8)
EVERYTHING = {"vertical": True, "shift": 0.3, "brightness": 0.3, "contrast": 0.3, "saturation": 0.3}


def pictures(count: int = 40) -> torch.Tensor:
    return torch.rand(count, 3 * 6 * 8, generator=torch.Generator().manual_seed(0))


def splitmix64(state: int) -> int:
    """The reference of Steele et al. 2014, in whole numbers of Python: one output of a state."""
    mask = 2**64 - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_numbers_are_those_of_splitmix64() -> None:
    seeds, rows = torch.tensor([3, 2**40]), torch.tensor([[0, 5], [7, 123456789]])
    found = keyed_uniforms(seeds, 11, rows, 3)
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    for k in range(2):
        for b in range(2):
            of_epoch = splitmix64((int(seeds[k]) * golden + 11 - golden) & mask)
            key = splitmix64(((of_epoch ^ ((int(rows[k, b]) * golden) & mask)) - golden) & mask)
            for j in range(3):
                assert found[k, b, j].item() == (splitmix64((key + j * golden) & mask) >> 40) / 2**24


def test_numbers_are_uniform_and_unrelated() -> None:
    found = keyed_uniforms(torch.tensor(0), 0, torch.arange(20_000), 7).double().numpy()
    assert abs(found.mean(0) - 0.5).max() < 0.01
    assert abs(found.var(0) - 1 / 12).max() < 0.003
    assert abs(np.corrcoef(found.T) - np.eye(7)).max() < 0.03
    later = keyed_uniforms(torch.tensor(0), 1, torch.arange(20_000), 7).double().numpy()
    assert abs(np.corrcoef(found[:, 0], later[:, 0])[0, 1]) < 0.03


@pytest.mark.parametrize("settings", [{}, EVERYTHING], ids=["flips", "everything"])
def test_depends_on_seed_epoch_and_example_alone(settings: dict[str, Any]) -> None:
    change, x, rows = Augmentation(**settings), pictures(), torch.arange(40)
    whole = change(SHAPE, x, rows, 3, 5)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(change(SHAPE, x[order], rows[order], 3, 5), whole[order])
    assert torch.equal(torch.cat([change(SHAPE, x[i : i + 7], rows[i : i + 7], 3, 5) for i in range(0, 40, 7)]), whole)
    assert not torch.equal(change(SHAPE, x, rows, 4, 5), whole) and not torch.equal(change(SHAPE, x, rows, 3, 6), whole)
    together = change(SHAPE, torch.stack([x, x]), torch.stack([rows, order]), [3, 4], 5)
    assert_close(together[0], whole, rtol=0, atol=0)
    assert_close(together[1], change(SHAPE, x, order, 4, 5), rtol=0, atol=0)


def test_mirrored_every_other_time() -> None:
    x = pictures(1000)
    changed = Augmentation()(SHAPE, x, torch.arange(1000), 0, 0)
    mirrored = x.unflatten(-1, SHAPE).flip(-1).flatten(1)
    either = (changed == x).all(1), (changed == mirrored).all(1)
    assert (either[0] ^ either[1]).all()
    assert 450 < either[0].sum() < 550


def test_shifted_by_whole_pixels_with_a_mirrored_edge() -> None:
    x = pictures(500).unflatten(-1, SHAPE)
    changed = Augmentation(horizontal=False, shift=0.25)(SHAPE, x.flatten(1), torch.arange(500), 0, 0).unflatten(
        -1, SHAPE
    )
    padded = torch.nn.functional.pad(x, (2, 2, 1, 1), mode="reflect")
    ways = {(d, r): padded[..., d : d + 6, r : r + 8] for d in range(3) for r in range(5)}
    which = torch.stack([(changed == way).flatten(1).all(1) for way in ways.values()])
    assert (which.sum(0) == 1).all() and (which.sum(1) > 15).all()


def test_colours_keep_grey_grey_and_stay_in_range() -> None:
    change = Augmentation(horizontal=False, brightness=0.5, contrast=0.5, saturation=0.5)
    grey = torch.rand(50, 1, 48).expand(50, 3, 48).reshape(50, -1)
    changed = change(SHAPE, grey, torch.arange(50), 0, 0).unflatten(-1, SHAPE)
    assert_close(changed[:, 0], changed[:, 2])
    assert changed.min() >= 0 and changed.max() <= 1
    assert_close(Augmentation(horizontal=False)(SHAPE, grey, torch.arange(50), 0, 0), grey, rtol=0, atol=0)


def test_whole_pixels_stay_whole() -> None:
    x = (pictures() * 255).to(torch.uint8)
    changed = Augmentation(shift=0.3)(SHAPE, x, torch.arange(40), 0, 0)
    assert changed.dtype == torch.uint8
    assert_close(changed.float() / 255, Augmentation(shift=0.3)(SHAPE, x.float() / 255, torch.arange(40), 0, 0))


def test_training_batches_alone_are_changed(compose: Composer) -> None:
    config = compose("data=digits", "augmentation=crops")
    data = build_data(config)
    view = Fit([Member(config)], data, BestWeights()).data
    assert view.order is not None and view.order.change is not None and data.order is None
    loader = view.train_dataloader()
    loader = getattr(loader, "loader", loader)
    loader.sampler.set_epoch(2)
    [first, *_] = loader
    [rows, *_] = super(ResidentLoader, loader).__iter__()
    assert torch.equal(first, view.order.change(data.examples("train")[rows], rows, config.seed, 2))
    for part in ("val", "test", "train"):
        plain = torch.cat(list(view.batches(part, torch.device("cpu"))))
        assert torch.equal(plain, data.examples(part))
    assert isinstance(loader.sampler, EpochOrder)


def test_replicas_are_changed_as_they_would_be_alone(compose: Composer) -> None:
    config = compose(
        "data=digits", "augmentation=crops", "trainer.max_epochs=2", "trainer.precision=64-true", "data.train_size=100"
    )
    data = build_data(config)
    rows = [torch.arange(60), torch.arange(40, 100)]
    members = [Member(config, some, seed) for some, seed in zip(rows, (3, 4), strict=True)]
    together = Fit(members, data, BestWeights())
    together.run()
    for member, found in zip(members, together.states(), strict=True):
        alone = Fit([member], data, BestWeights())
        alone.run()
        for name, value in alone.states()[0].items():
            assert_close(found[name], value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "overrides, told",
    [
        (("data=mixture", "augmentation=flips"), r"augmentation=flips: needs images .* augmentation=none"),
        (
            ("data=digits", "+data.standardize=true", "augmentation=flips"),
            "cannot change places; use augm",
        ),
        (("data=digits", "augmentation=flips", "augmentation.shift=1.5"), "augmentation.shift=1.5: must be at least 0"),
    ],
)
def test_what_cannot_be_changed_is_told(overrides: tuple[str, ...], told: str, compose: Composer) -> None:
    with pytest.raises(UserError, match=told) as caught:
        run(compose(*overrides), [])
    assert "\n" not in str(caught.value)


def test_a_folder_of_pictures(tmp_path: Path, compose: Composer) -> None:
    from PIL import Image

    draw = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(draw.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    config = compose("data=image_folder", f"data.path={tmp_path}", "data.image_size=8", "data.num_workers=0",
                     "augmentation=colour", "data.batch_size=4")  # fmt: skip
    data = build_data(config)
    view = data.view(torch.arange(data.size("train")), 0, 1, augmentation_of(config, data))
    batches = list(view.train_dataloader())
    assert all(batch.dtype == torch.uint8 for batch in batches)
    plain = data.view(torch.arange(data.size("train")), 0, 1)
    assert not torch.equal(torch.cat(batches), torch.cat(list(plain.train_dataloader())))
    assert torch.equal(torch.cat(batches), torch.cat(list(view.train_dataloader())))
