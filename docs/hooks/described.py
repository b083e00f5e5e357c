"""What every key of conf/ means: from the comment beside it, else from the docstrings of what it constructs."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

import griffe
import yaml

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
STRUCTURAL = {
    "_target_": "the class or function that is called with the other keys",
    "_partial_": "true: called when the run is built, with what only a run knows",
    "name": "the choice's own name, by which tables and figures call it",
}


class Key(NamedTuple):
    """One key of a choice: its default as it is written, and what it means."""

    name: str
    default: str
    meaning: str


class Choice(NamedTuple):
    """One file of a group: ``about`` it, what it constructs (``target``), its keys, and those of its own file alone."""

    name: str
    about: str
    target: str
    keys: tuple[Key, ...]


def groups() -> list[str]:
    """The folders of conf/ that hold choices, as they are written on the command line."""
    found = {file.parent.relative_to(CONF).as_posix() for file in CONF.rglob("*.yaml")} - {"."}
    return sorted(group for group in found if not group.startswith(("experiment/", "size/")))


def choices(group: str) -> list[Choice]:
    """Those of a group; a key that nothing describes has the meaning that another choice gives it."""
    found = [choice(file) for file in sorted((CONF / group).glob("*.yaml"))]
    told = {key.name: key.meaning for of in reversed(found) for key in of.keys if key.meaning}
    return [
        of._replace(keys=tuple(key._replace(meaning=key.meaning or told.get(key.name, "")) for key in of.keys))
        for of in found
    ]


def choice(file: Path) -> Choice:
    text = file.read_text()
    mapping = yaml.compose(text)
    target, keys = "", []
    comments = dict(enumerate(_comments(text)))
    nodes = mapping.value if isinstance(mapping, yaml.MappingNode) else []
    for name, value in nodes:
        if name.value == "_target_":
            target = value.value
    for name, value in nodes:
        if name.value in ("defaults", "hydra", *STRUCTURAL):
            continue
        keys += _keys(name, value, comments, text, target, "")
    head = [line.removeprefix("#").strip() for line in _head(text)]
    about = " ".join(line for line in head if not line.startswith(("@package", "python scripts/")))
    return Choice(file.stem, about, target, tuple(keys))


def _keys(
    name: yaml.Node, value: yaml.Node, comments: dict[int, str], text: str, target: str, before: str
) -> list[Key]:
    full = f"{before}{name.value}"
    own = comments.get(name.start_mark.line, "")
    if isinstance(value, yaml.MappingNode) and not value.flow_style and value.value:
        inner = [key for pair in value.value for key in _keys(*pair, comments, text, target, f"{full}.")]
        return [key._replace(meaning=key.meaning or own) for key in inner]
    default = " ".join(text[value.start_mark.index : value.end_mark.index].split())
    above = comments.get(name.start_mark.line - 1, "") if _is_comment(text, name.start_mark.line - 1) else ""
    return [Key(full, default, own or above or documented(target, full))]


def _is_comment(text: str, line: int) -> bool:
    """Whether a line is a comment inside the file; those at its head speak of the choice."""
    lines = text.splitlines()
    return line >= len(_head(text)) and lines[line].lstrip().startswith("#")


def _head(text: str) -> list[str]:
    lines = text.splitlines()
    return lines[: next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))]


def _comments(text: str) -> list[str]:
    """Of each line what stands behind its #, outside quotes."""
    found = []
    for line in text.splitlines():
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: "_" * len(quoted[0]), line)
        at = re.search(r"(^|\s)#", bare)
        found.append(line[at.end() :].strip() if at else "")
    return found


def documented(target: str, key: str) -> str:
    """What the docstrings of a class of ours, or of those above it, say of an argument; empty where nothing."""
    if not target.startswith(("aelab.", "hydra_plugins.")):
        return ""
    for entry in _family(target):
        docstring = entry.docstring.value if entry.docstring else ""
        meaning = arguments(docstring).get(key)
        if meaning:
            return meaning
    return ""


def _family(target: str) -> list[griffe.Object]:
    found = _package(target.split(".")[0])[target.split(".", 1)[1]]
    found = found.final_target if found.is_alias else found
    return [found, *(found.mro() if found.is_class else [])]


@functools.cache
def _package(name: str) -> griffe.Object:
    return griffe.load(name, search_paths=[ROOT / "src"], allow_inspection=False, resolve_aliases=True)


@functools.cache
def arguments(docstring: str) -> dict[str, str]:
    """Of a docstring in the house's style, "``key``: what it means.", each argument's text.

    A text ends where the next argument or a new paragraph begins.
    """
    found: dict[str, str] = {}
    mark = re.compile(r"((?:``[a-z_]+``,\s+)*``[a-z_]+``):\s")
    for paragraph in docstring.split("\n\n"):
        flat = " ".join(paragraph.split())
        marks = list(mark.finditer(flat))
        for this, following in zip(marks, [*marks[1:], None], strict=True):
            text = flat[this.end() : following.start() if following else len(flat)]
            for name in re.findall(r"``([a-z_]+)``", this[1]):
                found[name] = text.rstrip(" .;,").replace("``", "`")
    return found
