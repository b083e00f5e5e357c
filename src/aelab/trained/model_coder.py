"""A model as evaluations and scores take it: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models import Autoencoder, MaskedAutoencoder
from aelab.models.quantized.quantized import QuantizedCode
from aelab.models.variational.importance import log_weights
from aelab.models.variational.normal_code import NormalCode
from aelab.objectives.observed import is_partly
from aelab.trained.sequence_coder import SequenceCoder

CHUNK = 4096  # examples that are encoded at once
VALUES = 2**22  # of them, where examples are large
UNLIKELY = (
    "its model has no log p(x); use model=vae with an error that is a likelihood (bernoulli, gaussian, poisson, "
    "negative_binomial), or with error=squared and a weight above 0"
)


class ModelCoder(SequenceCoder):
    """A model in evaluation mode as a coder of arrays, which its preprocessing has gone through already.

    ``precision``: of the model and of the arrays that it takes.
    """

    def __init__(self, model: Autoencoder, name: str, precision: type = np.float32) -> None:
        self.model = model
        self.name = name
        self.precision = precision
        self.code_size: int = model.network.code_size
        self.prior = model.prior

    @property
    def takes_given(self) -> bool:
        """Whether examples come with what is given behind them, and codes with that beside them."""
        return self.model.network.given_size > 0

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The examples ``[N, D]`` in rows that the model takes, which may have what is given behind them."""
        return rows if self.model.layout is None else rows[..., : self.model.layout.values]

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Examples ``[N, D]`` to codes ``[N, H]``; UserError where they are not finite."""
        code = self._chunked(self.model.encode, x)
        if not np.isfinite(code).all():
            raise UserError(f"{self.name}: its codes are NaN or infinite; train it again with a lower optimizer.lr")
        return code

    def decode(self, code: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
        """Codes ``[N, H]``, and what is given beside each, ``[N, G]``, to reconstructions ``[N, D]``."""
        if given is None:
            return self._chunked(self.model.decode, code)
        size = code.shape[1]
        return self._chunked(lambda part: self.model.decode(part[:, :size], part[:, size:]), np.hstack([code, given]))

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self._chunked(self.model.reconstruct, x)

    def log_weights(self, x: np.ndarray, samples: int, seed: int) -> np.ndarray:
        """Importance weights of drawn codes of examples ``[N, D]``, float64 ``[N, samples]``: see ``log_weights``."""
        model = self._likely()
        return self._chunked(lambda part: log_weights(model, part, samples, seed), x, 256)

    @property
    def kl_weight(self) -> float | None:
        """The weight of the KL beside the squared error; None where there is none, or it is no constant."""
        if not isinstance(self.model, NormalCode) or not self.model.error.is_squared:
            return None
        weight = float(self.model.scale(torch.zeros(()), 1))
        return weight if weight > 0 else None

    @property
    def blank(self) -> float | None:
        """What the encoder was taught to see for a value that is not known; None where it never met one."""
        return 0.0 if is_partly(self.model.error) or isinstance(self.model, MaskedAutoencoder) else None

    @property
    def gives_mass(self) -> bool:
        """Whether ``log_weights`` are of probabilities, not of densities: the error is a likelihood of whole values."""
        likely = isinstance(self.model, NormalCode) and self.model.has_likelihood
        return likely and any(getattr(self.model.error, fact, False) for fact in ("whole", "mass"))

    def snapped(self, code: np.ndarray) -> np.ndarray:
        """Codes ``[N, H]`` that nobody has encoded, of quantised ones the nearest that there are."""
        return self._chunked(self.model.snapped, code) if isinstance(self.model, QuantizedCode) else code

    @property
    def entries(self) -> int:
        """How many codewords there are to choose from."""
        return self._quantised().entries

    def indices(self, x: np.ndarray) -> np.ndarray:
        """Which codewords examples ``[N, D]`` have, long ``[N, stages, groups]``."""
        model = self._quantised()
        return self._chunked(model.indices, x)

    def unit_rates(self, x: np.ndarray) -> np.ndarray:
        """The KL of each code unit of examples ``[N, D]`` in nats, ``[N, H]``."""
        model = self._likely()

        def of(part: Tensor) -> Tensor:
            with model.batch(part) as batch:
                return model.unit_rates(model.infer(batch.x))

        return self._chunked(of, x)

    def _likely(self) -> NormalCode:
        if not isinstance(self.model, NormalCode) or not self.model.has_likelihood:
            raise UserError(f"{self.name}: {UNLIKELY}")
        return self.model

    def _quantised(self) -> QuantizedCode:
        if not isinstance(self.model, QuantizedCode):
            raise UserError(f"{self.name}: its codes have no codewords; use model=vq_vae or model=fsq")
        return self.model

    @torch.no_grad()
    def _chunked(self, function: Callable[[Tensor], Tensor], x: np.ndarray, size: int = CHUNK) -> np.ndarray:
        values = torch.from_numpy(np.ascontiguousarray(x, dtype=self.precision))
        size = max(16, min(size, VALUES // max(self.model.network.input_size, values.shape[-1])))
        return torch.cat([function(part.to(self.model.device)).cpu() for part in values.split(size)]).numpy()
