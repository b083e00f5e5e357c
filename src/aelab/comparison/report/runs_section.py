"""The part of the report that shows each run: its pictures, its differences, its command and its failure."""

import shlex
from collections.abc import Sequence
from html import escape

from aelab.comparison.finite import finite
from aelab.comparison.groups import Comparison, Group
from aelab.comparison.labels import telling
from aelab.comparison.report.embedding import embed
from aelab.comparison.runs import RunRecord
from aelab.comparison.swept import choices, differing_keys
from aelab.comparison.table import all_rows, visible
from aelab.comparison.wording import ABSENT, count, duration, number, plain, plain_lines, shown

_SECTIONS = 60
_WITH_PICTURES = 30
_OPEN = 6  # no more runs than this are shown unfolded
_PICTURE_BYTES = 2_000_000  # of all pictures together, before base64
_TRACE = 8_000  # characters
_CAPTIONS = {
    "reconstructions": "Reconstructions: test examples above, what the autoencoder makes of them below",
    "filters": "Filters: the first layer's weights, each scaled to its own largest",
    "code": "The code of test examples",
    "code_epochs": "The code of the same test examples while the model trained, on the last epoch's principal axes",
    "errors": "The best, median and worst reconstructions of test examples, and where they are wrong, on one scale",
    "generation_samples": "New examples beside real ones, and the training examples nearest to those of the mixture",
    "generation_interpolations": "Straight ways between the codes of two test examples",
    "generation_traversals": "One code, moved by 2 standard deviations each way along one direction",
    "disentanglement_information": "What each unit of the code knows of each factor",
    "largest_bias": "The test examples with the largest bias², and what each replica makes of them",
    "largest_variance": "The test examples with the largest variance, and what each replica makes of them",
    "bias_map": "Where the bias lies: bias² of each value, averaged over test examples, on the scale of the variance",
    "variance_map": "Where the variance lies: that of each value, averaged over test examples, on the scale of bias²",
    "dimensionality_reduction_map": "Map of test examples by their codes",
    "retrieval_neighbours": "Test examples and the training examples nearest by code, green where of the same class",
    "code_health_spectrum": "Singular values of the encoder's Jacobian at test examples",
    "filters_first_layer": "The inputs that excite the first layer's units most, each scaled to its own largest",
    "contraction_ratio": "Contraction: how much closer two codes are than their inputs",
}


def run_sections(comparison: Comparison) -> str:
    """Every run, best first; the ones beyond what a page can hold are counted."""
    rows = visible(all_rows(comparison), _SECTIONS)
    runs = [run for row in rows for run in row.runs][:_SECTIONS]
    once = {run.directory: run for run in reversed(runs)}.values()  # settings of one fit share its pictures
    pictured = [run for run in reversed(once) if run.pictures()][:_WITH_PICTURES]
    limit = _PICTURE_BYTES // max(1, 2 * sum(len(run.pictures()) for run in pictured))  # most have a dark version
    with_pictures = {id(run) for run in pictured}
    differences = _differences(comparison.runs)
    names = _telling(comparison)
    sections = []
    for run in runs:
        pictures = _pictures(run, limit) if id(run) in with_pictures else ""
        body = _body(run, differences.get(id(run), {}), pictures)
        keys = names.get(id(run), comparison.keys)
        sections.append(_section(run, keys, body, unfolded=len(runs) <= _OPEN))
    notes = []
    if len(runs) < len(comparison.runs):
        notes.append(f"{len(runs)} of {count(len(comparison.runs), 'run')} are shown, the best first.")
    if len(pictured) == _WITH_PICTURES:
        notes.append(f"Pictures are shown for the first {_WITH_PICTURES}; the others are beside their runs.")
    note = f'<p class="quiet">{escape(" ".join(notes))}</p>\n' if notes else ""
    return f"<section>\n<h2>Runs</h2>\n{note}{''.join(sections)}</section>"


def _telling(comparison: Comparison) -> dict[int, list[str]]:
    """The settings that tell each complete run from the others of its task, and the data where there are more tasks."""
    problems = comparison.problems()
    found: dict[int, list[str]] = {}
    for groups in problems.values():
        keys = ["data"] * (len(problems) > 1 and "data" in comparison.keys)
        keys += [key for key in telling(groups, comparison.keys) if key not in keys]
        found |= {id(run): keys for group in groups for run in group.runs}
    return found


