"""IceCube's public point-source releases: how their tables are read and checked.

Two releases share their columns (MJD, log10(E/GeV), AngErr, RA, Dec, Azimuth, Zenith; degrees):

* 3 years (2010-2012): a zip with `IC79-2010-events.txt`, `IC86-2011-events.txt`, `IC86-2012-events.txt`;
* 10 years (2008-2018, doi:10.7910/DVN/VKL316): `events/IC40_exp.csv` … and `uptime/IC40_exp.csv` …, zipped or not.

The energy is that of the muon at the detector. `AngErr` is the circularised 1σ error of the direction: it stands
for σ in the two-dimensional Gaussian PSF and is calibrated to cover that way (readme of the 10-year release). The
10-year release never goes below 0.2°; the 3-year one does, so the same floor is applied to it.

Times: the readme calls MJD "ut1", "roughly millisecond precision". They are taken as UTC here, as the detector's
clock is GPS. Were they UT1 indeed, they would be off by at most 0.6 s in these years, of a 1000 s window.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from llama.advice import INSTALL_ICECUBE
from llama.formats.limits import MAX_TABLES_BYTES, read_limited, read_member, require_regular
from llama.science.times import gps_from_mjd, is_mjd, not_an_mjd
from llama.services.errors import ArchiveError, BadEvent

SIGMA_FLOOR_DEG = 0.2
RUN_EDGE_S = 1.0
"""The lists give whole seconds: an event this close to a run belongs to it, and runs this close touch."""

COLUMNS = ("gps", "mjd", "ra_deg", "dec_deg", "zenith_deg", "azimuth_deg", "sigma_deg", "energy_gev", "row")
UPTIME_NAMES = {"IC79-2010": "IC79", "IC86-2011": "IC86_I", "IC86-2012": "IC86_II"}
"""Which good-run list covers a season of the 3-year release."""

THREE_YEARS, TEN_YEARS = "icecube-3yr", "icecube-10yr"
_RELEASED = 7  # columns of a released table
_FETCH_AGAIN = INSTALL_ICECUBE.then("--force")
_ADVICE = f"fetch it again with {_FETCH_AGAIN}"


@dataclass(frozen=True, eq=False)
class Season:
    """One season of a release.

    Attributes:
        name: as the release spells it, `IC86-2011` or `IC86_I`.
        runs_gps: (m, 2) start and stop of the good-run intervals, ascending and disjoint.
        events: (len(COLUMNS), n) the events in order of time, one row per entry of COLUMNS.
    """

    name: str
    runs_gps: NDArray[np.float64]
    events: NDArray[np.float64]

    def column(self, name: str) -> NDArray[np.float64]:
        """One column of the events, by its name in COLUMNS."""
        column: NDArray[np.float64] = self.events[COLUMNS.index(name)]
        return column

    @property
    def livetime_s(self) -> float:
        """Seconds in good runs."""
        return float(np.sum(self.runs_gps[:, 1] - self.runs_gps[:, 0]))

    def in_good_run(self) -> NDArray[np.bool_]:
        """(n,) whether each event lies in a good run, whose edges are known to RUN_EDGE_S."""
        return in_intervals(self.column("gps"), self.runs_gps, RUN_EDGE_S)

    @property
    def rate_hz(self) -> float:
        """Events in good runs per second of livetime."""
        return float(np.count_nonzero(self.in_good_run()) / self.livetime_s)


@dataclass(frozen=True, eq=False)
class Sample:
    """A release: its name and its seasons in order of time. Two releases must not be mixed (their readme)."""

    name: str
    seasons: tuple[Season, ...]


def in_intervals(times: NDArray[np.float64], intervals: NDArray[np.float64], edge: float) -> NDArray[np.bool_]:
    """(n,) whether each time lies in one of the ascending disjoint intervals (m, 2), widened by `edge`."""
    if len(intervals) == 0:
        return np.zeros(times.shape, dtype=bool)
    before = np.clip(np.searchsorted(intervals[:, 0], times, side="right") - 1, 0, None)
    after = np.clip(before + 1, None, len(intervals) - 1)
    near = [(times >= intervals[i, 0] - edge) & (times <= intervals[i, 1] + edge) for i in (before, after)]
    inside: NDArray[np.bool_] = near[0] | near[1]
    return inside


def archive_digest(path: Path) -> str:
    """SHA-256 of the zip, or of the tables in a folder with their names. ArchiveError when neither is there."""
    digest = hashlib.sha256(uptime_table().encode())
    if path.is_file():
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    else:
        for name, content in _tables(path):
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def read_release(path: Path) -> Sample:
    """Read a release, a zip file or a folder. Raises ArchiveError that says what to do."""
    events: dict[str, NDArray[np.float64]] = {}
    uptime: dict[str, NDArray[np.float64]] = {}
    three_years = False
    for name, content in _tables(path):
        season = season_of(name)
        if PurePosixPath(name).parent.name == "uptime":
            uptime[season] = parse_numbers(content, name, 2)
            for column in uptime[season].T:
                _refuse(name, "MJD", column, ~is_mjd(column))
        else:
            three_years |= name.endswith("-events.txt")
            events[season] = event_columns(parse_numbers(content, name, _RELEASED), name)
    if not events:
        raise ArchiveError(f"{path} holds no IceCube events (IC…-events.txt or events/IC…_exp.csv); {_ADVICE}")
    packaged = packaged_uptime()
    seasons = []
    for name, columns in sorted(events.items(), key=lambda item: item[1][0, 0] if item[1].size else 0.0):
        days = uptime.get(name, packaged.get(UPTIME_NAMES.get(name, name)))
        if days is None:
            raise ArchiveError(f"{path}: there is no good-run list for {name}; add uptime/{name}_exp.csv")
        seasons.append(Season(name, runs_in_gps(days), columns))
    return Sample(THREE_YEARS if three_years else TEN_YEARS, tuple(seasons))


def season_of(name: str) -> str:
    """The season a table's name stands for."""
    return re.sub(r"(-events\.txt|_exp\.csv)$", "", PurePosixPath(name).name)


