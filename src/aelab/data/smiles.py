"""Molecules as SMILES: the user's own file, or those of MOSES (Polykovskiy et al. 2020)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from aelab.data.files.packaged import packaged_file
from aelab.data.files.user_files import user_path
from aelab.data.module import DataModule
from aelab.data.preprocessing import SYMBOLS
from aelab.data.source import Source
from aelab.data.text.drawn_molecules import drawn_molecules
from aelab.data.text.lines import Lines, read_lines
from aelab.data.text.smiles_symbols import check_smiles
from aelab.data.text.vocabulary import TextError, Vocabulary, refuse
from aelab.errors import UserError

FOLDER = "dataset/data"
DRAWN = 5_000
INSTEAD = "or name your own file with data.path=my.smi, or try data.source=drawn"


class Smiles(DataModule):
    """Sequences ``[T]`` of the atoms, bonds, rings and branches of a SMILES string (Weininger 1988), which joined are
    the string again.

    ``path``: .smi, .csv, .tsv or .txt, plain or .gz, a molecule a line. Without one ``source`` says which: ``moses``,
    the 1.58 million of the package molsets, with its own test part, or ``drawn``, 5,000 that a small rule writes.
    ``column``: of a table, the one called SMILES. ``label``: a column of labels. ``molecules``, ``test_molecules``: so
    many of MOSES' training and test files, drawn by ``split_seed``; null for all. ``representation``: ``atoms``, [nH],
    Br and Cl are one symbol each, or ``characters``. ``positions``: places of a sequence, the end among them; null: as
    many as the longest needs.
    """

    unused = ()

    def __init__(
        self,
        source: Literal["moses", "drawn"] = "moses",
        column: str | None = None,
        label: str | None = None,
        molecules: int | None = 50_000,
        test_molecules: int | None = 5_000,
        representation: Literal["atoms", "characters"] = "atoms",
        positions: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.source = source
        self.column = column
        self.label = label
        self.molecules = molecules
        self.test_molecules = test_molecules
        self.representation = representation
        self.positions = positions

    def label_advice(self) -> str:
        return "name a column of labels with data.label=<column>"

    def read(self) -> Source:
        if self.path is not None:
            path = user_path(self.name, self.path, "a file of SMILES, like my.smi or my.csv")
            return self._source(read_lines(path, self.column, self.label), f"data.path={path}: line")
        if self.source == "drawn":
            texts = drawn_molecules(DRAWN, self.split_seed)
            return self._source(Lines(texts, np.arange(1, len(texts) + 1)), "data.source=drawn: molecule")
        train = self._moses("train", self.molecules)
        test = self._moses("test", self.test_molecules)
        return self._source(train, "moses, train.csv.gz: line", test, "moses, test.csv.gz: line")

    def _moses(self, part: str, count: int | None) -> Lines:
        try:
            path = packaged_file(self.name, "moses", f"{FOLDER}/{part}.csv.gz")
        except UserError as error:
            raise UserError(
                f"data={self.name} data.source=moses: MOSES comes with the package molsets, which is not here; run: "
                f"pip install --no-deps molsets==0.3.1, {INSTEAD}"
            ) from error
        every = read_lines(Path(path), "SMILES", None)
        if count is None or count >= len(every.texts):
            return every
        if count < 2:
            key = "molecules" if part == "train" else "test_molecules"
            raise UserError(f"data.{key}={count}: must be at least 2, or null for all")
        return every.taken(np.sort(np.random.default_rng(self.split_seed).permutation(len(every.texts))[:count]))

    def _source(self, train: Lines, where: str, test: Lines | None = None, where_test: str = "") -> Source:
        known = self.known.vocabulary if self.known else None
        parts = [(train, where)] if test is None else [(train, where), (test, where_test)]
        try:
            vocabulary = known or Vocabulary.of(train.texts, self.representation)
            longest = max(int(self._ids(vocabulary, lines, place, None).shape[1]) for lines, place in parts)
            positions = self.positions or longest
            x, *tests = [self._ids(vocabulary, lines, place, positions) for lines, place in parts]
        except TextError as error:
            raise refuse(error, where) from error
        if repeated := len(train.texts) - len(set(train.texts)):
            self.say(f"{repeated} of {len(train.texts)} molecules stand there more than once, and may be in two parts")
        return Source(
            x,
            train.labels,
            tests[0] if tests else None,
            kind=SYMBOLS,
            origin={"row": train.lines - 1},
            vocabulary=vocabulary,
        )

    def _ids(self, vocabulary: Vocabulary, lines: Lines, where: str, positions: int | None) -> np.ndarray:
        try:
            if self.representation == "atoms" and positions is None:  # the first of two calls
                check_smiles(lines.texts)
            return vocabulary.ids(lines.texts, positions)
        except TextError as error:
            fix = ""
            if "places" in error.reason:
                fix = f"; use data.positions={max(map(len, lines.texts)) + 1} or null, or leave it out"
            elif "no symbol of SMILES" in error.reason:
                fix = "; mend it, or take any text with data.representation=characters"
            elif "empty" in error.reason:
                fix = "; leave it out"
            raise UserError(f"{where} {lines.lines[error.row]} {error.reason}{fix}") from error
