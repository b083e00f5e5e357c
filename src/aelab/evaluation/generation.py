"""How new examples compare with real ones, and whether they are copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.own_features import OwnFeatures
from aelab.evaluation.images.generated import interpolations, sheet, traversals
from aelab.evaluation.measures.as_given import as_given, with_level
from aelab.evaluation.measures.energy_distance import energy_distance
from aelab.evaluation.measures.frechet import frechet_score
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.measures.manifold import manifold_scores
from aelab.evaluation.measures.mixture import mixture_draws, pixel_mixture_draws
from aelab.evaluation.measures.mmd import mmd_score
from aelab.evaluation.measures.two_samples import nearer_than, nearest_distances, told_apart
from aelab.evaluation.protocol import Coder, Examples, Score

CODES = 50  # drawn for the bound on a test example's likelihood
KNOWN = 20_000  # training examples among which the nearest is looked for
MOST_LEVELS = 12  # that are shown


class Generation:
    """``count`` new examples, or as many as the test part has, against the test part.

    New ones are decoded draws of a mixture of ten Gaussians that is fitted to training codes (Ghosh et al. 2020), and,
    where codes have one, of the prior N(0, I): those figures end in ``_prior``. Of values as they are:

    - ``energy_distance``: 0 of one distribution (Szekely & Rizzo 2013).
    - ``told_apart``: accuracy of a classifier of real and new (Lopez-Paz & Oquab 2017): 1/2 where it cannot tell.
    - ``nearest_train``: distance of a new example to the nearest training example, and ``nearer_than_test``: how often
      that is below a test example's (Meehan et al. 2020), 1/2 of one distribution, 1 of copies.

    Of features of a small network that is trained here on the training part (OwnFeatures), so that no figure of another
    data set, seed or paper compares, and none is an FID: ``own_frechet``, ``own_mmd``, ``precision``, ``recall``,
    ``density``, ``coverage``. ``bits``: of a model with p(x) of values that are counts, -log2 p(x) per value, a bound.

    Of a run with ``data.given`` new examples are given what the test examples are that they are compared with, and
    ``as_given`` is the share that five nearest training examples take for the level of the first given category.

    Figures that depend on how many examples there are have no more than the validation part has.

    Beside the run: ``held_out``, validation examples in place of new ones, the best there is; ``pca``, a Gaussian of
    principal components of the same code size; ``pixels``, a mixture of ten Gaussians of the values themselves.
    """

    needs = ("numbers",)
    takes_given = True

    def __init__(self, count: int = 1000, neighbours: int = 5, shown: int = 8, steps: int = 8) -> None:
        if count < 20:
            raise UserError(f"evaluation.generation.count={count}: must be at least 20")
        if not 1 <= neighbours < 20:
            raise UserError(f"evaluation.generation.neighbours={neighbours}: must be from 1 to 19")
        if shown < 2 or steps < 2:
            raise UserError(f"evaluation.generation.shown={shown} evaluation.generation.steps={steps}: at least 2 each")
        self.count = count
        self.neighbours = neighbours
        self.shown = shown
        self.steps = steps
        self.known: dict[int, Any] = {}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        new = self._new(coder, data)
        given = self._given(coder, data)
        scores = self._compared(new["mixture"], data, given)
        if "prior" in new:
            of_prior = self._compared(new["prior"], data, given)
            scores += [score._replace(metric=f"{score.metric}_prior") for score in of_prior]
        return scores + self._bits(coder, data)

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        new = {"held_out": _some(data.val.x, self._size(data), data.seed), "pca": self._of_pca(data, code_size)}
        new["pixels"] = pixel_mixture_draws(data.train.x, self._size(data), data.seed)
        held = None if data.val.given is None else _some(data.val.given, self._size(data), data.seed)
        return {name: self._compared(x, data, held if name == "held_out" else None) for name, x in new.items()}

    def facts(self, data: Examples) -> dict[str, Any]:
        return {"features_right_on_train": round(self._features(data).accuracy, 3)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        if len(data.shape) != 3 or data.shape[0] not in (1, 3):
            return {}
        new = self._new(coder, data)
        _, nearest = nearest_distances(new["mixture"][: self.shown], self._train(data))
        rows = {"real": _some(data.test.x, self._size(data), data.seed), "mixture": new["mixture"]}
        rows |= {"nearest in train": self._train(data)[nearest], **new}
        rows["PCA + Gaussian"] = self._of_pca(data, coder.code_size)
        columns = min(self.shown, *map(len, rows.values()))
        ends = _some(data.test.x, 2 * self.shown, data.seed)
        ends = ends[: len(ends) // 2 * 2]
        samples = {"samples": sheet({name: x[:columns] for name, x in rows.items()}, data.shape)}
        if getattr(coder, "takes_given", False):  # ways between codes would lead nowhere without it
            return samples | self._by_level(coder, data)
        moved = traversals(coder, _some(data.train.x, 2000, data.seed), ends[0], self.shown, self.steps)
        return samples | {
            "interpolations": sheet(interpolations(coder, ends, self.steps), data.shape),
            "traversals": sheet(moved, data.shape),
        }

    def _size(self, data: Examples) -> int:
        size = min(self.count, len(data.test.x))
        if min(size, len(data.val.x)) <= 2 * self.neighbours:
            raise UserError(
                f"data={data.name}: {len(data.test.x)} test and {len(data.val.x)} validation examples; more than "
                f"{2 * self.neighbours} of each are needed, or fewer evaluation.generation.neighbours"
            )
        return size

    def _given(self, coder: Coder, data: Examples) -> np.ndarray | None:
        """What new examples are given: what the test examples are that they are compared with."""
        if data.test.given is None or not getattr(coder, "takes_given", False):
            return None
        return _some(data.test.given, self._size(data), data.seed)

    def _by_level(self, coder: Any, data: Examples) -> dict[str, np.ndarray]:
        """New examples of each level of the first given category, the same codes in every row."""
        given = self._given(coder, data)
        if given is None or not data.levels:
            return {}
        every = self._codes(coder, data)
        codes = every.get("prior", every["mixture"])[: self.shown]
        given = given[: self.shown]
        (column, (_, names)), *_ = data.levels.items()
        rows = {
            f"{column}={name}": coder.decode(codes, with_level(given, level, data.levels))
            for level, name in enumerate(names[:MOST_LEVELS])
        }
        return {"by_level": sheet(rows, data.shape)}

    def _compared(self, new: np.ndarray, data: Examples, given: np.ndarray | None = None) -> list[Score]:
        """Figures of new examples ``[n, D]``, and of what they were given."""
        if not np.isfinite(new).all():
            raise UserError("new examples are NaN or infinite; train the run again with a lower optimizer.lr")
        real = _some(data.test.x, self._size(data), data.seed)
        features = self._features(data)
        few = min(len(real), len(data.val.x))  # as many of each, so that figures that depend on it compare
        own_real = features(real)
        own_new = features(new)
        near = nearest_distances(new, self._train(data))[0]
        told = (
            []
            if given is None or not data.levels
            else [as_given("as_given", new, given, data.train, data.levels, data.seed)]
        )
        return [
            *told,
            energy_distance("energy_distance", new, real),
            told_apart("told_apart", real[:few], new[:few], data.seed),
            frechet_score("own_frechet", own_real[:few], own_new[:few], data.seed),
            mmd_score("own_mmd", own_real, own_new),
            *manifold_scores(own_real[:few], own_new[:few], self.neighbours),
            mean_score("nearest_train", near),
            nearer_than("nearer_than_test", near, self._kept(data, "near", lambda: self._near(real, data))),
        ]

    def _bits(self, coder: Any, data: Examples) -> list[Score]:
        if not getattr(coder, "gives_mass", False):
            return []
        x = _some(data.test.rows_for(coder), min(200, self._size(data)), data.seed)
        weights = coder.log_weights(x, CODES, data.seed)
        likelihood = np.logaddexp.reduce(weights, axis=1) - np.log(CODES)
        return [mean_score("bits", -likelihood / (data.test.x.shape[1] * np.log(2)))]

    def _new(self, coder: Any, data: Examples) -> dict[str, np.ndarray]:
        """New examples ``[n, D]``, by what they were drawn from."""
        given = self._given(coder, data)
        beside = () if given is None else (given,)
        return {name: coder.decode(code, *beside) for name, code in self._codes(coder, data).items()}

    def _codes(self, coder: Coder, data: Examples) -> dict[str, np.ndarray]:
        """Their codes."""
        size = self._size(data)
        codes = {"mixture": mixture_draws(coder.encode(data.train.rows_for(coder)), size, data.seed)}
        if getattr(coder, "prior", None) == "normal":
            draw = np.random.default_rng(data.seed)
            codes["prior"] = draw.standard_normal((size, coder.code_size)).astype(np.float32)
        snapped = getattr(coder, "snapped", lambda code: code)
        return {name: snapped(code) for name, code in codes.items()}

    def _of_pca(self, data: Examples, code_size: int) -> np.ndarray:
        pca = PCACoder(data.train.x, code_size)
        spread = pca.encode(data.train.x).std(0)
        noise = np.random.default_rng(data.seed).standard_normal((self._size(data), pca.code_size))
        return pca.decode((noise * spread).astype(np.float32))

    def _features(self, data: Examples) -> OwnFeatures:
        found: OwnFeatures = self._kept(data, "features", lambda: OwnFeatures(data.train, data.shape, data.seed))
        return found

    def _train(self, data: Examples) -> np.ndarray:
        return _some(data.train.x, KNOWN, data.seed)

    def _near(self, real: np.ndarray, data: Examples) -> np.ndarray:
        return nearest_distances(real, self._train(data))[0]

    def _kept(self, data: Examples, name: str, make: Any) -> Any:
        """What depends on the data alone, made once."""
        kept = self.known.setdefault(id(data.test.x), {"data": data})
        if name not in kept:
            kept[name] = make()
        return kept[name]


def _some(x: np.ndarray, count: int, seed: int) -> np.ndarray:
    found: np.ndarray = x[np.random.default_rng(seed).permutation(len(x))[:count]]
    return found
