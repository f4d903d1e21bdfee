"""Which columns of a sky map table mean what, and in which unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units
from numpy.typing import ArrayLike, NDArray

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table
from llama.science.arrays import Float, Index, Order
from llama.science.sky import cell_area_sr, valid_distance

Cells = tuple[Order, Index, Float]
"""Order, NESTED index, and columns: density per sr, then mu, sigma, norm when the map has distances."""

_PROBABILITY = ("PROBDENSITY", "PROB", "PROBABILITY")
_DISTANCE = {"DISTMU": "Mpc", "DISTSIGMA": "Mpc", "DISTNORM": "Mpc-2"}


def probability_column(names: tuple[str, ...]) -> str | None:
    """The name of the column of probabilities, None when there is none."""
    return next((name for name in _PROBABILITY if name in names), None)


def used_columns(table: Table) -> list[str]:
    """The column of probabilities, and the three of the distance when there are any.

    SkyMapError when the distance is incomplete or the columns do not have as many values each.
    """
    used = [name for name in [probability_column(table.names)] if name is not None]
    distance = [name for name in _DISTANCE if name in table.names]
    if distance and len(distance) < len(_DISTANCE):
        missing = ", ".join(sorted(_DISTANCE.keys() - set(distance)))
        raise SkyMapError(f"the table has {distance[0]} but not {missing}; a distance takes {', '.join(_DISTANCE)}")
    used += distance
    if any(table.dtype[table.field(name)].base.kind not in "fiu" for name in used):
        raise SkyMapError("its probabilities or distances are no numbers; get the file again from where it came")
    if len({table.per_row(name) for name in used}) != 1:
        raise SkyMapError("its columns do not have as many values each; get the file again from where it came")
    return used


def columns_of(table: Table, used: list[str], raw: list[NDArray[Any]], order: ArrayLike) -> Float:
    """(columns, n) density per steradian and distance in Mpc of cells of this order, from the stored values."""
    columns = np.empty((len(used), len(raw[0])))
    for column, name, stored in zip(columns, used, raw, strict=True):
        column[:] = table.native(stored, name)
        scale = _scale(name, table.unit(name))
        with np.errstate(over="ignore"):  # damaged values may become infinite, which is refused later
            if scale is None:
                column /= cell_area_sr(order)
            elif scale != 1:
                column *= scale
    if len(used) == 4:
        columns[1:] = valid_distance(columns[1], columns[2], columns[3])
    return columns


def _scale(name: str, unit: str) -> float | None:
    """What to multiply by to get 1/sr, Mpc or Mpc⁻²; None for a probability per cell."""
    target = _DISTANCE.get(name, "sr-1")
    if unit in {target, ""}:
        return None if not unit and name in {"PROB", "PROBABILITY"} else 1.0
    try:
        given = units.Unit(unit)
        if target == "sr-1" and (given == units.pix**-1 or given == units.dimensionless_unscaled):
            return None
        return float(given.to(target))
    except (ValueError, TypeError) as error:  # UnitConversionError is a TypeError
        raise SkyMapError(f"column {name} is in {unit!r}, which is no {target}") from error
