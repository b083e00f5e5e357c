"""All that a fit takes, read and built before the run begins: what cannot be meant is refused and leaves nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig

from aelab.building.agreement import check_output, check_questions
from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.building.settling import warn_of_copying
from aelab.config.checking import check
from aelab.config.objects import questions_of
from aelab.data.module import DataModule
from aelab.fitting.replication import Replication
from aelab.pretraining import check_pretraining, is_wanted
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.picture_callback import PictureCallback


class Single(NamedTuple):
    """A fit of one model, and its data. ``seconds``: that reading and building took."""

    data: DataModule
    fit: Fit
    seconds: float


def prepare(config: DictConfig, directory: Path, typed: Sequence[str], fresh: bool = False) -> Single | Replication:
    """What the config describes, ready to be fitted; nothing is written but data that had to be downloaded.

    ``typed``: the overrides of the command line. ``fresh``: nothing goes on from what the directory holds.
    Raises UserError where the config or the data cannot be meant.
    """
    began = time.monotonic()
    check(config, typed)
    pretrained = is_wanted(config)
    questions = questions_of(config.get("evaluation"))
    if config.replicas.name != "none":
        replication = Replication(config, directory, fresh)
        replication.check(questions)
        warn_of_copying(replication.config, replication.data)
        return replication
    data = build_data(config)
    gallery = PictureCallback(directory, data, config.callbacks.pictures_every)
    fit = Fit([Member(config)], data, BestCheckpoint(directory), directory, [gallery])
    check_output(config, fit.model, data)
    check_questions(questions, config, fit.model, data)
    if pretrained:
        check_pretraining(config, fit.model.network)
    warn_of_copying(config, data)
    return Single(data, fit, round(time.monotonic() - began, 3))
