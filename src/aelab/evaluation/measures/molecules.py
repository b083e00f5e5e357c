"""Molecules out of SMILES by rdkit: which strings are some, how alike they are, and what makes them like drugs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.measures.intervals import accuracy_score
from aelab.evaluation.protocol import Score

BITS = 1024  # of a Morgan fingerprint of radius 2, as MOSES takes it
PROPERTIES = ("logp", "tpsa", "qed", "sa")
MOST_PAIRED = 1000  # molecules whose likeness is averaged over all pairs


@lru_cache
def _chem() -> Any:
    try:
        from rdkit import Chem, RDLogger
    except ImportError as error:
        raise UserError(
            'evaluation=drug_discovery: needs rdkit, which is not installed; pip install "aelab[molecules]"'
        ) from error
    logger: Any = RDLogger
    logger.DisableLog("rdApp.*")  # a line for each string that is no molecule
    return Chem


def require_rdkit() -> None:
    """UserError where rdkit is not installed."""
    _chem()


def molecule(text: str) -> Any | None:
    """The molecule of a SMILES string; None where it is none, or has no atoms."""
    found = _chem().MolFromSmiles(text) if text else None
    return found if found is not None and found.GetNumAtoms() else None


def canonical(texts: Sequence[str]) -> list[str | None]:
    """The one string that rdkit writes for each molecule; None for what is none."""
    molecules = (molecule(text) for text in texts)
    return [None if one is None else _chem().MolToSmiles(one) for one in molecules]


def fingerprints(texts: Sequence[str]) -> np.ndarray:
    """Morgan fingerprints of radius 2 of valid strings, float32 ``[N, 1024]`` of 0 and 1."""
    from rdkit.Chem import rdFingerprintGenerator

    maker = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
    return np.array([maker.GetFingerprintAsNumPy(molecule(text)) for text in texts], np.float32).reshape(-1, BITS)


def tanimoto(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shared bits over all bits that either has, of fingerprints ``[N, F]`` and ``[M, F]``: ``[N, M]``."""
    shared = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1)[None] - shared
    found: np.ndarray = shared / np.maximum(either, 1)
    return found


def properties(texts: Sequence[str]) -> np.ndarray:
    """Of valid strings, float64 ``[N, 4]``: octanol-water partition (Crippen's logP), polar surface (TPSA, square
    angstrom), drug-likeness (QED, 0 to 1; Bickerton et al. 2012) and synthetic accessibility (SA, 1 easy to 10 hard;
    Ertl & Schuffenhauer 2009)."""
    from rdkit.Chem import QED, Crippen, rdMolDescriptors
    from rdkit.Contrib.SA_Score import sascorer

    crippen: Any = Crippen

    def of(text: str) -> list[float]:
        one = molecule(text)
        return [crippen.MolLogP(one), rdMolDescriptors.CalcTPSA(one), QED.qed(one), sascorer.calculateScore(one)]

    return np.array([of(text) for text in texts], np.float64).reshape(-1, len(PROPERTIES))


def generated_scores(texts: Sequence[str], known: Collection[str]) -> list[Score]:
    """MOSES' figures of new strings (Polykovskiy et al. 2020): ``valid``, of all; ``unique``, of the valid ones;
    ``novel``, of the different ones those that are not among ``known``, canonical; and ``diversity``, 1 less the mean
    likeness of two valid ones. The last three of no valid string are 0."""
    every = canonical(texts)
    valid = [text for text in every if text is not None]
    different = sorted(set(valid))
    novel = [text not in known for text in different]
    shares = [
        accuracy_score("valid", np.array([text is not None for text in every])),
        Score("unique", len(different) / len(valid) if valid else 0.0, share=True),
        accuracy_score("novel", np.array(novel)) if novel else Score("novel", 0.0, share=True),
        Score("diversity", _diversity(valid), share=True),
    ]
    return [score._replace(parts=()) for score in shares]  # of drawn strings, which are nobody else's


def _diversity(valid: Sequence[str]) -> float:
    if len(valid) < 2:
        return 0.0
    prints = fingerprints(valid[:MOST_PAIRED])
    alike = tanimoto(prints, prints)
    count = len(prints)
    return float(1 - (alike.sum() - np.trace(alike)) / (count * (count - 1)))
