"""What every key of conf/ means: from the comment beside it, else from the docstrings of what it constructs."""

from __future__ import annotations

import functools
import re
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import griffe

from aelab.config.described import described, explained

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
    """One file of a group: what is said ``about`` it, the class that it constructs (``target``) and its keys."""

    name: str
    about: str
    target: str
    keys: tuple[Key, ...]


def groups() -> list[str]:
    """The folders of conf/ that hold choices, as they are written on the command line."""
    found = {file.parent.relative_to(CONF).as_posix() for file in CONF.rglob("*.yaml")} - {"."}
    return sorted(group for group in found if not group.startswith(("experiment/", "size/")))


def choices(group: str) -> list[Choice]:
    return [choice(file) for file in sorted((CONF / group).glob("*.yaml"))]


def choice(file: Path) -> Choice:
    """What a file says: a key's own comment, else its class's docstring, else what another choice says of that key."""
    found = re.search(r"^_target_: (\S+)", file.read_text(), re.MULTILINE)
    target = found[1] if found else ""
    own = {key.name: key.comment for key in described(file).keys}
    keys = explained(file).keys
    parents = {key.name.rpartition(".")[0] for key in keys}
    return Choice(
        file.stem,
        " ".join(line for line in described(file).about if not line.startswith("python scripts/")),
        target,
        tuple(
            Key(key.name, key.value, own.get(key.name) or documented(target, key.name) or key.comment)
            for key in keys
            if key.name not in parents
        ),
    )


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
        for this, following in zip_longest(marks, marks[1:]):
            text = flat[this.end() : following.start() if following else len(flat)]
            for name in re.findall(r"``([a-z_]+)``", this[1]):
                found[name] = text.rstrip(" .;,").replace("``", "`")
    return found
