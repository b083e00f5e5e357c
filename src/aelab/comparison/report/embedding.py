"""Pictures inside a page: base64 PNGs no larger than they may be."""

import base64
import io
import math
import warnings
from typing import NamedTuple

from PIL import Image

_SMALLEST = 96  # pixels of width below which a picture says nothing


class Embedded(NamedTuple):
    """A picture as a data URI, with the width it had."""

    uri: str
    width: int


def embed(content: bytes, limit: int) -> Embedded | None:
    """A PNG, with fewer colours and pixels if it has more than `limit` bytes; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=["PNG"])
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    width = image.width
    if len(content) > limit:
        content = _reduced(image, limit)
    return Embedded("data:image/png;base64," + base64.b64encode(content).decode("ascii"), width)


def _reduced(image: Image.Image, limit: int) -> bytes:
    image = image.convert("L" if image.mode in ("1", "L", "I", "I;16") else "RGB")
    while True:
        reduced = image if image.mode == "L" else image.quantize(128, Image.Quantize.FASTOCTREE)
        buffer = io.BytesIO()
        reduced.save(buffer, format="PNG")
        content = buffer.getvalue()
        if len(content) <= limit or image.width <= _SMALLEST:
            return content
        shrink = min(0.85, 0.9 * math.sqrt(limit / len(content)))
        size = (max(_SMALLEST, round(image.width * shrink)), max(1, round(image.height * shrink)))
        image = image.resize(size, Image.Resampling.BOX)
