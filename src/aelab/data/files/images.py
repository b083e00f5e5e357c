"""Image files: the list of them, and one decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def find_images(folder: Path) -> list[str]:
    """Paths of the images under a folder, relative to it with ``/``, sorted; nothing hidden."""
    found = (
        Path(parent, file).relative_to(folder).as_posix()
        for parent, files in _walked(str(folder), ())
        for file in files
        if file.lower().endswith(SUFFIXES)
    )
    return sorted(path for path in found if "/." not in f"/{path}")


def _walked(folder: str, above: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Folders and the names of their files; a link back to a folder that it lies in leads nowhere."""
    place = os.path.realpath(folder)
    if place in above:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    inner = [entry for entry in entries if _is_folder(entry)]
    yield folder, [entry.name for entry in entries if entry not in inner]
    for entry in inner:
        yield from _walked(entry.path, (*above, place))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def decode(path: str, size: int, grayscale: bool) -> np.ndarray:
    """uint8 ``[C, size, size]``: upright, scaled until it covers the square, then cropped to the middle.

    Raises UserError, naming the file, for one that is damaged or has more than 8 bits a channel.
    """
    with _readable(path):
        upright = _upright(path, "L" if grayscale else "RGB", (size, size))
        pixels = np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR))
    return pixels[None] if grayscale else pixels.transpose(2, 0, 1)


def decode_whole(path: Path) -> np.ndarray:
    """uint8 ``[1, H, W]``: upright, grey, as large as it is. Raises UserError as ``decode`` does."""
    with _readable(str(path)):
        return np.asarray(_upright(str(path), "L"))[None]


def _upright(path: str, mode: str, size: tuple[int, int] | None = None) -> Image.Image:
    with open_regular(path) as file, Image.open(file) as image:
        if image.mode[0] in "IF":
            raise ValueError(f"mode {image.mode} has more than 8 bits a channel")
        if size:
            image.draft(mode, size)  # a JPEG need not be decoded larger than wanted
        return ImageOps.exif_transpose(image).convert(mode)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise UserError(f"{path}: not a readable image ({error}); convert it to 8 bits, repair or remove it") from error
