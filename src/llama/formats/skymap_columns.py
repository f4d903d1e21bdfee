"""Which columns of a sky map table mean what, and in which unit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astropy import units
from numpy.typing import ArrayLike, NDArray

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table
from llama.science.arrays import Float, Index, Order
from llama.science.sky import SkyMap, cell_area_sr, likeliest_distance, valid_distance

Cells = tuple[Order, Index, Float]
"""Order, NESTED index, and columns: density per sr, then mu, sigma, norm when the map has distances."""

ROUNDING = 1e-12
"""A cell's probability this little below zero is rounding of a sum that is one."""

NEAREST_MPC, FARTHEST_MPC = 1e-3, 1e6
"""Distances that a merger can have: from inside the Galaxy to farther than any galaxy that is known (z = 14 is
1.5e5 Mpc away)."""

_PROBABILITY = ("PROBDENSITY", "PROB", "PROBABILITY")
_DISTANCE = {"DISTMU": "Mpc", "DISTSIGMA": "Mpc", "DISTNORM": "Mpc-2"}
_UNSEEN, _UNSEEN_TOLERANCE = -1.6375e30, 1e-5  # of HEALPix software, which compares it so
_PARSEC = re.compile(r"(k|m|g|kilo|mega|giga)?(?:pc|parsecs?)(?![a-z])", re.IGNORECASE)
_PREFIXES = {"": "", "k": "k", "m": "M", "g": "G", "kilo": "k", "mega": "M", "giga": "G"}
_PER_CELL = {"1/PIX", "PIX-1", "", "NONE", "PROB", "PROBABILITY", "UNITY", "PROB/PIX", "PROBABILITY/PIXEL"}


def probability_column(names: tuple[str, ...]) -> str | None:
    """The name of the column of probabilities, None when there is none."""
    return next((name for name in _PROBABILITY if name in names), None)


class Columns:
    """The columns of a table that are used, and what was met in them while they were read.

    Attributes:
        names: the column of probabilities, and the three of the distance when there are any.
        per_row: how many values of each one row holds.
        unseen: how many cells were marked as not observed so far.
        impossible: how many had a distance that is written as one, but that nothing can have.
    """

    def __init__(self, table: Table) -> None:
        """SkyMapError when the distance is incomplete, or the columns do not have as many values each."""
        self.table = table
        self.names = _used(table)
        self.per_row = table.per_row(self.names[0])
        self.unseen = self.impossible = 0
        self._units = {name: _Unit(name, table.unit(name)) for name in self.names}

    @property
    def fields(self) -> list[str]:
        """The fields of the table's rows that hold them, in order of `names`."""
        return [self.table.field(name) for name in self.names]

    def of(self, raw: list[NDArray[Any]], order: ArrayLike) -> Float:
        """(columns, n) density per steradian and distance in Mpc of cells of this order, from the stored values."""
        columns = np.empty((len(self.names), len(raw[0])))
        for column, name, stored in zip(columns, self.names, raw, strict=True):
            column[:] = self.table.native(stored, name)
            if name == self.names[0]:
                self._clear_unseen(column)
            scale = self._units[name].scale
            with np.errstate(over="ignore"):  # damaged values may become infinite, which is refused later
                if scale is None:
                    column /= cell_area_sr(order)
                elif scale != 1:
                    column *= scale
        _clear_rounding(columns[0], order)
        if len(self.names) == 4:
            meant = (columns[0] > 0) & (columns[1:] > 0).all(axis=0) & np.isfinite(columns[1:]).all(axis=0)
            columns[1:] = valid_distance(columns[1], columns[2], columns[3])
            self.impossible += int(np.count_nonzero(meant & (columns[3] == 0)))
        return columns

    def notes(self) -> list[str]:
        """What people should know of how the columns were read."""
        notes = [unit.note for unit in self._units.values() if unit.note]
        if self.unseen:
            notes.append(f"{self.unseen} pixels are marked as not observed (UNSEEN): no probability is there")
        return notes

    def _clear_unseen(self, column: Float) -> None:
        unseen = np.abs(column - _UNSEEN) <= _UNSEEN_TOLERANCE * abs(_UNSEEN)
        self.unseen += (found := int(np.count_nonzero(unseen)))
        if found:
            column[unseen] = 0.0


def distance_note(m: SkyMap, columns: Columns) -> str:
    """What to tell of a map whose distances are none, empty where all is well.

    SkyMapError when no merger is seen as near or as far as it says: then the distances are in another unit.
    """
    if m.distmu is None:
        return ""
    typical = likeliest_distance(m)
    if typical is None and not columns.impossible:
        return "its likeliest directions have no valid distance (DISTMU, DISTSIGMA, DISTNORM)"
    if typical is None or not NEAREST_MPC < typical < FARTHEST_MPC:
        found = "beyond all that can be" if typical is None else f"about {typical:.3g} Mpc"
        raise SkyMapError(
            f"its distances are {found}, where no merger is seen; correct the units (TUNIT) of "
            "DISTMU, DISTSIGMA and DISTNORM"
        )
    return ""


def _clear_rounding(density: Float, order: ArrayLike) -> None:
    negative = density < 0
    if negative.any():
        density[negative & (density * cell_area_sr(order) > -ROUNDING)] = 0.0


def _used(table: Table) -> list[str]:
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


class _Unit:
    """How a column's unit was understood.

    Attributes:
        scale: what to multiply by to get 1/sr, Mpc or Mpc⁻²; None for a probability per cell.
        note: what people should know, empty when the unit is the usual one.
    """

    def __init__(self, name: str, given: str) -> None:
        target = _DISTANCE.get(name)
        self.note = ""
        self.scale = _probability_scale(name, given) if target is None else self._distance_scale(name, given, target)

    def _distance_scale(self, name: str, given: str, target: str) -> float:
        """Parsecs are read in any capitals: `mpc` is what people write for Mpc; no merger is milliparsecs away."""
        if given == target:
            return 1.0
        if not given:
            self.note = f"column {name} has no unit: taken as {target}"
            return 1.0
        meant = _PARSEC.sub(lambda found: _PREFIXES[(found[1] or "").lower()] + "pc", given)
        scale = _converted(name, given, meant, target)
        if meant != given or scale != 1:
            self.note = f"column {name} is in {given!r}: read as {meant}"
        return scale


def _probability_scale(name: str, given: str) -> float | None:
    if not given:
        return None if name != "PROBDENSITY" else 1.0
    spelt = re.sub(r"pixels?|pix", "pix", given.lower())
    if spelt.upper().replace(" ", "") in _PER_CELL:
        return None
    spelt = re.sub(r"steradians?", "sr", re.sub(r"degrees?", "deg", spelt))
    try:
        if (unit := units.Unit(spelt)) in (units.pix**-1, units.dimensionless_unscaled):
            return None
    except (ValueError, TypeError):
        unit = None
    return _converted(name, given, unit if unit is not None else spelt, "sr-1")


def _converted(name: str, given: str, meant: Any, target: str) -> float:
    try:
        return float(units.Unit(meant).to(target))
    except (ValueError, TypeError) as error:  # UnitConversionError is a TypeError
        raise SkyMapError(f"column {name} is in {given!r}, which is no {target}") from error
