"""Cases measured in turn, so that whatever disturbs the machine disturbs them alike."""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

Row = dict[str, Any]


class Case(NamedTuple):
    """``run`` does the work once and returns seconds per unit of it; ``against``: cases it is compared with."""

    name: str
    run: Callable[[], float]
    against: tuple[str, ...] = ()


def measure(group: str, cases: Sequence[Case], rounds: int) -> list[Row]:
    """The median of each case over ``rounds`` after one warm-up, and the median of its ratios within the rounds.

    Every round runs all cases, beginning with another one each time.
    """
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    for round_number in range(rounds + 1):
        first = round_number % len(cases)
        for case in (*cases[first:], *cases[:first]):
            with silenced():
                elapsed = case.run()
            if round_number:
                seconds[case.name].append(elapsed)
    return [_row(group, case.name, other, seconds) for case in cases for other in case.against or (None,)]


def _row(group: str, name: str, against: str | None, seconds: dict[str, list[float]]) -> Row:
    own = seconds[name]
    ratio = None
    if against:
        ratio = statistics.median(mine / other for mine, other in zip(own, seconds[against], strict=True))
    return {
        "name": f"{group}: {name}",
        "median_s": statistics.median(own),
        "ratio": ratio,
        "against": against,
        "n": len(own),
    }


def once(name: str, seconds: float, peak_mb: float) -> Row:
    """The row of what was measured once, with the memory it took at its peak."""
    unpaired = {"ratio": None, "against": None, "n": 1}
    return {"name": name, "median_s": seconds, **unpaired, "peak_mb": peak_mb, "note": f"{peak_mb:.0f} MB"}


def cpu_seconds(work: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of this process for ``work``, the mean of ``times``: busy neighbours hardly touch them."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


@contextmanager
def silenced() -> Iterator[None]:
    """Neither bars nor messages of what is measured."""
    logging.disable(logging.WARNING)
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield
    finally:
        logging.disable(logging.NOTSET)
