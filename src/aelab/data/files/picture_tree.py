"""What a folder of pictures says by its own order: parts, labels, masks that are no examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aelab.data.files.array_files import PARTS
from aelab.data.files.images import PAGED, is_image, lacks, pages
from aelab.data.files.walk import walk

MASK = re.compile(r"(.+?)[_-]masks?([_-]?\d+)?", re.IGNORECASE)
SHOWN = 20  # labels that are listed


@dataclass
class Tree:
    """``files``: of pictures, relative to the folder. ``parts``: ``train``, ``val`` or ``test`` of each, where the
    folder is divided so. ``said``: what of it the user should know."""

    folder: Path
    files: list[str]
    parts: list[str] | None
    said: list[str]

    def labels(self) -> list[str]:
        """The folder that each picture lies in."""
        return [Path(self.folder.resolve(), file).parent.name for file in self.files]


def picture_tree(folder: Path, divided: bool = True) -> Tree:
    """The pictures under a folder, each once, without masks.

    ``divided``: where it holds parts, without what lies beside them.
    """
    every, again = walk(folder, is_image)
    said = []
    if again:
        said.append(f"left out {again} name{'s' * (again > 1)} of files that are there already, by links")
    files = [file for file in every if is_image(file)]
    if others := [file for file in every if not is_image(file)]:
        said.append(f"left out {_others(others)}")
    files, masks = _without_masks(files)
    if masks:
        said.append(f"left out {len(masks)} masks, such as {masks[0]}")
    parts = _parts(files) if divided else None
    if parts is not None:
        beside = [file for file, part in zip(files, parts, strict=True) if not part]
        if beside:
            said.append(f"left out {len(beside)} pictures beside the parts, such as {beside[0]}")
        files = [file for file, part in zip(files, parts, strict=True) if part]
        parts = [part for part in parts if part]
        counts = Counter(parts)
        said.append("parts as the folders say: " + ", ".join(f"{part} {counts[part]}" for part in counts))
    return Tree(folder, files, parts, said)


def paged(tree: Tree, which: str | None) -> list[int]:
    """How many pages each file gives: 1, or all it has; what is left out is said."""
    counts = [pages(tree.folder / file) if file.lower().endswith(PAGED) else 1 for file in tree.files]
    if which == "all":
        return counts
    several = [file for file, count in zip(tree.files, counts, strict=True) if count > 1]
    if several and which is None:
        rest = sum(counts) - len(counts)
        tree.said.append(
            f"read the first page of {len(several)} files with several, such as {several[0]}, and left out {rest}; "
            "data.pages=all makes an example of each"
        )
    return [1] * len(counts)


def counted(labels: Sequence[str]) -> str:
    """``labels good 60, broken 20``."""
    counts = sorted(Counter(labels).items())
    more = f", and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    return f"labels {', '.join(f'{label} {count}' for label, count in counts[:SHOWN])}{more}"


def _others(files: list[str]) -> str:
    """``2 .txt, 1 .heic (pip install pillow-heif)``."""
    counts = Counter(Path(file).suffix.lower() or "without a suffix" for file in files).most_common()
    fixes = {Path(file).suffix.lower(): fix for file in files if (fix := lacks(file))}
    listed = [f"{n} {suffix}{f' ({fixes[suffix]})' if suffix in fixes else ''}" for suffix, n in counts[:10]]
    return f"{len(files)} file{'s' * (len(files) > 1)} not read as pictures: {', '.join(listed)}"


def _without_masks(files: list[str]) -> tuple[list[str], list[str]]:
    """The pictures, and the masks among them: of ``ground_truth``, or named like ``x_mask`` beside an ``x``."""
    stems = {Path(file).stem for file in files}
    masks = []
    for file in files:
        path = Path(file)
        named = MASK.fullmatch(path.stem)
        if "ground_truth" in path.parts[:-1] or (named and named[1] in stems):
            masks.append(file)
    gone = set(masks)
    return [file for file in files if file not in gone], masks


def _parts(files: list[str]) -> list[str] | None:
    """The part of each picture by the folder at the top, empty where it is none; None where there are no parts."""
    found = [PARTS.get(file.split("/")[0].lower(), "") if "/" in file else "" for file in files]
    return found if "train" in found and len(set(found) - {""}) > 1 else None
