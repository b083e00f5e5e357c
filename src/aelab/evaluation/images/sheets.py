"""Figures and sheets of examples as pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from aelab.evaluation.images.ink import INK_NAME, inked, pixels_of
from aelab.evaluation.protocol import Part

GREEN = (46, 160, 67)
RED = (214, 48, 49)


def figure_pixels(draw: Callable[[Any], None], width: float = 5, height: float = 4) -> np.ndarray:
    """What ``draw(axes)`` puts on Matplotlib axes of that size in inches, ``[height, width, 4]`` uint8, on no paper."""
    from matplotlib.figure import Figure

    with inked():
        figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        return pixels_of(figure)


def scatter(axes: Any, points: np.ndarray, labels: np.ndarray | None, name: str) -> None:
    """Points ``[N, 2]`` coloured by label, with a legend for up to ten classes."""
    classes, numbers = (None, None) if labels is None else np.unique(labels, return_inverse=True)
    colours: dict[str, Any] = {"color": "#4477aa"} if numbers is None else {"c": numbers, "cmap": "tab10"}
    drawn = axes.scatter(points[:, 0], points[:, 1], s=7, alpha=0.8, linewidths=0, **colours)
    if classes is not None and len(classes) <= 10:
        handles = drawn.legend_elements(num=None)[0]
        axes.legend(handles, [str(one) for one in classes], loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.set(title=name, xticks=[], yticks=[])


def lookup_sheet(queries: Part, known: Part, found: np.ndarray, shape: tuple[int, ...], size: int = 56) -> np.ndarray:
    """A row for each query: it, then the examples ``found`` ``[Q, k]`` (rows of ``known``) in a frame, green where
    the label is the query's and red where not. Each picture is enlarged to about ``size`` pixels;
    ``[height, width, 4]`` uint8, on no paper."""
    assert queries.labels is not None and known.labels is not None
    grow = max(1, size // shape[-1])
    line = 3
    height = shape[1] * grow + 2 * line
    width = shape[2] * grow + 2 * line
    sheet = np.zeros((len(found) * height, (found.shape[1] + 1) * width + size // 4, 4), np.uint8)
    for row, (x, label, rows) in enumerate(zip(queries.x, queries.labels, found, strict=True)):
        cells = [(x, (0, 0, 0, 0)), *((known.x[i], _frame(known.labels[i] == label)) for i in rows)]
        for column, (values, colour) in enumerate(cells):
            left = column * width + (size // 4 if column else 0)
            top = row * height
            sheet[top : top + height, left : left + width] = colour
            pixels = np.repeat(np.repeat(to_pixels(values, shape), grow, 0), grow, 1)
            sheet[top + line : top + height - line, left + line : left + width - line, :3] = pixels
            sheet[top + line : top + height - line, left + line : left + width - line, 3] = 255
    return sheet


def _frame(good: bool) -> tuple[int, int, int, int]:
    return (*(GREEN if good else RED), 255)


def framed_rows(
    x: np.ndarray, again: np.ndarray, marked: np.ndarray, rows: Mapping[str, np.ndarray], shape: tuple[int, ...]
) -> np.ndarray:
    """For each name in ``rows`` two lines of pictures: those rows of ``x`` ``[N, D]``, in a red frame where ``marked``
    ``[N]`` and a green one where not, and below each what became of it, ``again`` ``[N, D]``."""
    grow = max(1, 56 // shape[-1])
    line = 3
    height = shape[1] * grow + 2 * line
    width = shape[2] * grow + 2 * line
    block = 2 * height + 8
    sheet = np.zeros((len(rows) * block, max(map(len, rows.values())) * width, 4), np.uint8)
    for number, chosen in enumerate(rows.values()):
        for column, row in enumerate(chosen):
            for below, values in enumerate((x[row], again[row])):
                top = number * block + below * height
                left = column * width
                sheet[top : top + height, left : left + width] = _frame(not marked[row])
                pixels = np.repeat(np.repeat(to_pixels(values, shape), grow, 0), grow, 1)
                sheet[top + line : top + height - line, left + line : left + width - line, :3] = pixels

    def draw(axes: Any) -> None:
        axes.imshow(sheet, interpolation="nearest")
        axes.set(xticks=[], yticks=[(i + 0.5) * block - 4 for i in range(len(rows))], yticklabels=list(rows))
        axes.tick_params(length=0)
        axes.set_anchor("E")  # what width is left over is the names'
        axes.spines[:].set_visible(False)

    return figure_pixels(draw, width=sheet.shape[1] / 110 + 1.6, height=sheet.shape[0] / 110 + 0.2)


def histogram(axes: Any, scores: np.ndarray, marked: np.ndarray, threshold: float, name: str) -> None:
    """Scores ``[N]`` of normal examples and of anomalies, each as shares of their own number; logarithmic where they
    spread over decades."""
    low, high = np.quantile(scores, [0, 0.995])
    spread = low > 0 and high > 20 * low
    edges = np.geomspace(low, scores.max(), 61) if spread else np.linspace(low, high, 61)
    kinds = ((f"{(~marked).sum():,} normal", ~marked, "#4477aa"), (f"{marked.sum():,} anomalies", marked, "#ee6677"))
    for label, kind, colour in kinds:
        weights = np.full(int(kind.sum()), 1 / kind.sum())
        axes.hist(scores[kind].clip(edges[0], edges[-1]), edges, weights=weights, color=colour, alpha=0.6, label=label)
    axes.axvline(threshold, color=INK_NAME, linestyle="--", linewidth=1, label="threshold")
    axes.set(xlabel=f"score: {name}", ylabel="share of the test examples", xscale="log" if spread else "linear")
    axes.legend(frameon=False)


def to_pixels(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One example ``[D]`` with values in [0, 1] (clipped) as ``[height, width, 1 or 3]`` uint8."""
    return (values.reshape(shape).clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
