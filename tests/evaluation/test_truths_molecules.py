"""Figures of molecules against what they are by hand, and coders that know everything or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rdkit")

from aelab.data.text.drawn_molecules import drawn_molecules
from aelab.data.text.vocabulary import Vocabulary
from aelab.errors import UserError
from aelab.evaluation.drug_discovery import DrugDiscovery
from aelab.evaluation.images.molecule_sheets import SIZE, molecule_rows
from aelab.evaluation.measures.latent_molecules import (
    between,
    known_molecules,
    neighbour_score,
    optimised,
    property_scores,
    slope,
)
from aelab.evaluation.measures.molecules import canonical, fingerprints, generated_scores, properties, tanimoto
from aelab.evaluation.protocol import Examples, Part, Score


def by_name(scores: Sequence[Score]) -> dict[str, float]:
    return {score.metric: score.value for score in scores}


def test_new_molecules_are_counted_as_moses_counts_them() -> None:
    texts = ["CCO", "OCC", "c1ccccc1", "C1CC", "", "CC(C)(C)(C)C", "CCN"]
    found = by_name(generated_scores(texts, {"CCN", "CCC"}))
    assert found["valid"] == pytest.approx(4 / 7)  # a ring left open, nothing, five bonds
    assert found["unique"] == pytest.approx(3 / 4)
    assert found["novel"] == pytest.approx(2 / 3)
    prints = fingerprints(["CCO", "OCC", "c1ccccc1", "CCN"])
    pairs = [tanimoto(prints[[a]], prints[[b]])[0, 0] for a in range(4) for b in range(4) if a != b]
    assert found["diversity"] == pytest.approx(1 - np.mean(pairs))
    nothing = by_name(generated_scores(["C1CC", ""], set()))
    assert nothing == {"valid": 0, "unique": 0, "novel": 0, "diversity": 0}
    assert not any(score.parts for score in generated_scores(texts, set())), "paired with nobody's"


def test_likeness_is_that_of_rdkit() -> None:
    from rdkit import DataStructs
    from rdkit.Chem import MolFromSmiles, rdFingerprintGenerator

    texts = drawn_molecules(20, 0)
    maker = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    bits = [maker.GetFingerprint(MolFromSmiles(text)) for text in texts]
    wanted = [[DataStructs.TanimotoSimilarity(a, b) for a in bits] for b in bits]
    prints = fingerprints(texts)
    np.testing.assert_allclose(tanimoto(prints, prints), wanted, atol=1e-6)


def test_properties_of_known_drugs() -> None:
    aspirin = properties(["CC(=O)Oc1ccccc1C(=O)O"])[0]
    np.testing.assert_allclose(aspirin, [1.3101, 63.6, 0.5501, 1.58], atol=0.01)
    assert canonical(["OCC", "C1"]) == ["CCO", None]


def test_a_ridge_from_a_code_that_is_the_property_and_from_one_that_says_nothing() -> None:
    texts = drawn_molecules(120, 1)
    known, asked = known_molecules(texts[:80]), known_molecules(texts[80:])
    exact = by_name(property_scores(known.values, known, asked.values, asked))
    assert all(exact[f"{name}_r2"] > 0.999 for name in ("logp", "tpsa", "qed", "sa"))
    nothing = by_name(property_scores(np.zeros((80, 1)), known, np.zeros((40, 1)), asked))
    assert all(nothing[f"{name}_r2"] <= 0 for name in ("logp", "tpsa", "qed", "sa"))
    assert nothing["logp_mae"] == pytest.approx(np.abs(asked.values[:, 0] - known.values[:, 0].mean()).mean())
    direction = slope(known.values, known)
    assert direction[0] / np.linalg.norm(direction) > 0.9


def test_neighbours_by_fingerprints_are_the_best_there_are() -> None:
    texts = drawn_molecules(60, 2)
    known, asked = known_molecules(texts[:40]), known_molecules(texts[40:])
    alike = tanimoto(asked.prints, known.prints)
    same = neighbour_score(known.prints, known, known.prints, known)
    assert same.value == pytest.approx(1)
    by_code = neighbour_score(np.arange(40.0)[:, None], known, np.full((20, 1), 7.2), asked)
    assert by_code.value == pytest.approx(alike[:, 7].mean())


def test_ways_between_molecules() -> None:
    code = np.array([[0.0], [11.0], [0.0], [22.0]])
    seen: list[np.ndarray] = []

    def write(codes: np.ndarray) -> list[str]:
        seen.append(codes)
        return ["C" * int(value) if value < 12 else "C1" for value in codes[:, 0]]

    scores, ways = between(code, 10, write)
    np.testing.assert_allclose(seen[0][:, 0].reshape(10, 2), np.arange(1, 11)[:, None] * [1, 2])
    assert by_name(scores) == {"between_valid": 15 / 20, "between_different": 1.0}
    assert ways[0] == ["C" * number for number in range(1, 11)] and ways[1][5:] == ["C1"] * 5
    dead = by_name(between(code, 10, lambda codes: ["CC"] * len(codes))[0])
    assert dead == {"between_valid": 1.0, "between_different": pytest.approx(0.1)}


def test_what_is_optimised_is_better_and_still_like_the_start() -> None:
    start = known_molecules(["c1ccccc1C", "c1ccccc1CC", "CCO"])
    code = np.array([[1.0], [2.0], [3.0]])
    longer = {0: "c1ccccc1CCCC", 1: "C1", 2: "FC(F)(F)C(F)(F)F"}

    def write(codes: np.ndarray) -> list[str]:
        return [longer[row % 3] for row in range(len(codes))]

    found = optimised(code, start, np.ones(1), 0.2, write)
    assert found.found == ["CCCCc1ccccc1", None, None]  # no molecule, and one that is like nothing
    gain = properties(["c1ccccc1CCCC"])[0, 0] - properties(["c1ccccc1C"])[0, 0]
    assert found.gains.tolist() == pytest.approx([gain, 0, 0])
    assert optimised(code, start, np.ones(1), 0.0, write).found[2] is not None
    assert optimised(code, start, np.ones(1), 0.0, lambda codes: start.texts * (len(codes) // 3)).found == [None] * 3


class Knowing:
    """A coder whose code is the number of a molecule in a list: it writes every one again."""

    prior = None
    code_size = 2
    writes = False

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def encode(self, x: np.ndarray) -> np.ndarray:
        place = (x[:, None] == self.x[None]).all(-1).argmax(1)
        return np.stack([place, place**2], 1).astype(np.float32)

    def write(self, code: np.ndarray, temperature: Any = None, width: Any = None, seed: int = 0) -> np.ndarray:
        return self.x[code[:, 0].round().astype(int).clip(0, len(self.x) - 1)]

    def draw(self, x: np.ndarray, seed: int) -> np.ndarray:
        return self.encode(x)

    def costs(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return {"error": np.zeros(len(x)), "wrong": np.zeros(len(x)), "symbols": (x > 0).sum(1)}

    def decoder_alone(self, seed: int) -> None:
        return None


def examples(texts: list[str]) -> tuple[Examples, np.ndarray]:
    vocabulary = Vocabulary.of(texts, "atoms")
    x = vocabulary.ids(texts)
    parts = [Part(x[rows], None) for rows in (slice(0, 60), slice(60, 80), slice(80, None))]
    rows = dict(zip(("train", "val", "test"), np.split(np.arange(len(x)), [60, 80]), strict=True))
    return Examples(*parts, x.shape[1:], "smiles", kind="symbols", spell=vocabulary.texts, rows=rows), x


def test_a_coder_that_knows_everything_writes_everything_again() -> None:
    data, x = examples(drawn_molecules(120, 4))
    question = DrugDiscovery(count=30, asked=20, molecules=40, starts=10)
    found = by_name(question.measure(Knowing(x), data))
    assert found["reconstructed"] == found["reconstructed_drawn"] == found["valid"] == 1 and found["token_error"] == 0
    assert "kl" not in found
    beside = question.baselines(data, 2)
    assert set(beside) == {"training", "morgan", "mean", "random"}
    assert by_name(beside["training"])["novel"] == 0 and by_name(beside["training"])["valid"] == 1
    sheets = question.pictures(Knowing(x), data)
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in sheets.values())


def test_what_is_no_molecule_is_named_by_its_line() -> None:
    texts = drawn_molecules(120, 4)
    texts[90] = "C1CC"
    data, x = examples(texts)
    told = r"data=smiles: line 91 \(test part\), C1CC: no molecule that rdkit can read"
    with pytest.raises(UserError, match=told):
        DrugDiscovery(count=30, asked=40, molecules=40, starts=10).measure(Knowing(x), data)
    with pytest.raises(UserError, match="needs molecules; use data=smiles"):
        DrugDiscovery().measure(Knowing(x), data._replace(spell=None))
    for settings in ({"count": 3}, {"similarity": 2.0}, {"epochs": 0}):
        with pytest.raises(UserError, match=r"evaluation\.drug_discovery\."):
            DrugDiscovery(**settings)  # type: ignore[arg-type]


def test_a_sheet_says_what_is_no_molecule() -> None:
    sheet = molecule_rows([["CCO", "C1"], ["CC"]], [["test", ""], [""]])
    assert sheet.shape == (2 * SIZE, 2 * SIZE, 3)
    assert sheet[:SIZE, SIZE:].min() < 255 == sheet[SIZE:, SIZE:].min(), "a word, and nothing where nothing was asked"
