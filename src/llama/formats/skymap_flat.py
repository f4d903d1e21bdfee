"""Flat sky maps: every pixel of one order, in NESTED or RING order, or some of them with their numbers."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table
from llama.formats.skymap_columns import Cells, columns_of, used_columns
from llama.science.arrays import Float
from llama.science.sky import (
    from_flat_blocks,
    nested_from_ring,
    order_of_pixel_count,
    refuse_too_many,
    ring_from_nested,
)

_PIXELS = 1 << 16  # at a time: 2 MB of four doubles
_INDEX = ("PIXEL", "PIX", "IPIX", "INDEX", "HPXINDEX")


def read_nested(table: Table) -> Cells:
    """Cells of a full-sky NESTED map, equal siblings merged while the file is read."""
    order, used = _full_sky_order(table), used_columns(table)
    chunks = table.chunks(max(1, _PIXELS // table.per_row(used[0])))
    fields = [table.field(name) for name in used]
    return from_flat_blocks(
        order, (columns_of(table, used, [chunk[f].reshape(-1) for f in fields], order) for chunk in chunks)
    )


def read_ring(table: Table) -> Cells:
    """Cells of a full-sky RING map, merged likewise.

    NESTED order jumps about in RING order, so the table goes into a temporary file first and is picked from there.
    """
    order, used = _full_sky_order(table), used_columns(table)
    with tempfile.TemporaryFile() as spool:
        for chunk in table.chunks(max(1, _PIXELS // table.per_row(used[0]))):
            spool.write(chunk.tobytes())
        spool.flush()
        pages = mmap.mmap(spool.fileno(), 0, prot=mmap.PROT_READ)
        return from_flat_blocks(order, _ring_blocks(table, used, order, pages))


def _ring_blocks(table: Table, used: list[str], order: int, spool: mmap.mmap) -> Iterator[Float]:
    rows: NDArray[Any] = np.frombuffer(spool, dtype=table.dtype)
    pixels, per_row = 12 << (2 * order), table.per_row(used[0])
    for first in range(0, pixels, _PIXELS):
        ring = ring_from_nested(order, np.arange(first, min(first + _PIXELS, pixels)))
        row, within = np.divmod(ring, per_row)
        yield columns_of(table, used, [rows[table.field(name)][row, within] for name in used], order)
        spool.madvise(mmap.MADV_DONTNEED)  # pages already read would count as this process' memory


def read_partial(table: Table, ordering: str) -> Cells:
    """Cells of a map that lists its pixels (INDXSCHM = EXPLICIT) and leaves out the rest of the sky."""
    used = used_columns(table)
    index = next((name for name in _INDEX if name in table.names), None)
    order = order_of_pixel_count(12 * _nside(table) ** 2)
    if index is None or order is None:
        raise SkyMapError(
            "INDXSCHM = 'EXPLICIT' needs a column of pixel numbers (PIXEL) and an NSIDE that is a power of two; "
            "use the multi-order version of the map"
        )
    if table.per_row(index) != table.per_row(used[0]) or table.dtype[table.field(index)].base.kind != "i":
        raise SkyMapError("it does not number its pixels one by one; get the file again from where it came")
    refuse_too_many(table.rows * table.per_row(index))
    rows = np.concatenate(list(table.chunks(_PIXELS)))
    ipix = table.values(rows, index).astype(np.int64)
    if ((ipix < 0) | (ipix >= 12 << (2 * order))).any():
        raise SkyMapError(f"some pixel numbers lie outside NSIDE {1 << order}; get the file again from where it came")
    if ordering == "RING":
        ipix = nested_from_ring(order, ipix)
    columns = columns_of(table, used, [rows[table.field(name)].reshape(-1) for name in used], order)
    return np.full(len(ipix), order, dtype=np.uint8), ipix, columns


def _nside(table: Table) -> int:
    """NSIDE of the header, 0 when it gives none."""
    try:
        return int(table.header.get("NSIDE", 0))
    except (TypeError, ValueError):
        return 0


def _full_sky_order(table: Table) -> int:
    pixels = table.rows * table.per_row(used_columns(table)[0])
    order = order_of_pixel_count(pixels)
    if order is None:
        raise SkyMapError(f"{pixels} pixels are no full sky: a HEALPix map has 12 NSIDE² with NSIDE a power of two")
    if _nside(table) not in {0, 1 << order}:
        raise SkyMapError(f"NSIDE = {_nside(table)}, but {pixels} pixels make {1 << order}; correct the header")
    return order
