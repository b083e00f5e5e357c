"""``aelab doctor``: one screen, without a secret or the name of a home folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from aelab.cli import doctor

KEY = "local-" + "5ec2e7" * 6 + "0000"


def test_a_screen_that_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", f"https://me:{KEY}@wandb.here")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "MNIST").mkdir(parents=True)
    (tmp_path / "outputs" / "wandb" / "offline-run-1").mkdir(parents=True)
    monkeypatch.setattr("sys.argv", ["doctor"])
    assert doctor.main() == 0
    text = capsys.readouterr().out
    assert KEY not in text and str(tmp_path) not in text and "free at ~/outputs" in text
    assert "with a key for wandb.here" in text or "with a key for https://wandb.here" in text or "with a key" in text
    assert "1 runs kept offline" in text and "in data/: mnist" in text
    assert len(text.splitlines()) <= 24
