"""Train the layers of a deep autoencoder one by one, each on the codes of those below, and unroll them."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from aelab.building.build import build_model, check_optimizer
from aelab.building.fit import Fit, Member
from aelab.config.objects import instantiate
from aelab.data.module import DataModule
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.networks import MLP, Network
from aelab.networks.layers import affine
from aelab.pretraining.greedy import Greedy
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.checkpoints import AtomicCheckpointIO, load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.tracking.wandb_run import WandbRun

CHUNK = 4096  # examples that are encoded at once

State = dict[str, Tensor]


def is_wanted(config: DictConfig) -> bool:
    """Whether the run is to be pretrained; UserError where it cannot be."""
    plan = config.get("pretraining")
    if plan is None or plan.name == "none":
        return False
    if config.replicas.name != "none":
        raise UserError(
            f"pretraining={plan.name} replicas={config.replicas.name}: replicas are not pretrained; sweep over seeds, "
            "-m seed=0,1,2 replicas=none, or use pretraining=none"
        )
    if config.trainer.devices != 1 or config.trainer.num_nodes != 1:
        raise UserError(
            f"pretraining={plan.name} trainer.devices={config.trainer.devices}: layers are trained on one device; use "
            "trainer.devices=1"
        )
    return True


def check_pretraining(config: DictConfig, network: Network) -> Greedy:
    """The plan; UserError for networks that are no chain of fully connected layers of its kind, each a model itself."""
    plan: Greedy = instantiate("pretraining", config.pretraining)
    if not isinstance(network, MLP):
        raise UserError(
            f"pretraining={config.pretraining.name} network={config.network.name}: needs fully connected layers; use "
            "network=mlp or network=linear"
        )
    if config.data.get("missing") == "mask":
        raise UserError(
            f"pretraining={config.pretraining.name} data.missing=mask: layers are trained on whole examples; use "
            "pretraining=none, or data.missing=mean"
        )
    plan.check(config)
    for index, size in enumerate([network.input_size, *network.hidden]):
        layer = layer_config(plan, config, index)
        with _layer(config, index, len(network.hidden) + 1):
            check_optimizer(layer, build_model(layer, network.shape if index == 0 else (size,)))
    return plan


@contextmanager
def _layer(config: DictConfig, index: int, depth: int) -> Iterator[None]:
    """Say which layer a complaint comes from."""
    try:
        yield
    except UserError as error:
        named = f"pretraining={config.pretraining.name}, layer {index + 1} of {depth}"
        raise UserError(f"{named}: {error}") from error


def pretrain(
    config: DictConfig, model: Autoencoder, data: DataModule, directory: Path, wandb_run: WandbRun | None = None
) -> dict[str, Any]:
    """Give ``model`` the weights of layers trained one by one; what the manifest says of them.

    Layer n keeps its history in ``pretraining/layer<n>/metrics.jsonl`` and, once it is done, its weights and figures
    in ``pretraining/layer<n>.ckpt``: a layer that is there is not trained again, one that was interrupted goes on.
    Raises UserError for networks that are no chain of fully connected layers.
    """
    network = model.network
    plan = check_pretraining(config, network)
    began = time.monotonic()
    depth = len(network.encoder_layers)
    assert isinstance(network, MLP)
    states: list[State] = []
    layers = []
    for index in range(depth):
        path = directory / "pretraining" / f"layer{index + 1}.ckpt"
        if not path.exists():
            with _layer(config, index, depth):
                _train_layer(plan, config, network, states, data, path)
        if wandb_run:
            wandb_run.layers()
        checkpoint = load_checkpoint(path)
        states.append(checkpoint["state_dict"])
        layers.append(checkpoint["figures"])
    unroll(network, states)
    return {"name": config.pretraining.name, "layers": layers, "seconds": round(time.monotonic() - began, 3)}


def layer_config(plan: Greedy, config: DictConfig, index: int) -> DictConfig:
    """The config of layer ``index``, counted from 0: the run's, with one layer."""
    widths = [*config.network.hidden, config.network.code_size]
    layer = copy.deepcopy(config)
    with open_dict(layer):
        layer.network.hidden = []
        layer.network.code_size = widths[index]
        if index and "output_activation" in layer.network:
            layer.network.output_activation = "identity"  # an upper layer's error knows what its outputs pass
        if index < len(widths) - 1:
            layer.model.code_activation = config.network.activation
        layer.trainer.max_epochs = plan.max_epochs
        layer.callbacks.early_stopping = None
        layer.augmentation = {"name": "none"}  # the layer below is given what examples are
        OmegaConf.set_struct(layer, False)
        plan.configure(layer, index)
    return layer


