"""Image files: the list of them, and one decoded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aelab.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def find_images(folder: Path) -> list[str]:
    """Paths of the images under a folder, relative to it with ``/``, sorted; nothing hidden."""
    found = (
        Path(parent, file).relative_to(folder).as_posix()
        for parent, _, files in os.walk(folder, followlinks=True)
        for file in files
        if file.lower().endswith(SUFFIXES)
    )
    return sorted(path for path in found if "/." not in f"/{path}")


def decode(path: str, size: int, grayscale: bool) -> np.ndarray:
    """uint8 ``[C, size, size]``: upright, scaled until it covers the square, then cropped to the middle.

    Raises UserError, naming the file, for one that is damaged or has more than 8 bits a channel.
    """
    mode = "L" if grayscale else "RGB"
    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"mode {image.mode} has more than 8 bits a channel")
            image.draft(mode, (size, size))  # a JPEG need not be decoded larger than wanted
            upright = ImageOps.exif_transpose(image).convert(mode)
        pixels = np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR))
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise UserError(f"{path}: not a readable image ({error}); convert it to 8 bits, repair or remove it") from error
    return pixels[None] if grayscale else pixels.transpose(2, 0, 1)
