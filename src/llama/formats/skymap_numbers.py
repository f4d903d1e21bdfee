"""Columns beside a whole sky that may number its pixels, of which the header does not speak.

A whole sky is read in order of its rows, so a column that numbers the rows otherwise would put all of it elsewhere.
It may have any name, and hold whole numbers as integers, as floats or as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table
from llama.formats.skymap_columns import Columns
from llama.formats.skymap_header import is_partial, nside
from llama.science.arrays import Index

_LARGEST = 2.0**62


def watched(table: Table, columns: Columns, order: int, rows: int) -> Iterator[NDArray[Any]]:
    """All rows of a whole sky of this order, so many at a time; SkyMapError at the end if a column numbers them."""
    others = [_Numbers(name, order) for name in table.names if _may_number(table, columns, name)]
    for chunk in table.chunks(rows):
        others = [other for other in others if other.still(_whole_numbers(table, other.name, chunk))]
        yield chunk
    said = is_partial(table) is not None or nside(table) is not None
    for other in others:
        if not other.are_rows and (other.are_consecutive or not said):
            raise SkyMapError(
                f"its column {other.name} holds a number of its own for every pixel, and the header does not say "
                "what for (INDXSCHM or OBJECT); set INDXSCHM to EXPLICIT if they number its pixels, or remove it"
            )


class _Numbers:
    """A column that may number the pixels, for as long as it holds whole numbers that do not repeat.

    Nothing is kept of one that counts the rows: from 0, from 1, or as UNIQ numbers do.
    """

    def __init__(self, name: str, order: int) -> None:
        self.name = name
        self.are_rows = True
        self._begins = (0, 1, 4 << (2 * order))
        self._first, self._count = 0, 0
        self._parts: list[Index] = []

    def still(self, numbers: Index | None) -> bool:
        """Take the next ones; whether all so far are whole numbers that do not repeat, as far as was looked."""
        if numbers is None or np.unique(numbers).size < numbers.size:
            return False
        if not self._count and numbers.size:
            self._first = int(numbers[0])
            self.are_rows = self._first in self._begins
        expected = np.arange(self._first + self._count, self._first + self._count + numbers.size)
        if self.are_rows and not np.array_equal(numbers, expected):
            self.are_rows = False
            self._parts = [np.arange(self._first, self._first + self._count)]
        if not self.are_rows:
            self._parts.append(numbers)
        self._count += numbers.size
        return True

    @property
    def are_consecutive(self) -> bool:
        """Whether they are one range of numbers in some order."""
        return int(self._all.max() - self._all.min()) == self._all.size - 1 if self._are_distinct else False

    @property
    def _all(self) -> Index:
        return np.concatenate(self._parts)

    @property
    def _are_distinct(self) -> bool:
        return np.unique(self._all).size == self._count


def _may_number(table: Table, columns: Columns, name: str) -> bool:
    if _is_text(table, name):
        return columns.per_row == 1
    return table.field(name) not in columns.fields and table.per_row(name) == columns.per_row


def _is_text(table: Table, name: str) -> bool:
    return re.fullmatch(r"[0-9]*A.*", str(table.header.get(f"TFORM{table.field(name)}", "")).strip()) is not None


def _whole_numbers(table: Table, name: str, chunk: NDArray[Any]) -> Index | None:
    """The column's values where all are whole numbers, whatever they are written as; else None."""
    raw = chunk[table.field(name)]
    if _is_text(table, name):
        texts = np.frombuffer(raw.tobytes(), dtype=f"S{table.per_row(name)}")
        texts = np.char.strip(texts)
        whole = bool(np.char.isdigit(texts).all()) and max(map(len, texts.tolist()), default=0) < 19
        return texts.astype(np.int64) if whole else None
    if raw.dtype.kind not in "iuf":
        return None
    values = table.native(raw.reshape(-1), name)
    if values.dtype.kind == "f":
        if not (np.isfinite(values) & (np.abs(values) < _LARGEST) & (values == np.rint(values))).all():
            return None
        values = values.astype(np.int64)
    return values.astype(np.int64)
