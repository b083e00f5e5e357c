"""``aelab COMMAND``, its help and completion."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from aelab.cli import commands
from aelab.cli.helping import help_of
from aelab.config.described import described
from aelab.config.objects import conf_dir


def given(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["aelab", *words])
    return commands.main()


def test_overview_version_and_a_wrong_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert given(monkeypatch) == 0
    overview = capsys.readouterr().out
    assert all(f"  {name}" in overview for name in commands.COMMANDS)
    for words in (["--version"], ["train", "--version"], ["score", "--version"]):
        assert given(monkeypatch, *words) == 0 and capsys.readouterr().out == f"aelab {version('aelab')}\n"
    assert given(monkeypatch, "trian") == 2
    assert capsys.readouterr().err.startswith("aelab trian: no such command, did you mean train?")


@pytest.mark.parametrize("name", ["evaluate", "export", "score"])
def test_help_lists_the_programs_own_keys_alone(name: str) -> None:
    text = help_of(name, ["--help"])
    assert text and "hydra" not in text and "_target_" not in text
    for key in described(conf_dir() / f"{name}.yaml").keys:
        assert f"  {key.name}" in text


def test_help_shows_the_keys_of_a_choice() -> None:
    text = help_of("train", ["--help", "model=vae", "evaluation=[retrieval]", "hydra/launcher=parallel"]) or ""
    assert "  model.free_nats=0.0" in text and "KL that a unit pays" in text
    assert "  evaluation.retrieval.k=[10, 100]" in text and "  hydra.launcher.n_jobs=" in text
    assert "did you mean vae?" in (help_of("train", ["--help", "model=vea"]) or "")
    assert help_of("train", ["model=vae"]) is None


def test_every_file_is_described_without_what_no_user_sets() -> None:
    for path in conf_dir().rglob("*.yaml"):
        for key in described(path).keys:
            assert not key.name.startswith(("_", "hydra", "defaults")) and "#" not in key.value, (path, key)


@pytest.mark.parametrize(
    "line, found",
    [
        ("aelab tr", set(commands.COMMANDS)),
        ("aelab train model=under", {"model=undercomplete"}),
        ("aelab sweep network.code_size=8 network.acti", {"network.activation="}),
        ("aelab evaluate evaluation=retr", {"evaluation=retrieval"}),
        ("aelab compare out", set()),
    ],
)
def test_tab_completes_commands_groups_and_choices(tmp_path: Path, line: str, found: set[str]) -> None:
    environment = os.environ | {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    words = [sys.executable, "-m", "aelab", "-sc", "query=bash"]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert set(done.stdout.split()) == found, done.stderr
    assert not list(tmp_path.iterdir())
