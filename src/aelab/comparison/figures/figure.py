"""A figure: its words, its numbers, and the files it is kept in."""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from aelab.comparison.figures.style import DARK, LIGHT, LINES, Theme, settings
from aelab.comparison.finite import finite
from aelab.comparison.groups import Estimate, Group, write_csv
from aelab.comparison.units import UNKNOWN
from aelab.machines.atomic_files import write_whole
from aelab.runs.record import is_number


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn. `rows` are its numbers; `x` names what runs to the right if that is a number.

    `paint` is called with a theme and the title.
    """

    name: str
    title: str
    caption: str
    rows: list[dict[str, Any]]
    paint: Callable[[Theme, str], Figure]
    x: str = ""


@dataclass(frozen=True)
class SavedFigure:
    """A drawing and where its light PNG, dark PNG, SVG and numbers lie."""

    drawing: Drawing
    light: Path
    dark: Path
    svg: Path
    csv: Path


def save(drawing: Drawing, directory: Path) -> SavedFigure:
    """Draw both themes and write everything into the directory."""
    stem = file_name(drawing)
    png, svg = _painted(drawing, LIGHT, with_svg=True)
    dark, _ = _painted(drawing, DARK, with_svg=False)
    return SavedFigure(
        drawing,
        light=write_whole(directory / f"{stem}.png", png),
        dark=write_whole(directory / f"{stem}-dark.png", dark),
        svg=write_whole(directory / f"{stem}.svg", svg),
        csv=write_csv(drawing.rows, directory / f"{stem}.csv"),
    )


def file_name(drawing: Drawing) -> str:
    """The name of a drawing as part of a path, whatever it holds."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", drawing.name).strip("._")[:100]


def unit(groups: Iterable[Group]) -> str:
    """The unit of the error these groups minimise."""
    return next((group.units for group in groups if group.value("error")), UNKNOWN).label


def numbers(panel: str, line: str, x: tuple[str, Any], metric: str, found: Estimate) -> dict[str, Any]:
    """One row of a figure's numbers."""
    return {
        "panel": panel, "line": line, "key": x[0], "x": x[1], "metric": metric,
        "mean": found.mean, "low": found.low, "high": found.high, "seeds": found.n,
    }  # fmt: skip


def split(groups: Iterable[Group], keys: Sequence[str]) -> list[tuple[str, list[Group]]]:
    """The groups by their values of the keys, each with its label, in the order of the values."""
    found: dict[tuple[Any, ...], list[Group]] = {}
    for group in groups:
        found.setdefault(tuple(_sortable(group.value(key)) for key in keys), []).append(group)
    return [(found[values][0].label(keys), found[values]) for values in sorted(found)]


def leading(groups: Iterable[Group], keys: Sequence[str]) -> list[Group]:
    """The groups with one of the first `LINES` values of the keys: the best, since groups come best first."""
    kept: set[tuple[Any, ...]] = set()
    found = []
    for group in groups:
        values = tuple(_sortable(group.value(key)) for key in keys)
        if values in kept or len(kept) < LINES:
            kept.add(values)
            found.append(group)
    return found


def numeric_keys(groups: Sequence[Group], keys: Iterable[str]) -> list[str]:
    """The keys with at least two values that are all numbers, where they are given at all.

    A seed names a draw: it is no axis.
    """
    numeric = []
    for key in keys:
        if key.endswith("seed"):
            continue
        values = [group.value(key) for group in groups if group.value(key) is not None]
        if all(is_number(value) and finite(value) for value in values) and len(set(values)) > 1:
            numeric.append(key)
    return numeric


def _sortable(value: Any) -> tuple[int, float, str]:
    if is_number(value) and finite(value):
        return (1, float(value), "")
    return (0 if value is None else 2, math.inf, str(value))


def _painted(drawing: Drawing, theme: Theme, with_svg: bool) -> tuple[bytes, bytes]:
    """PNG and, if wanted, SVG. The canvases are driven directly: savefig draws everything twice."""
    with matplotlib.rc_context(rc=settings(theme)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure = drawing.paint(theme, drawing.title)
        figure.set_dpi(160)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        png = io.BytesIO()
        svg = io.BytesIO()
        # a palette makes a third of the size, and no eye can tell
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        pixels.quantize(256, dither=Image.Dither.NONE).save(png, "PNG")
        if with_svg:
            figure.set_layout_engine("none")
            FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return png.getvalue(), svg.getvalue()
