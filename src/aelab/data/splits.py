"""Disjoint, seeded parts of a data set, and the fingerprint that names their content."""

from __future__ import annotations

import hashlib

import numpy as np

from aelab.errors import UserError


def split_indices(
    count: int, val_fraction: float, test_fraction: float, seed: int, train_size: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split ``range(count)`` by one seeded permutation into sorted (train, val, test) rows.

    ``test_fraction`` is 0 where the data set has an official test part. ``train_size`` keeps only that
    many training rows; val and test stay the same, so that runs of different sizes are comparable.
    Raises UserError where a part would be empty or ``train_size`` is larger than what is there.
    """
    for key, value in (("data.val_fraction", val_fraction), ("data.test_fraction", test_fraction)):
        if not 0 <= value < 1:
            raise UserError(f"{key}={value}: must be at least 0 and below 1")
    n_test = round(count * test_fraction) if test_fraction == 0 else max(1, round(count * test_fraction))
    n_val = max(1, round(count * val_fraction))
    n_train = count - n_test - n_val
    if n_train < 1:
        raise UserError(
            f"data.val_fraction={val_fraction}, data.test_fraction={test_fraction}: nothing is left to train "
            f"on from {count} examples; lower them or use more data"
        )
    order = np.random.default_rng(seed).permutation(count)
    test, val, train = np.split(order, [n_test, n_test + n_val])
    if train_size is not None:
        if not 1 <= train_size <= n_train:
            raise UserError(f"data.train_size={train_size}: must be from 1 to {n_train}, the training part")
        train = train[:train_size]
    return np.sort(train), np.sort(val), np.sort(test)


def fingerprint(x: np.ndarray) -> str:
    """16 hex digits that name shape, type and content of an array."""
    digest = hashlib.blake2b(f"{x.shape}{x.dtype}".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(x).data)
    return digest.hexdigest()
