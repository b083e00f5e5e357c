"""Image files: the list of them, and one decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageOps, features

from aelab.data.files.walk import walk
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
    ".pnm", ".tga", ".jp2", ".j2k", ".avif", ".heic", ".heif",
)  # fmt: skip
PAGED = (".tif", ".tiff", ".gif", ".webp")
PAGE = "\0"  # between a path and the number of a page, as no path has it


def find_images(folder: Path) -> list[str]:
    """Paths of the images under a folder, relative to it with ``/``, sorted; each file once, and nothing hidden."""
    return [path for path in walk(folder, is_image)[0] if is_image(path)]


def is_image(path: str) -> bool:
    """Whether a file is called as an image that can be read here."""
    low = path.lower()
    return low.endswith(SUFFIXES) and not lacks(low)


def lacks(path: str) -> str | None:
    """What reading such a file takes and is not installed, or None."""
    if path.lower().endswith((".heic", ".heif")):
        return None if find_spec("pillow_heif") else "pip install pillow-heif"
    for ends, feature in (((".avif",), "avif"), ((".jp2", ".j2k"), "jpg_2000")):
        if path.lower().endswith(ends):
            return None if features.check(feature) else "pip install --upgrade pillow"
    return None


def pages(path: Path) -> int:
    """How many pictures a file holds; 1 where it cannot be read, which is said when it is decoded."""
    try:
        with open_regular(path) as file, Image.open(file) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # decoders raise whatever a damaged file leads them to
        return 1


def is_colour(name: str) -> bool:
    """Whether this is a name of a colour, or #rrggbb."""
    try:
        return bool(ImageColor.getrgb(name))
    except ValueError:
        return False


def file_of(path: str) -> str:
    """The file of a page."""
    return path.partition(PAGE)[0]


def decode(path: str, size: int, grayscale: bool, background: str = "white") -> np.ndarray:
    """uint8 ``[C, size, size]``: upright, scaled until it covers the square, then cropped to the middle.

    What shows through is ``background``. Raises UserError, naming the file, for one that is damaged or has more than 8
    bits a channel.
    """
    with _readable(path):
        upright = _upright(path, "L" if grayscale else "RGB", (size, size), background)
        pixels = np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR))
    return pixels[None] if grayscale else pixels.transpose(2, 0, 1)


def decode_whole(path: Path) -> np.ndarray:
    """uint8 ``[1, H, W]``: upright, grey, as large as it is. Raises UserError as ``decode`` does."""
    with _readable(str(path)):
        return np.asarray(_upright(str(path), "L"))[None]


def _upright(path: str, mode: str, size: tuple[int, int] | None = None, background: str = "white") -> Image.Image:
    name, _, page = path.partition(PAGE)
    if name.lower().endswith((".heic", ".heif")) and not lacks(name):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with open_regular(name) as file, Image.open(file) as image:
        if page:
            image.seek(int(page))
        if image.mode[0] in "IF":
            raise ValueError(f"mode {image.mode} has more than 8 bits a channel")
        if size:
            image.draft(mode, size)  # a JPEG need not be decoded larger than wanted
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:  # colours that nobody sees may be anything
            seen = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", seen.size, background), seen)
        return upright.convert(mode)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise UserError(
            f"{file_of(path)}: not a readable image ({error}); convert it to 8 bits, repair or remove it"
        ) from error
