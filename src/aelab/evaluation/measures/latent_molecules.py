"""What codes of molecules tell: properties, neighbours, what lies between two molecules and where a property grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.measures.molecules import PROPERTIES, canonical, fingerprints, properties, tanimoto
from aelab.evaluation.protocol import Score

Write = Callable[[np.ndarray], list[str]]
ALPHAS = np.logspace(-3, 5, 17)  # of the ridge's penalty, chosen on the training molecules by leaving one out
STEPS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0)  # standard deviations of codes along the direction


class Known(NamedTuple):
    """Molecules: canonical SMILES, fingerprints ``[N, F]`` and properties ``[N, 4]``."""

    texts: list[str]
    prints: np.ndarray
    values: np.ndarray


def known_molecules(texts: Sequence[str]) -> Known:
    """Of valid SMILES strings."""
    return Known([text for text in canonical(texts) if text is not None], fingerprints(texts), properties(texts))


def property_scores(train: np.ndarray, known: Known, test: np.ndarray, asked: Known) -> list[Score]:
    """``<property>_r2`` and ``<property>_mae`` of a ridge from features ``[N, F]`` of training molecules, on test ones.

    The mean absolute error has an interval over test molecules.
    """
    scores = []
    for place, name in enumerate(PROPERTIES):
        given = known.values[:, place]
        wanted = asked.values[:, place]
        predicted = _ridge(train, given).predict(_double(test))
        away = np.square(predicted - wanted).sum() / np.square(wanted - wanted.mean()).sum()
        scores += [Score(f"{name}_r2", float(1 - away)), mean_score(f"{name}_mae", np.abs(predicted - wanted))]
    return scores


def neighbour_score(train: np.ndarray, known: Known, test: np.ndarray, asked: Known) -> Score:
    """``neighbour``: the mean likeness (Tanimoto) of test molecules to the training molecule with the nearest code."""
    squares = np.square(_double(test)).sum(1)[:, None] + np.square(_double(train)).sum(1)[None]
    nearest = (squares - 2 * _double(test) @ _double(train).T).argmin(1)
    alike = tanimoto(asked.prints, known.prints)
    return mean_score("neighbour", alike[np.arange(len(nearest)), nearest], share=True)


def between(code: np.ndarray, steps: int, write: Write) -> tuple[list[Score], list[list[str]]]:
    """What ``write`` makes of ``steps`` codes from each code ``[N, H]`` to the next, its ends left out.

    ``between_valid``: the share of molecules; ``between_different``: of the valid ones on a way those that are
    different, which a code that says nothing leaves at 1 / steps.
    """
    shares = (np.arange(steps) + 1) / (steps + 1)
    first = code[:-1:2]
    last = code[1::2]
    count = min(len(first), len(last))
    ways = [first[:count] + share * (last[:count] - first[:count]) for share in shares]
    texts = write(np.concatenate(ways).astype(np.float32))
    every = canonical(texts)
    valid = np.array([one is not None for one in every])
    of_way = [[every[step * count + row] for step in range(steps)] for row in range(count)]
    different = [len({one for one in way if one}) / sum(one is not None for one in way) for way in of_way if any(way)]
    scores = [
        accuracy_score("between_valid", valid),
        mean_score("between_different", np.array(different), share=True)
        if different
        else Score("between_different", 0.0, share=True),
    ]
    return scores, [[texts[step * count + row] for step in range(steps)] for row in range(count)]


class Moved(NamedTuple):
    """``found``: the best molecule of each start, or None, with its gain in logP and its likeness to the start."""

    found: list[str | None]
    gains: np.ndarray
    alike: np.ndarray


def optimised(code: np.ndarray, start: Known, direction: np.ndarray, similarity: float, write: Write) -> Moved:
    """From codes ``[N, H]`` of molecules along a ``direction`` ``[H]``, in steps of the codes' standard deviation along
    it: of what is written there the molecule with the highest logP that is at least as like the start."""
    unit = direction / max(float(np.linalg.norm(direction)), 1e-30)
    scale = float((code @ unit).std())
    texts = [write((code + step * scale * unit).astype(np.float32)) for step in STEPS]
    found: list[str | None] = [None] * len(code)
    gains = np.zeros(len(code))
    alike = np.ones(len(code))
    for row in range(len(code)):
        candidates = sorted({one for one in canonical([texts[step][row] for step in range(len(STEPS))]) if one})
        candidates = [one for one in candidates if one != start.texts[row]]
        if not candidates:
            continue
        like = tanimoto(start.prints[row : row + 1], fingerprints(candidates))[0]
        more = properties(candidates)[:, 0] - start.values[row, 0]
        more = np.where(like >= similarity, more, -np.inf)
        best = int(more.argmax())
        if more[best] > 0:
            found[row] = candidates[best]
            gains[row] = more[best]
            alike[row] = like[best]
    return Moved(found, gains, alike)


def slope(train: np.ndarray, known: Known) -> np.ndarray:
    """The direction ``[H]`` along which the ridge says that logP grows."""
    found: np.ndarray = _ridge(train, known.values[:, 0]).coef_
    return found


def _ridge(x: np.ndarray, y: np.ndarray):  # type: ignore[no-untyped-def]
    from sklearn.linear_model import RidgeCV
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        return RidgeCV(ALPHAS).fit(_double(x), y)


def _double(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)
