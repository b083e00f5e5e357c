"""What the files of ``conf/`` say about themselves: their keys, values and comments, the one source of every help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_KEY = re.compile(r"^( *)([A-Za-z_][\w/]*):(?: +(?!#)(.*?))?(?:\s+#\s*(.*))?$")
_UNTOLD = ("_target_", "name", "defaults", "hydra", "paper")


class Key(NamedTuple):
    """``name``: dotted, within its file. ``value``: as the file has it; empty for what has keys of its own."""

    name: str
    value: str
    comment: str


class File(NamedTuple):
    """``about``: the comment above the keys, line by line."""

    about: list[str]
    keys: list[Key]


@lru_cache
def described(path: Path) -> File:
    """The keys of a YAML file that a user sets, those of the file it builds on first, and what is said of it."""
    about = []
    keys: dict[str, Key] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("#"):
            if not line.startswith("# @package"):
                about.append(line[1:].strip())
        elif line.strip():
            break
    for base in _built_on(lines):
        if (beside := path.with_name(f"{base}.yaml")).is_file():
            keys |= {key.name: key for key in described(beside).keys}
    keys |= {key.name: key for key in _keys(lines)}
    return File(about, list(keys.values()))


def _built_on(lines: list[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if not line.startswith((" ", "#")):
            inside = line.startswith("defaults:")
        elif inside and (found := re.match(r" +- (\w+)$", line)) and found[1] != "_self_":
            yield found[1]


def _keys(lines: list[str]) -> Iterator[Key]:
    parents: list[tuple[int, str]] = []
    skipped = -1  # the indentation of a key whose block is not told
    for line in lines:
        found = _KEY.match(line)
        if not found:
            continue
        indent = len(found[1])
        if skipped >= 0 and indent > skipped:
            continue
        skipped = -1
        if (found[2] in _UNTOLD or found[2].startswith("_")) and not parents_of(parents, indent):
            skipped = indent
            continue
        parents = parents_of(parents, indent)
        name = ".".join([*(name for _, name in parents), found[2]])
        parents = [*parents, (indent, found[2])]
        yield Key(name, found[3] or "", found[4] or "")


def parents_of(known: list[tuple[int, str]], indent: int) -> list[tuple[int, str]]:
    """The keys that one with this indentation lies in."""
    return [parent for parent in known if parent[0] < indent]


def explained(path: Path) -> File:
    """The same; a key without a comment has that of the same key in another choice of the group."""
    file = described(path)
    others = [described(other) for other in sorted(path.parent.glob("*.yaml"))]
    told = {key.name: key.comment for other in reversed(others) for key in other.keys if key.comment}
    return File(file.about, [key._replace(comment=key.comment or told.get(key.name, "")) for key in file.keys])


def choices(folder: Path) -> list[str]:
    """The choices of a config group, ``common/`` and the like aside."""
    return sorted(path.stem for path in folder.glob("*.yaml"))
