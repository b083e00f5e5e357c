"""The ``paper:`` block of an experiment: what the paper found, where it says so, and how sure we are of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aelab.comparison.swept import flatten
from aelab.comparison.wording import shown
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.runs.record import is_number

SIZES = ("small", "paper")
TAGS = {
    "V": "seen in the source",
    "V-verbatim": "the source's own text or its authors' code",
    "V-2nd": "a third party's copy of the source",
    "C": "computed: exact, or on real data",
    "M-h": "from memory, high confidence",
    "M-m": "from memory, medium confidence",
    "M-l": "from memory, low confidence",
}
_JUDGED = ("V", "C")  # tags that begin so may turn a check red

Choice = Mapping[str, Any]  # dotted config keys and the values that pick runs


@dataclass(frozen=True)
class Figure:
    """A number of the paper: ``times`` the ``metric`` of the runs that ``of`` picks should be ``value``.

    ``within``: the distance, in the unit, that counts as reproduced at ``size``; None for no verdict.
    """

    metric: str
    value: float
    unit: str
    where: str
    tag: str
    times: float = 1.0
    of: Choice = field(default_factory=dict)
    within: float | None = None
    size: str = "paper"


@dataclass(frozen=True)
class Place:
    """What stands at a place of an ordering: ``times`` the ``metric`` of the runs that ``of`` picks."""

    metric: str
    of: Choice
    times: float = 1.0
    label: str = ""

    def __str__(self) -> str:
        return self.label or in_words(self.of) or self.metric


@dataclass(frozen=True)
class Ordering:
    """The paper's order of what is measured, lowest first; red only at ``size``.

    ``post_hoc``: its places were chosen after their runs had been seen, so that it decides nothing.
    """

    metric: str
    lowest_first: tuple[Place, ...]
    where: str
    tag: str
    size: str = "paper"
    post_hoc: bool = False


@dataclass(frozen=True)
class Paper:
    """The paper of an experiment."""

    title: str
    figures: tuple[Figure, ...] = ()
    orderings: tuple[Ordering, ...] = ()

    def questions(self) -> list[tuple[str, Choice]]:
        """Every metric and choice of runs that is asked for, once."""
        asked = [(figure.metric, figure.of) for figure in self.figures]
        asked += [(place.metric, place.of) for ordering in self.orderings for place in ordering.lowest_first]
        return [question for index, question in enumerate(asked) if question not in asked[:index]]


def sizes_of(name: str) -> dict[str, tuple[str, ...]]:
    """The sizes an experiment has; what does not grow with size=paper counts as both."""
    grows = (conf_dir() / "size" / "paper" / f"{name}.yaml").is_file()
    return {"small": ("small",), "paper": ("paper",)} if grows else {"small": ("small", "paper")}


def may_turn_red(tag: str) -> bool:
    """Whether a figure is known well enough that missing it is an error: it was seen or computed."""
    return tag.startswith(_JUDGED)


def read_papers(folder: Path | None = None) -> dict[str, Paper]:
    """The papers of all recipes that have one, by experiment; UserError for a block that breaks the rules."""
    found = {}
    for path in sorted((folder or conf_dir() / "experiment").glob("*.yaml")):
        block: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        if isinstance(block, dict) and "paper" in block:
            try:
                found[path.stem] = read_paper(block["paper"])
            except UserError as problem:
                raise UserError(f"{path.name}: {problem}") from problem
    return found


def read_paper(block: Any) -> Paper:
    """A block as plain containers; UserError naming the key that breaks the rules."""
    _known("paper", block, {"title": str}, {"figures": list, "orderings": list})
    figures = tuple(_figure(f"paper.figures[{index}]", one) for index, one in enumerate(block.get("figures", [])))
    orderings = tuple(_ordering(f"paper.orderings[{index}]", o) for index, o in enumerate(block.get("orderings", [])))
    if not figures and not orderings:
        raise UserError("paper: has neither figures nor orderings; give one or both")
    return Paper(block["title"], figures, orderings)


def _figure(key: str, block: Any) -> Figure:
    needed = {"metric": str, "value": float, "unit": str, "where": str, "tag": str}
    _known(key, block, needed, {"times": float, "of": dict, "within": float, "size": str})
    _check_choices(key, block)
    if block.get("within") is not None and block["within"] < 0:
        raise UserError(f"{key}.within={block['within']}: must be 0 or more")
    _check_choice_of_runs(f"{key}.of", block.get("of", {}))
    return Figure(**block)


def _ordering(key: str, block: Any) -> Ordering:
    _known(
        key,
        block,
        {"metric": str, "lowest_first": list, "where": str, "tag": str},
        {"times": float, "size": str, "post_hoc": bool},
    )
    _check_choices(key, block)
    if len(block["lowest_first"]) < 2:
        raise UserError(f"{key}.lowest_first: needs two or more choices of runs, like {{model.name: contractive}}")
    places = tuple(
        _place(f"{key}.lowest_first[{index}]", one, block) for index, one in enumerate(block["lowest_first"])
    )
    kept = {name: value for name, value in block.items() if name != "times"}
    return Ordering(**kept | {"lowest_first": places})


def _place(key: str, choice: Any, block: Mapping[str, Any]) -> Place:
    """``metric``, ``times`` and ``label`` among the keys of a choice are its own."""
    _check_choice_of_runs(key, choice)
    of = {name: value for name, value in choice.items() if name not in ("metric", "times", "label")}
    times = 1.0 if "metric" in choice else block.get("times", 1.0)
    own = choice.get("metric", block["metric"]), of, choice.get("times", times), choice.get("label", "")
    return Place(*own)


def _check_choices(key: str, block: Mapping[str, Any]) -> None:
    if block["tag"] not in TAGS:
        raise UserError(f"{key}.tag={block['tag']}: choose one of {', '.join(TAGS)}")
    if block.get("size", "paper") not in SIZES:
        raise UserError(f"{key}.size={block['size']}: choose one of {', '.join(SIZES)}")


def _check_choice_of_runs(key: str, choice: Any) -> None:
    if not isinstance(choice, dict) or not all(isinstance(name, str) for name in choice):
        raise UserError(f"{key}={choice}: must be dotted config keys and their values, like {{model.name: denoising}}")
    if nested := [name for name, value in choice.items() if isinstance(value, dict)]:
        raise UserError(f"{key}.{nested[0]}: write the key with dots, like {nested[0]}.name")


def _known(key: str, block: Any, needed: dict[str, type], optional: dict[str, type]) -> None:
    if not isinstance(block, dict):
        raise UserError(f"{key}={block}: must be a mapping")
    for name in block:
        if name not in needed | optional:
            raise UserError(f"{key}.{name}: unknown key; choose among {', '.join(needed | optional)}")
    for name in needed:
        if name not in block:
            raise UserError(f"{key}.{name}: missing")
    for name, kind in (needed | optional).items():
        value = block.get(name)
        fits = is_number(value) if kind is float else isinstance(value, kind)
        if name in block and not fits:
            raise UserError(f"{key}.{name}={value}: must be a {'number' if kind is float else kind.__name__}")


def picks(choice: Choice, flat_config: Mapping[str, Any]) -> bool:
    """Whether a run with this flat config (``Run.config``) has the values of the choice."""
    for key, value in choice.items():
        known = key if key in flat_config else key.removesuffix(".name")
        if known not in flat_config or shown(flatten({"": value})[""]) != shown(flat_config[known]):
            return False
    return True


def in_words(choice: Choice) -> str:
    """``denoising, hidden 500-500``: names alone, other keys with the last part of theirs."""
    parts = [("" if key.endswith(".name") else f"{key.rpartition('.')[2]} ") + shown(v) for key, v in choice.items()]
    return ", ".join(parts)
