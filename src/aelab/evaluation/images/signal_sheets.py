"""A signal with its anomalies and the scores of its points."""

from __future__ import annotations

from typing import Any

import numpy as np

from aelab.evaluation.images.ink import INK_NAME, inked, pixels_of

MARK = "#ee6677"
COLOURS = ("#4477aa", "#228833", "#ccbb44", "#66ccee", "#aa3377")
MOST_CHANNELS = 5  # that are drawn


def signal_sheet(
    series: np.ndarray, again: np.ndarray | None, scores: np.ndarray, threshold: float, events: np.ndarray,
    first: int, channels: tuple[str, ...], score: str,
) -> np.ndarray:  # fmt: skip
    """Channels of a series ``[T, C]`` above the scores ``[T]``; ``events`` ``[n, 2]`` are shaded, the threshold dashed.

    ``again``: what became of the series, in thin ink. ``first``: the row of the first point.
    """
    from matplotlib.figure import Figure

    time = first + np.arange(len(series))
    with inked():
        figure = Figure(figsize=(9, 4.2), dpi=110, layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for channel in range(min(series.shape[1], MOST_CHANNELS)):
            colour = COLOURS[channel % len(COLOURS)]
            upper.plot(time, series[:, channel], color=colour, linewidth=0.8, label=channels[channel])
            if again is not None:
                upper.plot(time, again[:, channel], color=INK_NAME, linewidth=0.6, linestyle=":")
        spread = scores[scores > 0]
        wide = len(spread) > 0 and spread.max() > 50 * np.median(spread)
        lower.plot(time, scores, color=INK_NAME, linewidth=0.8)
        lower.axhline(threshold, color=INK_NAME, linestyle="--", linewidth=0.8)
        lower.set(xlabel="row", ylabel=score, yscale="log" if wide else "linear")
        upper.set(ylabel="signal, standardised")
        if series.shape[1] > 1:
            upper.legend(frameon=False, fontsize=8, loc="upper right")
        for axes in (upper, lower):
            _shade(axes, events, first)
            axes.spines[["top", "right"]].set_visible(False)
            axes.margins(x=0)
        return pixels_of(figure)


def _shade(axes: Any, events: np.ndarray, first: int) -> None:
    for begin, behind in events:
        axes.axvspan(first + begin - 0.5, first + behind - 0.5, color=MARK, alpha=0.35, linewidth=0)