def _train_layer(
    plan: Greedy, config: DictConfig, network: MLP, below: list[State], data: DataModule, path: Path
) -> None:
    """Train the layer above ``below`` and write its checkpoint to ``path``."""
    index = len(below)
    directory = path.with_suffix("")
    layer = layer_config(plan, config, index)
    source = _Codes(data, _codes(data, below, network)) if below else copy.copy(data)
    source.batch_size = plan.batch_size or data.batch_size
    fit = Fit([Member(layer)], source, BestCheckpoint(directory), directory, error=plan.error(config, index))
    fit.run()
    if plan.weights == "best":
        fit.keep_best()
    rows = read_rows(directory / "metrics.jsonl")
    checkpoint = {
        "state_dict": fit.model.state_dict(),
        "pytorch-lightning_version": pl.__version__,
        "figures": _figures(plan, fit.model, rows),
    }
    AtomicCheckpointIO().save_checkpoint(checkpoint, path)
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)


def _figures(plan: Greedy, model: Autoencoder, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Sizes of a layer and the metrics of the epoch whose weights were kept."""
    sizes = {"inputs": model.network.input_size, "units": model.network.code_size}
    if not rows:
        return sizes
    measured = [row for row in rows if model.monitor in row]
    best = min(measured, key=lambda row: row[model.monitor]) if measured and plan.weights == "best" else rows[-1]
    return sizes | {"epochs": len(rows), **best}


@torch.no_grad()
def _codes(data: DataModule, below: list[State], network: MLP) -> dict[str, Tensor]:
    """Clean codes ``[N, H]`` of the deep network's layers, always from the CPU: a resumed layer finds the same."""
    codes = {}
    for part in ("train", "val"):
        chunks = []
        for x in data.examples(part).cpu().split(CHUNK):
            for state in below:
                weight, bias = (state[f"network.encoder_layers.0.{name}"].to(x) for name in ("weight", "bias"))
                x = network.activation(affine(x, weight, bias))
            chunks.append(x)
        codes[part] = torch.cat(chunks)
    return codes


class _Codes(DataModule):
    """Codes as training data, in the order of the data they are of."""

    def __init__(self, data: DataModule, codes: dict[str, Tensor]) -> None:
        super().__init__(seed=data.seed, split_seed=data.split_seed)
        self.values = codes
        self.shape = (codes["train"].shape[1],)


@torch.no_grad()
def unroll(network: MLP, states: list[State]) -> None:
    """Put layers, lowest first, into a deep network: encoders up, decoders (or transposed encoders) back down."""
    depth = len(states)
    for index, state in enumerate(states):
        own = {name.removeprefix("network."): value for name, value in state.items()}
        encoder = network.encoder_layers[index]
        mirrored = depth - 1 - index
        encoder.weight.copy_(own["encoder_layers.0.weight"])
        encoder.bias.copy_(own["encoder_layers.0.bias"])
        tied = "decoder_biases.0" in own
        bias = own["decoder_biases.0" if tied else "decoder_layers.0.bias"]
        if network.tied:
            network.decoder_biases[mirrored].copy_(bias)
        else:
            decoder = network.decoder_layers[mirrored]
            decoder.weight.copy_(own["encoder_layers.0.weight"].mT if tied else own["decoder_layers.0.weight"])
            decoder.bias.copy_(bias)
