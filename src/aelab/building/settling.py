"""What a config leaves to the data: the size of the code, the range of the output; and a word about too wide a code."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from aelab.config.objects import conf_dir, instantiate
from aelab.config.trust import resolve
from aelab.data.module import DataModule
from aelab.data.preprocessing import PIXELS, SYMBOLS
from aelab.models import Autoencoder
from aelab.objectives.symbols import PADDING

log = logging.getLogger(__name__)
WIDEST = 32  # of the codes that are chosen here
BOUNDED = 256  # values of the smallest pictures whose output is


def settle(config: DictConfig, data: DataModule) -> None:
    """Put what data and variant decide into ``network.code_size``, ``network.code_map``, ``network.output_activation``,
    and of texts ``network.symbols`` and ``error.padding``, where they are null; the run's record then has it.

    A code is a map where it is quantised. Its size: of a map one codeword a place, else half of the values of an
    example, at most 32, since one as wide as a table's columns would copy them. The output: a sigmoid for the squared
    error of pictures of 256 values or more, which lie between 0 and 1; else it is left as it is. On smaller pictures a
    sigmoid was worse by validation.
    """
    network = config.network
    vocabulary = data.preprocessing.vocabulary
    if vocabulary is not None and network.get("symbols", 0) is None:
        network.symbols = len(vocabulary)
    if vocabulary is not None and config.error.get("padding", 0) is None:
        config.error.padding = PADDING
    variant: Any = resolve("model", config.model._target_, conf_dir())
    if network.get("code_map", False) is None:
        network.code_map = bool(variant.quantized)
    if network.get("code_size", 0) is None:
        word = network.get("code_map") and variant.quantized
        network.code_size = variant.group_size(config.model) if word else default_code_size(math.prod(data.shape))
    if network.get("output_activation", "") is None:
        error = instantiate("error", config.error)
        pixels = data.preprocessing.kind == PIXELS and not data.standardize and math.prod(data.shape) >= BOUNDED
        bounded = pixels and error.is_squared and not error.logits
        network.output_activation = "sigmoid" if bounded else "identity"


def values_of_code(config: DictConfig, shape: Sequence[int]) -> int:
    """The values of a whole code of an example of that shape, of a map those of all its places."""
    network: Any = resolve("network", config.network._target_, conf_dir())
    return int(config.network.code_size) * int(network.places_of_code(config.network, shape))


def default_code_size(values: int) -> int:
    """Of examples of so many values."""
    return max(1, min(WIDEST, values // 2))


def warn_of_copying(config: DictConfig, data: DataModule) -> None:
    """A warning where nothing keeps a run from rebuilding every input whole, whatever the input is."""
    values = math.prod(data.shape)
    given = config.network.get("code_size")
    code = given and values_of_code(config, data.shape)
    symbols = data.preprocessing.kind == SYMBOLS  # a value of a code tells many of them apart
    if code is None or code < values or symbols or config.corruption.name != "none" or not _is_plain(config):
        return
    narrower = default_code_size(values)
    log.warning(
        "network.code_size=%d model=%s: no narrower than the %d values of an example of data=%s, and without penalty "
        "or corruption it can copy its input; %s",
        code,
        config.model.name,
        values,
        config.data.name,
        f"use network.code_size={narrower}, or model=denoising" if narrower < values else "use model=denoising",
    )


def _is_plain(config: DictConfig) -> bool:
    """Whether the variant adds no penalty to the error and takes nothing from the input or the code."""
    variant = resolve("model", config.model._target_, conf_dir())
    hooks = ("corrupt", "infer", "penalties", "objective", "cost")
    return all(getattr(variant, hook, None) is getattr(Autoencoder, hook) for hook in hooks)
