"""Translation: a step of expectation maximisation by hand, BLEU and chrF that are sacrebleu's, intervals."""

from __future__ import annotations

import numpy as np
import pytest

from aelab.evaluation.baselines.word_by_word import Memory, WordByWord
from aelab.evaluation.measures.translations import chrf, judged, signatures

WRITTEN = ["The cat sleeps on the table.", "My dog sees a house.", "a b c d e", "This is it, of course."] * 5
WANTED = ["The cat sleeps on a table.", "My dog saw the house.", "a b c d f", "This is it, of course."] * 5


def probabilities(model: WordByWord) -> dict[tuple[str, str], float]:
    pairs = zip(model.sources, model.targets, model.probabilities, strict=True)
    return {(model.source_words[e], model.target_words[f]): float(p) for e, f, p in pairs}


def test_a_step_of_expectation_maximisation() -> None:
    """Sources "a b" and "a", targets "x y" and "x"; 0 is the word that stands for nothing. At first t = 1/2 for all but
    t(.|b). Each word of a target is shared among the words of its source by t: x and y of the first pair go to 0, a and
    b by 1/2 each, so 1/3; x of the second goes to 0 and a by 1/2. Counts: 0 and a have x 1/3 + 1/2 = 5/6 and y 1/3, b
    has x and y 1/3."""
    found = probabilities(WordByWord(["a b", "a"], ["x y", "x"], rounds=1))
    for word in ("", "a"):
        assert found[word, "x"] == pytest.approx(5 / 7, abs=1e-12) and found[word, "y"] == pytest.approx(2 / 7)
    assert found["b", "x"] == pytest.approx(1 / 2, abs=1e-12)


def test_words_are_learned_from_sentences() -> None:
    sources = ["The house", "The book", "A book", "A house is red"]
    targets = ["La maison", "Le livre", "Un livre", "Une maison est rouge"]
    model = WordByWord(sources, targets, 20)
    assert model.translate(["Book, house", "unheard"]) == ["Livre, maison", "unheard"]
    found = probabilities(model)
    for word in model.source_words:
        assert sum(p for (e, _), p in found.items() if e == word) == pytest.approx(1, abs=1e-12)


def test_a_memory_gives_what_it_knows() -> None:
    assert Memory(["open the file", "close it"], ["A", "B"]).translate(["open a file", "close it"]) == ["A", "B"]


def test_figures_are_those_of_sacrebleu() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    found = judged(WRITTEN, WANTED)
    assert found.values["bleu"] == pytest.approx(sacrebleu.corpus_bleu(WRITTEN, [WANTED]).score, abs=1e-9)
    assert found.values["chrf"] == pytest.approx(sacrebleu.corpus_chrf(WRITTEN, [WANTED]).score, abs=1e-9)
    assert chrf(WRITTEN, WANTED) == found.values["chrf"]
    assert "tok:13a" in signatures()["bleu"] and "nc:6" in signatures()["chrf"]
    again = judged(WANTED, WANTED)
    assert again.values["bleu"] == pytest.approx(100) and again.values["chrf"] == pytest.approx(100)


def test_intervals() -> None:
    """Jackknife and bootstrap agree on the spread; a method less itself is 0 on every resample."""
    pytest.importorskip("sacrebleu")
    found = judged(WRITTEN * 3, WANTED * 3)
    for score, name in zip(found.scores("all"), ("bleu", "chrf"), strict=True):
        assert score.metric == f"{name}_all" and score.low < score.value < score.high  # type: ignore[operator]
        jackknife = np.sqrt(score.parts[0].var(ddof=1) / len(score.parts[0]))
        assert jackknife == pytest.approx(found.resampled[name].std(), rel=0.15)
    assert found.minus(found, "gain")[1:4] == (0, 0, 0)
    better = judged(WANTED * 3, WANTED * 3).minus(found, "gain")
    assert better.low > 0  # type: ignore[operator]
