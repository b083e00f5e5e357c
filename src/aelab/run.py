"""A trained run given back for use on arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

from aelab.building import build_model
from aelab.data.loader import to_float
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.tracking.checkpoints import load_checkpoint
from aelab.tracking.manifest import read_manifest


class Run:
    """A trained model with its data's preprocessing: ``encode``, ``decode``, ``reconstruct`` on arrays.

    ``model``: the module with its best weights, in evaluation mode. ``manifest``: the run's record.
    """

    def __init__(self, directory: Path, manifest: dict[str, Any], model: Autoencoder, scaling: dict[str, Tensor]):
        self.directory = directory
        self.manifest = manifest
        self.model = model
        self.shape = tuple(manifest["data"]["shape"])
        self._scaling = scaling

    def encode(self, x: np.ndarray | Tensor) -> np.ndarray:
        """Examples ``[N, *shape]`` or ``[N, D]`` to codes ``[N, code_size]``."""
        return self._apply(self.model.encode, self._prepared(x))

    def decode(self, code: np.ndarray | Tensor) -> np.ndarray:
        """Codes ``[N, code_size]`` to examples ``[N, *shape]``, on the scale of the data."""
        return self._restored(self._apply(self.model.decode, torch.as_tensor(code).float()))

    def reconstruct(self, x: np.ndarray | Tensor) -> np.ndarray:
        """Examples to their reconstructions ``[N, *shape]``, on the scale of the data (images: [0, 1])."""
        return self._restored(self._apply(self.model.reconstruct, self._prepared(x)))

    def _prepared(self, x: np.ndarray | Tensor) -> Tensor:
        values = to_float(torch.as_tensor(x)).float()
        size = self.model.network.input_size
        if values.ndim < 2 or values[0].numel() != size:
            raise UserError(
                f"{self.directory}: this run takes examples of shape {list(self.shape)} or {size} values, [N, ...]; "
                f"the array has shape {list(values.shape)}"
            )
        values = values.flatten(1)
        if self._scaling:
            values = ((values.double() - self._scaling["mean"]) / self._scaling["scale"]).float()
        return values

    def _restored(self, values: np.ndarray) -> np.ndarray:
        if self._scaling:
            values = (values * self._scaling["scale"].numpy() + self._scaling["mean"].numpy()).astype(np.float32)
        return values.reshape(-1, *self.shape)

    @torch.no_grad()
    def _apply(self, function: Any, values: Tensor, batch: int = 4096) -> np.ndarray:
        return torch.cat([function(part.to(self.model.device)).cpu() for part in values.split(batch)]).numpy()


def load_run(directory: str | Path, device: str = "cpu") -> Run:
    """The trained run in a directory. Nothing in it is executed: weights and plain values are all that is read.

    Raises UserError where the directory holds no complete run or its checkpoint cannot be read.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    if manifest is None:
        raise UserError(f"{directory}: no run here (manifest.json is missing or unreadable)")
    if manifest["status"] != "complete":
        raise UserError(f"{directory}: the run is {manifest['status']}; run its command again to complete it")
    checkpoint = load_checkpoint(directory / "checkpoints" / "best.ckpt")
    config = OmegaConf.create(manifest["config"])
    model = build_model(config, tuple(manifest["data"]["shape"]))
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except (KeyError, RuntimeError) as error:
        raise UserError(f"{directory}: the checkpoint does not fit the manifest's model ({error})") from error
    data_class = config.data._target_.rpartition(".")[2]
    return Run(directory, manifest, model.to(device).eval(), checkpoint.get(data_class) or {})
