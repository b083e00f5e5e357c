"""Sentences of two languages that mean the same: out of the user's file, or out of the help pages of LibreOffice."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aelab.data.text.text_file import read_text
from aelab.errors import UserError

HELP = Path("/usr/share/libreoffice/help")  # where Debian's packages put it
FOLDERS = {"en": "en-US"}
ELEMENT = re.compile(r'<(p|h[1-6]|td|li)\s+id="([^"]+)"[^>]*>(.*?)</\1>', re.DOTALL)
MARKUP = re.compile(r"<[^>]+>")
RATIO = 2.5  # of the numbers of words of two sentences that may mean the same


class Pairs(NamedTuple):
    """``first`` and ``second``: N sentences of either language; ``places``: the line of each, from 1; ``groups``:
    ``[N]``, those of one group must not be divided between parts."""

    first: list[str]
    second: list[str]
    places: np.ndarray
    groups: np.ndarray


def read_pairs(path: Path) -> Pairs:
    """``source<TAB>target`` a line, plain or .gz. Lines that share a sentence, directly or by others, are one group.

    Raises UserError where the file cannot be read, or a line has not two sentences.
    """
    content = read_text(path).split("\n")
    while content and not content[-1].strip():  # what an editor leaves at the end
        content.pop()
    first = []
    second = []
    for number, line in enumerate(content, 1):
        columns = [spaced(column) for column in line.split("\t")]
        if len(columns) != 2 or not all(columns):
            lacks = f"has {len(columns)} columns" if len(columns) != 2 else "has an empty sentence"
            raise UserError(f"data.path={path}: line {number} {lacks}, and two are wanted, source<TAB>target; mend it")
        first.append(columns[0])
        second.append(columns[1])
    return Pairs(first, second, np.arange(1, len(first) + 1), shared(first, second))


def shared(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Groups ``[N]`` of pairs: two that share a sentence are of one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = (np.unique(np.array(side, dtype=object), return_inverse=True)[1] for side in (first, second))
    start = int(one.max(initial=-1)) + 1
    count = start + int(other.max(initial=-1)) + 1
    links = coo_array((np.ones(len(one)), (one, start + other)), shape=(count, count))
    found: np.ndarray = connected_components(links, directed=False)[1][one]
    return found


def help_pairs(folder: Path, languages: Sequence[str], words: int | None) -> Pairs:
    """Paragraphs of LibreOffice's help, aligned by page and by the number that they have on it; a page is a group.

    ``folder``: that contains ``en-US`` and ``fr``, or a folder of unpacked packages. Left out are sentences of fewer
    than 3 words or more than ``words`` (of the second language a quarter more), that are the same in both languages, of
    very different lengths, and all but the first of those whose source has been there before.

    Raises UserError where the pages are not there.
    """
    one, other = (_paragraphs(folder, language) for language in languages)
    first = []
    second = []
    pages = []
    seen = set()
    for page, number in sorted(one.keys() & other.keys()):
        source = one[page, number]
        target = other[page, number]
        lengths = len(source.split()), len(target.split())
        fits = words is None or (lengths[0] <= words and lengths[1] <= words * 5 // 4)
        if min(lengths) < 3 or not fits or source == target or max(lengths) >= RATIO * min(lengths) or source in seen:
            continue
        seen.add(source)
        first.append(source)
        second.append(target)
        pages.append(page)
    return Pairs(first, second, np.arange(1, len(first) + 1), np.array(pages))


def _paragraphs(folder: Path, language: str) -> dict[tuple[str, str], str]:
    code = FOLDERS.get(language, language)
    base = next((place for place in (folder / code, folder / str(HELP)[1:] / code) if place.is_dir()), None)
    base = base or next((place for place in sorted(folder.glob(f"*{HELP}/{code}")) if place.is_dir()), None)
    if base is None:
        package = f"libreoffice-help-{code.lower()}"
        raise UserError(
            f"data=parallel_text: no help pages in {folder / code}; run: apt install {package}, or unpack it by "
            "dpkg-deb -x into a folder that data.path names, or name your own pairs with data.path=my.tsv, or try "
            "data.source=drawn"
        )
    found = {}
    for file in sorted((base / "text").rglob("*.html")):
        text = file.read_text(encoding="utf-8")
        for match in ELEMENT.finditer(text, max(0, text.find('id="DisplayArea"'))):
            if sentence := spaced(html.unescape(MARKUP.sub("", match[3]))):
                found[file.relative_to(base).as_posix(), match[2]] = sentence
    return found


def spaced(text: str) -> str:
    """A text with single spaces, and none at its ends."""
    return " ".join(text.split())
