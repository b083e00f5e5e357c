"""How sparse a code is, what that costs, and whether its atoms are those the data are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Score


class DictionaryLearning:
    """Sparsity and error on the test part; atoms beside the true ones where the data are generated.

    An atom is the column of the decoder that belongs to a code unit (what the unit adds to an empty code).

    - ``nmse``: squared error over that of predicting the test part's mean.
    - ``l0``: values of a code that are not 0, mean over examples.
    - ``dead_fraction``: share of units that no test example activates.
    - ``mmcs``: mean over true atoms of the largest |cos| to a learned one (mean max cosine similarity); ``recovered``:
      share of true atoms where it is above ``recovered_above``.

    PCA of the same code size stands beside.
    """

    needs = ("numbers",)

    def __init__(self, recovered_above: float = 0.9) -> None:
        self.recovered_above = recovered_above

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        x = data.test.x.astype(np.float64)
        if not np.ptp(x, axis=0).any():
            raise UserError(f"data={data.name}: all test examples are the same, so there is nothing to explain")
        code = coder.encode(data.test.x)
        residual = x - coder.decode(code)
        scores = [
            Score("nmse", float((residual**2).sum() / ((x - x.mean(0)) ** 2).sum())),
            mean_score("l0", (code != 0).sum(1).astype(np.float64)),
            Score("dead_fraction", float((code == 0).all(0).mean())),
        ]
        if "atoms" in data.truth:
            best = largest_cosines(data.truth["atoms"], atoms_of(coder))
            scores.append(mean_score("mmcs", best)._replace(parts=()))  # of atoms, which are no test examples
            scores.append(Score("recovered", float((best > self.recovered_above).mean())))
        return scores

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        return {"pca": self.measure(PCACoder(data.train.x, code_size), data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        often = np.sort((coder.encode(data.test.x) != 0).mean(0))[::-1]
        sheets = {"usage": figure_pixels(lambda axes: _draw_usage(axes, often, len(data.test.x)))}
        if "atoms" in data.truth:
            best = np.sort(largest_cosines(data.truth["atoms"], atoms_of(coder)))[::-1]
            random = random_directions(coder.code_size, data.test.x.shape[1], data.seed)
            chance = np.sort(largest_cosines(data.truth["atoms"], random))[::-1]
            sheets["atoms"] = figure_pixels(lambda axes: _draw_atoms(axes, best, chance))
        return sheets


def atoms_of(coder: Coder) -> np.ndarray:
    """What each code unit adds to an empty code when it is 1, ``[units, D]``."""
    units = np.eye(coder.code_size, dtype=np.float32)
    return coder.decode(units).astype(np.float64) - coder.decode(np.zeros_like(units[:1]))


def largest_cosines(true: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """For each true atom ``[n, D]`` the largest |cos| to a learned one ``[m, D]``: ``[n]``."""
    lengths = [np.maximum(np.linalg.norm(a, axis=1, keepdims=True), np.finfo(np.float64).tiny) for a in (true, learned)]
    return np.asarray(np.abs((true / lengths[0]) @ (learned / lengths[1]).T).max(1))


def random_directions(count: int, size: int, seed: int) -> np.ndarray:
    """``[count, size]``, from another stream than generated data of the same seed."""
    return np.random.default_rng([seed, 19]).standard_normal((count, size))


def _draw_usage(axes: Any, often: np.ndarray, examples: int) -> None:
    axes.plot(np.arange(1, len(often) + 1), np.maximum(often, 0.5 / examples), color="#4477aa")
    axes.axhline(1 / examples, color="0.5", linestyle="--", linewidth=1, label="one example; below it, dead")
    axes.legend(frameon=False)
    axes.set(
        xlabel="code unit, by how often it is active", ylabel="share of test examples", yscale="log", ylim=(None, 1.2)
    )


def _draw_atoms(axes: Any, best: np.ndarray, chance: np.ndarray) -> None:
    axes.plot(np.arange(1, len(best) + 1), best, color="#4477aa", label="learned atoms")
    axes.plot(np.arange(1, len(best) + 1), chance, color="0.5", linestyle="--", label="random directions, as many")
    axes.set(xlabel="true atom, best found first", ylabel="largest |cos| to a learned atom", ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower left")
