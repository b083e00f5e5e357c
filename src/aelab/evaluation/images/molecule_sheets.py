"""Molecules drawn by rdkit, in rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aelab.evaluation.measures.molecules import molecule

SIZE = 170  # pixels of a side of one molecule


def molecule_rows(rows: Sequence[Sequence[str]], legends: Sequence[Sequence[str]]) -> np.ndarray:
    """Rows of SMILES strings as pictures with a legend below each, uint8 ``[height, width, 3]``; what is no molecule is
    an empty place that says so."""
    from rdkit.Chem import Draw

    columns = max(map(len, rows))
    drawn, words = [], []
    for texts, told in zip(rows, legends, strict=True):
        for place in range(columns):
            one = molecule(texts[place]) if place < len(texts) else None
            drawn.append(one)
            missing = "no molecule" if place < len(texts) and one is None else ""
            words.append(f"{told[place]} {missing}".strip() if place < len(texts) else "")
    sheet = Draw.MolsToGridImage(drawn, columns, (SIZE, SIZE), legends=words, returnPNG=False)
    return np.asarray(sheet.convert("RGB"))
