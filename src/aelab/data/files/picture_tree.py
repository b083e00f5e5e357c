"""What a folder of pictures says by its own order: parts, labels, masks that are no examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aelab.data.files.array_files import PARTS
from aelab.data.files.images import is_image, lacks
from aelab.data.files.picture_file import Header
from aelab.data.files.walk import walk

MASK = re.compile(r"(.+?)[_-]masks?([_-]?\d+)?", re.IGNORECASE)
MASKS = ("mask", "masks", "annotation", "annotations", "label", "labels", "gt", "segmentation", "segmentations")
PICTURES = ("image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "input", "inputs")
BESIDE = {
    *PICTURES,
    "data",
    "dataset",
    "set",
    "seg",
    "public",
    "split",
}  # words that a part's folder may be called with
DEPTH = 4  # folders in which parts are looked for
SHOWN = 20  # labels that are listed


@dataclass
class Tree:
    """``files``: of pictures, relative to the folder. ``parts``: ``train``, ``val`` or ``test`` of each, where the
    folder is divided so, at ``depth``. ``said``: what of it the user should know."""

    folder: Path
    files: list[str]
    parts: list[str] | None
    depth: int
    said: list[str]

    def labels(self) -> list[str]:
        """The folder that each picture lies in; where that says which part it is of, the one above."""
        found = [file.split("/")[:-1] for file in self.files]
        if self.parts is not None:
            found = [folders[: self.depth] + folders[self.depth + 1 :] for folders in found]
        top = self.folder.resolve().name
        return [folders[-1] if folders else top for folders in found]


def picture_tree(folder: Path, divided: bool = True) -> Tree:
    """The pictures under a folder, each once, without masks.

    ``divided``: where it holds parts, without what lies beside them.
    """
    found = walk(folder, is_image)
    said = found.said
    files = [file for file in found.files if is_image(file)]
    if others := [file for file in found.files if not is_image(file)]:
        said.append(f"left out {_others(others)}")
    files, masks = _without_masks(files)
    if masks:
        said.append(f"left out {len(masks)} masks, such as {masks[0]}")
    depth, parts = _divided(files) if divided else (0, None)
    if parts is not None:
        beside = [file for file, part in zip(files, parts, strict=True) if not part]
        if beside:
            said.append(f"left out {len(beside)} pictures beside the parts, such as {beside[0]}")
        files = [file for file, part in zip(files, parts, strict=True) if part]
        parts = [part for part in parts if part]
        counts = Counter(parts)
        said.append("parts as the folders say: " + ", ".join(f"{part} {counts[part]}" for part in counts))
    elif divided and files and all(alone := _parts(files, 0)):
        said.append(f"all pictures are in {' and '.join(sorted(set(alone)))}: the parts are drawn from them")
    return Tree(folder, files, parts, depth, said)


def paged(tree: Tree, headers: Sequence[Header], which: str | None) -> list[int]:
    """How many pages each file gives: 1, or all it has; what is left out is said."""
    counts = [header.pages for header in headers]
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
    """``2 .txt, 1 .heic (pip install "aelab[heic]")``."""
    counts = Counter(Path(file).suffix.lower() or "without a suffix" for file in files).most_common()
    fixes = {Path(file).suffix.lower(): fix for file in files if (fix := lacks(file))}
    listed = [f"{n} {suffix}{f' ({fixes[suffix]})' if suffix in fixes else ''}" for suffix, n in counts[:10]]
    return f"{len(files)} file{'s' * (len(files) > 1)} not read as pictures: {', '.join(listed)}"


def _without_masks(files: list[str]) -> tuple[list[str], list[str]]:
    """The pictures, and the masks among them: of ``ground_truth``, named like ``x_mask`` beside an ``x``, or in a
    folder ``masks`` as there are pictures in ``images``."""
    stems = {Path(file).stem for file in files}
    places = {_place(file) for file in files}
    masks = []
    for file in files:
        path = Path(file)
        named = MASK.fullmatch(path.stem)
        truth = "ground_truth" in path.parts[:-1] or (named and named[1] in stems)
        if truth or any(other in places for other in _pictures_of(_place(file))):
            masks.append(file)
    gone = set(masks)
    return [file for file in files if file not in gone], masks


def _place(file: str) -> tuple[str, ...]:
    """Folders and stem in small letters."""
    path = Path(file.lower())
    return (*path.parts[:-1], path.stem)


def _pictures_of(place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Where the picture of a mask would be, of which a folder is called as one of masks."""
    for index, folder in enumerate(place[:-1]):
        if folder in MASKS:
            yield from ((*place[:index], name, *place[index + 1 :]) for name in PICTURES)


def _divided(files: list[str]) -> tuple[int, list[str] | None]:
    """At which depth folders say the part of each picture, and which; empty for one that they leave out.

    Below the top each picture must be in one. None where there are no parts.
    """
    for depth in range(DEPTH):
        found = _parts(files, depth)
        if "train" in found and len(set(found) - {""}) > 1 and (depth == 0 or all(found)):
            return depth, found
    return 0, None


def _parts(files: list[str], depth: int) -> list[str]:
    """The part that the folder at a depth says of each picture; empty where it says none."""
    return [_part(folders[depth]) if len(folders := file.split("/")[:-1]) > depth else "" for file in files]


def _part(folder: str) -> str:
    words = [word for word in re.split(r"[\W_\d]+", folder.lower()) if word]
    found = [PARTS[word] for word in words if word in PARTS]
    return found[0] if len(found) == 1 and all(word in PARTS or word in BESIDE for word in words) else ""
