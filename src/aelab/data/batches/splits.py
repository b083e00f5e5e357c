"""Disjoint, seeded parts of a data set, and the fingerprint that names their content."""

from __future__ import annotations

import hashlib

import numpy as np

from aelab.data.files.user_files import pick
from aelab.data.tables.categories import category
from aelab.errors import UserError

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def split_rows(
    count: int,
    how: tuple[float, float, int],
    train_size: int | None,
    given: np.ndarray | None,
    classes: np.ndarray | None,
    one_class: object,
    labels: np.ndarray | None,
    name: str,
) -> Rows:
    """(train, val, test) rows of ``count`` examples; ``how``: the two fractions and the seed.

    ``given``: the part of each where that is known. ``classes``: of which every part gets its share. ``one_class``: the
    label to train on, of ``labels``. Raises UserError, with ``name`` of the data set, where that cannot be.
    """
    if given is None and classes is None and one_class is None:
        return split_indices(count, *how, train_size)
    if given is not None:
        rows = split_given(given, *how)
    else:
        rows = split_indices(count, *how) if classes is None else split_classes(classes, *how)
    if one_class is not None:
        rows = only_class(rows, labels, one_class, name)
    return shortened(rows, train_size, how[2])


def split_indices(
    count: int, val_fraction: float, test_fraction: float, seed: int, train_size: int | None = None
) -> Rows:
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
    return np.sort(_first(train, train_size)), np.sort(val), np.sort(test)


def split_classes(labels: np.ndarray, val_fraction: float, test_fraction: float, seed: int) -> Rows:
    """As ``split_indices``, each class of ``labels`` ``[N]`` by itself: its share is the same in every part."""
    parts: list[list[np.ndarray]] = [[], [], []]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        for part, chosen in zip(parts, split_indices(len(rows), val_fraction, test_fraction, seed), strict=True):
            part.append(rows[chosen])
    train, val, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, val, test


def given_by_groups(groups: np.ndarray, val_fraction: float, test_fraction: float, seed: int) -> np.ndarray:
    """The part of each example ``[N]``, by one permutation of the groups, of which each goes to one part."""
    kinds, place = np.unique(groups, return_inverse=True)
    part = np.empty(len(kinds), dtype="U5")
    for name, rows in zip(
        ("train", "val", "test"), split_indices(len(kinds), val_fraction, test_fraction, seed), strict=True
    ):
        part[rows] = name
    return part[place]


def split_given(parts: np.ndarray, val_fraction: float, test_fraction: float, seed: int) -> Rows:
    """The rows that are ``train``, ``val`` and ``test`` in ``parts`` ``[N]``; a part that lacks is drawn from training.

    Raises UserError where nothing would be left to train on.
    """
    train, val, test = (np.flatnonzero(parts == part) for part in ("train", "val", "test"))
    if len(val) and len(test):
        return train, val, test
    drawn = split_indices(len(train), 0 if len(val) else val_fraction, 0 if len(test) else test_fraction, seed)
    if len(val):  # of which one row at least was drawn
        drawn = (np.sort(np.concatenate(drawn[:2])), drawn[1][:0], drawn[2])
    return train[drawn[0]], val if len(val) else train[drawn[1]], test if len(test) else train[drawn[2]]


def only_class(split: Rows, labels: np.ndarray | None, wanted: object, name: str) -> Rows:
    """The training and validation rows whose label is ``wanted``, as text, and all test rows.

    Raises UserError, naming the data set, where it has no labels or too few such rows.
    """
    if labels is None:
        raise UserError(f"data.one_class={wanted}: data={name} has no labels; use data with labels")
    kinds, place = np.unique(labels, return_inverse=True)
    names = np.array([category(kind) for kind in kinds])  # 1, 1.0 and True are one
    one = names == pick("data.one_class", category(wanted), names)
    train, val = (rows[one[place[rows]]] for rows in split[:2])
    if len(train) < 2 or not len(val):
        raise UserError(
            f"data.one_class={wanted}: {len(train)} such example(s) to train on and {len(val)} to validate with; "
            "2 and 1 are needed"
        )
    return train, val, split[2]


def shortened(split: Rows, train_size: int | None, seed: int) -> Rows:
    """``train_size`` of the training rows, drawn by ``seed``; a smaller choice is part of a larger one."""
    if train_size is None:
        return split
    drawn = np.random.default_rng(seed).permutation(split[0])
    return np.sort(_first(drawn, train_size)), split[1], split[2]


def _first(train: np.ndarray, train_size: int | None) -> np.ndarray:
    if train_size is not None and not 1 <= train_size <= len(train):
        raise UserError(f"data.train_size={train_size}: must be from 1 to {len(train)}, the training part")
    return train[:train_size]


def fingerprint(x: np.ndarray, more: bytes = b"") -> str:
    """16 hex digits that name shape, type and content of an array, and ``more`` that it means."""
    digest = hashlib.blake2b(f"{x.shape}{x.dtype}".encode() + more, digest_size=8)
    digest.update(np.ascontiguousarray(x).data)
    return digest.hexdigest()
