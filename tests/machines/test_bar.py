"""The one bar: on a terminal, handed to the process that has the notebook, and silent elsewhere."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from aelab.machines import bar
from aelab.machines.bar import TOLD, Bar, Relay, left_in_words, named


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "EVERY_S", 0.0)
    monkeypatch.setattr(bar, "_shown", None)
    monkeypatch.delenv(TOLD, raising=False)


def test_on_a_terminal_one_line_and_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    outer, inner = Bar("sweep", 4), Bar("run", 10)
    inner.show(3)
    outer.show(2, "2 of 4 runs")
    lines = screen.getvalue().split("\r")
    assert len(lines) == 2 and "sweep 2 of 4 runs" in lines[0] and "━" in lines[0]
    outer.close()
    Bar("next", 1).show(0)
    assert "next" in screen.getvalue()


def test_elsewhere_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Bar("run", 2).show(1)
    assert capsys.readouterr() == ("", "")


def test_it_is_told_to_the_process_that_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    hear, tell = os.pipe()
    other = os.open(os.devnull, os.O_WRONLY)
    try:
        monkeypatch.setenv(TOLD, named(tell).replace(f"{tell}:", f"{other}:"))
        assert Bar("a file that has the number by now", 2).draw is None
        monkeypatch.setenv(TOLD, named(tell))
        Bar("run", 2).show(1, "half")
        told = os.read(hear, 1000)
    finally:
        for one in (hear, tell, other):
            os.close(one)
    assert json.loads(told) == ["run", 0.5, "half"]
    monkeypatch.delenv(TOLD)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    relay = Relay()
    relay.hear(told[:5])
    relay.hear(told[5:])
    assert "run half" in screen.getvalue()


def test_time_left_in_words() -> None:
    assert [left_in_words(one) for one in (None, 5.0, 200.0, 8000.0)] == ["", "5 s left", "3 min left", "2.2 h left"]
