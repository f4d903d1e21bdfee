"""Gamma-ray bursts from the Fermi GBM burst catalogue, HEASARC's table `fermigbrst` as CSV.

It speaks for the time from its first burst to its last, with no word on when the detector was off: that is in the
model's `coverage`. An export without the column `error_radius` gets one radius for all.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.ports import Burst, BurstWindow, Stretch
from llama.science.sky import declination_deg, right_ascension_deg, sigma_of_radius
from llama.science.statistic import LEAST_SIGMA_RAD
from llama.science.times import gps_from_mjd, is_mjd, not_an_mjd, utc_from_gps
from llama.services.errors import ArchiveError
from llama.services.fermi.columns import ColumnError, in_unit, meanings
from llama.services.window import require_window

ASSUMED_RADIUS_DEG = 10.0
"""Where the export has no `error_radius`: the middle of the 5° to 15° (1σ) of GCN's page on Fermi. An assumption."""

CONTAINMENT = 0.68
MOST_RADIUS_DEG = 180.0
LEAST_RADIUS_DEG = math.degrees(LEAST_SIGMA_RAD / sigma_of_radius(1.0, CONTAINMENT))
"""Of the smallest σ that the statistic resolves."""

COLUMNS = ("name", "ra", "dec", "trigger_time", "t90", "fluence")
_HEADER_AND_ROW = 2  # lines, at the least


@dataclass(frozen=True, eq=False)
class BurstCatalogue:
    """A source of bursts over a catalogue; what it says is final.

    Attributes:
        name: how results name it.
        gps: (n,) trigger times in order, GPS seconds.
        rows: (n,) the table's rows, in that order.
        repeated: triggers that the table holds more than once, and are here once.
    """

    name: str
    gps: NDArray[np.float64]
    rows: tuple[Mapping[str, str], ...]
    repeated: frozenset[str] = frozenset()

    def window(self, start_gps: float, stop_gps: float) -> BurstWindow:
        """The catalogue's bursts with start <= time < stop."""
        require_window(start_gps, stop_gps)
        first, last = float(self.gps[0]), float(self.gps[-1])
        inside = slice(*np.searchsorted(self.gps, [start_gps, stop_gps]))
        known = Stretch(max(start_gps, first), min(stop_gps, last))
        covered_s = max(0.0, known.stop_gps - known.start_gps)
        complete = first <= start_gps and stop_gps <= last
        why = f"{self.name} has only {utc_from_gps(first, 0)[:10]} to {utc_from_gps(last, 0)[:10]}"
        bursts = tuple(map(_burst, self.rows[inside], self.gps[inside].tolist()))
        twice = [burst.trigger_id for burst in bursts if burst.trigger_id in self.repeated]
        told = [f"{name} is in the catalogue more than once, counted once" for name in twice]
        return BurstWindow(
            start_gps=start_gps,
            stop_gps=stop_gps,
            bursts=bursts,
            covered_s=stop_gps - start_gps if complete else covered_s,
            complete=complete,
            why="; ".join([*([] if complete else [why]), *told]),
            covered=(known,) if covered_s else (),
        )

    def close(self) -> None:
        """Nothing is held open: what it knows was read into memory."""


