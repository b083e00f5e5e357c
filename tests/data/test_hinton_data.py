"""The data of Hinton & Salakhutdinov 2006: curves are where their points are; faces are turned, scaled and cropped."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pytest

from aelab.data.curves import Curves, strokes
from aelab.data.olivetti import Olivetti, cut_patches
from aelab.errors import UserError


def test_a_curve_passes_through_its_points_and_is_a_parabola() -> None:
    points = np.array([[[5, 5], [20, 12], [8, 22]]], np.float32)
    (picture,) = strokes(points)
    assert [picture[tuple(point.astype(int))] for point in points[0]] == [255, 255, 255]
    t = np.linspace(0, 1, 2000)[:, None]
    a, b, c = points[0].astype(float)
    curve = a + (4 * b - 3 * a - c) * t + 2 * (a + c - 2 * b) * t**2
    rows, columns = np.mgrid[:28, :28]
    nearest = ((rows[..., None] - curve[:, 0]) ** 2 + (columns[..., None] - curve[:, 1]) ** 2).min(-1)
    np.testing.assert_allclose(picture, 255 * np.exp(-nearest / 2), atol=9)


def test_points_in_a_line_give_a_straight_stroke() -> None:
    (picture,) = strokes(np.array([[[10, 4], [10, 13], [10, 22]]], np.float32))
    middle = picture[:, 5:22]
    assert (middle[10] > 250).all() and np.ptp(middle.astype(int), axis=1).max() <= 4
    np.testing.assert_allclose(middle[12], 255 * np.exp(-2), atol=3)


def test_curves_are_drawn_by_their_seed_and_have_no_labels() -> None:
    data = Curves(train_examples=40, test_examples=10)
    data.setup()
    assert data.shape == (1, 28, 28) and not data.labels and data.size("test") == 10
    assert (Curves().draw(5, 1)[0] == Curves().draw(5, 1)[0]).all()
    assert (Curves().draw(5, 1)[0] != Curves().draw(5, 2)[0]).any()


@pytest.fixture
def olivetti(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 400 pictures of noise in scikit-learn's format, and no other data home."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    faces = np.random.default_rng(0).integers(0, 256, (400, 4096), dtype=np.uint8)
    faces[::10, 0], faces[1::10, 0] = 0, 255
    joblib.dump(faces, tmp_path / "olivetti_py3.pkz", compress=1)
    return tmp_path


def test_a_patch_is_the_middle_turned_and_scaled() -> None:
    slope = np.tile(np.arange(64.0), (64, 1))  # bilinear interpolation of it is exact
    plain, quarter, skew = cut_patches(slope, np.array([0, 90, 30.0]), np.array([1.6, 1.6, 1.4]))
    across = 31.5 + (np.arange(25) - 12) * 1.6
    np.testing.assert_allclose(plain, np.tile(across, (25, 1)))
    np.testing.assert_allclose(quarter, np.rot90(plain, -1), atol=1e-12)
    assert skew[0, 0] == pytest.approx(31.5 + 64 / 25 / 1.4 * (-12 * 0.5 - 12 * 3**0.5 / 2))
    turned = cut_patches(slope, np.linspace(-90, 90, 37), np.full(37, 1.4))
    assert turned.min() > 0 and turned.max() < 63, "however it is turned, a patch is within the picture"


def test_olivetti_patches_are_of_other_people_in_each_part(olivetti: Path) -> None:
    data = Olivetti(root=str(olivetti), patches_per_face=3, standardize=True)
    data.prepare_data()
    data.setup()
    assert data.shape == (1, 25, 25) and [data.size(part) for part in ("train", "val", "test")] == [750, 150, 300]
    people = {part: set(labels.tolist()) for part, labels in data.labels.items()}
    assert [len(people[part]) for part in ("train", "val", "test")] == [25, 5, 10]
    assert len(set.union(*people.values())) == 40
    train = data.examples("train").double()
    assert train.mean(0).abs().max() < 1e-6 and train.var(0, correction=0).mean().item() == pytest.approx(1, abs=1e-6)
    assert train.var(0).std() > 0.01, "one scale for all pixels"
    again = Olivetti(root=str(olivetti), patches_per_face=3, standardize=True)
    again.setup()
    assert again.describe() == data.describe()


def test_olivetti_that_is_not_there_or_damaged_is_one_line(olivetti: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(self: Olivetti, folder: str) -> None:
        raise OSError("no network")

    monkeypatch.setattr(Olivetti, "fetch", no_network)
    with pytest.raises(
        UserError, match=r"olivetti_py3.pkz is not in .* could not be downloaded .*fetch_olivetti_faces"
    ):
        Olivetti(root=str(olivetti / "empty")).prepare_data()
    (olivetti / "home").mkdir()
    (olivetti / "olivetti_py3.pkz").rename(olivetti / "home" / "olivetti_py3.pkz")
    Olivetti(root=str(olivetti / "empty")).prepare_data()  # scikit-learn's own
    (olivetti / "home" / "olivetti_py3.pkz").write_bytes(b"no pickle")
    with pytest.raises(UserError, match="damaged or cut short"):
        Olivetti(root=str(olivetti / "empty")).read()
