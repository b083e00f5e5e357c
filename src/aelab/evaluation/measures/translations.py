"""BLEU and chrF of translations, by sacrebleu, with intervals over the sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.protocol import Score

RESAMPLES = 1000
DRAWN_BY = 12345  # of every method alike, so that two are compared on the same sentences


class Judged(NamedTuple):
    """``values``: BLEU and chrF by name, of the whole. ``resampled``: of so many sentences drawn with replacement, each
    ``[RESAMPLES]``. ``parts``: jackknife pseudo-values, each ``[N]`` (see Score)."""

    values: dict[str, float]
    resampled: dict[str, np.ndarray]
    parts: dict[str, np.ndarray]

    def scores(self, ending: str) -> list[Score]:
        """``bleu`` and ``chrf`` with the 2.5 and 97.5 % quantiles of their resamples."""
        found = []
        for name, value in self.values.items():
            low, high = np.quantile(self.resampled[name], (0.025, 0.975))
            found.append(Score(f"{name}_{ending}", value, float(low), float(high), parts=(self.parts[name],)))
        return found

    def minus(self, other: Judged, metric: str, name: str = "chrf") -> Score:
        """How much higher this is than another, by the paired bootstrap (Koehn 2004)."""
        apart = self.resampled[name] - other.resampled[name]
        low, high = np.quantile(apart, (0.025, 0.975))
        return Score(metric, self.values[name] - other.values[name], float(low), float(high))


def judged(written: Sequence[str], wanted: Sequence[str]) -> Judged:
    """Translations beside what they should be."""
    count = len(wanted)
    draw = np.random.default_rng(DRAWN_BY).integers(count, size=(RESAMPLES, count))
    values = {}
    resampled = {}
    parts = {}
    for name, metric in _metrics().items():
        sums = np.array(metric._extract_corpus_statistics(list(written), [list(wanted)]), np.int64)
        whole = sums.sum(0)

        def of(some: np.ndarray, metric: Any = metric) -> float:
            return float(metric._compute_score_from_stats(some.tolist()).score)

        values[name] = of(whole)
        resampled[name] = np.array([of(sums[rows].sum(0)) for rows in draw])
        without = np.array([of(whole - own) for own in sums]) if count > 1 else np.full(count, values[name])
        parts[name] = count * values[name] - (count - 1) * without
    return Judged(values, resampled, parts)


def chrf(written: Sequence[str], wanted: Sequence[str]) -> float:
    """chrF alone, from 0 to 100."""
    return float(_metrics()["chrf"].corpus_score(list(written), [list(wanted)]).score)


def signatures() -> dict[str, str]:
    """What the metrics are, as sacrebleu writes it, so that others can be compared."""
    found = {}
    for name, metric in _metrics().items():
        metric.corpus_score(["a"], [["a"]])
        found[name] = str(metric.get_signature())
    return found


def _metrics() -> dict[str, Any]:
    try:
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError as error:
        raise UserError("needs sacrebleu; run: pip install 'aelab[text]'") from error
    return {"bleu": BLEU(), "chrf": CHRF()}
