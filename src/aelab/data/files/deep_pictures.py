"""Pictures with 16 bits in a channel, with all of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageColor, ImageFile, ImageOps

from aelab.data.files.picture_file import opened, stored

WHITE = 65535
GREY = (0.299, 0.587, 0.114)  # of red, green and blue, as Pillow weighs them: ITU-R 601
TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
"""By the orientation that a file states: quarters to turn to the left, and whether to mirror left and right then."""
OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
SWAPPED = {f"{mode};16{order}": f"{mode};16{OTHER[order]}" for mode in ("RGB", "RGBA") for order in OTHER}
"""How the same bytes lie for somebody who takes the lower one for the higher."""


def deep_square(path: Path, page: int, size: int, grayscale: bool, background: str | None) -> np.ndarray:
    """uint16 ``[C, size, size]``: upright, scaled until it covers the square, then cropped to the middle."""
    pixels, seen = _pixels(path, page)
    if seen is not None and background is not None:
        behind = np.array(ImageColor.getrgb(background)[:3], np.float32) * 257
        pixels = pixels * seen + behind * (1 - seen)
    if grayscale and pixels.shape[2] == 3:
        pixels = (pixels @ np.array(GREY, np.float32))[..., None]
    channels = [Image.fromarray(pixels[..., channel]) for channel in range(pixels.shape[2])]
    fitted = [np.asarray(ImageOps.fit(channel, (size, size), Image.Resampling.BILINEAR)) for channel in channels]
    found = np.rint(np.stack(fitted)).clip(0, WHITE).astype(np.uint16)
    return found if grayscale or len(found) == 3 else found.repeat(3, 0)


def _pixels(path: Path, page: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Upright float32 ``[H, W, 1 or 3]`` of 0 to 65535, and how much of each is seen ``[H, W, 1]``; None for all."""
    with opened(path) as image:
        if page:
            image.seek(page)
        key = image.info.get("transparency")
        x = np.asarray(image) if image.mode[0] == "I" else _colours(path, page, image)
        turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    x = x.reshape(*x.shape[:2], -1).astype(np.float32)
    quarters, mirrored = TURNS.get(turn, (0, False))
    x = np.rot90(x, quarters)
    x = np.ascontiguousarray(x[:, ::-1] if mirrored else x)
    if x.shape[2] == 4:
        return x[..., :3], x[..., 3:] / np.float32(WHITE)
    if isinstance(key, (int, tuple)):
        return x, (x != np.array(key, np.float32)).any(-1, keepdims=True).astype(np.float32)
    return x, None


def _colours(path: Path, page: int, image: ImageFile.ImageFile) -> np.ndarray:
    """``[H, W, 3 or 4]`` of 0 to 65535. Pillow keeps a byte of two: the one that it takes for the higher of them."""
    codec, mode, *more = stored(image)
    if codec == "ppm":
        values = np.fromfile(path, ">u2", image.width * image.height * 3, offset=image.tile[0][2])
        return values.reshape(image.height, image.width, 3) * np.float64(WHITE / int(more[0]))
    if mode not in SWAPPED:
        raise ValueError(
            f"colours of 16 bits as {mode}; save it as PNG, or as TIFF with red, green and blue side by side"
        )
    high = np.asarray(image).astype(np.uint16)
    with opened(path) as again:
        if page:
            again.seek(page)
        again.tile = [_with_mode(tile, SWAPPED[mode]) for tile in again.tile]
        again.load()
        return high * np.uint16(256) + np.asarray(again)


def _with_mode(tile: Any, mode: str) -> Any:
    stored = (mode, *tile[3][1:]) if isinstance(tile[3], tuple) else mode
    return type(tile)(*tile[:3], stored) if hasattr(tile, "_fields") else (*tile[:3], stored)
