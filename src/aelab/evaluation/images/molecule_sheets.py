"""Molecules drawn by rdkit, in rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aelab.evaluation.measures.molecules import molecule

SIZE = 170  # pixels of a side of one molecule
GREY = (150, 150, 150)


def molecule_rows(rows: Sequence[Sequence[str]], legends: Sequence[Sequence[str]]) -> np.ndarray:
    """Rows of SMILES strings as pictures with a legend below each, uint8 ``[height, width, 3]``; what is no molecule is
    an empty place that says so."""
    from PIL import ImageDraw
    from rdkit.Chem import Draw

    columns = max(map(len, rows))
    texts = [[*row, *[""] * (columns - len(row))] for row in rows]
    told = [[*words, *[""] * (columns - len(words))] for words in legends]
    drawn = [molecule(text) for row in texts for text in row]
    words = [word for row in told for word in row]
    sheet = Draw.MolsToGridImage(drawn, columns, (SIZE, SIZE), legends=words, returnPNG=False).convert("RGB")
    pen = ImageDraw.Draw(sheet)
    for place, one in enumerate(drawn):
        row, column = divmod(place, columns)
        if one is None and column < len(rows[row]):
            middle = (column * SIZE + SIZE // 2, row * SIZE + SIZE // 2)
            pen.text(middle, "no molecule", fill=GREY, anchor="mm")
    return np.asarray(sheet)
