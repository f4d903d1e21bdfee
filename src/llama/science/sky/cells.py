"""Making sky maps out of cells: checked, sorted, normalised, with equal siblings merged.

What can be wrong with cells is a ValueError whose message says what; `formats` adds the file's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama.science.arrays import Float, Index, Order
from llama.science.sky.healpix import MAX_ORDER, cell_area_sr, positions
from llama.science.sky.line_of_sight import is_distance
from llama.science.sky.skymap import SkyMap

MAX_CELLS = 1 << 22
"""Cells a map may have: room for every pixel of a flat NSIDE 512 map, all different (3.1 million, about 130 MB with
distances), four times over what any known alert needs; a full NSIDE 1024 would not fit a worker's 500 MB."""

SUM_TOLERANCE = 1e-3
"""How far from one the probabilities may sum and still be renormalised; single precision and a few lost cells do."""

_EXACT = 1e-12  # closer to one than this is rounding: left alone, so that writing and reading change no bit


def from_cells(
    order: ArrayLike,
    ipix: ArrayLike,
    density: ArrayLike,
    distance: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    *,
    distmean_mpc: float | None = None,
    diststd_mpc: float | None = None,
    origin: Mapping[str, str] | None = None,
) -> SkyMap:
    """The sky map of these cells, in any order; `density` per steradian, `distance` (mu, sigma, norm) in Mpc.

    Raises ValueError for cells that do not exist or overlap, for densities that are negative or not finite, and for
    probabilities that sum to zero or are off one by more than `SUM_TOLERANCE`.
    """
    levels, cells = _checked_cells(order, ipix)
    values = np.asarray(density, dtype=np.float64)
    ranked = _ascending(levels, cells)
    if ranked is not None:
        levels, cells, values = levels[ranked], cells[ranked], values[ranked]
    _refuse_overlap(levels, cells)
    values = _normalised(levels, values)
    mu, sigma, norm = None, None, None
    if distance is not None:
        columns = [np.asarray(column, dtype=np.float64) for column in distance]
        mu, sigma, norm = valid_distance(*(columns if ranked is None else [column[ranked] for column in columns]))
    summary = [float(v) if v is not None and is_distance(v, v) else None for v in (distmean_mpc, diststd_mpc)]
    return SkyMap(levels, cells, values, mu, sigma, norm, summary[0], summary[1], dict(origin or {}))


def valid_distance(mu: Float, sigma: Float, norm: Float) -> tuple[Float, Float, Float]:
    """The columns with infinite mu, unit sigma and zero norm wherever they are not a valid distance."""
    bad = ~(is_distance(mu, sigma) & np.isfinite(norm) & (norm > 0))
    if not bad.any():
        return mu, sigma, norm
    return np.where(bad, np.inf, mu), np.where(bad, 1.0, sigma), np.where(bad, 0.0, norm)


def from_flat_blocks(order: int, blocks: Iterable[Float]) -> tuple[Order, Index, Float]:
    """Cells of a full-sky NESTED map of one order, from consecutive blocks of its pixels; equal siblings merged.

    Each block is (columns, pixels); four siblings merge when all their columns are equal, again and again. Only what
    is left of a block stays in memory. Returns order, ipix and (columns, cells). ValueError past `MAX_CELLS` cells.
    """
    parts: list[tuple[Order, Index, Float]] = []
    first, count = 0, 0
    for block in blocks:
        _refuse_no_density(block[0])
        size = block.shape[1]
        ipix = np.arange(first, first + size, dtype=np.int64)
        parts.append(_merged(np.full(size, order, dtype=np.uint8), ipix, block))
        first, count = first + size, count + len(parts[-1][0])
        refuse_too_many(count)
    orders, cells = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    columns = np.empty((parts[0][2].shape[0], len(orders)))
    np.concatenate([part[2] for part in parts], axis=1, out=columns)
    del parts
    return _merged(orders, cells, columns)


def refuse_too_many(count: int) -> None:
    """ValueError when a map has more than `MAX_CELLS` cells."""
    if count > MAX_CELLS:
        raise ValueError(
            f"the map has more than {MAX_CELLS} cells even after merging equal neighbours; "
            "use its multi-order version, or a coarser one (NSIDE 512 or less)"
        )


def merge_siblings(m: SkyMap) -> SkyMap:
    """The same map with as few cells as can be: four equal siblings become their parent."""
    order, ipix, merged = _merged(m.order, m.ipix, np.stack(list(_columns(m).values())))
    return _with_columns(m, order, ipix, merged)


