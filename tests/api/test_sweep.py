"""``aelab.sweep`` and ``aelab.compare``: the launcher of the command line, and its comparison as a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import TINY

import aelab
from aelab.runs.manifest import marks, read_manifest


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[aelab.Run]:
    monkeypatch.chdir(tmp_path)
    return [aelab.train(list(TINY), sweep="two", network={"code_size": size}) for size in (2, 4)]


def test_finished_runs_side_by_side(runs: list[aelab.Run]) -> None:
    found = aelab.compare("outputs/two")
    assert isinstance(found, aelab.Comparison)
    table = found.table.set_index("network.code_size")
    sizes = {run.model.network.code_size: run for run in runs}
    assert table.directory.to_dict() == {size: str(run.directory) for size, run in sizes.items()}
    errors = {size: run.manifest["metrics"]["test/error"] for size, run in sizes.items()}
    assert table["test/error"].to_dict() == errors
    apart = found.differences("network.code_size=2").set_index("quantity")
    expected = table["test/error"][4] - table["test/error"][2]
    assert apart.loc["error", "value"] == pytest.approx(expected, rel=1e-4)
    assert found.figures and found.figure().axes
    with pytest.raises(aelab.UserError, match="figure=none: none of these runs; choose "):
        found.figure("none")
    page = found._repr_html_()
    assert page.count("<tr>") == 3 and "data:image/png;base64," in page and "2 runs: 2 complete." in repr(found)


def test_no_runs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(aelab.UserError, match="no such directory"):
        aelab.compare(tmp_path / "none")


@pytest.mark.slow
def test_a_sweep_is_stacked_skipped_and_tells_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*TINY, "sweep=three", "optimizer=sgd"]
    rates = (0.01, 0.02, 1e20)
    found = aelab.sweep(words, optimizer={"lr": rates})
    assert sorted(run.status for run in found.runs) == ["complete", "complete", "failed"]
    assert [run.config["optimizer.lr"] for run in found.unfinished] == [1e20]
    assert "the error is not finite" in capsys.readouterr().err
    good = [run.directory for run in found.runs if run.complete]
    assert all("stacked" in (read_manifest(path) or {}) for path in good)
    before = [marks(path) for path in good]
    aelab.sweep(words, optimizer={"lr": rates[:2]})
    assert [marks(path) for path in good] == before