def read_catalogue(path: Path) -> BurstCatalogue:
    """The catalogue in a CSV file. Raises ArchiveError that says what is wrong with it, and in which line."""
    different: dict[str, Mapping[str, str]] = {}
    repeated: list[str] = []
    times: list[float] = []
    for line, row in _rows(path):
        mjd, trigger = _checked(row, f"{path}, line {line}"), _trigger_id(row)
        if trigger not in different:
            different[trigger] = row
            times.append(mjd)
        elif different[trigger] == row:
            repeated.append(trigger)
        else:
            raise ArchiveError(
                f"{path}, line {line}: {trigger} is there already, with other values; keep one of both"
            )
    order = np.argsort(times, kind="stable")
    gps = np.atleast_1d(gps_from_mjd(np.array(times)[order]))
    kept = tuple(different.values())
    return BurstCatalogue(
        f"GBM burst catalogue ({path.name})", gps, tuple(kept[k] for k in order), frozenset(repeated)
    )


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows by the number of their line, each with the columns that are read, in the table's own units."""
    try:
        text = read_text(path, MAX_RECORD_BYTES, "a burst catalogue")
        reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
        lines = [(reader.line_num, [value.strip() for value in line]) for line in reader if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArchiveError(f"the burst catalogue {path} cannot be read ({error})") from error
    names = lines[0][1] if lines else []
    try:
        known = _known(names, empty=len(lines) < _HEADER_AND_ROW)
    except ColumnError as error:
        raise ArchiveError(f"{path} is not HEASARC's table fermigbrst as CSV: {error}") from error
    # what stands beyond the last column is nobody's
    return [(number, _read(dict(zip(names, line, strict=False)), known)) for number, line in lines[1:]]


def _read(line: Mapping[str, str], known: Mapping[str, tuple[str, float]]) -> dict[str, str]:
    return {column: in_unit(line[name], factor) for name, (column, factor) in known.items() if name in line}


def _known(names: list[str], *, empty: bool) -> Mapping[str, tuple[str, float]]:
    """What the columns mean; ColumnError when they are not this table's."""
    if empty:
        raise ColumnError("it is empty")
    if other := next((mark for mark in (";", "\t", "|") if any(mark in name for name in names)), ""):
        raise ColumnError(f"its columns are separated by {other!r}; write commas")
    known = meanings(names)
    there = [column for column, _ in known.values()]
    if missing := [column for column in COLUMNS if column not in there]:
        raise ColumnError(f"it lacks {', '.join(missing)}")
    return known


def _checked(row: Mapping[str, str], where: str) -> float:
    """MJD of a row; ArchiveError, which begins with `where`, when it is no burst."""
    try:
        mjd, ra, dec = (float(row[column]) for column in ("trigger_time", "ra", "dec"))
        if not is_mjd(mjd):
            raise ValueError(f"trigger_time {not_an_mjd(mjd)}")
        right_ascension_deg(ra), declination_deg(dec)
        _number(row, "t90"), _number(row, "fluence"), _radius(row)
    except (ValueError, KeyError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ArchiveError(f"{where}: {row.get('name') or 'a row'} is no burst: {reason}; correct it") from error
    return mjd


def _trigger_id(row: Mapping[str, str]) -> str:
    return row.get("trigger_name") or f"bn{row['name'].removeprefix('GRB')}"


def _burst(row: Mapping[str, str], gps: float) -> Burst:
    given = _radius(row)
    radius = given or ASSUMED_RADIUS_DEG
    return Burst(
        trigger_id=_trigger_id(row),
        name=row["name"],
        gps=gps,
        utc=utc_from_gps(gps),
        notice_type="catalogue",
        ra=right_ascension_deg(float(row["ra"])),
        dec=float(row["dec"]),
        sigma=math.degrees(sigma_of_radius(math.radians(radius), CONTAINMENT)),
        error_radius=radius,
        containment=CONTAINMENT,
        error_source="68 %, statistical"
        if given
        else f"assumed to be {radius:g}° (68 %): the catalogue gives none above zero",
        t90_s=_number(row, "t90"),
        fluence=_number(row, "fluence"),
    )


def _number(row: Mapping[str, str], column: str) -> float | None:
    """A number above zero; None when there is none, or 0. ValueError names the column of what is no such number."""
    text = row.get(column)
    value = float(text) if text else 0.0
    if not 0 <= value < math.inf:
        raise ValueError(f"{column} is {text}, which is no number from 0 up; leave it empty where it is not known")
    return value or None


def _radius(row: Mapping[str, str]) -> float | None:
    """The radius of the error of a position, deg; None when there is none, or 0."""
    found = _number(row, "error_radius")
    if found is not None and not LEAST_RADIUS_DEG <= found <= MOST_RADIUS_DEG:
        raise ValueError(
            f"error_radius is {found:g} deg; it must be from {LEAST_RADIUS_DEG:.1g} to {MOST_RADIUS_DEG:g} deg, or "
            "empty where it is not known"
        )
    return found
