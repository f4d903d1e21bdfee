"""Flat sky maps: every pixel of one order, in NESTED or RING order, or some of them with their numbers."""

from __future__ import annotations

import mmap
import re
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table
from llama.formats.skymap_columns import Cells, Columns
from llama.formats.skymap_header import first_and_last, is_partial, nside
from llama.formats.skymap_numbers import watched
from llama.science.arrays import Float, Index
from llama.science.sky import (
    from_flat_blocks,
    nested_from_ring,
    order_of_pixel_count,
    refuse_too_many,
    ring_from_nested,
)

_PIXELS = 1 << 16  # at a time: 2 MB of four doubles
_NUMBERS = re.compile(
    r"(HEALPIX|HEALPY|HPX|HP|I|NESTED|NEST|RING)*(PIXELS?|PIX|INDEX|INDICES|IDX)(INDEX|INDICES|IDX|ID|NUMBER|NUM|NO)?"
    r"|HEALPIX|HPX|CELLID|CELLINDEX"
)
"""Names of columns that number pixels, without what is no letter."""


def read_flat(table: Table, columns: Columns, ordering: str) -> Cells:
    """Cells of a map of one resolution, NESTED or RING: of the whole sky, or of the pixels that it lists."""
    partial, index = is_partial(table), _index_column(table)
    if partial and index is None:
        index = _first_column(table)  # whose name does not matter to healpy
    if partial or index is not None:
        return _read_listed(table, columns, ordering, index, partial)
    return _read_nested(table, columns) if ordering == "NESTED" else _read_ring(table, columns)


def _index_column(table: Table) -> str | None:
    return next((name for name in table.names if _NUMBERS.fullmatch(re.sub(r"[^A-Z]", "", name))), None)


def _first_column(table: Table) -> str | None:
    """The first column, when it holds whole numbers."""
    return table.names[0] if table.dtype["1"].base.kind in "iu" else None


def _read_nested(table: Table, columns: Columns) -> Cells:
    """Equal siblings are merged while the file is read."""
    order, fields = _full_sky_order(table, columns), columns.fields
    chunks = watched(table, columns, order, max(1, _PIXELS // columns.per_row))
    return from_flat_blocks(order, (columns.of([chunk[f].reshape(-1) for f in fields], order) for chunk in chunks))


def _read_ring(table: Table, columns: Columns) -> Cells:
    """Likewise.

    NESTED order jumps about in RING order, so the table goes into a temporary file first and is picked from there.
    """
    order = _full_sky_order(table, columns)
    with tempfile.TemporaryFile() as spool:
        for chunk in watched(table, columns, order, max(1, _PIXELS // columns.per_row)):
            spool.write(chunk.tobytes())
        spool.flush()
        pages = mmap.mmap(spool.fileno(), 0, prot=mmap.PROT_READ)
        return from_flat_blocks(order, _ring_blocks(table, columns, order, pages))


def _ring_blocks(table: Table, columns: Columns, order: int, spool: mmap.mmap) -> Iterator[Float]:
    rows: NDArray[Any] = np.frombuffer(spool, dtype=table.dtype)
    pixels = 12 << (2 * order)
    for first in range(0, pixels, _PIXELS):
        ring = ring_from_nested(order, np.arange(first, min(first + _PIXELS, pixels)))
        row, within = np.divmod(ring, columns.per_row)
        yield columns.of([rows[field][row, within] for field in columns.fields], order)
        spool.madvise(mmap.MADV_DONTNEED)  # pages already read would count as this process' memory


def _read_listed(table: Table, columns: Columns, ordering: str, index: str | None, partial: bool | None) -> Cells:
    """A map that lists its pixels by number (INDXSCHM = EXPLICIT), and may leave out the rest of the sky."""
    if index is None:
        raise SkyMapError(
            "INDXSCHM = 'EXPLICIT' (or OBJECT = 'PARTIAL') needs a column of pixel numbers (PIXEL); use the "
            "multi-order version of the map"
        )
    order = _listed_order(table) if partial else _full_sky_order(table, columns, index)
    if table.per_row(index) != columns.per_row or table.dtype[table.field(index)].base.kind not in "iu":
        raise SkyMapError("it does not number its pixels one by one; get the file again from where it came")
    refuse_too_many(table.rows * columns.per_row)
    numbers, stored = _rows(table, columns, index)
    if numbers.dtype.kind != "i":
        raise SkyMapError(f"its column {index} holds no whole numbers; get the file again from where it came")
    ipix = numbers.astype(np.int64)
    _refuse_outside(table, ipix, order)
    if not partial and not np.array_equal(ipix, np.arange(len(ipix))):
        said = "the header does not say what for (INDXSCHM or OBJECT)" if partial is None else "INDXSCHM = 'IMPLICIT'"
        raise SkyMapError(
            f"it has a column of pixel numbers, {index}, but {said}; set INDXSCHM to EXPLICIT if they "
            "number its pixels"
        )
    if ordering == "RING":
        ipix = nested_from_ring(order, ipix)
    return np.full(len(ipix), order, dtype=np.uint8), ipix, columns.of(stored, order)


def _rows(table: Table, columns: Columns, index: str) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """All numbers of this column, scaled, and the stored values of the map's; nothing else stays in memory."""
    names = [table.field(index), *columns.fields]
    parts = [[chunk[name].reshape(-1).copy() for name in names] for chunk in table.chunks(_PIXELS)]
    if not parts:
        raise SkyMapError("the table has no rows; get the file again from where it came")
    numbers, *stored = (np.concatenate([part[k] for part in parts]) for k in range(len(names)))
    return table.native(numbers, index), stored


def _listed_order(table: Table) -> int:
    given = nside(table)
    order = None if given is None else order_of_pixel_count(12 * given**2)
    if order is None:
        said = "has no NSIDE" if given is None else f"has NSIDE = {given}"
        raise SkyMapError(
            f"the header {said}; a map that lists its pixels needs an NSIDE that is a power of two: set it, or use "
            "the multi-order version of the map"
        )
    return order


def _refuse_outside(table: Table, ipix: Index, order: int) -> None:
    if ((ipix < 0) | (ipix >= 12 << (2 * order))).any():
        raise SkyMapError(f"some pixel numbers lie outside NSIDE {1 << order}; get the file again from where it came")
    first, last = first_and_last(table)
    if (first is not None and ipix.min() < first) or (last is not None and ipix.max() > last):
        raise SkyMapError(
            f"some pixel numbers lie outside FIRSTPIX = {first} to LASTPIX = {last}; get the file again from where "
            "it came"
        )


def _full_sky_order(table: Table, columns: Columns, index: str | None = None) -> int:
    pixels = table.rows * columns.per_row
    order = order_of_pixel_count(pixels)
    if order is None:
        listed = f", and nothing says that {index} numbers them: set INDXSCHM to EXPLICIT if so" if index else ""
        raise SkyMapError(
            f"{pixels} pixels are no full sky: a HEALPix map has 12 NSIDE² with NSIDE a power of two{listed}"
        )
    given = nside(table)
    if given not in {None, 1 << order}:
        raise SkyMapError(f"NSIDE = {given}, but {pixels} pixels make {1 << order}; correct the header")
    first, last = first_and_last(table)
    if first not in {None, 0} or last not in {None, pixels - 1}:
        raise SkyMapError(
            f"FIRSTPIX = {first} and LASTPIX = {last}, but its {pixels} pixels would be the whole sky, 0 to "
            f"{pixels - 1}; get the file again from where it came"
        )
    return order
