"""A table that streams is the table, is written once, and what is wrong with it is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from data_sets import ready

from aelab.data.module import PARTS
from aelab.data.preprocessing import MEASURED
from aelab.errors import UserError


def table_with_gaps(root: Path) -> str:
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.normal(5, 3, (97, 4)), columns=list("abcd")).assign(kind=["x", "y"] * 48 + ["z"])
    frame["d"] = 7.0  # constant
    frame.loc[random.choice(97, 20, replace=False), "b"] = None
    frame.to_csv(root / "gaps.csv", index=False)
    frame.to_parquet(root / "gaps.parquet")
    return str(root / "gaps.csv")


@pytest.mark.parametrize("missing", ["drop", "mean"])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_streamed_table_is_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, standardize: bool, suffix: str
) -> None:
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 160)  # 8 rows of 5 columns
    path = str(Path(table_with_gaps(tmp_path)).with_suffix(suffix))
    settings = {
        "path": path,
        "label": "kind",
        "missing": missing,
        "standardize": standardize,
        "train_size": 40,
        "batch_size": 16,
    }
    whole, streamed = (ready(name, tmp_path, **settings) for name in ("table", "streamed_table"))
    assert whole.describe()["sizes"] == streamed.describe()["sizes"]
    for part in PARTS:
        torch.testing.assert_close(streamed.examples(part), whole.examples(part), rtol=1e-6, atol=1e-6)
        assert streamed.require_labels()[part].tolist() == whole.require_labels()[part].tolist()
    mine, theirs = streamed.preprocessing, whole.preprocessing
    assert (mine.offset is None) == (not standardize) and (mine.fill is None) == (missing == "drop")
    for name in MEASURED:
        torch.testing.assert_close(getattr(mine, name), getattr(theirs, name), rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(streamed.train_dataloader(), whole.train_dataloader(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


def test_a_streamed_table_is_written_once_and_again_when_it_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table_with_gaps(tmp_path)
    settings = {"path": path, "missing": "drop", "columns": ["a", "b", "c"]}
    prints = [ready("streamed_table", tmp_path, **settings).describe()["fingerprints"] for _ in range(2)]
    assert prints[0] == prints[1] and len(set(prints[0].values())) == 3
    assert capsys.readouterr().out.count("once") == 1
    frame = pd.read_csv(path)
    frame.loc[frame["b"].notna().idxmax(), "a"] += 1
    frame.to_csv(path, index=False)
    assert ready("streamed_table", tmp_path, **settings).describe()["fingerprints"] != prints[0]
    assert capsys.readouterr().out.count("once") == 1


def test_what_is_wrong_with_a_streamed_table_is_named_and_nothing_half_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 40)  # 10 rows of 1 column
    path = tmp_path / "x.csv"
    for change, said in (("inf", "first in example 25 .*column "), ("", r"missing values in a \(1 of"), ("b", "'b'")):
        rows = [f"{i}" for i in range(30)]
        rows[25] = change or '""'
        path.write_text("\n".join(["a", *rows]) + "\n")
        with pytest.raises(UserError, match=said):
            ready("streamed_table", tmp_path, path=str(path))
    assert not (tmp_path / "streamed").exists()
    path.write_text("a,b\n" + "1,\n" * 12 + "2,3\n" + "5,\n" * 17)
    data = ready("streamed_table", tmp_path, path=str(path), missing="mean", split_seed=1)
    assert not data.examples("train").isnan().any(), "a chunk without any value of b is no empty column"
    path.write_text("a,b\n" + "1,\n" * 30)
    with pytest.raises(UserError, match=r"no values in b; leave them out of data\.columns"):
        ready("streamed_table", tmp_path, path=str(path), missing="mean")
