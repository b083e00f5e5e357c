"""Denoising autoencoder: rebuild the clean input from a corrupted one."""

from __future__ import annotations

from typing import Any

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder
from aelab.objectives import NoCorruption


class DenoisingAutoencoder(Autoencoder):
    """``E_{x~|x} error(g(f(x~)), x)`` (Vincent et al. 2008, 2010): the template with a corruption required.

    Raises UserError with ``corruption=none``, which would be an ordinary autoencoder under another name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.corruption, NoCorruption):
            raise UserError(
                "model=denoising corruption=none: nothing to denoise; choose corruption=gaussian, masking or "
                "salt_and_pepper, or model=undercomplete"
            )
