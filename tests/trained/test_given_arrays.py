"""Arrays of every layout and type: the same numbers, or one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from aelab.errors import UserError
from aelab.trained.given_arrays import as_tensor

X = np.random.default_rng(0).integers(-9, 9, (6, 4)).astype(np.float64)


@pytest.mark.parametrize(
    "form",
    [lambda x: x, np.asfortranarray, lambda x: x[::-1][::-1], lambda x: x.repeat(2, 1)[:, ::2], np.ndarray.tolist,
     lambda x: np.lib.stride_tricks.as_strided(x, writeable=False), csr_matrix, torch.from_numpy, np.ma.asarray,
     *(lambda x, t=t: x.astype(t) for t in ("f2", "f4", ">f4", ">f8", "g", "i1", ">i2", "i8", "O"))],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_the_same_numbers(form: Callable[[np.ndarray], Any]) -> None:
    found = as_tensor(form(X))
    np.testing.assert_array_equal(found.double(), X)


def test_what_is_masked_is_missing() -> None:
    found = as_tensor(np.ma.masked_less(X, 0)).numpy()
    np.testing.assert_array_equal(np.isnan(found), X < 0)
    np.testing.assert_array_equal(found[X >= 0], X[X >= 0])


@pytest.mark.parametrize(
    "odd", [X + 1j, torch.from_numpy(X + 1j), X.astype(str), X.astype("M8[s]"), np.zeros(3, [("a", "f8")]), {"a": 1},
            "x", [[1, 2], [3]], np.array([["a", 1]], object)],
)  # fmt: skip
def test_what_is_no_array_of_numbers(odd: Any) -> None:
    with pytest.raises(UserError):
        as_tensor(odd)
