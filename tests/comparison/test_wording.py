"""Figures as people read them."""

import pytest

from aelab.comparison.wording import estimate, number, with_ends


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (number(-1.732e-31), "0"),
        (number(0.0), "0"),
        (number(2.013e-14), "2.013e-14"),
        (estimate(-1.7e-31, 3e-30), "0"),
        (with_ends(1.1e-29, 0.9e-29, 1.4e-29), "0"),
        (estimate(10.1299, 0.312), "10.13 ± 0.31"),
        (with_ends(0.53, 0.43, 0.66), "0.53 (0.43 to 0.66)"),
        (estimate(0.0, 0.01), "0.000 ± 0.010"),
    ],
)
def test_what_rounding_leaves_is_nothing(told: str, wanted: str) -> None:
    assert told == wanted
