"""What may stand in a SMILES string, symbol by symbol (OpenSMILES 1.0); whether it is a molecule is not asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aelab.data.text.vocabulary import TextError

# atoms of the organic subset, anything in brackets, bonds, branches, rings, parts and reactions; Si and Se as in ZINC
_SYMBOLS = re.compile(r"(?:\[[^\[\]\s]+\]|Br|Cl|Si|Se|[BCNOPSFIbcnops*]|[-=#$:/\\.()~>]|%\d\d|%\(\d+\)|\d)*")


def check_smiles(texts: Sequence[str]) -> None:
    """TextError for the first text with a symbol that SMILES does not know, with its column."""
    for row, text in enumerate(texts):
        found = _SYMBOLS.match(text)
        end = found.end() if found else 0
        if end < len(text):
            raise TextError(row, f"column {end + 1}: {text[end]!r} is no symbol of SMILES")
