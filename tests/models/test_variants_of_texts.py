"""Every variant over a network that writes symbol by symbol: it learns, or says in one line why not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from variants import SETTINGS, config_of, load

from aelab.building.build import build_model
from aelab.data.text.drawn_molecules import drawn_molecules
from aelab.data.text.vocabulary import Vocabulary
from aelab.errors import UserError

TEXTS = drawn_molecules(24, 0)
VOCABULARY = Vocabulary.of(TEXTS, "atoms")
X = torch.from_numpy(VOCABULARY.ids(TEXTS))
SMALL: dict[str, dict[str, Any]] = {
    "recurrent": {"hidden": [8], "embedding": 4},
    "transformer": {"width": 8, "layers": 1, "heads": 2, "queries": 2},
}


@pytest.mark.parametrize("network", SMALL)
@pytest.mark.parametrize("variant, settings", SETTINGS, ids=[f"{v} {s or ''}" for v, s in SETTINGS])
def test_every_variant_learns_texts_or_says_why_not(variant: str, settings: dict[str, Any], network: str) -> None:
    config = config_of(variant, settings=settings, error="categorical")
    sizes = {"code_size": 12, "symbols": len(VOCABULARY)}
    config.network = OmegaConf.merge(load("network", network), SMALL[network], sizes)
    config.error.padding = 0
    if variant == "denoising":
        config.corruption = load("corruption", "tokens")
    try:
        model = build_model(config, tuple(X.shape[1:]), X)
    except UserError as error:
        assert "\n" not in str(error) and "=" in str(error)
        return
    model.train()
    terms = model.objective(X[:6], torch.Generator().manual_seed(0))
    assert terms.loss.isfinite() and terms.encoding.code.shape == (6, 12)
    terms.loss.backward()
    model.eval()
    assert model.evaluate(X[6:12]).error.isfinite().all()
    assert model.reconstruct(X[:2]).shape == X[:2].shape
