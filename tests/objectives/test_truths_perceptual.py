"""The perceptual error against torchvision's own network, and what it is where features are the picture."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from small_vgg import saved, small_vgg
from tiny_runs import compose_tiny
from torch import Tensor
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.objectives import PerceptualError, SquaredError
from aelab.objectives.randomness import seeded_generator


def pictures(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=seeded_generator(seed, 0))


def identity(path: Path, channels: int) -> dict[str, str]:
    eye = torch.eye(channels, dtype=torch.float64)[:, :, None, None]
    return saved(path, {"features.0.weight": eye, "features.0.bias": torch.zeros(channels)})


@pytest.mark.parametrize("channels", [1, 3])
def test_of_the_identity_it_is_the_squared_error(tmp_path: Path, channels: int) -> None:
    size = channels * 64
    x, r = pictures(2, 5, size), pictures(2, 5, size, seed=1)
    squared = SquaredError()(r, x)
    error = PerceptualError(**identity(tmp_path / "eye.pth", channels), weight=0.7, normalize="none")
    assert_close(error.sized((channels, 8, 8))(r, x), 1.7 * squared, rtol=0, atol=1e-12)
    assert_close(error(x, x), torch.zeros(2, 5, dtype=torch.float64), rtol=0, atol=0)


def test_its_features_are_those_of_the_network_that_was_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = small_vgg()
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    file = saved(tmp_path / "vgg.pth", state | {"classifier.0.weight": torch.zeros(2, 2)})
    x, r = pictures(6, 96), pictures(6, 96, seed=1)

    def of(values: Tensor, end: int) -> Tensor:
        return network[:end](values.view(-1, 1, 8, 12))

    for layers, ends in ((None, (4, 7, 10)), ([1], (2,)), ([2, 4], (4, 10))):
        apart = torch.stack([(of(r, end) - of(x, end)).square().mean((1, 2, 3)) for end in ends]).mean(0)
        wanted = (r - x).square().sum(1) + 0.3 * 96 * apart
        error = PerceptualError(**file, weight=0.3, layers=layers, normalize="none").sized((1, 8, 12))
        assert_close(error(r, x), wanted.detach(), rtol=1e-12, atol=1e-12)


def test_it_takes_torchvisions_own_file_and_colours_as_it_was_trained_on(tmp_path: Path) -> None:
    from torchvision.models import vgg11

    torch.manual_seed(0)
    network = vgg11(weights=None).eval().double()
    kept = {name: value for name, value in network.state_dict().items() if name.startswith("features")}
    x, r = pictures(2, 3 * 32 * 32), pictures(2, 3 * 32 * 32, seed=1)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    first, second = ((v.view(-1, 3, 32, 32) - mean[:, None, None]) / deviation[:, None, None] for v in (x, r))
    apart = (network.features[:15](first) - network.features[:15](second)).square().mean((1, 2, 3)).detach()
    error = PerceptualError(**saved(tmp_path / "vgg11.pth", kept), weight=1.0, layers=[6]).sized((3, 32, 32))
    assert [layer.pooled for layer in error.network] == [True, True, False, True, False, True, False, False]
    # float32 in ImageNet's constants above, and in the state; the arithmetic is double
    assert_close(error(r, x), (r - x).square().sum(1) + 3072 * apart, rtol=1e-5, atol=1e-5)


def test_gradients_and_stacks(tmp_path: Path) -> None:
    torch.manual_seed(1)
    error = PerceptualError(**saved(tmp_path / "v.pth", small_vgg().state_dict()), normalize="none").sized((1, 8, 8))
    x, r = pictures(3, 2, 64), pictures(3, 2, 64, seed=1)
    assert_close(error(r, x)[1], error(r[1], x[1]))
    assert_close(error(r, x[0]), error(r, x[0].expand_as(r)))
    assert torch.autograd.gradcheck(lambda values: error(values, x[0]), r[0].clone().requires_grad_())


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


def test_a_file_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, write in (("plain.pth", pickle.dumps(Evil())), ("text.pth", b"no weights"), ("empty.pth", b"")):
        Path(name).write_bytes(write)
        digest = hashlib.sha256(write).hexdigest()
        with pytest.raises(UserError, match=rf"error.path=.*{name}: cannot be read as weights alone") as caught:
            PerceptualError(path=name, sha256=digest).sized((1, 8, 8))
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="cannot be read as weights alone"):
        PerceptualError(**saved(tmp_path / "in.pth", {"features.0.weight": Evil()})).sized((1, 8, 8))
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("overrides", "shape", "told"),
    [
        (("error.path=null",), (3, 8, 8), "error.path is not set; name a state file"),
        (("error.path=away.pth",), (3, 8, 8), r"error.path=away.pth: no file is there"),
        (("error.sha256=null",), (3, 8, 8), r"error.sha256=null: .*; use error.sha256=[0-9a-f]{16} if it is"),
        (("error.sha256=0000000000",), (3, 8, 8), r"another digest; use error.sha256=[0-9a-f]{16}"),
        (("error.weight=-1",), (3, 8, 8), "error.weight=-1"),
        (("error.layers=[5]",), (3, 8, 8), r"error.layers=\[5\]: the network has 4; use error.layers=null"),
        (("error.layers=[0]",), (3, 8, 8), r"numbers from 1; use error.layers=null"),
        ((), (3, 3, 9), r"3 x 9 pixels are halved 2 times, to nothing; use error.layers=\[2, 3\]"),
        ((), (1, 8, 8), r"takes pictures of 3 channel\(s\), .* \[1, 8, 8\]; name another, or use error=squared"),
        ((), (6,), r"has shape \[6\]"),
        (("error.normalize=other",), (3, 8, 8), "error.normalize=other: must be one of imagenet, none"),
        (("model=masked",), (3, 8, 8), "model=masked error=perceptual: the error of single values is not known"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    tmp_path: Path, overrides: tuple[str, ...], shape: tuple[int, ...], told: str
) -> None:
    file = saved(tmp_path / "v.pth", small_vgg(3).state_dict())
    words = [f"error.path={file['path']}", f"error.sha256={file['sha256']}", *overrides]
    config = compose_tiny(tmp_path / "none", "error=perceptual", *words)
    with pytest.raises(UserError, match=told) as caught:
        build_model(config, shape, torch.rand(20, *shape).flatten(1))
    assert "\n" not in str(caught.value)


def test_normalising_grey_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is of 3 channels, and pictures have 1; use error.normalize=none"):
        PerceptualError(**identity(tmp_path / "eye.pth", 1)).sized((1, 8, 8))


def test_other_networks_are_refused(tmp_path: Path) -> None:
    plain = {"features.0.weight": torch.zeros(4, 1, 3, 3), "features.0.bias": torch.zeros(4)}
    wrong: dict[str, dict[str, Tensor]] = {
        "normalised": plain | {"features.1.weight": torch.zeros(4), "features.1.bias": torch.zeros(4)},
        "other widths": plain | {"features.2.weight": torch.zeros(4, 9, 3, 3), "features.2.bias": torch.zeros(4)},
        "far apart": plain | {"features.4.weight": torch.zeros(4, 4, 3, 3), "features.4.bias": torch.zeros(4)},
        "no bias": {"features.0.weight": torch.zeros(4, 1, 3, 3)},
        "even": {"features.0.weight": torch.zeros(4, 1, 2, 2), "features.0.bias": torch.zeros(4)},
    }
    for name, state in wrong.items():
        with pytest.raises(UserError, match="is no layer of such a network; name a state file"):
            PerceptualError(**saved(tmp_path / f"{name}.pth", state), normalize="none").sized((1, 8, 8))
    with pytest.raises(UserError, match="no features"):
        PerceptualError(**saved(tmp_path / "fc.pth", {"fc.weight": torch.zeros(2, 2)})).sized((1, 8, 8))


def test_a_run_is_trained_and_opened_with_it(tmp_path: Path) -> None:
    import aelab

    torch.manual_seed(2)
    file = saved(tmp_path / "v.pth", small_vgg().state_dict())
    run = aelab.train(
        [
            "data=digits",
            "error=perceptual",
            "error.normalize=none",
            "error.layers=[2]",
            f"error.path={file['path']}",
            f"error.sha256={file['sha256'][:12]}",
            "data.train_size=64",
            "trainer.max_epochs=1",
            "logger=none",
            f"paths.outputs={tmp_path / 'outputs'}",
        ]
    )
    metrics = run.manifest["metrics"]
    assert metrics["test/error"] > 64 * metrics["test/mse"] > 0
    assert aelab.load_run(run.directory).reconstruct(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)
