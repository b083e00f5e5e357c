"""How a table's file is written: what the user says of it, and what a reader found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from aelab.config.pasted import pasted
from aelab.errors import UserError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " ", "whitespace": "whitespace"}
HEADERS = ("first", "none")
FORMAT_KEYS = ("separator", "decimal", "header", "encoding", "comment", "missing_values", "thousands", "skip_rows")

Missing = str | int | float


@dataclass(frozen=True)
class Format:
    """The keys ``data.separator`` to ``data.thousands``; None is what the reader finds out itself.

    ``separator``: a sign, or ``whitespace``. ``decimal``: the sign before a fraction. ``header``: ``first`` where the
    first row has the names, ``none`` where there are none and columns are called 0, 1, ... ``comment``: what follows
    this sign is left out. ``missing_values``: what stands for no value, beside an empty field, NA, NaN, null and
    their like. ``thousands``: the sign between groups of three digits. ``skip_rows``: lines above the names, or above
    the first row where there are none.
    """

    separator: str | None = None
    decimal: str | None = None
    header: str | None = None
    encoding: str | None = None
    comment: str | None = None
    missing_values: tuple[Missing, ...] = ()
    thousands: str | None = None
    skip_rows: int = field(default=0, repr=False)  # apart: rows of streamed tables are named by what came before

    def __post_init__(self) -> None:
        for key, choices in (("decimal", (".", ",")), ("header", HEADERS), ("thousands", (",", ".", " ", "'", "_"))):
            value = getattr(self, key)
            if value is not None and value not in choices:
                some = " or ".join(pasted(f"data.{key}", choice) for choice in choices)
                raise UserError(f"data.{key}={value}: use {some}")
        for key in ("separator", "comment"):
            value = getattr(self, key)
            if value is not None and len(value) != 1 and (key, value) != ("separator", "whitespace"):
                raise UserError(
                    f"data.{key}={value}: must be one sign, like {pasted(f'data.{key}', ';#'[key[0] == 'c'])}"
                )
        if self.skip_rows < 0:
            raise UserError(f"data.skip_rows={self.skip_rows}: must be 0 or more")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)  # which those of no text, like base64, refuse
            except (LookupError, UnicodeError):
                raise UserError(
                    f"data.encoding={self.encoding}: no such encoding; use utf-8, cp1252 or utf-16"
                ) from None
        if self.decimal is not None and self.decimal == self.thousands:
            raise UserError(
                f"data.decimal={self.decimal} data.thousands={self.decimal}: one sign cannot be both; leave one out"
            )

    @staticmethod
    def of(
        separator: str | None = None,
        missing_values: Sequence[Missing] | Missing | None = None,
        **others: Any,
    ) -> Format:
        """What the keys of a config say; UserError for a value that cannot be meant."""
        several = isinstance(missing_values, Sequence) and not isinstance(missing_values, str)
        values: Any = missing_values if several else [] if missing_values is None else [missing_values]
        given = {key: value for key, value in others.items() if value is not None}
        return Format(
            None if separator is None else SEPARATORS.get(separator, separator), missing_values=tuple(values), **given
        )

    def given(self) -> list[str]:
        """The keys that are not left to the reader."""
        empty = Format()
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(empty, field.name)]

    def only(self, kind: str, *keys: str) -> None:
        """Raise UserError for a key that a ``kind`` of file has no use for."""
        for key in self.given():
            if key not in keys:
                raise UserError(f"data.{key}={getattr(self, key)}: {kind} has no such thing; leave it out")


def separator_name(separator: str) -> str:
    """As it is typed: ``semicolon``, or the sign itself."""
    return next((name for name, sign in SEPARATORS.items() if sign == separator), separator)
