"""HEALPix index arithmetic in plain numbers: orders, NESTED indices and positions on the NESTED curve.

Orders run from 0 to 29. The *position* of a cell is the NESTED index of its first descendant at order 29; along
that curve every cell of every order is one contiguous range, which makes lookups and overlaps a matter of sorting.
Indices and directions come from astropy-healpix (Górski et al. 2005, ApJ 622, 759).
"""

from __future__ import annotations

import numpy as np
from astropy_healpix import healpix_to_xyz
from astropy_healpix.healpy import ang2pix, nest2ring, ring2nest
from numpy.typing import ArrayLike

from llama.science.arrays import Float, Index, Order

MAX_ORDER = 29
_AREAS_SR = np.pi / 3 / 4.0 ** np.arange(MAX_ORDER + 1)
_FIRST_UNIQ = np.int64(4) << (2 * np.arange(MAX_ORDER + 1, dtype=np.int64))
_LAST_UNIQ = (16 << (2 * MAX_ORDER)) - 1


def cell_area_sr(order: ArrayLike) -> Float:
    """Solid angle of a cell of each order; all cells of an order have the same."""
    return np.asarray(_AREAS_SR[np.asarray(order)])


def positions(order: ArrayLike, ipix: ArrayLike) -> tuple[Index, Index]:
    """Where each cell starts on the NESTED curve at order 29, and the first position after it."""
    shift = 2 * (MAX_ORDER - np.asarray(order, dtype=np.int64))
    start = np.asarray(ipix, dtype=np.int64) << shift
    return start, start + (np.int64(1) << shift)


def position_of(ra_rad: ArrayLike, dec_rad: ArrayLike) -> Index:
    """Position on the NESTED curve at order 29 (cells of 0.4 milliarcseconds) of each direction."""
    ra, dec = np.asarray(ra_rad, dtype=np.float64), np.asarray(dec_rad, dtype=np.float64)
    return np.asarray(ang2pix(1 << MAX_ORDER, np.pi / 2 - dec, ra, nest=True), dtype=np.int64)


def directions_of(order: ArrayLike, ipix: ArrayLike) -> Float:
    """(n, 3) unit vectors to the centres of NESTED cells."""
    nside = 1 << np.asarray(order, dtype=np.int64)
    return np.stack(healpix_to_xyz(np.asarray(ipix, dtype=np.int64), nside, order="nested"), axis=-1)


def pieces(order: Index, ipix: Index, finest: int) -> tuple[Index, Float, Float]:
    """Pixels cut into pieces of one order; finer ones stay whole.

    Returns:
        of, direction, share: (m,) the pixel of each piece, (m, 3) its unit vector, (m,) its share of the pixel.
    """
    parts = 4 ** np.maximum(finest - order, 0)
    of = np.repeat(np.arange(order.size), parts)
    within = np.arange(of.size) - np.repeat(np.cumsum(parts) - parts, parts)
    direction = directions_of(np.maximum(order, finest)[of], ipix[of] * parts[of] + within)
    return of, direction, 1 / parts[of]


def order_of_pixel_count(count: int) -> int | None:
    """Order of a full-sky map with this many pixels, None when there is no such order."""
    nside_squared, rest = divmod(count, 12)
    order = (nside_squared.bit_length() - 1) // 2
    return order if rest == 0 and 0 <= order <= MAX_ORDER and nside_squared == 1 << (2 * order) else None


def ring_from_nested(order: int, ipix: ArrayLike) -> Index:
    """RING index of NESTED cells of one order."""
    return np.asarray(nest2ring(1 << order, ipix), dtype=np.int64)


def nested_from_ring(order: int, ipix: ArrayLike) -> Index:
    """NESTED index of RING cells of one order."""
    return np.asarray(ring2nest(1 << order, ipix), dtype=np.int64)


def uniq_of(order: ArrayLike, ipix: ArrayLike) -> Index:
    """UNIQ number, ipix + 4·4^order (Reinecke & Hivon 2015, A&A 580, A132)."""
    return np.asarray(ipix, dtype=np.int64) + (np.int64(4) << (2 * np.asarray(order, dtype=np.int64)))


def from_uniq(uniq: ArrayLike) -> tuple[Order, Index]:
    """Order and NESTED index of UNIQ numbers; ValueError for numbers that no cell has."""
    number = np.asarray(uniq, dtype=np.int64)
    bad = number[(number < 4) | (number > _LAST_UNIQ)]
    if bad.size:
        raise ValueError(f"UNIQ numbers run from 4 to {_LAST_UNIQ}, not {bad[0]}")
    order = np.searchsorted(_FIRST_UNIQ, number, side="right") - 1
    return order.astype(np.uint8), number - _FIRST_UNIQ[order]
