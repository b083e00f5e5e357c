"""Pairs of sentences: read, divided without leakage, spelled in pieces that a checkpoint carries, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aelab.data.parallel_text import ParallelText
from aelab.data.text.drawn_sentences import drawn_sentences
from aelab.data.text.pairs import shared
from aelab.data.text.pieces import Pieces, recorded_vocabulary
from aelab.data.text.vocabulary import TextError
from aelab.errors import UserError

ENGLISH, FRENCH = drawn_sentences(200, 0)
TAGGED = [f"<en>{text}" for text in ENGLISH] + [f"<fr>{text}" for text in FRENCH]


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    pytest.importorskip("sentencepiece")
    return Pieces.learned(TAGGED, 90)


def test_sentences_come_back_and_know_their_language(pieces: Pieces) -> None:
    ids = pieces.ids(TAGGED)
    assert pieces.texts(ids) == TAGGED and len(pieces) == 90
    assert set(ids[:200, 0]) == {pieces.languages["<en>"]} and set(ids[200:, 0]) == {pieces.languages["<fr>"]}
    again = recorded_vocabulary(pieces.plain())
    np.testing.assert_array_equal(again.ids(TAGGED), ids)
    assert again.digest() == pieces.digest() == Pieces.learned(TAGGED, 90).digest()
    assert pieces.digest() != Pieces.learned(TAGGED, 80).digest()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The cat", "does not begin with its language, <en> or <fr>"),
        ("<de>The cat", "does not begin with its language"),
        ("<en> ", "is empty"),
        ("<en>The Ω", "column 9: unknown symbol 'Ω'"),
        ("<en>" + ENGLISH[0] * 9, "symbols, and there are 19 places"),
    ],
)
def test_what_pieces_cannot_take(pieces: Pieces, text: str, told: str) -> None:
    with pytest.raises(TextError) as caught:
        pieces.ids([text], 20)
    assert told in caught.value.reason


def test_a_model_that_is_none_is_refused() -> None:
    pytest.importorskip("sentencepiece")
    with pytest.raises(ValueError):
        recorded_vocabulary({"way": "pieces", "model": "bm8="})


def test_pairs_that_share_a_sentence_are_one_group() -> None:
    groups = shared(["a", "a", "b", "c", "d"], ["A", "B", "B", "C", "D"])
    assert groups[0] == groups[1] == groups[2] and len(set(groups)) == 3


def test_no_pair_is_divided(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    lines = [f"{one}\t{other}" for one, other in zip(ENGLISH, FRENCH, strict=True)]
    path.write_text("\n".join([*lines, f"{ENGLISH[0]}\tAutre chose."]) + "\n")
    data = ParallelText(path=str(path), representation="words", val_fraction=0.1)
    data.setup()
    rows = {part: set(np.asarray(data.origin(part)["row"])) for part in ("train", "val", "test")}
    assert not rows["train"] & rows["test"] and not rows["train"] & rows["val"] and not rows["val"] & rows["test"]
    assert next(part for part in rows if 0 in rows[part]) == next(part for part in rows if 200 in rows[part])
    for part, some in rows.items():
        assert sum(data.labels[part] == "en") == sum(data.labels[part] == "fr") == len(some)


@pytest.mark.parametrize(
    ("lines", "settings", "told"),
    [
        (["one\tun", "two", "three\ttrois"], {}, "a.tsv: line 2 has 1 columns, and two are wanted"),
        (["one\tun", "two\t ", "three\ttrois"], {}, "a.tsv: line 2 has an empty sentence"),
        (["one\tun", "two two two\tdeux"], {"positions": 4}, "line 2 has 4 symbols, .*; use data.positions=5"),
        (["one\tun"], {}, "1 pair"),
        (["one\tun", "two\tdeux"], {"languages": ["en", "en"]}, "data.languages=.*use data.languages="),
        (["one\tun", "two\tdeux"], {"representation": "pieces"}, "data.pieces=1000: cannot be learned"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(
    lines: list[str], settings: dict[str, object], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=told) as caught:
        ParallelText(path=str(path), **{"representation": "words"} | settings).setup()  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_help_pages_are_paired_by_paragraph_and_divided_by_page(tmp_path: Path) -> None:
    for code, words in (("en-US", "one two"), ("fr", "un deux")):
        for page in range(6):
            file = tmp_path / code / "text" / f"{page}.html"
            file.parent.mkdir(parents=True, exist_ok=True)
            parts = "".join(f'<p id="{i}" class="a">{words} <b>{page}&amp;{i}</b></p>' for i in range(4))
            file.write_text(f'<p id="9">above</p><div id="DisplayArea">{parts}</div>')
    data = ParallelText(path=str(tmp_path), representation="words", val_fraction=0.2, test_fraction=0.2)
    data.setup()
    vocabulary = data.preprocessing.vocabulary
    assert vocabulary is not None
    pages = {part: {t[-3] for t in vocabulary.texts(data.values[part].numpy())} for part in ("train", "val", "test")}
    assert [len(pages[part]) for part in pages] == [4, 1, 1] and len(set.union(*pages.values())) == 6
    assert "<en>one two 0&0" in vocabulary.texts(np.concatenate([data.values[part].numpy() for part in pages]))


def test_without_the_pages_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"apt install libreoffice-help-en-us, or .* data.source=drawn"):
        ParallelText(path=str(tmp_path)).setup()
