"""From values as people have them to what a model sees, and back: the one object that everybody applies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from aelab.data.extent import Extent, extent_of
from aelab.data.given import Given
from aelab.data.tables.columns import Columns
from aelab.data.text.pieces import recorded_vocabulary
from aelab.data.text.vocabulary import Vocabulary
from aelab.errors import UserError

PIXELS, NUMBERS, SYMBOLS = KINDS = ("pixels", "numbers", "symbols")
_DTYPES = {"float64": torch.float64, "float32": torch.float32}
MEASURED = ("fill", "offset", "scale")
ROUNDING = 2.0**14  # offsets in units of the scale beyond which float32 input would lose what an export may differ by


class Preprocessing(nn.Module):
    """``preprocessing(x)``: raw values ``[..., D]`` as float32 for a model; ``restore`` takes them back.

    ``kind``: ``pixels``, of which uint8 counts as 0..255 and becomes 0..1; ``numbers``, which are taken as they are;
    or ``symbols``, whole numbers that name things. A data set declares it. ``white``: what counts as 1 of pixels in
    uint16, where the data have 16 bits; else None. ``columns``: of a table, else None.
    ``fill``: float64 ``[D]`` that stand for NaN, or None. ``offset``, ``scale``: float64 ``[D]``, or None; values
    become (value - offset) / scale, in double precision, and are rounded to float32 after that only.

    ``vocabulary``: of texts, which symbols stand for; else None.

    ``threshold``: what comes out is 1 where it would be above 1/2, else 0.

    ``gaps``: NaN is a value that is not known and stays NaN: the error leaves it out.

    ``given``: what is given beside an example, where anything is.

    ``raw``: the type that raw values are rounded to first: float64, but float32 in runs of earlier versions.
    """

    fill: Tensor | None
    offset: Tensor | None
    scale: Tensor | None

    def __init__(
        self,
        kind: str = NUMBERS,
        columns: Columns | None = None,
        raw: str = "float64",
        white: int | None = None,
        threshold: bool = False,
        vocabulary: Vocabulary | None = None,
        gaps: bool = False,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise UserError(f"kind={kind}: the values of a data set are {', '.join(KINDS)}")
        self.kind = kind
        self.columns = columns
        self.raw = raw
        self.white = white
        self.threshold = threshold
        self.vocabulary = vocabulary
        self.gaps = gaps
        self.given: Given | None = None
        self.extent: Extent | None = None  # of the training part, where it was measured
        for name in MEASURED:
            self.register_buffer(name, None)

    # --- fitting, on the training part ---

    def fit(
        self,
        chunks: Callable[[], Iterable[Tensor]],
        fills: bool = False,
        standardizes: bool = False,
        one_scale: bool = False,
        weight: Tensor | None = None,
    ) -> None:
        """Measure the means that stand for missing values and the standardisation; what is known already is kept.

        ``chunks``: raw training examples ``[n, D]``, all of them each time it is called. ``one_scale``: divide every
        value by the same number, the root of the mean variance. A constant value's scale is 1. ``weight``: what each
        example counts, float64 ``[N]``; None: all the same.

        Raises UserError where a value is missing in all examples.
        """
        if standardizes and self.kind == SYMBOLS:
            raise UserError("data.standardize=true: symbols are whole numbers from 0 that are names; leave it out")
        wants_fill = fills and self.fill is None
        wants_scale = standardizes and self.offset is None
        if not wants_fill and not wants_scale:
            return
        mean, constant = self._means(chunks, weight)
        if wants_fill:
            self.fill = mean
        if not wants_scale:
            return
        squares = torch.zeros_like(mean)
        unit = self._units()
        count: Tensor | int = 0
        start = 0
        for chunk in chunks():
            apart = (self._unscaled(chunk) - mean) / unit
            squared = apart.square_()
            here = ~chunk.isnan() if self.gaps else None
            if weight is not None:
                counts = weight[start : start + len(chunk), None]
                squared = squared * counts
                here = counts.expand_as(squared) if here is None else here * counts
            squares += squared.nansum(0)  # what is missing becomes the mean
            count = count + (len(chunk) if here is None else here.sum(0))
            start += len(chunk)
        variance = squares / count
        self.offset = mean
        if one_scale:
            self.scale = (variance * unit.square()).mean().sqrt().expand_as(mean).clone()
        else:
            self.scale = (variance.sqrt() * unit).masked_fill(constant, 1)

    def _units(self) -> Tensor:
        """A power of 2 as large as the range of each value ``[D]``: dividing by it is exact, and its squares are none
        that vanish or overflow."""
        assert self.extent is not None
        return torch.ldexp(torch.ones_like(self.extent.low), (self.extent.high - self.extent.low).frexp().exponent)

    def _means(self, chunks: Callable[[], Iterable[Tensor]], weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Means ``[D]`` of what is not missing, and which values are constant."""
        self.extent = extent_of((self._unscaled(chunk) for chunk in chunks()), weight)
        low, high, total, count = self.extent
        if not count.all():
            value = int(count.argmin())
            where = f"column {self.columns.names[value]}" if self.columns else f"value {value} (counted from 0)"
            raise UserError(
                f"{where} is missing in the whole training part, so it has no mean; leave it out or use "
                "data.missing=drop"
            )
        return torch.where(low == high, low, total / count), low == high

    # --- use ---

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the type of a value changes, so that it may be done batch by batch."""
        return self.offset is None and self.fill is None and not self.threshold

    def forward(self, x: Tensor) -> Tensor:
        """Raw values ``[..., D]`` as float32; symbols as int64."""
        if self.kind == SYMBOLS:
            return x.long()
        if self.threshold:
            return (self.exactly(x) > 0.5).float()
        if not self.is_plain:
            return self.exactly(x).float()
        if self.kind == PIXELS:
            return x.float().div_(self.white) if x.dtype == torch.uint16 and self.white else unit(x).float()
        return x.float()

    def exactly(self, x: Tensor) -> Tensor:
        """The same in double precision."""
        x = self._unscaled(x)
        if self.fill is not None:
            x = torch.where(x.isnan(), self.fill.to(_DTYPES[self.raw]).double(), x)
        if self.offset is not None and self.scale is not None:
            x = (x - self.offset) / self.scale
        return x

    def restore(self, x: Tensor) -> Tensor:
        """What a model gives ``[..., D]``, on the scale of the data, in double precision where there is one."""
        if self.offset is None or self.scale is None:
            return x
        return x.double() * self.scale + self.offset

    def _unscaled(self, x: Tensor) -> Tensor:
        white = {torch.uint8: 255, torch.uint16: self.white}.get(x.dtype) if self.kind == PIXELS else None
        x = x.to(_DTYPES[self.raw])
        return (x / white if white else x).double()

    @property
    def needs_double(self) -> bool:
        """Whether float32 is too coarse for raw values: seconds since 1970 have steps of 128 in it."""
        if self.offset is None or self.scale is None:
            return False
        return bool((self.offset.abs() > ROUNDING * self.scale).any())

    def digest(self) -> bytes:
        """What symbols mean, for a fingerprint; nothing of numbers."""
        return self.vocabulary.digest() if self.vocabulary else b""

    # --- in a checkpoint ---

    def plain(self) -> dict[str, Any]:
        """All of it as tensors, lists and text, which a checkpoint may hold and a reader need not trust."""
        found: dict[str, Any] = {"kind": self.kind, "raw": self.raw}
        if self.threshold:
            found["threshold"] = True
        if self.gaps:
            found["gaps"] = True
        if self.columns is not None:
            found["columns"] = self.columns.plain()
        if self.white is not None:
            found["white"] = self.white
        if self.vocabulary is not None:
            found["vocabulary"] = self.vocabulary.plain()
        if self.given is not None:
            found["given"] = self.given.plain()
        return found | {
            name: value for name in ("fill", "offset", "scale") if (value := getattr(self, name)) is not None
        }

    @staticmethod
    def of_plain(plain: dict[str, Any], size: int) -> Preprocessing:
        """What ``plain`` gave, for examples of ``size`` values; ValueError, TypeError or KeyError for anything else."""
        columns = Columns.of_plain(plain["columns"]) if "columns" in plain else None
        if plain["raw"] not in _DTYPES or (columns is not None and len(columns.names) != size):
            raise ValueError("no preprocessing of these examples")
        white = plain.get("white")
        if white is not None and not (type(white) is int and 0 < white < 2**16):
            raise ValueError("white of 16 bits is a whole number from 1 to 65535")
        vocabulary = recorded_vocabulary(plain["vocabulary"]) if "vocabulary" in plain else None
        threshold, gaps = (plain.get(name) is True for name in ("threshold", "gaps"))
        found = Preprocessing(plain["kind"], columns, plain["raw"], white, threshold, vocabulary, gaps)
        found.given = Given.of_plain(plain["given"]) if "given" in plain else None
        for name in MEASURED:
            value = plain.get(name)
            if value is not None:
                if not isinstance(value, Tensor) or value.shape != (size,) or not value.isfinite().all():
                    raise ValueError(f"{name} of {size} finite numbers is wanted")
                setattr(found, name, value.double())
        if (found.offset is None) != (found.scale is None):
            raise ValueError("offset and scale belong together")
        return found


def unit(x: Tensor) -> Tensor:
    """Pixels 0..255 in uint8 as float32 in [0, 1]; what is prepared already passes unchanged."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x
