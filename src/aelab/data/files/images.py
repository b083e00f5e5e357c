"""Image files: the list of them, and one decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError, features

from aelab.data.files.deep_pictures import deep_square
from aelab.data.files.picture_file import HEIF, NEVER, in_planes, is_deep, opened
from aelab.data.files.walk import walk
from aelab.errors import UserError

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
    ".pnm", ".tga", ".jp2", ".j2k", ".avif", ".heic", ".heif",
)  # fmt: skip
PAGE = "\0"  # between a path and the number of a page, as no path has it


def find_images(folder: Path) -> list[str]:
    """Paths of the images under a folder, relative to it with ``/``, sorted; each file once, and nothing hidden."""
    return [path for path in walk(folder, is_image).files if is_image(path)]


def is_image(path: str) -> bool:
    """Whether a file is called as an image that can be read here."""
    low = path.lower()
    return low.endswith(SUFFIXES) and not lacks(low)


def lacks(path: str) -> str | None:
    """What reading such a file takes and is not installed, or None."""
    if path.lower().endswith(HEIF):
        return None if find_spec("pillow_heif") else 'pip install "aelab[heic]"'
    for ends, feature in (((".avif",), "avif"), ((".jp2", ".j2k"), "jpg_2000")):
        if path.lower().endswith(ends):
            return None if feature in features.get_supported() else "pip install --upgrade pillow"
    return None


def is_colour(name: str) -> bool:
    """Whether this is a name of a colour, or #rrggbb."""
    try:
        return bool(ImageColor.getrgb(name))
    except ValueError:
        return False


def file_of(path: str) -> str:
    """The file of a page."""
    return path.partition(PAGE)[0]


def decode(path: str, size: int, grayscale: bool, background: str | None = None, deep: bool = False) -> np.ndarray:
    """uint8 ``[C, size, size]``, uint16 where ``deep``: upright, scaled until it covers the square, then cropped.

    What shows through is ``background``; None shows what is hidden there. Raises UserError, naming the file, for one
    that is damaged, has numbers that are no pixels, or, where not ``deep``, grey of 16 bits.
    """
    with _readable(path):
        name, _, page = path.partition(PAGE)
        if deep:
            with opened(Path(name)) as image:
                found = is_deep(image)
            if found:
                return deep_square(Path(name), int(page or 0), size, grayscale, background)
        upright = _upright(Path(name), "L" if grayscale else "RGB", int(page or 0), (size, size), background)
        pixels = np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR))
    pixels = pixels[None] if grayscale else pixels.transpose(2, 0, 1)
    return pixels * np.uint16(257) if deep else pixels


def decode_whole(path: Path) -> np.ndarray:
    """uint8 ``[1, H, W]``: upright, grey, as large as it is. Raises UserError as ``decode`` does."""
    with _readable(str(path)):
        return np.asarray(_upright(path, "L", background="white"))[None]


def _upright(
    path: Path, mode: str, page: int = 0, size: tuple[int, int] | None = None, background: str | None = None
) -> Image.Image:
    with opened(path) as image:
        if page:
            image.seek(page)
        if path.suffix.lower() in NEVER and is_deep(image):
            raise ValueError(f"a {image.format} of 16 bits that is called {path.suffix}; rename it")
        if image.mode[0] in "IF" or in_planes(image):
            raise ValueError(f"mode {image.mode} has more than 8 bits a channel")
        if size:
            image.draft(mode, size)  # a JPEG need not be decoded larger than wanted
        upright = ImageOps.exif_transpose(image)
        if background is not None and upright.has_transparency_data:  # colours that nobody sees may be anything
            seen = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", seen.size, background), seen)
        return upright.convert(mode)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise UserError(
            f"{file_of(path)}: not a readable image ({_reason(error)}); convert it to 8 or 16 bits, repair or remove it"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it holds no kind of picture that is known"
    return " ".join(str(error).split()) or type(error).__name__
