"""A picture's file, opened but not decoded: what its beginning tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageFile

from aelab.machines.regular_files import open_regular

HEIF = (".heic", ".heif")
NEVER = (".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".dib")  # one page of 8 bits with nothing behind it
DEEP = re.compile(r"(I|RGB|RGBA|RGBX|RGBa|CMYK);16[BLN]?")
BITS = 258  # the tag of a TIFF that has the bits of each channel


GREY = ("1", "L", "I")  # how modes of Pillow begin that have no colours


class Header(NamedTuple):
    """``pages``: how many pictures the file holds. ``deep``: whether a channel has 16 bits. ``transparent``: whether
    something may show through. ``grey``: whether it has no colours."""

    pages: int = 1
    deep: bool = False
    transparent: bool = False
    grey: bool = False


def header(path: Path) -> Header:
    """Of a file; that of a plain picture where it cannot be read, which is said when it is decoded."""
    if path.suffix.lower() in NEVER:
        return Header()
    try:
        with opened(path) as image:
            pages = int(getattr(image, "n_frames", 1))
            return Header(pages, is_deep(image), image.has_transparency_data, image.mode[:1] in GREY)
    except Exception:  # decoders raise whatever a damaged file leads them to
        return Header()


def mixed(headers: Sequence[Header]) -> list[str]:
    """A line where some pictures are grey and some have colours."""
    grey = sum(head.grey for head in headers)
    if grey in (0, len(headers)):
        return []
    colour = len(headers) - grey
    return [f"{grey} pictures are grey and {colour} have colours; all are read as colour, data.grayscale=true: as grey"]


@contextmanager
def opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """The file as Pillow opens it, by a plugin where it takes one."""
    if path.suffix.lower() in HEIF:
        import pillow_heif

        pillow_heif.register_heif_opener()
    with open_regular(path) as file, Image.open(file) as image:
        yield image


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a picture that was opened, but not decoded, has whole numbers of 16 bits in a channel.

    Pillow makes 8 bits of such colours. What the file has stands only in what is left to decode.
    """
    if image.mode.startswith("I;16") or in_planes(image):
        return True
    codec, mode, *more = stored(image)
    return int(more[0]) > 255 if codec == "ppm" else DEEP.fullmatch(mode) is not None


def stored(image: ImageFile.ImageFile) -> tuple[Any, ...]:
    """How the pixels of a picture that is not decoded lie in its file, in Pillow's words: the codec, a mode like
    ``RGB;16B``, and what else this codec is told."""
    if not image.tile:
        return "", ""
    codec = image.tile[0][0]
    told = image.tile[0][3]
    found = told if isinstance(told, tuple) and told else (told,)
    return codec, str(found[0]), *found[1:]


def in_planes(image: ImageFile.ImageFile) -> bool:
    """Whether it is a TIFF of 16 bits with each colour apart and nothing packed, of which Pillow makes noise."""
    if image.format != "TIFF" or len(image.tile) < 3:
        return False
    bits = image.tag_v2.get(BITS, (8,))  # type: ignore[attr-defined]
    codec, mode, *_ = stored(image)
    return codec == "raw" and len(mode) == 1 and len(bits) > 1 and bits[0] == 16
