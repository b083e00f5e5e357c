"""The user's own arrays are read rightly or refused in plain words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import ready, rows_of

from aelab.data.module import PARTS
from aelab.errors import UserError


def save(path: Path, *plain: np.ndarray, **named: np.ndarray) -> str:
    np.save(path, *plain) if plain else np.savez(path, **named)  # type: ignore[arg-type]
    return str(path)


def test_arrays_of_any_shape_and_type(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for array, shape, dtype in (
        (random.normal(size=(20, 5)), (5,), torch.float32),
        (random.normal(size=(20, 4, 6)), (1, 4, 6), torch.float32),
        (random.normal(size=(20, 2, 4, 6)).astype(np.float16), (2, 4, 6), torch.float32),
        (random.integers(0, 256, (20, 4, 6), dtype=np.uint8), (1, 4, 6), torch.uint8),
        (random.integers(0, 5000, (20, 3)), (3,), torch.float32),
        (random.normal(size=(20, 3)) > 0, (3,), torch.float32),
        (random.normal(size=20), (1,), torch.float32),
    ):
        data = ready("arrays", tmp_path, path=save(tmp_path / "x.npy", array))
        assert data.shape == shape and data.values["train"].dtype == dtype
        together = torch.cat([data.values[part] for part in PARTS]).double()
        flat = torch.from_numpy(array.reshape(20, -1).astype(np.float64))
        torch.testing.assert_close(together.sort(0).values, flat.sort(0).values, rtol=1e-6, atol=1e-6)


def test_arrays_find_examples_and_labels_by_name(tmp_path: Path) -> None:
    x, y = np.random.rand(20, 4), np.arange(20)
    for named, settings, labelled in (
        ({"x": x, "y": y}, {}, True),
        ({"X": x, "y": y[:, None]}, {}, True),
        ({"features": x, "y": y}, {}, True),
        ({"features": x}, {}, False),
        ({"a": x, "b": x + 1, "c": y}, {"key": "a", "label": "c"}, True),
        ({"x": x + 1, "z": x, "y": y}, {"key": "z"}, True),
    ):
        data = ready("arrays", tmp_path, path=save(tmp_path / "x.npz", **named), **settings)
        assert (set(data.labels) == set(PARTS)) == labelled
        assert rows_of(data.examples("test")) <= rows_of(torch.from_numpy(x).float())
        for part in data.labels:
            torch.testing.assert_close(data.examples(part), torch.from_numpy(x[data.labels[part]]).float())


def test_arrays_take_channels_last(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 4, 6, 3), dtype=np.uint8)
    path = save(tmp_path / "x.npy", x)
    data = ready("arrays", tmp_path, path=path, channels_last=True)
    assert data.shape == (3, 4, 6) and data.values["test"].dtype == torch.uint8
    assert data.values["test"].reshape(-1, 3, 4, 6)[0].permute(1, 2, 0).numpy().tobytes() in {r.tobytes() for r in x}
    with pytest.raises(UserError, match=r"data.channels_last=true: images must be \[N, H, W, C\], not \[20, 4\]"):
        ready("arrays", tmp_path, path=save(tmp_path / "x.npy", x[:, :, 0, 0]), channels_last=True)


def test_arrays_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    x = np.random.rand(20, 4)
    (tmp_path / "text.npy").write_text("1,2,3")
    (tmp_path / "cut.npz").write_bytes(Path(save(tmp_path / "whole.npz", x=x)).read_bytes()[:200])
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "x.mat").write_text("")
    with np.errstate(over="ignore"):
        huge = save(tmp_path / "huge.npy", x * 1e300)
    for path, settings, message in (
        (str(tmp_path / "text.npy"), {}, "text.npy: no array of numbers"),
        (str(tmp_path / "cut.npz"), {}, "cut.npz: cannot be read"),
        (str(tmp_path / "empty.npz"), {}, "empty.npz: cannot be read"),
        (str(tmp_path / "x.mat"), {}, "x.mat: not a .npy or .npz file"),
        (
            save(tmp_path / "object.npy", np.array([{}, None] * 9)),
            {},
            r"object.npy: no array of numbers",
        ),
        (save(tmp_path / "words.npy", np.array(["a"] * 9)), {}, "values of type <U1; save real numbers"),
        (save(tmp_path / "complex.npy", x * 1j), {}, "values of type complex128"),
        (save(tmp_path / "two.npz", a=x, b=x), {}, "data.key: .*two.npz holds a, b; name one with data.key"),
        (save(tmp_path / "none.npz", y=x), {}, "data.key: .*none.npz holds y"),
        (
            save(tmp_path / "images.npz", images=x, y=x),
            {"key": "image"},
            "data.key=image: did you mean images",
        ),
        (save(tmp_path / "xy.npz", x=x, y=x), {"label": "foo"}, "data.label=foo: choose from x, y"),
        (save(tmp_path / "xy.npz", x=x, y=x), {}, r"data.label: \(20, 4\) labels for 20 examples"),
        (save(tmp_path / "x.npy", x), {"key": "x"}, "data.key, data.label, data.weight: a .npy holds one array"),
        (huge, {}, "data=arrays: NaN or infinite values in float32"),
        (save(tmp_path / "nan.npy", np.where(x > 0.9, np.nan, x)), {}, "data=arrays: NaN or infinite values"),
        (save(tmp_path / "zero.npy", x[:0]), {}, r"data=arrays: 0 example\(s\)"),
        (save(tmp_path / "one.npy", x[:1]), {}, r"data=arrays: 1 example\(s\)"),
    ):
        with pytest.raises(UserError, match=message):
            ready("arrays", tmp_path, path=path, **settings)
