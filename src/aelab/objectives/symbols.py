"""Symbols in sequences: whole numbers that name what stands at each position, the first four of which are special.

A sequence is ``[T]``: its symbols, one that ends it, and padding to the longest. None begins with ``BEGIN``: that is
what a decoder is shown before the first symbol. ``UNKNOWN`` stands for a symbol that is hidden.
"""

from __future__ import annotations

from torch import Tensor

PADDING, BEGIN, END, UNKNOWN = range(4)
SPECIALS = ("<pad>", "<begin>", "<end>", "<unknown>")


def lengths(x: Tensor) -> Tensor:
    """Symbols before the padding of sequences ``[..., T]``, the one that ends them among them, long ``[...]``."""
    return (x != PADDING).sum(-1)


def cut(x: Tensor) -> Tensor:
    """Sequences ``[..., T]`` without the positions that are padding in all of them.

    On a device that one would have to wait for they stay as they are: a length is a question asked of it.
    """
    return x[..., : max(1, int(lengths(x).max()))] if x.device.type == "cpu" and x.numel() else x
