"""The decoder of a run without its code: a model of the symbols alone, beside which a code has to stand."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from aelab.networks import SequenceNetwork
from aelab.networks.drawn_anew import draw_anew
from aelab.networks.generation import drawn, write
from aelab.objectives import Categorical
from aelab.objectives.symbols import PADDING

BATCH = 64
CHUNK = 1024


class DecoderAlone:
    """A network's decoder, its weights drawn anew, with a code that is always 0."""

    def __init__(self, network: SequenceNetwork, seed: int) -> None:
        self.network = copy.deepcopy(network)
        draw_anew(self.network, self.network, seed)
        self.error = Categorical(padding=PADDING)
        self.seed = seed

    def fit(self, train: np.ndarray, val: np.ndarray, epochs: int, lr: float) -> None:
        """Train on sequences ``[N, T]`` by Adam whose rate falls to 0 along a cosine; the weights of the epoch with the
        lowest error on ``val`` are kept."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        order = torch.Generator().manual_seed(self.seed)
        x = torch.from_numpy(train).long()
        best = float("inf")
        state = copy.deepcopy(self.network.state_dict())
        for _ in range(epochs):
            self.network.train()
            for rows in torch.randperm(len(x), generator=order).split(BATCH):
                optimizer.zero_grad()
                self._errors(x[rows], order).mean().backward()
                optimizer.step()
            scheduler.step()
            error = float(self.costs(val)["error"].mean())
            if error < best:
                best = error
                state = copy.deepcopy(self.network.state_dict())
        self.network.load_state_dict(state)
        self.network.eval()

    def _errors(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = self.network.cut(x).to(self._device)
        return self.error(self.network.decode_towards(self._nothing(len(x)), x, generator), x)

    @torch.no_grad()
    def costs(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """``error`` in nats, ``wrong`` and ``symbols`` of sequences ``[N, T]``, each ``[N]``."""
        self.network.eval()
        found: dict[str, list[Tensor]] = {"error": [], "wrong": [], "symbols": []}
        for part in torch.from_numpy(x).long().split(CHUNK):
            part = part.to(self._device)
            output = self.network.decode_towards(self._nothing(len(part)), part)
            for name, value in {"error": self.error(output, part), **self.error.beside(output, part)}.items():
                found[name].append(value.double().cpu())
        return {name: torch.cat(values).numpy() for name, values in found.items()}

    def write(self, count: int, seed: int) -> np.ndarray:
        """New sequences long ``[count, T]``, drawn symbol by symbol."""
        generator = torch.Generator(self._device).manual_seed(seed)
        return write(self.network, self._nothing(count), drawn(generator))[0].cpu().numpy()

    def _nothing(self, count: int) -> Tensor:
        weight = next(self.network.parameters())
        return weight.new_zeros(count, self.network.code_size)

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device