def _section(run: RunRecord, keys: Sequence[str], body: str, unfolded: bool) -> str:
    error = run.metrics.get("test/error")
    value = number(error) if run.complete and finite(error) else run.status
    wrong = "" if run.status in ("complete", "running") else " wrong"
    return (
        f"<details{' open' if unfolded else ''}>\n<summary>"
        f'<span class="value{wrong}">{escape(value)}</span>{escape(_name(run, keys))}</summary>\n'
        f'<div class="run">\n{body}</div>\n</details>\n'
    )


def _body(run: RunRecord, differences: dict[str, str], pictures: str) -> str:
    parts = [
        f'<p class="quiet">{escape(_facts(run))}</p>\n',
        f'<p class="wrong">{escape(run.failure)}</p>\n' if run.failure else "",
        pictures,
        _pairs("What sets it apart", differences),
        _pairs("Results", {metric: number(found) for metric, found in sorted(run.metrics.items())}),
        _command(run),
        _trace(run),
    ]
    return "".join(parts)


def _name(run: RunRecord, keys: Sequence[str]) -> str:
    seed = "" if run.seed is None else f"seed {shown(run.seed)}"
    parts = (Group((run,)).label(keys or ["model"]), seed)
    return ", ".join(part for part in parts if part) or plain(run.run_id)


def _facts(run: RunRecord) -> str:
    facts = [run.run_id, run.status]
    if finite(run.parameters):
        facts.append(f"{run.parameters:,.0f} parameters")
    if finite(run.fit_s):
        facts.append(f"trained {duration(run.fit_s)}")
    return " · ".join(plain(fact) for fact in facts)


def _differences(runs: Sequence[RunRecord]) -> dict[int, dict[str, str]]:
    """Each run's values of all keys that differ between any, even of those that follow from another."""
    known = [run for run in runs if run.config]
    chosen = choices(known)
    keys = differing_keys(chosen)
    pairs = zip(known, chosen, strict=True)
    return {id(run): {key: one.get(key, ABSENT) for key in keys} for run, one in pairs}


def _pictures(run: RunRecord, limit: int) -> str:
    figures = []
    for name in sorted(run.pictures(), key=_place):
        stem = name.removesuffix(".png")
        content = run.picture(name)
        caption = escape(_CAPTIONS.get(stem, plain(stem).replace("_", " ").capitalize()))
        picture = embed(content, limit) if content else None
        if picture is None:
            figures.append(f'<p class="quiet">{escape(plain(name))} cannot be shown.</p>')
            continue
        image = f'<img src="{picture.uri}" width="{picture.width}" alt="{caption}" loading="lazy">'
        content = run.picture(name, "dark")
        dark = embed(content, limit) if content else None
        if dark is not None:
            image = f'<picture><source srcset="{dark.uri}" media="(prefers-color-scheme: dark)">{image}</picture>'
        figures.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    return f'<div class="pictures">{"".join(figures)}</div>\n' if figures else ""


def _place(name: str) -> int:
    known = [f"{stem}.png" for stem in _CAPTIONS]
    return known.index(name) if name in known else len(known)


def _pairs(title: str, pairs: dict[str, str]) -> str:
    if not pairs:
        return ""
    cells = [f"<td>{escape(plain(key))}</td><td>{escape(value)}</td>" for key, value in pairs.items()]
    rows = "".join(f"<tr>{pair}</tr>" for pair in cells)
    return f'<h3>{title}</h3>\n<div class="scroll"><table><tbody>{rows}</tbody></table></div>\n'


def _command(run: RunRecord) -> str:
    if run.status == "unreadable":
        return ""
    command = " ".join(["python scripts/train.py", *(shlex.quote(plain(one)) for one in run.overrides)])
    return f"<h3>Command</h3>\n<pre>{escape(command)}</pre>\n"


def _trace(run: RunRecord) -> str:
    if not run.trace:
        return ""
    cut = "…\n" if len(run.trace) > _TRACE else ""
    return f"<h3>Trace</h3>\n<pre>{cut}{escape(plain_lines(run.trace[-_TRACE:]))}</pre>\n"
