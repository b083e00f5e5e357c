"""Pictures of runs on texts: what is written again of some, and where in a text bias and variance lie."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.text.vocabulary import Vocabulary
from aelab.evaluation.images.ink import INK_NAME, inked, pixels_of
from aelab.evaluation.images.sheets import figure_pixels
from aelab.models import Autoencoder
from aelab.objectives.symbols import END, PADDING

SHOWN = 8
WRONG = "#d63031"
RIGHT = "#6b7280"
LETTER = 0.085  # inches that a letter takes


@torch.no_grad()
def texts_again(model: Autoencoder, x: Tensor, vocabulary: Vocabulary) -> np.ndarray:
    """Texts ``[N, T]``, and below each what is written of it, the likeliest symbol each time; symbols that differ from
    those of the text at the same place are red. uint8 ``[height, width, 4]``, on no paper."""
    again = model.reconstruct(x).cpu().numpy()
    pairs = [
        (_symbols(one, vocabulary), _symbols(other, vocabulary))
        for one, other in zip(x.long().cpu().numpy(), again, strict=True)
    ]
    return _drawn(pairs)


def _symbols(sequence: np.ndarray, vocabulary: Vocabulary) -> list[str]:
    ends = np.flatnonzero(sequence == END)
    shown = sequence[: ends[0]] if len(ends) else sequence[sequence != PADDING]
    return [vocabulary.symbols[symbol] for symbol in shown]


def _drawn(pairs: Sequence[tuple[list[str], list[str]]]) -> np.ndarray:
    from matplotlib.figure import Figure

    letters = max(len("".join(text)) for pair in pairs for text in pair)
    with inked():
        figure = Figure(figsize=((letters + 4) * LETTER, 0.5 * len(pairs) + 0.2), dpi=110)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-2, letters + 2), ylim=(-3 * len(pairs), 1))
        axes.axis("off")
        for row, (text, again) in enumerate(pairs):
            for line, symbols, other in ((0, text, None), (1, again, text)):
                column = 0
                for symbol, wanted in zip_longest(symbols, other or symbols):
                    if symbol is None:  # what is missing is nothing to be drawn
                        break
                    colour = INK_NAME if other is None else RIGHT if symbol == wanted else WRONG
                    axes.text(column, -3 * row - line, symbol, color=colour, family="monospace", fontsize=10)
                    column += len(symbol)
        return pixels_of(figure)


def by_position(bias2: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Bias² and variance of each position ``[T]``, means over test texts: uint8 ``[height, width, 4]``, on no paper."""
    places = np.arange(1, len(bias2) + 1)

    def draw(axes: Any) -> None:
        axes.plot(places, bias2, color="#4477aa", label="bias²")
        axes.plot(places, variance, color="#ee6677", label="variance")
        axes.set(xlabel="position in the text", ylabel="nats a position, padding counts 0")
        axes.set_ylim(bottom=min(0.0, float(bias2.min())))
        axes.legend(frameon=False)

    return figure_pixels(draw)
