"""Gamma-ray bursts from the Fermi GBM burst catalogue, HEASARC's table `fermigbrst` as CSV.

It speaks for the time from its first burst to its last, with no word on when the detector was off: that is in the
model's `coverage`. An export without the column `error_radius` gets one radius for all.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama.ports import Burst, BurstWindow
from llama.science.localisation import sigma_of_radius
from llama.science.times import gps_from_mjd, utc_from_gps
from llama.services.errors import ArchiveError
from llama.services.window import require_window

ASSUMED_RADIUS_DEG = 10.0
"""Where the export has no `error_radius`: the middle of the 5° to 15° (1σ) of GCN's page on Fermi. An assumption."""

CONTAINMENT = 0.68
COLUMNS = ("name", "ra", "dec", "trigger_time", "t90", "fluence")


@dataclass(frozen=True, eq=False)
class BurstCatalogue:
    """A source of bursts over a catalogue; what it says is final.

    Attributes:
        name: how results name it.
        gps: (n,) trigger times in order, GPS seconds.
        rows: (n,) the table's rows, in that order.
    """

    name: str
    gps: NDArray[np.float64]
    rows: tuple[Mapping[str, str], ...]

    def window(self, start_gps: float, stop_gps: float) -> BurstWindow:
        """The catalogue's bursts with start <= time < stop."""
        require_window(start_gps, stop_gps)
        first, last = float(self.gps[0]), float(self.gps[-1])
        inside = slice(*np.searchsorted(self.gps, [start_gps, stop_gps]))
        covered_s = max(0.0, min(stop_gps, last) - max(start_gps, first))
        complete = first <= start_gps and stop_gps <= last
        why = f"{self.name} has only {utc_from_gps(first, 0)[:10]} to {utc_from_gps(last, 0)[:10]}"
        return BurstWindow(
            start_gps=start_gps,
            stop_gps=stop_gps,
            bursts=tuple(map(_burst, self.rows[inside], self.gps[inside].tolist())),
            covered_s=stop_gps - start_gps if complete else covered_s,
            complete=complete,
            why="" if complete else why,
        )

    def close(self) -> None:
        """Nothing is held open: what it knows was read into memory."""


def read_catalogue(path: Path) -> BurstCatalogue:
    """The catalogue in a CSV file. Raises ArchiveError that says what is wrong with it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArchiveError(f"the burst catalogue {path} cannot be read ({error})") from error
    if not rows or (missing := [column for column in COLUMNS if column not in rows[0]]):
        lacks = f"it lacks {', '.join(missing)}" if rows else "it is empty"
        raise ArchiveError(f"{path} is not HEASARC's table fermigbrst as CSV: {lacks}")
    try:
        mjd = np.array([_checked(row) for row in rows])
    except (ValueError, TypeError) as error:
        raise ArchiveError(f"{path}: a row that is no burst ({error})") from error
    order = np.argsort(mjd, kind="stable")
    gps = np.atleast_1d(gps_from_mjd(mjd[order]))
    return BurstCatalogue(f"GBM burst catalogue ({path.name})", gps, tuple(rows[k] for k in order))


def _checked(row: Mapping[str, str]) -> float:
    """MJD of a row; ValueError when it is no burst."""
    mjd, ra, dec = (float(row[column]) for column in ("trigger_time", "ra", "dec"))
    if not (math.isfinite(mjd) and math.isfinite(ra) and abs(dec) <= 90):
        raise ValueError(f"{row['name']} at MJD {mjd}, RA {ra}, Dec {dec}")
    _number(row["t90"]), _number(row["fluence"]), _number(row.get("error_radius"))
    return mjd


def _burst(row: Mapping[str, str], gps: float) -> Burst:
    given = _number(row.get("error_radius"))
    radius = given or ASSUMED_RADIUS_DEG
    return Burst(
        trigger_id=row.get("trigger_name") or f"bn{row['name'].removeprefix('GRB')}",
        name=row["name"],
        gps=gps,
        utc=utc_from_gps(gps),
        notice_type="catalogue",
        ra=float(row["ra"]),
        dec=float(row["dec"]),
        sigma=math.degrees(sigma_of_radius(math.radians(radius), CONTAINMENT)),
        error_radius=radius,
        containment=CONTAINMENT,
        error_source="68 %, statistical"
        if given
        else f"assumed to be {radius:g}° (68 %): the catalogue gives none above zero",
        t90_s=_number(row["t90"]),
        fluence=_number(row["fluence"]),
    )


def _number(text: str | None) -> float | None:
    """A number above zero; None when there is none."""
    value = float(text) if text else 0.0
    return value if value > 0 and math.isfinite(value) else None
