"""What stands beside a run on texts: models that count symbols, and the share of texts that it writes again."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aelab.building.once import once
from aelab.data.module import PARTS, DataModule
from aelab.evaluation.baselines.symbol_counts import bigram_errors, unigram_errors
from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.protocol import Score
from aelab.models import Autoencoder
from aelab.objectives.symbols import BEGIN, PADDING

WRITTEN = 1_000  # test examples that are written again


def symbol_metrics(models: Sequence[Autoencoder], data: DataModule) -> dict[str, float]:
    """``test/unigram_error`` and ``test/bigram_error``, nats a text, and ``test/exact_match``, the mean over models of
    the share of test texts whose reconstruction, the likeliest symbol each time, is the same. Nothing of other data."""
    if data.preprocessing.vocabulary is None:
        return {}
    found = once(lambda: f"symbols counted {[data.fingerprint(part) for part in PARTS]}", lambda: _counted(data))
    again = [_exact(model, data) for model in models]
    if len(again) == 1:
        return _flat([*found, *again])
    return _flat(found) | {"test/exact_match": sum(score.value for score in again) / len(again)}


def _counted(data: DataModule) -> list[Score]:
    assert data.preprocessing.vocabulary is not None
    train, val, test = (data.values[part].cpu().numpy() for part in ("train", "val", "test"))
    count = len(data.preprocessing.vocabulary)
    return [
        mean_score("unigram_error", unigram_errors(train, val, test, count)),
        mean_score("bigram_error", bigram_errors(train, val, test, count, BEGIN)),
    ]


@torch.no_grad()
def _exact(model: Autoencoder, data: DataModule) -> Score:
    x = data.examples("test", limit=WRITTEN).to(model.device).long()
    again = model.eval().reconstruct(x)
    return accuracy_score("exact_match", ((again == x) | (x == PADDING)).all(-1).flatten().cpu().numpy())


def _flat(scores: Sequence[Score]) -> dict[str, float]:
    found = {f"test/{score.metric}": score.value for score in scores}
    for score in scores:
        if score.low is not None and score.high is not None:
            found |= {f"test/{score.metric}_low": score.low, f"test/{score.metric}_high": score.high}
    return found
