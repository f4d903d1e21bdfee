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
from llama.science.sky import cell_area_sr, valid_distance

Cells = tuple[Order, Index, Float]
"""Order, NESTED index, and columns: density per sr, then mu, sigma, norm when the map has distances."""

ROUNDING = 1e-12
"""A cell's probability this little below zero is rounding of a sum that is one."""

_PROBABILITY = re.compile(r"(?P<density>PROB(?:ABILITY)?[ _-]?DENSITY)|PROB(?:ABILITY)?", re.IGNORECASE)
_UNIT_IN_NAME = re.compile(r"\s*(?:/\s*|[_ -]PER[_ -]|[\[(]\s*)(?P<unit>[^\])]+)[\])]?\s*", re.IGNORECASE)
_SAME = 1e-4
"""By how much, relative, two columns of one probability may differ: single precision, or a few digits of a text."""
_DISTANCE = {"DISTMU": "Mpc", "DISTSIGMA": "Mpc", "DISTNORM": "Mpc-2"}
DISTANCE_COLUMNS = frozenset(_DISTANCE)
_UNSEEN, _UNSEEN_TOLERANCE = -1.6375e30, 1e-5  # of HEALPix software, which compares it so
_PARSEC = re.compile(r"(k|m|g|kilo|mega|giga)?(?:pc|parsecs?)(?![a-z])", re.IGNORECASE)
_PREFIXES = {"": "", "k": "k", "m": "M", "g": "G", "kilo": "k", "mega": "M", "giga": "G"}
_PER_CELL = {"1/PIX", "PIX-1", "", "NONE", "PROB", "PROBABILITY", "UNITY", "PROB/PIX", "PROBABILITY/PIXEL"}


def probability_column(names: tuple[str, ...]) -> str | None:
    """The name of the column of probabilities, None when there is none."""
    return next(iter(_probabilities(names)), None)


def _probabilities(names: tuple[str, ...]) -> list[str]:
    """All columns of probabilities, the one to be read first: a density, else what is named without a unit."""
    kinds = {name: kind for name in names if (kind := _kind(name)) is not None}
    return sorted(kinds, key=lambda name: (not kinds[name][0], kinds[name][1] != "", len(name)))


def _kind(name: str) -> tuple[bool, str] | None:
    """Whether a column is called a density, and the unit that its name has (`prob/sr`); None for other columns."""
    found = _PROBABILITY.match(name)
    rest = name[found.end() :] if found else ""
    if found is None or (rest and not (unit := _UNIT_IN_NAME.fullmatch(rest))):
        return None
    given = f"1/{unit['unit'].strip()}" if rest and unit else ""
    if rest.lstrip()[:1] in ("[", "("):  # in brackets stands the unit itself
        given = given.removeprefix("1/")
    return found["density"] is not None, given


class Columns:
    """The columns of a table that are used, and what was met in them while they were read.

    Attributes:
        names: the column of probabilities, the three of the distance when there are any, and other columns that
            say the probabilities again.
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
        self._again = [name for name in self.names[1:] if name not in _DISTANCE]
        self._kept = len(self.names) - len(self._again)

    @property
    def fields(self) -> list[str]:
        """The fields of the table's rows that hold them, in order of `names`."""
        return [self.table.field(name) for name in self.names]

    def of(self, raw: list[NDArray[Any]], order: ArrayLike) -> Float:
        """(columns, n) density per steradian and distance in Mpc of cells of this order, from the stored values.

        SkyMapError where two columns of probabilities disagree.
        """
        columns = np.empty((self._kept, len(raw[0])))
        for column, name, stored in zip(columns, self.names, raw, strict=False):
            column[:] = self._scaled(name, stored, order)
        for name, stored in zip(self._again, raw[self._kept :], strict=True):
            self._compare(columns[0], name, self._scaled(name, stored, order), order)
        _clear_rounding(columns[0], order)
        if self._kept == 4:
            meant = (columns[0] > 0) & (columns[1:] > 0).all(axis=0) & np.isfinite(columns[1:]).all(axis=0)
            columns[1:] = valid_distance(columns[1], columns[2], columns[3])
            self.impossible += int(np.count_nonzero(meant & (columns[3] == 0)))
        return columns

    def _scaled(self, name: str, stored: NDArray[Any], order: ArrayLike) -> Float:
        column = np.array(self.table.native(stored, name), dtype=np.float64)
        if name not in _DISTANCE:
            self._clear_unseen(column, count=name == self.names[0])
        scale = self._units[name].scale
        with np.errstate(over="ignore"):  # damaged values may become infinite, which is refused later
            if scale is None:
                column /= cell_area_sr(order)
            elif scale != 1:
                column *= scale
        return column

    def _compare(self, density: Float, name: str, again: Float, order: ArrayLike) -> None:
        slack = _SAME * np.abs(density) + ROUNDING / cell_area_sr(order)
        if bad := int(np.count_nonzero(~(np.abs(again - density) <= slack))):
            raise SkyMapError(
                f"its columns {self.names[0]} and {name} disagree in {bad} or more cells, so one of them is not the "
                "map's probability; remove the wrong one, or get the file again from where it came"
            )

    def notes(self) -> list[str]:
        """What people should know of how the columns were read."""
        notes = [unit.note for unit in self._units.values() if unit.note]
        if self.unseen:
            notes.append(f"{self.unseen} pixels are marked as not observed (UNSEEN): no probability is there")
        return notes

    def _clear_unseen(self, column: Float, *, count: bool) -> None:
        unseen = np.abs(column - _UNSEEN) <= _UNSEEN_TOLERANCE * abs(_UNSEEN)
        if found := int(np.count_nonzero(unseen)):
            self.unseen += found if count else 0
            column[unseen] = 0.0


def _clear_rounding(density: Float, order: ArrayLike) -> None:
    negative = density < 0
    if negative.any():
        density[negative & (density * cell_area_sr(order) > -ROUNDING)] = 0.0


def _used(table: Table) -> list[str]:
    first, *again = _probabilities(table.names)
    distance = [name for name in _DISTANCE if name in table.names]
    if distance and len(distance) < len(_DISTANCE):
        missing = ", ".join(sorted(_DISTANCE.keys() - set(distance)))
        raise SkyMapError(f"the table has {distance[0]} but not {missing}; a distance takes {', '.join(_DISTANCE)}")
    used = [first, *distance, *again]
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
        self.scale = _of_probability(name, given) if target is None else self._distance_scale(name, given, target)

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


def _of_probability(name: str, given: str) -> float | None:
    """The scale by the unit, or by the name where that has one; SkyMapError when they are not the same."""
    is_density, in_name = _kind(name) or (False, "")
    if not given and not in_name:
        return 1.0 if is_density else None
    scales = [_probability_scale(name, unit) for unit in (given, in_name) if unit]
    if len(set(scales)) > 1:
        raise SkyMapError(
            f"column {name} is in {given!r}, which is not what its name says; correct TUNIT or the name"
        )
    return scales[0]


def _probability_scale(name: str, given: str) -> float | None:
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