def _tables(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the event and uptime tables, in order of their names."""
    if path.is_dir():
        for file in sorted(path.rglob("IC*")):
            if _is_table(file.relative_to(path.parent).as_posix()):
                yield file.relative_to(path).as_posix(), read_limited(file, MAX_TABLES_BYTES, "a table of events")
        return
    require_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(filter(_is_table, archive.namelist())):
                yield name, read_member(archive, name, MAX_TABLES_BYTES, "a table of events")
    except FileNotFoundError as error:
        raise ArchiveError(f"there is no neutrino archive at {path}; run {INSTALL_ICECUBE}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ArchiveError(f"{path} is damaged ({error}); {_ADVICE}") from error
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read ({error.strerror})") from error


def _is_table(name: str) -> bool:
    pure = PurePosixPath(name)
    if "__MACOSX" in pure.parts or not pure.name.startswith("IC"):
        return False
    return pure.name.endswith("-events.txt") or (
        pure.name.endswith("_exp.csv") and pure.parent.name in ("events", "uptime")
    )


def parse_numbers(content: bytes, name: str, columns: int) -> NDArray[np.float64]:
    """A whitespace-separated table below one header line, (n, columns). ArchiveError names file and fault."""
    _, _, body = content.partition(b"\n")
    if not body.strip():
        return np.empty((0, columns))
    try:
        table = np.loadtxt(io.StringIO(body.decode("ascii")), ndmin=2, dtype=np.float64)
    except ValueError as error:
        raise ArchiveError(f"{name} is not a table of numbers ({error}); {_ADVICE}") from error
    if table.shape[1] != columns:
        raise ArchiveError(f"{name} has {table.shape[1]} columns where {columns} are expected; {_ADVICE}")
    return table


def event_columns(table: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Released rows (n, 7) as (len(COLUMNS), n), in order of time. BadEvent for a row that cannot be a neutrino."""
    mjd, log10_energy, error_deg, ra, dec, azimuth, zenith = table.T
    with np.errstate(over="ignore"):
        energy = 10.0**log10_energy
    _refuse(name, "MJD", mjd, ~is_mjd(mjd))
    _refuse(name, "energy (GeV)", energy, ~(np.isfinite(energy) & (energy > 0)))
    _refuse(name, "angular error (deg)", error_deg, ~(np.isfinite(error_deg) & (error_deg >= 0)))
    _refuse(name, "right ascension (deg)", ra, ~((ra >= 0) & (ra <= 360)))
    _refuse(name, "declination (deg)", dec, ~(np.abs(dec) <= 90))
    _refuse(name, "azimuth (deg)", azimuth, ~np.isfinite(azimuth))
    _refuse(name, "zenith (deg)", zenith, ~((zenith >= 0) & (zenith <= 180)))
    sigma = np.maximum(error_deg, SIGMA_FLOOR_DEG)
    gps = np.asarray(gps_from_mjd(mjd), dtype=np.float64).reshape(mjd.shape)
    columns = np.stack([gps, mjd, ra, dec, zenith, azimuth, sigma, energy, np.arange(len(mjd), dtype=np.float64)])
    return np.ascontiguousarray(columns[:, np.argsort(gps, kind="stable")])


def _refuse(name: str, what: str, values: NDArray[np.float64], bad: NDArray[np.bool_]) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        more = f", and {np.count_nonzero(bad) - 1} more rows" if np.count_nonzero(bad) > 1 else ""
        told = not_an_mjd(float(values[row])) if what == "MJD" else f"{values[row]:g}"
        raise BadEvent(f"{name}: row {row} (counting from 0) has {what} {told}{more}; {_ADVICE}")


def runs_in_gps(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Good runs (m, 2) in MJD as disjoint ascending intervals in GPS seconds; those that touch become one."""
    runs = np.asarray(gps_from_mjd(days[np.argsort(days[:, 0], kind="stable")]), dtype=np.float64).reshape(-1, 2)
    return join(runs, RUN_EDGE_S)


def join(intervals: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Intervals (m, 2), ascending by start, as disjoint ones; gaps up to `gap` are closed."""
    if len(intervals) == 0:
        return intervals.reshape(0, 2)
    stops = np.maximum.accumulate(intervals[:, 1])
    first = np.concatenate([[True], intervals[1:, 0] - stops[:-1] > gap])
    last = np.concatenate([first[1:], [True]])
    return np.column_stack([intervals[first, 0], stops[last]])


def uptime_table() -> str:
    """The packaged good-run intervals of all ten seasons, as text."""
    return resources.files("llama.data").joinpath("icecube_uptime.csv").read_text(encoding="utf-8")


def packaged_uptime() -> Mapping[str, NDArray[np.float64]]:
    """By season of the 10-year release, good-run intervals (m, 2) in MJD."""
    rows = [line.split(",") for line in uptime_table().splitlines() if line.startswith("IC")]
    days: dict[str, list[tuple[float, float]]] = {}
    for season, start, stop in rows:
        days.setdefault(season, []).append((float(start), float(stop)))
    return {season: np.array(intervals) for season, intervals in days.items()}
