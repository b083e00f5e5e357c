"""Series that the package aeon carries."""

from __future__ import annotations

from typing import NamedTuple

from aelab.data.files.packaged import packaged_file
from aelab.data.signals.files import Reading
from aelab.data.signals.series import Series
from aelab.errors import UserError

FOLDER = "datasets/data"


class Packaged(NamedTuple):
    """``files``: in the package. ``test``: the names of those that are the test part; None: it is split by time.
    ``skipped``: points that the last file begins with and that stand in the first, too."""

    files: tuple[str, ...]
    test: tuple[str, ...] | None = None
    skipped: int = 0


PACKAGED = {
    # GutenTAG's imitation of an ECG (Wenig et al. 2022): without anomalies, and with three
    "ecg": Packaged(
        ("UnitTest/ecg-diff-count-3_TRAIN_NA.csv", "UnitTest/ecg-diff-count-3_TEST.csv"), ("ecg-diff-count-3_TEST",)
    ),
    # 135 of the UCR anomaly archive (Wu & Keogh 2021): the test file begins with the training file
    "bleeding": Packaged(
        (
            "KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_TRAIN.csv",
            "KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_TEST.csv",
        ),
        ("135_UCR_Anomaly_InternalBleeding16_TEST",),
        1_200,
    ),
    # nine accelerometers on a patient with Parkinson's disease (Bachlin et al. 2010)
    "daphnet": Packaged(("Daphnet_S06R02E0/S06R02E0.csv",)),
}


def packaged_series(name: str, source: str) -> list[Series]:
    """The series of a ``source``; UserError, with ``name`` of the data set, where the package is not there."""
    reading = Reading(None, None, None, None, False, lambda *lines: None)
    found = []
    for file in PACKAGED[source].files:
        try:
            path = packaged_file(name, "aeon", f"{FOLDER}/{file}")
        except UserError as error:
            raise UserError(
                f"data={name} data.source={source}: comes with the package aeon, which is not here; run: pip install "
                "--no-deps aeon==1.6.0, or name your own file with data.path=my.csv, or try data.source=drawn"
            ) from error
        found.append(reading.one(path)._replace(where=f"data.source={source}"))
    if skipped := PACKAGED[source].skipped:
        found[-1] = found[-1].later(skipped)
    return found
