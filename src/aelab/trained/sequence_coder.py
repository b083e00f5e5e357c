"""What a coder of sequences answers beside codes: what it writes, and what its symbols cost."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.models.variational.normal_code import NormalCode
from aelab.networks import SequenceNetwork
from aelab.networks.drawn_anew import draw_anew
from aelab.networks.generation import beam, drawn, write
from aelab.objectives.randomness import NOISE, seeded_generator
from aelab.trained.decoder_alone import DecoderAlone
from aelab.trained.translating import teach, translate

CHUNK = 1024  # sequences that are written at once


class SequenceCoder:
    """The part of a ``ModelCoder`` that only models of symbols can answer."""

    model: Autoencoder
    name: str

    @property
    def writes(self) -> bool:
        """Whether its network writes one symbol after the other, so that symbols can be drawn."""
        return isinstance(self.model.network, SequenceNetwork)

    def write(
        self, code: np.ndarray, temperature: float | None = None, width: int | None = None, seed: int = 0
    ) -> np.ndarray:
        """Codes ``[N, H]`` to sequences long ``[N, T]``: the likeliest symbol each time, or drawn ones at a
        ``temperature``, or the likeliest of ``width`` sequences that are followed.

        UserError where the network does not write one symbol after the other, and more than the likeliest is asked for.
        """
        network = self.model.network
        plain = temperature is None and width is None
        if not isinstance(network, SequenceNetwork) and not plain:
            raise UserError(
                f"{self.name}: its network gives all symbols at once, so none is drawn after another; use "
                "network=recurrent or network=transformer"
            )
        if temperature is not None and (width is not None or not temperature > 0):
            raise UserError(f"temperature={temperature} beam={width}: a temperature above 0, or a beam, not both")
        if width is not None and width < 1:
            raise UserError(f"beam={width}: sequences that are followed at a time, at least 1")
        generator = seeded_generator(seed, 0, NOISE, self.model.device)

        def of(part: Tensor) -> Tensor:
            if plain or not isinstance(network, SequenceNetwork):
                return self.model.decode(part).long()
            if width is not None:
                return beam(network, part, width)
            assert temperature is not None
            return write(network, part, drawn(generator, temperature))[0]

        return self._each(of, code)

    def draw(self, x: np.ndarray, seed: int = 0) -> np.ndarray:
        """Codes ``[N, H]`` of sequences ``[N, T]``, drawn where they are distributions."""
        generator = seeded_generator(seed, 0, NOISE, self.model.device)
        return self._each(lambda part: self.model.draw(self.model.infer(part), generator), x)

    def costs(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """``error`` in nats, ``wrong`` and ``symbols`` of sequences ``[N, T]``, each ``[N]``, the true symbols before
        each shown; of distributions ``rate``, the KL, too."""

        def of(part: Tensor) -> Tensor:
            encoding = self.model.infer(part)
            output = self.model.output(encoding.code, part)
            found = [self.model.error(output, part), *self.model.error.beside(output, part).values()]
            if isinstance(self.model, NormalCode):
                found.append(self.model.unit_rates(encoding).sum(-1))
            return torch.stack([value.double() for value in found], -1)

        names = ("error", "wrong", "symbols", "rate")
        values = self._each(of, x)
        return dict(zip(names, values.T, strict=False))

    teach = staticmethod(teach)
    translate = staticmethod(translate)

    def drawn_anew(self, seed: int) -> Autoencoder:
        """A copy of its model, which writes one symbol after the other, with weights drawn anew."""
        model = copy.deepcopy(self.model)
        assert isinstance(model.network, SequenceNetwork)
        draw_anew(model, model.network, seed)
        return model

    def decoder_alone(self, seed: int) -> DecoderAlone | None:
        """Its decoder without a code, untrained; None where the network has none that could stand alone."""
        network = self.model.network
        return DecoderAlone(network, seed) if isinstance(network, SequenceNetwork) else None

    @torch.no_grad()
    def _each(self, function: Callable[[Tensor], Tensor], values: np.ndarray) -> np.ndarray:
        kind = np.float32 if values.dtype.kind == "f" else np.int64
        whole = torch.from_numpy(np.ascontiguousarray(values, dtype=kind))
        return torch.cat([function(part.to(self.model.device)).cpu() for part in whole.split(CHUNK)]).numpy()
