"""Which columns of a burst catalogue are read, however their names are written, and in which unit they are.

HEASARC writes `error_radius`; people and programs that save the table again write `Error_Radius`, `RA (deg)` or
`error_radius_arcmin`. A column that may be the error of a position and is not understood is refused, not passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

_ANGLE = {
    "": 1.0, "deg": 1.0, "degree": 1.0, "degrees": 1.0, "rad": math.degrees(1), "radians": math.degrees(1),
    "arcmin": 1 / 60, "arcminute": 1 / 60, "arcminutes": 1 / 60,
    "arcsec": 1 / 3600, "arcsecond": 1 / 3600, "arcseconds": 1 / 3600,
}  # fmt: skip
_UNITS: Mapping[str, Mapping[str, float]] = {
    "name": {"": 1.0},
    "trigger_name": {"": 1.0},
    "ra": _ANGLE,
    "dec": _ANGLE,
    "error_radius": _ANGLE,
    "trigger_time": {"": 1.0, "mjd": 1.0},
    "t90": {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3},
    "fluence": {"": 1.0, "erg_cm2": 1.0, "erg_cm_2": 1.0},
}
"""By column: what follows its name, and what that is in degrees, days (MJD), seconds and erg cm⁻²."""

_ERRORS = re.compile(r"radius|^(err(or)?|sigma)(_|$)|^(ra|dec|pos|position|loc|localization)_.*(err|unc|sigma)")


class ColumnError(ValueError):
    """A column whose meaning cannot be told; the message names it."""


def meaning(name: str) -> tuple[str, float] | None:
    """Which of the table's columns a name means, and its unit in that column's; None for one that is not read.

    Raises ColumnError for what may be the error of a position in a way that is not known.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    for column, units in _UNITS.items():
        for unit, factor in units.items():
            if plain == "_".join(filter(None, (column, unit))):
                return column, factor
    if _ERRORS.search(plain):
        raise ColumnError(f"its column {name!r} is not understood; call it error_radius, in degrees, or leave it out")
    return None


def meanings(names: Sequence[str]) -> Mapping[str, tuple[str, float]]:
    """Of all columns that are read; ColumnError names two that mean the same."""
    known: dict[str, tuple[str, float]] = {}
    for name in names:
        if (found := meaning(name)) is None:
            continue
        twin = next((other for other, (column, _) in known.items() if column == found[0]), None)
        if twin is not None:
            raise ColumnError(f"its columns {twin!r} and {name!r} both mean {found[0]}; leave one of them out")
        known[name] = found
    return known


def in_unit(value: str, factor: float) -> str:
    """A value in its column's unit; what is no number stays as it is, for whoever reads the row to refuse."""
    if factor == 1.0 or not value:
        return value
    try:
        return repr(float(value) * factor)
    except ValueError:
        return value
