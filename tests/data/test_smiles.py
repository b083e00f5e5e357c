"""Molecules as symbols: joined again they are the string; what cannot be read is one line that names its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from aelab.data.preprocessing import Preprocessing
from aelab.data.smiles import Smiles
from aelab.data.text.drawn_molecules import drawn_molecules
from aelab.data.text.spelling import spelled
from aelab.data.text.vocabulary import TextError, Vocabulary
from aelab.errors import UserError
from aelab.objectives.symbols import END, PADDING, SPECIALS

MOLECULES = [
    "CCO",
    "c1ccccc1Br",
    "C[C@@H](N)C(=O)O",
    "[nH]1cccc1",
    "C/C=C\\C",
    "O=[N+]([O-])c1ccc(Cl)cc1",
    "C%12CCCC%12",
    "CC.Cl",
]


def test_symbols_are_atoms_and_joined_again_the_string() -> None:
    vocabulary = Vocabulary.of(MOLECULES, "atoms")
    assert vocabulary.symbols[:4] == SPECIALS
    assert {"[nH]", "Br", "Cl", "[C@@H]", "%12", "[N+]", "[O-]", "\\", "C", "c"} < set(vocabulary.symbols)
    ids = vocabulary.ids(MOLECULES)
    assert vocabulary.texts(ids) == MOLECULES
    assert ids[0].tolist()[:4] == [*(vocabulary.symbols.index(symbol) for symbol in "CCO"), END]
    assert (ids[0][4:] == PADDING).all() and (ids == END).sum() == len(MOLECULES)
    letters = Vocabulary.of(MOLECULES, "characters")
    assert "[" in letters.symbols and "Br" not in letters.symbols and letters.texts(letters.ids(MOLECULES)) == MOLECULES
    again = Vocabulary.of_plain(vocabulary.plain())
    assert again.symbols == vocabulary.symbols and again.digest() == vocabulary.digest() != letters.digest()


def test_many_texts_are_spelled_as_one_by_one() -> None:
    texts = drawn_molecules(200, 3)
    together = spelled(texts, "atoms")
    for row, text in enumerate(texts):
        alone = spelled([text], "atoms")
        own = [together.symbols[place] for place in together.places[slice(*together.bounds[row : row + 2])]]
        assert own == [alone.symbols[place] for place in alone.places] and "".join(own) == text


@pytest.mark.parametrize(
    ("texts", "row", "told"),
    [
        (["CC", "CCZ"], 1, "column 3: unknown symbol 'Z'; known are"),
        (["ClCl[Xe]C"], 0, r"column 5: unknown symbol '\[Xe\]'"),
        (["CC", ""], 1, "is empty"),
        (["CC", "C" * 30], 1, "has 30 symbols, and there are 9 places"),
    ],
)
def test_what_a_vocabulary_cannot_take_is_named(texts: list[str], row: int, told: str) -> None:
    with pytest.raises(TextError, match=told) as caught:
        Vocabulary.of(MOLECULES, "atoms").ids(texts, 10)
    assert caught.value.row == row


@pytest.mark.parametrize(
    "plain",
    [
        {"way": "atoms", "symbols": ["C"]},
        {"way": "atoms", "symbols": [*SPECIALS, "C", "C"]},
        {"way": "no", "symbols": [*SPECIALS, "C"]},
        {"way": "atoms", "symbols": [*SPECIALS, 3]},
        {"way": "atoms"},
    ],
)
def test_a_vocabulary_of_a_stranger_is_checked(plain: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Preprocessing.of_plain({"kind": "symbols", "raw": "float64", "vocabulary": plain}, 5)


def written(path: Path, *lines: str) -> Path:
    content = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


MANY = drawn_molecules(40, 0)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.smi", MANY),
        ("a.smi", ["SMILES name", *(f"{one}\tmolecule {number}" for number, one in enumerate(MANY))]),
        ("a.csv", ["id,SMILES,logP", *(f"{number},{one},0.5" for number, one in enumerate(MANY))]),
        ("a.csv.gz", ["smiles", *MANY]),
        ("a.tsv", ["smiles\tkind", *(f"{one}\tx" for one in MANY)]),
    ],
)
def test_own_files(name: str, lines: list[str], tmp_path: Path) -> None:
    data = Smiles(path=str(written(tmp_path / name, *lines)))
    data.setup()
    assert data.preprocessing.vocabulary is not None and data.values["train"].dtype == torch.int32
    parts = {part: data.preprocessing.vocabulary.texts(data.values[part].numpy()) for part in ("train", "val", "test")}
    assert sorted(text for part in parts.values() for text in part) == sorted(MANY)
    raw = (tmp_path / name).read_bytes()
    of_file = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode().splitlines()
    for part, texts in parts.items():
        for row, text in zip(data.origin(part)["row"], texts, strict=True):
            assert text in of_file[row]


@pytest.mark.parametrize(
    ("name", "lines", "settings", "told"),
    [
        ("a.smi", ["CC", "", "CO", "CN"], {}, "a.smi: line 2 is empty; leave it out"),
        ("a.csv", ["SMILES,x", "CC,1", ",2"], {}, "a.csv: line 3 is empty"),
        ("a.csv", ["one,two", "CC,1"], {}, "data.column: .* has the columns one, two; name one"),
        ("a.csv", ["one,two", "CC,1"], {"column": "tow"}, "data.column=tow: did you mean two"),
        ("a.csv", ["one,two", "CC"], {"column": "two"}, "line 2 has 1 columns, and the header 2"),
        ("a.smi", ["CC", "CCCCCC", "CO"], {"positions": 4}, "line 2 has 6 symbols, .* 3 places .* data.positions=7"),
        ("a.json", ["CC"], {}, "not one of .csv, .tsv, .smi"),
        ("a.smi", [], {}, "holds no texts"),
        ("a.smi", ["CC", "Cxy", "CO"], {}, "line 2 column 2: 'x' is no symbol of SMILES; .*representation=characters"),
        ("a.smi", ["CC", "CCO", "日本"], {}, "line 3 column 1: '日' is no symbol of SMILES"),
        ("a.smi", ["CC", "C[nH", "CO"], {}, "line 2 column 2: '\\[' is no symbol"),
        ("a.csv.gz", None, {}, "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(
    name: str, lines: list[str] | None, settings: dict[str, object], told: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if lines is None:
        path.write_bytes(b"no gzip")
    else:
        written(path, *lines)
    with pytest.raises(UserError, match=told) as caught:
        Smiles(path=str(path), **settings).setup()  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.smi", "a.csv.gz"])
def test_a_line_that_is_no_utf_8_is_named(name: str, tmp_path: Path) -> None:
    raw = b"SMILES\nCC\nCO\nC\xe9\nCN\n"
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    with pytest.raises(UserError, match=r"line 4 is not UTF-8 \(byte 0xe9\); save the file as UTF-8"):
        Smiles(path=str(tmp_path / name)).setup()


def test_any_text_is_taken_by_characters(tmp_path: Path) -> None:
    data = Smiles(
        path=str(written(tmp_path / "a.txt", *(f"GATTACA{n}" for n in range(20)))), representation="characters"
    )
    data.setup()
    assert data.values["train"].dtype == torch.int32


def test_without_the_package_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aelab.data.files.packaged.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install --no-deps molsets==0.3.1, or .* data.source=drawn"):
        Smiles().setup()


def test_a_fingerprint_knows_the_vocabulary() -> None:
    data = [Smiles(source="drawn", representation=way) for way in ("atoms", "atoms", "characters")]
    for one in data:
        one.setup()
    assert data[0].fingerprint("train") == data[1].fingerprint("train") != data[2].fingerprint("train")
    data[1].preprocessing.vocabulary = Vocabulary.of(MOLECULES, "atoms")
    assert data[0].fingerprint("train") != data[1].fingerprint("train")


def test_drawn_molecules_are_different_and_the_same_each_time() -> None:
    texts = drawn_molecules(300, 1)
    assert len(set(texts)) == 300 and texts == drawn_molecules(300, 1) != drawn_molecules(300, 2)
    chem = pytest.importorskip("rdkit.Chem")
    assert all(chem.MolFromSmiles(text) is not None for text in drawn_molecules(2000, 0))


def test_groups_go_to_one_part() -> None:
    from aelab.data.batches.splits import given_by_groups

    groups = np.repeat(np.arange(30), np.arange(1, 31))
    parts = given_by_groups(groups, 0.1, 0.2, 0)
    assert {name: sum((parts[groups == group] == name).all() for group in range(30)) for name in set(parts)} == {
        "train": 21,
        "val": 3,
        "test": 6,
    }
