"""Small molecules that a rule writes: for a first try and for tests, where no data set is at hand."""

from __future__ import annotations

import numpy as np

RINGS = ("c1ccccc1", "c1ccncc1", "C1CCCCC1", "C1CCNCC1", "c1ccsc1", "C1CCOCC1")
LINKS = ("", "C", "CC", "O", "N", "CO", "CN", "C(=O)N", "C(=O)O", "S(=O)(=O)N")
ENDS = ("C", "CC", "CCC", "F", "Cl", "Br", "O", "N", "C#N", "OC", "C(C)C", "C(F)(F)F", "N(C)C", "[N+](=O)[O-]")


def drawn_molecules(count: int, seed: int) -> list[str]:
    """SMILES of different molecules: an end, a link, a ring, and on most of them another link and ring with an end."""
    draw = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        first, last = (ENDS[draw.integers(len(ENDS))] for _ in range(2))
        links = [LINKS[draw.integers(len(LINKS))] for _ in range(2)]
        rings = [RINGS[draw.integers(len(RINGS))] for _ in range(2)]
        tail = f"{links[1]}{rings[1].replace('1', '2')}" if draw.random() < 0.7 else f"{links[1]}{last}"
        found[f"{_turned(first)}{links[0]}{rings[0][:3]}({tail}){rings[0][3:]}"] = None
    return list(found)


def _turned(end: str) -> str:
    """An end written from its outside, so that something can follow its inner atom."""
    inner = {"C#N": "N#C", "OC": "CO", "C(C)C": "CC(C)", "C(F)(F)F": "FC(F)(F)", "N(C)C": "CN(C)",
             "[N+](=O)[O-]": "C"}  # fmt: skip
    return inner.get(end, end)
