"""What generative variants answer: how likely examples are, new examples, and the codewords of quantised codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from aelab.errors import UserError
from aelab.trained.drawn_codes import drawn_codes

if TYPE_CHECKING:
    from aelab.trained.run import Run, Values


class Generative:
    """The part of a ``Run`` that only some variants can answer."""

    def log_likelihood(self, x: Values, samples: int = 100, seed: int = 0, given: Any = None) -> np.ndarray:
        """Estimates of log p(x) of examples in nats, ``[N]``, from so many codes of each; too low, the less the more.

        On the scale that the model sees. ``given``: as ``encode`` takes it; p is then a condition of it. UserError
        where the variant or its error has no likelihood.
        """
        run = cast("Run", self)
        weights = run.coder.log_weights(run.whole(x, given).numpy(), samples, seed)
        return np.asarray(np.logaddexp.reduce(weights, axis=1) - np.log(samples))

    def sample(self, count: int, seed: int = 0, codes: np.ndarray | None = None, given: Any = None) -> np.ndarray:
        """New examples ``[count, *shape]`` on the scale of the data: decoded draws of the prior N(0, I).

        ``codes``: of training examples, ``[N, code_size]``: draw from a mixture of ten Gaussians fitted to them instead
        (Ghosh et al. 2020). ``given``: of a run with ``data.given``, what the decoder is given beside each code: one
        value for all, or ``[count]``; of several columns such by name, or a frame. UserError where codes have no prior
        and there are no ``codes``.
        """
        run = cast("Run", self)
        return run.decode(drawn_codes(run.model, str(run.directory), count, seed, codes), given)

    def write(
        self,
        code: np.ndarray,
        temperature: float | None = None,
        beam: int | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Codes ``[N, code_size]`` to texts ``[N]``: the likeliest symbol each time, as ``decode`` does; with a
        ``temperature`` drawn symbols, or the likeliest of ``beam`` texts that are followed at a time.

        UserError for a run that has no texts, or whose network gives all symbols at once.
        """
        run = cast("Run", self)
        if run.preprocessing.vocabulary is None:
            raise UserError(f"{run.directory}: trained on no texts; use run.decode(code)")
        ids = run.coder.write(np.asarray(code, np.float32), temperature, beam, seed)
        return np.array(run.preprocessing.vocabulary.texts(ids), dtype=object)

    def indices(self, x: Values, given: Any = None) -> np.ndarray:
        """Which codewords examples have, long ``[N, stages, groups]``; UserError where codes are not quantised."""
        run = cast("Run", self)
        return run.coder.indices(run.whole(x, given).numpy())
