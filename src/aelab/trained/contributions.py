"""What each test example contributes to the answers of an evaluation, in the form that pairs of runs need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aelab.evaluation.protocol import Score
from aelab.runs.per_example import Contributions


def contributions_of(scores: Sequence[Sequence[Score]]) -> Contributions:
    """Of one setting's replicas, a list of scores each, or of one model: the metrics that are means over examples.

    What is made of two samples, as an AUROC, is left out.
    """
    examples: dict[str, np.ndarray] = {}
    left_out: dict[str, np.ndarray] = {}
    for same in zip(*scores, strict=True):
        lengths = {tuple(map(len, score.parts)) for score in same}
        if len(lengths) > 1 or len(same[0].parts) != 1:
            continue
        examples[same[0].metric] = np.mean([score.parts[0] for score in same], axis=0)
        if len(same) > 1:
            values = np.array([score.value for score in same])
            left_out[same[0].metric] = (values.sum() - values) / (len(values) - 1)
    return Contributions(examples, left_out, np.arange(len(scores) if len(scores) > 1 else 0))
