"""RBMs against exhaustive enumeration, stacks against layers trained by hand, and pretraining as part of a run."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from run_files import directory_of
from tiny_runs import Composer
from torch import Tensor
from torch.testing import assert_close

from aelab import load_run
from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.data.module import DataModule
from aelab.errors import UserError
from aelab.fitting.run import RunFailed, run
from aelab.models import Autoencoder
from aelab.networks import MLP, Conv
from aelab.networks.activations import ACTIVATIONS
from aelab.objectives import CrossEntropy, SquaredError
from aelab.pretraining import RBM, MomentumSwitch
from aelab.pretraining.layers import unroll
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

VISIBLE, HIDDEN = 4, 3
SIGMOID = ("network.activation=sigmoid", "error=cross_entropy", "network.hidden=[10,7]", "network.code_size=3")


def machine(visible: str = "binary", hidden: str = "binary", seed: int = 0, **settings: Any) -> RBM:
    """A float64 RBM of 4 x 3 units with weights large enough for all terms to matter."""
    network = MLP((VISIBLE,), HIDDEN, [], tied=True).double()
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.8 * torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    error = CrossEntropy() if visible == "binary" else SquaredError()
    return RBM(network, error, code_activation="sigmoid" if hidden == "binary" else "identity", **settings)


def parts(rbm: RBM) -> tuple[Tensor, Tensor, Tensor]:
    """W ``[H, D]``, b ``[D]``, c ``[H]``."""
    layer = rbm.network.encoder_layers[0]
    return layer.weight, rbm.network.decoder_biases[0], layer.bias


def states(units: int) -> Tensor:
    return torch.tensor(list(product((0.0, 1.0), repeat=units)), dtype=torch.float64)


def batch(count: int, seed: int = 1) -> Tensor:
    return torch.rand(count, VISIBLE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def log_partition(rbm: RBM) -> Tensor:
    """log Z by enumeration of whatever is binary, the Gaussian units integrated in closed form."""
    w, b, c = parts(rbm)
    if rbm.binary_visible:  # Gaussian hidden units' constant is left out of the free energy too
        return torch.logsumexp(-rbm.free_energy(states(VISIBLE)), 0)
    mean = b + states(HIDDEN) @ w  # sum over h of the integral over v of exp(c h - |v - b|^2 / 2 + h W v)
    return torch.logsumexp(states(HIDDEN) @ c + (mean.square() - b.square()).sum(1) / 2, 0) + VISIBLE / 2 * math.log(
        2 * math.pi
    )


def gradient(value: Tensor, rbm: RBM) -> Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(rbm.parameters()))])


# --- one RBM ---


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_free_energy_is_minus_log_of_the_sum_over_hidden_states(visible: str) -> None:
    rbm, v = machine(visible), batch(6)
    each = torch.stack([-rbm.energy(v, h.expand(6, -1)) for h in states(HIDDEN)])
    assert_close(rbm.free_energy(v), -torch.logsumexp(each, 0))


def test_free_energy_of_gaussian_hidden_units_completes_the_square() -> None:
    rbm, v, h = machine(hidden="gaussian"), batch(6), torch.randn(6, HIDDEN, dtype=torch.float64)
    assert_close(rbm.energy(v, h) - rbm.free_energy(v), (h - rbm.encode(v)).square().sum(1) / 2)


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_conditional_means_are_those_of_the_energy(visible: str) -> None:
    rbm, v = machine(visible), batch(5)
    weights = torch.stack([-rbm.energy(v, h.expand(5, -1)) for h in states(HIDDEN)]).softmax(0)
    assert_close(rbm.encode(v), weights.mT @ states(HIDDEN))
    h = states(HIDDEN)[3:6]
    if visible == "binary":
        weights = torch.stack([-rbm.energy(x.expand(3, -1), h) for x in states(VISIBLE)]).softmax(0)
        assert_close(rbm.decode(h), weights.mT @ states(VISIBLE))
    else:
        mean = rbm.decode(h).detach().requires_grad_()
        slope = torch.autograd.grad(rbm.energy(mean, h).sum(), mean)[0]
        assert_close(slope, torch.zeros_like(slope))
        moved = rbm.energy(mean + 0.3, h) - rbm.energy(mean, h)
        assert_close(moved, torch.full_like(moved, VISIBLE * 0.3**2 / 2))  # variance 1


def test_likelihood_gradient_is_the_difference_of_correlations() -> None:
    """The gradient of the exact log-likelihood: <v h> of the data less <v h> of the model, over all 2^7 states."""
    rbm, v = machine(), batch(6).round()
    joint = torch.stack([-rbm.energy(states(VISIBLE), h.expand(16, -1)) for h in states(HIDDEN)])  # [8, 16]
    p = torch.exp(joint - torch.logsumexp(joint.flatten(), 0))
    model = torch.einsum("hv,hi,vj->ij", p, states(HIDDEN), states(VISIBLE))
    data = rbm.encode(v).mT @ v / len(v)
    likelihood = -rbm.free_energy(v).mean() - log_partition(rbm)
    weight = torch.autograd.grad(likelihood, parts(rbm)[0])[0]
    assert_close(weight, data - model)


KINDS = [("binary", "binary"), ("gaussian", "binary"), ("binary", "gaussian")]


@pytest.mark.parametrize("visible, hidden", KINDS)
def test_long_chains_give_the_gradient_of_the_likelihood(visible: str, hidden: str) -> None:
    rbm = machine(visible, hidden, steps=40, sampled=True)
    v = batch(8)
    if rbm.binary_visible:
        v = v.round()
    exact = gradient(rbm.free_energy(v).mean() + log_partition(rbm), rbm)

    def divergence(steps: int) -> tuple[Tensor, Tensor]:
        rbm.steps = steps
        draw = torch.Generator().manual_seed(steps)
        many = torch.stack(
            [gradient(rbm.objective(v.repeat(150, 1), draw).loss, rbm) for _ in range(40)]  # 40 means of 1200 chains
        )
        return many.mean(0), many.std(0) / math.sqrt(len(many))

    mean, error = divergence(40)
    off = (mean - exact).abs() / error
    assert off.max() < 4, off
    short, error = divergence(1)
    assert ((short - exact).abs() / error).max() > 15, "one step is biased, and the test can tell"


def test_cd1_is_the_update_of_the_papers_code() -> None:
    """Positive less negative products, means as reconstructions, momentum, and a cost on the weights only."""
    rbm, v = machine(weight=2e-4), batch(6)
    w, b, c = (part.detach().clone() for part in parts(rbm))
    increments = [torch.zeros_like(part) for part in (w, b, c)]
    optimizer = torch.optim.SGD(rbm.parameters(), lr=0.1, momentum=0.5)
    generator, draw = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    for _ in range(3):
        optimizer.zero_grad()
        rbm.objective(v, generator).loss.backward()
        optimizer.step()
        up = (v @ w.mT + c).sigmoid()
        h = (torch.rand(up.shape, generator=draw, dtype=up.dtype) < up).double()
        down = (h @ w + b).sigmoid()
        again = (down @ w.mT + c).sigmoid()
        slopes = [(up.mT @ v - again.mT @ down) / 6 - 2e-4 * w, (v - down).mean(0), (up - again).mean(0)]
        increments = [0.5 * old + 0.1 * new for old, new in zip(increments, slopes, strict=True)]
        w, b, c = (part + step for part, step in zip((w, b, c), increments, strict=True))
    for ours, theirs in zip(parts(rbm), (w, b, c), strict=True):
        assert_close(ours.detach(), theirs)


def test_momentum_changes_after_five_epochs() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.3)
    schedule, seen = MomentumSwitch(optimizer, 0.5, 0.9, epochs=5), []
    for _ in range(7):
        seen.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    assert seen == [0.5] * 5 + [0.9] * 2 and optimizer.param_groups[0]["lr"] == 0.1


# --- stacks ---


@pytest.mark.parametrize("tied", [False, True])
def test_the_unrolled_network_is_the_mean_field_pass(tied: bool) -> None:
    sizes = [(6, 5, "sigmoid"), (5, 4, "sigmoid"), (4, 2, "identity")]
    layers = []
    for inputs, units, kind in sizes:
        torch.manual_seed(inputs)
        layers.append(RBM(MLP((inputs,), units, [], tied=True).double(), CrossEntropy(), code_activation=kind))
        torch.nn.init.normal_(layers[-1].network.decoder_biases[0])
    network = MLP((6,), 2, [5, 4], activation="sigmoid", tied=tied).double()
    unroll(network, [layer.state_dict() for layer in layers])
    deep = Autoencoder(network, CrossEntropy())
    x = torch.rand(7, 6, dtype=torch.float64)
    code = x
    for layer in layers:
        code = layer.encode(code)
    assert_close(deep.encode(x), code)
    back = code
    for layer in reversed(layers):
        back = layer.decode(back)
    assert_close(deep.reconstruct(x), back)
    if not tied:
        assert_close(network.decoder_layers[0].weight, network.encoder_layers[2].weight.mT)


class Codes(DataModule):
    """Codes in the order of the data they are of."""

    def __init__(self, data: DataModule, encode: Any) -> None:
        super().__init__(batch_size=data.batch_size, seed=data.seed)
        with torch.no_grad():
            self.values = {part: encode(data.examples(part)) for part in ("train", "val")}
        self.shape = (self.values["train"].shape[1],)


def trained(config: DictConfig, data: DataModule, folder: Path) -> Autoencoder:
    """What the ordinary command trains, with the best weights."""
    fit = Fit([Member(config)], data, BestCheckpoint(folder), folder)
    fit.run()
    assert fit.keep_best()
    return fit.model.eval()


VARIANTS: list[tuple[str, ...]] = [
    ("model=contractive", "model.weight=0.01"),
    ("model=denoising", "corruption=masking", "network.tied=true"),
]


@pytest.mark.parametrize("variant", VARIANTS, ids=["contractive", "tied denoising"])
def test_greedy_is_layer_by_layer_by_hand(compose: Composer, tmp_path: Path, variant: tuple[str, ...]) -> None:
    shared = (*SIGMOID, "trainer.max_epochs=0", *variant)
    config = compose(*shared, "pretraining=greedy", "pretraining.max_epochs=2")
    run(config, [])
    deep = load_run(directory_of(config)).model
    one_layer = (*shared, "network.hidden=[]", "trainer.max_epochs=2")
    first = compose(*one_layer, "network.code_size=10", "model.code_activation=sigmoid")
    run(first, [])
    lower: list[Any] = [load_run(directory_of(first)).model]
    for number, (units, activation) in enumerate([(7, "sigmoid"), (3, "identity")], 2):
        layer = compose(*one_layer, f"network.code_size={units}", f"model.code_activation={activation}")

        def encode(x: Tensor) -> Tensor:
            for model in lower:
                x = model.encode(x)
            return x

        lower.append(trained(layer, Codes(build_data(layer), encode), tmp_path / f"by_hand{number}"))
    for index, model in enumerate(lower):
        mine, other = deep.network.encoder_layers[index], model.network.encoder_layers[0]
        assert torch.equal(mine.weight, other.weight) and torch.equal(mine.bias, other.bias), index
    x = torch.rand(5, 64)
    back = encode(x)
    for model in reversed(lower):
        back = model.decode(back)
    assert_close(deep.reconstruct(x), back, msg="the unrolled network is the composition of the layers")


@pytest.mark.parametrize("output_activation", ["identity", "sigmoid"])
def test_squared_error_rebuilds_codes_through_their_activation(compose: Composer, output_activation: str) -> None:
    ends = ("trainer.max_epochs=0", f"network.output_activation={output_activation}")
    config = compose("network.hidden=[9]", "pretraining=greedy", "pretraining.max_epochs=3", *ends)
    run(config, [])
    directory = directory_of(config)
    deep = load_run(directory).model
    state = load_checkpoint(directory / "pretraining" / "layer2.ckpt")["state_dict"]
    assert torch.equal(deep.network.decoder_layers[0].weight, state["network.decoder_layers.0.weight"])
    data = build_data(config)
    with torch.no_grad():
        hidden = deep.network.activation(deep.network.encoder_layers[0](data.examples("val")))
        output = deep.network.activation(deep.network.decoder_layers[0](deep.encode(data.examples("val"))))
        x = data.examples("val")
        first = ACTIVATIONS[output_activation](deep.network.decoder_layers[1](hidden))
    for number, error in ((1, first - x), (2, output - hidden)):
        rows = read_rows(directory / "pretraining" / f"layer{number}" / "metrics.jsonl")
        expected = min(row["val/error"] for row in rows)
        assert error.square().sum(1).mean().item() == pytest.approx(expected, rel=1e-5), number


# --- as part of a run ---


@pytest.mark.parametrize("kind", ["greedy", "rbm"])
def test_stopped_within_the_second_layer_it_ends_the_same(
    compose: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    overrides = (*SIGMOID, f"pretraining={kind}", "pretraining.max_epochs=3", "corruption=gaussian")
    straight, stopped = (compose(*overrides, f"sweep={name}") for name in ("straight", "stopped"))
    run(straight, [])
    epochs: list[tuple[int, int]] = []
    start = Autoencoder.on_train_epoch_start

    def counted(self: Autoencoder) -> None:
        epochs.append((self.network.input_size, self.current_epoch))
        if len(epochs) == 3 + 2:
            raise RuntimeError("pulled the plug")
        start(self)

    monkeypatch.setattr(Autoencoder, "on_train_epoch_start", counted)
    with pytest.raises(RunFailed):
        run(stopped, [])
    run(stopped, [])
    assert epochs[3:6] == [(10, 0), (10, 1), (10, 1)], "it went on within layer 2, and layer 1 was not trained again"
    one, other = directory_of(straight), directory_of(stopped)
    for path in (
        "pretraining/layer2.ckpt",
        "pretraining/layer3.ckpt",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
    ):
        states = [load_checkpoint(folder / path)["state_dict"] for folder in (one, other)]
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0]), path
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (one, other)]
    assert manifests[0]["metrics"] == manifests[1]["metrics"]
    assert manifests[0]["pretraining"]["layers"] == manifests[1]["pretraining"]["layers"]


def test_what_a_run_keeps_of_its_pretraining(compose: Composer) -> None:
    config = compose(*SIGMOID, "pretraining=rbm", "pretraining.max_epochs=2", "optimizer.lr=1e-9")
    run(config, [])
    directory = directory_of(config)
    record = json.loads((directory / "manifest.json").read_text())
    layers = record["pretraining"]["layers"]
    assert [(layer["inputs"], layer["units"], layer["epochs"]) for layer in layers] == [
        (64, 10, 2),
        (10, 7, 2),
        (7, 3, 2),
    ]
    for number, layer in enumerate(layers, 1):
        rows = read_rows(directory / "pretraining" / f"layer{number}" / "metrics.jsonl")
        assert layer["epochs"] == 2 and layer["val/error"] == rows[-1]["val/error"], "RBMs keep their last weights"
    assert not list(directory.glob("pretraining/*/checkpoints"))
    first = load_checkpoint(directory / "pretraining" / "layer1.ckpt")["state_dict"]["network.encoder_layers.0.weight"]
    network = load_run(directory).model.network
    assert_close(network.encoder_layers[0].weight, first, atol=1e-6, rtol=0)
    assert_close(network.decoder_layers[2].weight, first.mT, atol=1e-6, rtol=0)
    (directory / "pretraining" / "layer1.ckpt").write_bytes(b"")
    config.force = True
    run(config, [])
    assert load_checkpoint(directory / "pretraining" / "layer1.ckpt")["figures"] == layers[0]


def test_an_rbm_learns_digits(compose: Composer) -> None:
    overrides = ("network.hidden=[]", "network.code_size=32", "model.code_activation=sigmoid", "error=cross_entropy")
    config = compose(*overrides, "pretraining=rbm", "pretraining.max_epochs=12", "trainer.max_epochs=0")
    run(config, [])
    rows = read_rows(directory_of(config) / "pretraining" / "layer1" / "metrics.jsonl")
    assert rows[-1]["val/fvu"] < 0.35 < 0.8 < rows[0]["val/fvu"]


def test_runs_without_pretraining_keep_their_names(compose: Composer) -> None:
    plain = compose()
    older = OmegaConf.masked_copy(plain, [key for key in plain if key != "pretraining"])
    assert run_id(plain) == run_id(older) == run_id(compose("+pretraining.max_epochs=7", "+paper={title: x}"))
    others = {run_id(compose(*SIGMOID, f"pretraining={kind}")) for kind in ("none", "greedy", "rbm")}
    assert len(others) == 3


REFUSED = [
    (["network=conv", "network.hidden=[4]"], "greedy", "pretraining=greedy network=conv: needs fully connected layers"),
    (["replicas=bootstrap"], "greedy", "pretraining=greedy replicas=bootstrap: replicas are not pretrained"),
    (["trainer.devices=2"], "rbm", "trainer.devices=2: layers are trained on one device"),
    (["network.activation=relu"], "greedy", "error=cross_entropy network.activation=relu: upper layers rebuild codes"),
    (["network.activation=relu"], "rbm", "network.activation=relu: hidden units of an RBM are logistic"),
    (["model.code_activation=tanh"], "rbm", "model.code_activation=tanh: an RBM's code is linear or logistic"),
    (["network.hidden=[]", "error=squared"], "rbm", "layer 1 of 1: error=squared model.code_activation=identity"),
    (
        ["model=k_sparse", "model.k=8", "network.code_size=9"],
        "greedy",
        "layer 2 of 3: model.k=8: must be between 1",
    ),
    (["pretraining.weights=first"], "rbm", "pretraining.weights=first: choose best or last"),
    (["pretraining.max_epochs=0"], "greedy", "pretraining.max_epochs=0: must be at least 1"),
    (["pretraining.momentum=1.0"], "rbm", "pretraining.momentum=1.0: must be at least 0 and below 1"),
    (["pretraining.steps=0"], "rbm", "pretraining.steps=0: must be at least 1"),
]


@pytest.mark.parametrize("overrides, kind, message", REFUSED, ids=[message[:60] for _, _, message in REFUSED])
def test_refusals_name_the_key_and_the_fix(compose: Composer, overrides: list[str], kind: str, message: str) -> None:
    small = ("pretraining.max_epochs=1",)
    config = compose(*SIGMOID, f"pretraining={kind}", *small, *overrides)
    with pytest.raises((RunFailed, UserError)) as refused:
        run(config, [])
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_unrolling_needs_a_chain() -> None:
    with pytest.raises(UserError, match="an RBM is one layer with tied weights"):
        RBM(Conv((1, 6, 6), 2, [3]))
