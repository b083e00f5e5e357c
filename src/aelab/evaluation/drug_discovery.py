"""What a code of molecules is good for in the search for drugs: new ones, known ones again, and what lies near them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.images.molecule_sheets import molecule_rows
from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.measures.latent_molecules import (
    Known,
    between,
    known_molecules,
    neighbour_score,
    optimised,
    property_scores,
    slope,
)
from aelab.evaluation.measures.mixture import mixture_draws
from aelab.evaluation.measures.molecules import canonical, generated_scores, molecule, require_rdkit, tanimoto
from aelab.evaluation.protocol import Coder, Examples, Score

STEPS = 10  # between two molecules


class DrugDiscovery:
    """New molecules, never without what the code tells of known ones (MOSES, Polykovskiy et al. 2020; Gomez-Bombarelli
    et al. 2018).

    - ``valid``, ``unique``, ``novel``, ``diversity``: of ``count`` strings whose symbols are drawn from codes of the
      prior N(0, I), or of a mixture of ten Gaussians fitted to training codes where there is none.
    - ``reconstructed``: share of ``asked`` test molecules that are written again, the likeliest symbol each time, from
      their code; ``reconstructed_drawn``, from a drawn code with drawn symbols. ``token_error`` and ``nats``: with the
      true symbols before each shown. ``kl``, nats, and ``active_units``, of codes that are distributions.
    - ``logp_r2``, ``tpsa_mae``, ...: a ridge from the code, fitted to ``molecules`` training molecules.
    - ``neighbour``: likeness of the training molecule with the nearest code.
    - ``between_valid``, ``between_different``: ten steps from one molecule to another.
    - ``optimised``: share of ``starts`` test molecules from which a step along the ridge's slope of logP leads to a
      molecule with a higher one that is still like the start, by ``similarity``; ``optimised_by``, by how much;
      ``optimised_random``, the share along a random direction instead.

    Beside it: ``character_model``, the same decoder without a code, trained for ``epochs`` at ``lr``; ``training``,
    molecules of the training part; ``morgan``, fingerprints of 1,024 bits instead of the code, which is the best
    neighbour there is; ``mean``, the training mean; ``random``, a random neighbour.
    """

    needs = ("texts",)
    of_network = True  # what stands beside it depends on the network

    def __init__(
        self,
        count: int = 2000,
        asked: int = 500,
        molecules: int = 2000,
        starts: int = 100,
        similarity: float = 0.4,
        epochs: int = 4,
        lr: float = 2e-3,
        shown: int = 6,
    ) -> None:
        for key, value in {"count": count, "asked": asked, "molecules": molecules, "starts": starts}.items():
            if value < 10:
                raise UserError(f"evaluation.drug_discovery.{key}={value}: must be at least 10")
        if not 0 <= similarity <= 1:
            raise UserError(f"evaluation.drug_discovery.similarity={similarity}: must be between 0 and 1")
        if epochs < 1 or shown < 1:
            raise UserError(f"evaluation.drug_discovery.epochs={epochs} shown={shown}: must be at least 1")
        self.count = count
        self.asked = asked
        self.molecules = molecules
        self.starts = starts
        self.similarity = similarity
        self.epochs = epochs
        self.lr = lr
        self.shown = shown
        self.coder: Any = None
        self.known: dict[str, Any] = {}

    def check_texts(self, name: str, part: str, texts: Sequence[str] | None, rows: np.ndarray) -> None:
        """UserError where the texts of a part are no molecules. ``rows``: in which they stand, from 0."""
        require_rdkit()
        if texts is None:
            raise UserError(f"data={name}: this evaluation needs molecules; use data=smiles")
        for row, text in zip(rows, texts, strict=True):
            if molecule(text) is None:
                raise UserError(
                    f"data={name}: line {int(row) + 1} ({part} part), {text}: no molecule that rdkit can read; mend "
                    "it, or leave it out"
                )

    def facts(self, data: Examples) -> dict[str, Any]:
        return {"drawn": self.count, "asked": len(self._some(data, "test", self.asked)[0])}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        of: Any = coder
        self.coder = coder
        scores = generated_scores(self._drawn(coder, data), self._training(data))
        x, texts = self._some(data, "test", self.asked)
        again = self._written(coder.encode(x), data)
        drawn = _spelled(data, of.write(of.draw(x, data.seed), self._temperature(coder), None, data.seed))
        scores += [_same("reconstructed", again, texts), _same("reconstructed_drawn", drawn, texts)]
        return scores + _costs(of.costs(data.test.x)) + self._of_units(coder, data) + self._of_codes(coder, data)

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        known = self._molecules(data, "train")
        asked = self._molecules(data, "test")
        train = self._some(data, "train", self.count)[1]
        alike = tanimoto(asked.prints, known.prints)
        nothing = np.zeros((len(known.texts), 1)), np.zeros((len(asked.texts), 1))
        best = mean_score("neighbour", alike.max(1), share=True)
        alone = {} if self.coder is None else self._alone(data)
        return alone | {
            "training": generated_scores(train, self._training(data)),
            "morgan": [*property_scores(known.prints, known, asked.prints, asked), best],
            "mean": property_scores(nothing[0], known, nothing[1], asked),
            "random": [mean_score("neighbour", alike.mean(1), share=True)],
        }

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        x, texts = self._some(data, "test", self.shown)
        again = self._written(coder.encode(x), data)
        told = ["the same" if a == b else "" for a, b in zip(canonical(again), canonical(texts), strict=True)]
        new = self._drawn(coder, data)[: 2 * self.shown]
        sheets = {
            "reconstructed": molecule_rows([texts, again], [["test"] * len(texts), told]),
            "drawn": molecule_rows([new[: self.shown], new[self.shown :]], [[""] * self.shown] * 2),
        }
        ways = between(coder.encode(x), STEPS, lambda code: self._written(code, data))[1][:3]
        ends = [(texts[2 * row], texts[2 * row + 1]) for row in range(len(ways))]
        shown = [[first, *way[1::2], last] for way, (first, last) in zip(ways, ends, strict=True)]
        if shown:
            words = [["test", *[""] * (len(row) - 2), "test"] for row in shown]
            sheets["between"] = molecule_rows(shown, words)
        return sheets

    # --- parts ---

    def _of_units(self, coder: Any, data: Examples) -> list[Score]:
        found = coder.costs(data.test.x)
        if "rate" not in found:
            return []
        active = (coder.encode(data.test.x).var(0) > 0.01).sum()
        return [mean_score("kl", found["rate"]), Score("active_units", float(active))]

    def _of_codes(self, coder: Coder, data: Examples) -> list[Score]:
        known = self._molecules(data, "train")
        asked = self._molecules(data, "test")
        train = coder.encode(self._some(data, "train", self.molecules)[0])
        test = coder.encode(self._some(data, "test", self.asked)[0])
        count = min(self.starts, len(test))

        def write(code: np.ndarray) -> list[str]:
            return self._written(code, data)

        start = Known(asked.texts[:count], asked.prints[:count], asked.values[:count])
        draw = np.random.default_rng(data.seed).standard_normal((test.shape[1],))
        found = optimised(test[:count], start, slope(train, known), self.similarity, write)
        by_chance = optimised(test[:count], start, draw, self.similarity, write)
        improved = np.array([one is not None for one in found.found])
        return [
            *property_scores(train, known, test, asked),
            neighbour_score(train, known, test, asked),
            *between(test[:count], STEPS, write)[0],
            accuracy_score("optimised", improved),
            mean_score("optimised_by", found.gains),
            accuracy_score("optimised_random", np.array([one is not None for one in by_chance.found])),
        ]

    def _alone(self, data: Examples) -> dict[str, list[Score]]:
        model = self.coder.decoder_alone(data.seed)
        if model is None:
            return {}
        model.fit(data.train.x, data.val.x, self.epochs, self.lr)
        new = _spelled(data, model.write(self.count, data.seed))
        return {"character_model": generated_scores(new, self._training(data)) + _costs(model.costs(data.test.x))}

    def _drawn(self, coder: Any, data: Examples) -> list[str]:
        if getattr(coder, "prior", None) == "normal":
            code = np.random.default_rng(data.seed).standard_normal((self.count, coder.code_size)).astype(np.float32)
        else:
            code = mixture_draws(coder.encode(self._some(data, "train", self.molecules)[0]), self.count, data.seed)
        return _spelled(data, coder.write(code, self._temperature(coder), None, data.seed))

    def _temperature(self, coder: Any) -> float | None:
        """At which symbols are drawn; None where the network gives all at once."""
        return 1.0 if coder.writes else None

    def _written(self, code: np.ndarray, data: Examples) -> list[str]:
        return _spelled(data, self.coder.write(code))

    def _some(self, data: Examples, part: str, count: int) -> tuple[np.ndarray, list[str]]:
        """Examples of a part, always the same, and their SMILES; UserError for one that is no molecule."""
        x = getattr(data, part).x
        rows = np.sort(np.random.default_rng(data.seed).permutation(len(x))[:count])
        texts = _spelled(data, x[rows])
        self.check_texts(data.name, part, texts, data.rows[part][rows])
        return x[rows], texts

    def _molecules(self, data: Examples, part: str) -> Known:
        if part not in self.known:
            count = self.molecules if part == "train" else self.asked
            self.known[part] = known_molecules(self._some(data, part, count)[1])
        found: Known = self.known[part]
        return found

    def _training(self, data: Examples) -> set[str]:
        """Canonical SMILES of the whole training part."""
        if "training" not in self.known:
            texts = self._some(data, "train", len(data.train.x))[1]
            self.known["training"] = {text for text in canonical(texts) if text is not None}
        found: set[str] = self.known["training"]
        return found


def _spelled(data: Examples, sequences: np.ndarray) -> list[str]:
    if data.spell is None:
        raise UserError(f"data={data.name}: this evaluation needs molecules; use data=smiles")
    return data.spell(sequences)


def _same(metric: str, written: Sequence[str], texts: Sequence[str]) -> Score:
    """The share of strings that are the same molecule."""
    pairs = zip(canonical(written), canonical(texts), strict=True)
    return accuracy_score(metric, np.array([ours is not None and ours == wanted for ours, wanted in pairs]))


def _costs(found: Mapping[str, np.ndarray]) -> list[Score]:
    wrong = float(found["wrong"].sum() / found["symbols"].sum())
    return [mean_score("nats", found["error"]), Score("token_error", wrong, share=True)]
