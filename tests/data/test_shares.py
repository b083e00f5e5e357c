"""Processes share a batch, and replicas visit their rows as if alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from data_sets import batches, rows_of

from aelab.data.batches.loader import EpochOrder, ResidentLoader
from aelab.data.module import DataModule
from aelab.errors import UserError


@pytest.mark.parametrize("name", ["mnist", "image_folder", "streamed_table"])
def test_processes_share_a_batch(sample: Callable[..., DataModule], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = sample(name, batch_size=8, train_size=21)

    def share(rank: int, world_size: int, part: str) -> list[torch.Tensor]:
        strategy = type("Strategy", (), {"root_device": torch.device("cpu")})
        trainer = {"strategy": strategy, "global_rank": rank, "world_size": world_size, "testing": True}
        data.trainer = type("Trainer", (), trainer)  # type: ignore[assignment]
        return batches(data, data.train_dataloader() if part == "train" else data.val_dataloader())

    alone = share(0, 1, "train")
    pairs = list(zip(share(0, 2, "train"), share(1, 2, "train"), strict=True))
    assert [len(a) for a, _ in pairs] == [len(b) for _, b in pairs] == [4, 4, 2]
    for whole, (a, b) in zip(alone, pairs, strict=True):
        assert torch.equal(whole[: 2 * len(a) : 2], a) and torch.equal(whole[1 : 2 * len(b) : 2], b)
    whole, a, b = (torch.cat(share(*where, "val")) for where in ((0, 1), (0, 2), (1, 2)))
    assert len(a) + len(b) == len(whole) and rows_of(a) | rows_of(b) == rows_of(whole)


def test_replicas_visit_their_rows_as_if_alone(sample: Callable[..., DataModule]) -> None:
    rows, seeds = torch.stack([torch.randperm(28)[:17] for _ in range(3)]), [4, 5, 6]
    for name in ("mnist", "image_folder", "streamed_table"):
        data = sample(name)
        stacked = data._loader("train", EpochOrder(rows, seeds), 5)
        lone = [data._loader("train", EpochOrder(r, s), 5) for r, s in zip(rows, seeds, strict=True)]
        for epoch in (0, 2):
            for loader in (stacked, *lone):
                loader.sampler.set_epoch(epoch)
            for together, *apart in zip(stacked, *lone, strict=True):
                assert torch.equal(together, torch.stack(apart))


def test_processes_get_equal_shares_in_training_and_none_is_empty_in_evaluation() -> None:
    rows = torch.arange(10)
    values = rows[:, None].float()

    def sizes(batch_size: int, order: EpochOrder | torch.Tensor) -> list[list[int]]:
        return [[len(x) for x in ResidentLoader(values, batch_size, order, rank, 3)] for rank in range(3)]

    assert sizes(6, EpochOrder(rows, 0)) == [[2, 1]] * 3
    assert sizes(9, rows) == [[2, 2], [2, 2], [1, 1]]
    with pytest.raises(UserError, match=r"data\.batch_size=4: 3 processes cannot share that; use 6"):
        sizes(4, EpochOrder(rows, 0))