def split(m: SkyMap, cells: ArrayLike) -> SkyMap:
    """The same map with each of these cells (indices or mask) replaced by its four children."""
    chosen = np.zeros(len(m.ipix), dtype=np.bool_)
    chosen[np.asarray(cells)] = True
    if (m.order[chosen] >= MAX_ORDER).any():
        raise ValueError(f"cells of order {MAX_ORDER} have no children")
    parent = np.repeat(np.arange(len(m.ipix)), np.where(chosen, 4, 1))
    first = np.r_[True, parent[1:] != parent[:-1]]
    child = np.arange(len(parent)) - np.maximum.accumulate(np.where(first, np.arange(len(parent)), 0))
    order = (m.order[parent] + chosen[parent]).astype(np.uint8)
    ipix = np.where(chosen[parent], 4 * m.ipix[parent] + child, m.ipix[parent])
    columns = np.stack(list(_columns(m).values()))
    return _with_columns(m, order, ipix, columns[:, parent])


def _columns(m: SkyMap) -> dict[str, Float]:
    """By name, those that the map has: distances may come without their norm, or not at all."""
    columns = {"density": m.density, "distmu": m.distmu, "distsigma": m.distsigma, "distnorm": m.distnorm}
    return {name: column for name, column in columns.items() if column is not None}


def _with_columns(m: SkyMap, order: Order, ipix: Index, values: Float) -> SkyMap:
    """The map with these cells; `values` are (columns, cells) in the order of `_columns`."""
    return replace(m, order=order, ipix=ipix, **dict(zip(_columns(m), values, strict=True)))


def _merged(order: Order, ipix: Index, columns: Float) -> tuple[Order, Index, Float]:
    """Cells that ascend along the curve, equal siblings merged from the finest order up."""
    for level in range(int(order.max()), 0, -1):
        first = _equal_quartets(level, order, ipix, columns)
        if first.size == 0:
            continue
        keep = np.ones(len(order), dtype=np.bool_)
        for k in (1, 2, 3):
            keep[first + k] = False
        order, ipix = order.copy(), ipix.copy()
        order[first], ipix[first] = level - 1, ipix[first] >> 2
        order, ipix, columns = order[keep], ipix[keep], columns[:, keep]
    return order, ipix, columns


def _equal_quartets(level: int, order: Order, ipix: Index, columns: Float) -> Index:
    """Indices of first siblings of this order whose three sisters follow them with the same columns."""
    first = np.flatnonzero((order == level) & (ipix & 3 == 0))
    first = first[first + 3 < len(order)]
    for k in (3, 1, 2):
        same = (order[first + k] == level) & (ipix[first + k] == ipix[first] + k)
        for column in columns:
            same &= column[first + k] == column[first]
        first = first[same]
    return first


def _checked_cells(order: ArrayLike, ipix: ArrayLike) -> tuple[Order, Index]:
    given, cells = np.asarray(order), np.asarray(ipix, dtype=np.int64)
    if given.size == 0:
        raise ValueError("the map has no cells")
    if given.min() < 0 or given.max() > MAX_ORDER:
        raise ValueError(f"HEALPix orders run from 0 to {MAX_ORDER}, not {given.min()} to {given.max()}")
    refuse_too_many(given.size)
    levels = given.astype(np.uint8)
    bad = (cells < 0) | (cells >= np.int64(12) << (2 * levels.astype(np.int64)))
    if bad.any():
        raise ValueError(f"there is no cell {cells[bad][0]} at HEALPix order {levels[bad][0]}")
    return levels, cells


def _ascending(order: Order, ipix: Index) -> NDArray[np.intp] | None:
    """What sorts the cells along the curve; None when they are sorted."""
    start, _ = positions(order, ipix)
    return None if (start[1:] >= start[:-1]).all() else np.argsort(start, kind="stable")


def _refuse_overlap(order: Order, ipix: Index) -> None:
    start, stop = positions(order, ipix)
    clash = np.flatnonzero(stop[:-1] > start[1:])
    if clash.size:
        k = clash[0]
        raise ValueError(
            f"{clash.size} cells overlap the next one, the first at order {order[k]}, cell {ipix[k]}; "
            "each part of the sky may be given once"
        )


def _refuse_no_density(density: Float) -> None:
    if not np.isfinite(density).all():
        raise ValueError("some probabilities are infinite or not a number (NaN); ask for a corrected map")
    if density.min() < 0:
        raise ValueError(
            f"some probabilities are negative, down to {density.min():g} per sr; ask for a corrected map"
        )


def _normalised(order: Order, density: Float) -> Float:
    _refuse_no_density(density)
    total = float(np.sum(density * cell_area_sr(order)))  # not @: waking BLAS threads takes 9 ms
    if total == 0:
        raise ValueError("all probabilities are zero; ask for a corrected map")
    if abs(total - 1) > SUM_TOLERANCE:
        raise ValueError(f"the probabilities sum to {total:.6g}, not to 1; ask for a whole or a corrected map")
    return density if abs(total - 1) <= _EXACT else density / total
