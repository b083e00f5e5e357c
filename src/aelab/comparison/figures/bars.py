"""The test error of choices that are not numbers, as bars; in its two parts where they were measured."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aelab.comparison.choosing import chosen_in_words
from aelab.comparison.figures.figure import Drawing, numbers, unit
from aelab.comparison.figures.style import Theme
from aelab.comparison.finite import finite
from aelab.comparison.groups import Group
from aelab.comparison.labels import telling
from aelab.comparison.verdict import few_replicas, own_in_words, seeds_in_words
from aelab.comparison.wording import plain, with_ends

_MOST = 20
_PARTS = ("test/bias2", "test/variance")
_NOISE = "test/noise"  # cross-entropy has it, too


def error_bars(groups: Sequence[Group], keys: Sequence[str]) -> Drawing | None:
    """Horizontal bars from zero, the best on top."""
    known = [group for group in groups if finite(group.mean("test/error"))]
    if len(known) < 2:
        return None
    drawn = known[:_MOST]
    keys = telling(drawn, keys) or keys
    parts = all(_drawable(group.mean(part)) for group in drawn for part in _PARTS)
    caption = f"{_caption(drawn, parts)} Best on top, by {chosen_in_words(groups)}.".strip()
    if len(drawn) < len(known):
        caption += f" The {_MOST} best of {len(known)} are drawn."
    metrics = ("test/error", *(_PARTS if parts else ()), "test/pca_error")
    rows = [
        numbers("", group.label(keys), ("", ""), metric, found)
        for group in drawn
        for metric in metrics
        if (found := group.estimate(metric))
    ]

    def paint(theme: Theme, title: str) -> Figure:
        return _paint(theme, title, drawn, keys, parts)

    title = "Test error in its parts" if parts else "Test error"
    return Drawing("error-by-choice", title, caption.strip(), rows, paint)


def _drawable(part: float | None) -> bool:
    return finite(part) and part >= 0


def _caption(drawn: Sequence[Group], parts: bool) -> str:
    words = "The bars' parts are bias² and variance." if parts else ""
    errors = [found for group in drawn if (found := group.estimate("test/error"))]
    if seeds := seeds_in_words(drawn):
        words += f" Whiskers: {seeds}."
    elif any(found.half for found in errors):
        words += f" Whiskers: {own_in_words(drawn)}."
    if parts:
        words += f" {few_replicas(drawn)}"
    if any(finite(group.pca()) for group in drawn):
        words += " Dashed: PCA with the same code size."
    return " ".join(words.split())


def _paint(
    theme: Theme,
    title: str,
    groups: Sequence[Group],
    keys: Sequence[str],
    parts: bool,
) -> Figure:
    figure = Figure(figsize=(6.4, 1.3 + 0.42 * len(groups)), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(plain(title, 60), x=0.012, ha="left", weight="bold", size=11)
    figure.supxlabel(unit(groups), size=9.5)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks(range(len(groups)), [plain(group.label(keys), 34) for group in groups])
    axes.set_ylim(len(groups) - 0.4, -0.6)
    for row, group in enumerate(groups):
        _bar(axes, theme, row, group, parts)
    axes.set_xlim(left=0)
    _pca(axes, theme, [group.pca() for group in groups])
    if parts:
        words = ["bias²", "variance"] + ["noise"] * any(group.mean(_NOISE) for group in groups)
        looks = zip(words, _colours(theme), strict=False)
        handles = [axes.barh([0], [0], color=colour, label=label) for label, colour in looks]
        figure.legend(handles=handles, loc="outside right upper")
    return figure


def _colours(theme: Theme) -> tuple[str, str, str]:
    return theme.colours[0], theme.colours[1], theme.quiet


def _bar(axes: Axes, theme: Theme, row: int, group: Group, parts: bool) -> None:
    found = group.estimate("test/error")
    assert found is not None
    if parts:
        left = 0.0
        for part, colour in zip((*_PARTS, _NOISE), _colours(theme), strict=True):
            width = group.mean(part) or 0.0
            axes.barh(row, width, left=left, height=0.6, color=colour)
            left += width
    else:
        axes.barh(row, found.mean, height=0.6, color=theme.colours[0])
    if found.low is not None and found.high is not None and found.high > found.low:
        ends = [[max(0.0, found.mean - found.low)], [max(0.0, found.high - found.mean)]]
        axes.errorbar(found.mean, row, xerr=ends, color=theme.ink, linewidth=1.2, capsize=2.5)
    label = with_ends(found.mean, found.low, found.high)
    beside = axes.get_yaxis_transform()
    value = axes.annotate(label, (1.0, row), (8, 0), beside, "offset points", va="center", size=9)
    value.set_annotation_clip(False)


def _pca(axes: Axes, theme: Theme, errors: Sequence[float | None]) -> None:
    """One line if all bars share it, else one at each bar."""
    known = [(row, error) for row, error in enumerate(errors) if finite(error)]
    if len(known) == len(errors) and len({error for _, error in known}) == 1:
        axes.axvline(known[0][1], color=theme.ink, linestyle="--", linewidth=1.2)
    else:
        for row, error in known:
            axes.plot([error, error], [row - 0.42, row + 0.42], "--", color=theme.ink, linewidth=1.2)
    if known:
        top = (known[0][1], -0.6) if known[0][0] == 0 else (known[0][1], known[0][0] - 0.5)
        axes.annotate("PCA", top, (0, 2), textcoords="offset points", ha="center", va="bottom", size=9)
