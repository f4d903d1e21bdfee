"""The public formats that a season is made from: events, good runs, effective area, energy smearing.

Those of IceCube's 3-year and 10-year point-source releases, told apart by what is in them. A file inside a zip is
named like one in a folder, `3year-data-release.zip/3year-data-release/IC86-2012-events.txt`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.formats.errors import TableError
from llama.formats.limits import MAX_TABLES_BYTES, read_limited, read_member
from llama.science.arrays import Float
from llama.science.detector import SIN_DEC, TRUE_EDGES, Smearing
from llama.science.times import is_mjd, not_an_mjd

_EVENT_COLUMNS = 7
_AREA_COLUMNS = 5
_SMEARING_COLUMNS = 11
_DAY_S = 86400.0
_CM2_PER_M2 = 1e4
_EDGE_DAYS = 1.0 / _DAY_S
_LEAST_EVENTS = 1000
_MOST_SILENT = 0.01
_MOST_BY_CHANCE = 20.0
_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError)
BANDS_DEG = {"dec_m50": (-90.0, -10.0), "dec_0": (-10.0, 10.0), "dec_p50": (10.0, 90.0)}
"""Of the compact matrices that the PLEnuM project made of the 10-year release's."""
_PLENUM = "the 10-year release's IC86_II season"


@dataclass(frozen=True)
class GivenFile:
    """A file's content, and its name and digest for people. `path` may lead into a zip."""

    path: Path
    content: bytes
    container: Path

    @property
    def digest(self) -> str:
        """SHA-256 of the file on disk: of the zip, where it is in one."""
        return hashlib.sha256(read_limited(self.container, MAX_TABLES_BYTES, "a data set")).hexdigest()

    @property
    def told(self) -> str:
        return f"{self.container.name} sha256 {self.digest[:16]}"


def find(path: Path) -> GivenFile:
    """Read a file, or one in a zip. TableError when there is none."""
    container = next((one for one in (path, *path.parents) if one.is_file()), None)
    if container is None:
        raise TableError(f"there is no file {path}")
    if container == path:
        return GivenFile(path, read_limited(path, MAX_TABLES_BYTES, "a table"), path)
    member = path.relative_to(container).as_posix()
    try:
        with zipfile.ZipFile(container) as archive:
            return GivenFile(path, read_member(archive, member, MAX_TABLES_BYTES, "a table"), container)
    except _ZIP as error:
        raise TableError(f"{member} cannot be read out of {container}: {error}") from error


def _numbers(found: GivenFile, columns: int, what: str) -> Float:
    """A table of numbers below one line of header, (n, columns)."""
    _, _, body = found.content.partition(b"\n")
    if not body.strip():
        raise TableError(f"{found.path} is not {what}: it has no rows")
    try:
        table: Float = np.loadtxt(io.StringIO(body.decode("ascii")), ndmin=2, dtype=np.float64)
    except ValueError as error:
        raise TableError(f"{found.path} is not {what}: {error}") from error
    if table.ndim != 2 or table.shape[1] != columns or not len(table):
        raise TableError(f"{found.path} is not {what}: it has {table.shape[-1]} columns in {len(table)} rows")
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(axis=1)))
        raise TableError(f"{found.path}: row {row} (counting from 0) has what is no number")
    return table


def read_events(found: GivenFile) -> Float:
    """(n, 7) events: MJD, log10(E/GeV), AngErr, RA, Dec, Azimuth, Zenith (deg), as both releases have them."""
    table = _numbers(found, _EVENT_COLUMNS, "a table of events")
    mjd, dec = table[:, 0], table[:, 4]
    for what, values, good in (
        ("MJD", mjd, is_mjd(mjd)),
        ("declination (deg)", dec, np.abs(dec) <= 90),
        ("angular error (deg)", table[:, 2], (table[:, 2] >= 0) & (table[:, 2] <= 180)),
    ):
        if not np.all(good):
            row = int(np.argmin(good))
            told = not_an_mjd(float(values[row])) if what == "MJD" else f"{values[row]:g}"
            raise TableError(f"{found.path}: row {row} (counting from 0) has {what} {told}")
    return table


def read_runs(found: GivenFile) -> Float:
    """(m, 2) start and stop of good runs, MJD, in order of time. TableError where they overlap."""
    runs = _numbers(found, 2, "a list of good runs")
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    if not np.all(is_mjd(runs)) or not np.all(runs[:, 1] > runs[:, 0]):
        row = int(np.argmin(np.all(is_mjd(runs), axis=1) & (runs[:, 1] > runs[:, 0])))
        raise TableError(f"{found.path}: no run is from MJD {runs[row, 0]} to {runs[row, 1]}")
    return runs


def livetime_s(runs: Float, where: str) -> float:
    """Seconds of good runs; TableError where two overlap by more than the second that lists are rounded to."""
    late = runs[1:, 0] - np.maximum.accumulate(runs[:, 1])[:-1] < -_EDGE_DAYS
    if late.any():
        row = int(np.argmax(late)) + 1
        raise TableError(f"{where}: the run from MJD {runs[row, 0]} begins before another ends; time counts once")
    return float(np.diff(runs, axis=1).sum() * _DAY_S)


def inside(mjd: Float, runs: Float) -> NDArray[np.bool_]:
    """(n,) whether each time lies in a run, whose edges are known to a second."""
    at = np.clip(np.searchsorted(runs[:, 0], mjd + _EDGE_DAYS, side="right") - 1, 0, None)
    return np.asarray((mjd >= runs[at, 0] - _EDGE_DAYS) & (mjd <= runs[at, 1] + _EDGE_DAYS))


def check_one_sample(events: Float, runs: Float, name: str) -> None:
    """TableError for few events, for some that are there twice, or where much of the good time holds none.

    Of few the background is not known: where they leave energies and declinations empty, p-values would be as low as
    one likes. With the others the rate would be wrong. Real lists have a few hours without events, 0.1 % of a season;
    a season that is missing is more, and is more than chance leaves empty.
    """
    if len(events) < _LEAST_EVENTS:
        raise TableError(f"{name} has {len(events)} events; a background needs {_LEAST_EVENTS} or more")
    if twice := len(events) - len(np.unique(events, axis=0)):
        raise TableError(f"{twice} of {len(events)} events of {name} are there twice; each counts once")
    lengths = np.diff(runs, axis=1)[:, 0]
    before = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.clip(np.searchsorted(runs[:, 0], events[:, 0], side="right") - 1, 0, None)
    passed = np.sort(before[at] + np.clip(events[:, 0] - runs[at, 0], 0.0, lengths[at]))
    silent = float(np.diff(np.concatenate([[0.0], passed, before[-1:]])).max())
    expected = len(events) * silent / before[-1]
    if silent > _MOST_SILENT * before[-1] and expected > _MOST_BY_CHANCE + np.log(len(events)):
        raise TableError(
            f"{silent:.1f} of {before[-1]:.1f} days of good runs of {name} pass without an event, where "
            f"{expected:.0f} are expected: are these lists of one sample?"
        )


def read_area(found: GivenFile) -> Float:
    """(60, 100) effective area in cm² on TRUE_EDGES and SIN_DEC.

    The 3-year release has energies in GeV, cosines of the zenith and m², the 10-year release logarithms of energies,
    declinations and cm².
    """
    rows = _numbers(found, _AREA_COLUMNS, "a table of effective areas")
    by_cosine = bool(np.abs(rows[:, 2:4]).max() <= 1)
    if by_cosine:
        log10_energy = _rounded(np.log10(rows[:, 0]), 3)
        sin_edges = (-rows[:, 3], -rows[:, 2])  # cos θ = −sin δ at the South Pole
        area = rows[:, 4] * _CM2_PER_M2
    else:
        log10_energy = rows[:, 0]
        sin_edges = (np.sin(np.radians(rows[:, 2])), np.sin(np.radians(rows[:, 3])))
        area = rows[:, 4]
    low, energy_bin = np.unique(_rounded(log10_energy, 6), return_inverse=True)
    south, dec_bin = np.unique(_rounded(sin_edges[0], 8), return_inverse=True)
    if low.size * south.size != len(rows):
        raise TableError(f"{found.path}: {len(rows)} rows are no grid of {low.size} energies and {south.size} bands")
    if (area < 0).any():
        raise TableError(f"{found.path} has an effective area below 0")
    grid = np.zeros((low.size, south.size))
    grid[energy_bin, dec_bin] = area
    return _on_declinations(_on_energies(grid, low), south, found)


def _on_energies(grid: Float, low: Float) -> Float:
    """Each bin of TRUE_EDGES has the area of the table's bin around its middle; none outside of the table."""
    middle = (TRUE_EDGES[1:] + TRUE_EDGES[:-1]) / 2
    at = np.searchsorted(low, middle, side="right") - 1
    top = 2 * low[-1] - low[-2] if low.size > 1 else low[-1]
    known = (at >= 0) & (middle < top)
    return np.where(known[:, None], grid[np.clip(at, 0, None)], 0.0)


def _on_declinations(grid: Float, south: Float, found: GivenFile) -> Float:
    """On SIN_DEC: the mean of finer bins of equal solid angle, else linear between the middles of coarser ones."""
    bins = south.size
    if not np.allclose(south, np.linspace(-1, 1, bins + 1)[:-1], atol=2e-4):
        raise TableError(f"{found.path}: its bands of declination are not of equal solid angle over the whole sky")
    if bins % SIN_DEC.size == 0:
        return np.asarray(grid.reshape(len(grid), SIN_DEC.size, -1).mean(axis=2))
    middles = (-1 + 1 / bins) + (2 / bins) * np.arange(bins)
    return np.array([np.interp(SIN_DEC, middles, row) for row in grid])


def read_smearing(found: GivenFile) -> Smearing:
    """PLEnuM's compact matrices (npz), or a smearing table as the 10-year release has them (csv)."""
    if found.content[:2] == b"PK":
        return _compact(found)
    return _official(found)


def _compact(found: GivenFile) -> Smearing:
    try:
        with np.load(io.BytesIO(found.content), allow_pickle=False) as file:
            kernels: dict[str, Any] = {band: file[band] for band in BANDS_DEG}
            edges, true_edges = _rounded(file["logE_reco_edges"], 10), _rounded(file["logE_true_edges"], 10)
    except (OSError, ValueError, *_ZIP) as error:
        raise TableError(f"{found.path} holds no energy smearing: {error}") from error
    bins = TRUE_EDGES.size - 1
    if not np.allclose(true_edges[: bins + 1], TRUE_EDGES) or any(
        kernel.shape != (edges.size - 1, true_edges.size - 1) for kernel in kernels.values()
    ):
        raise TableError(f"{found.path}: its energies are not those of the tables, {TRUE_EDGES[0]:g} on in 0.1 dex")
    bands = tuple((*BANDS_DEG[band], kernel[:, :bins]) for band, kernel in kernels.items())
    return Smearing(bands, edges, _PLENUM)


def _official(found: GivenFile) -> Smearing:
    """Fractions by true energy, declination, reconstructed energy, PSF and angular error, added up over the last two.

    A true energy's fractions are those of its bin, spread evenly within each bin of reconstructed energy.
    """
    rows = _numbers(found, _SMEARING_COLUMNS, "a smearing table")
    true_low, true_high, south, north, low, high = rows[:, :6].T
    fraction = rows[:, -1]
    if (fraction < 0).any() or (high <= low).any():
        raise TableError(f"{found.path} has a fraction below 0, or a bin of energy that ends before it begins")
    first, last = np.floor(10 * low.min()) / 10, np.ceil(10 * high.max()) / 10
    edges = _rounded(np.linspace(first, last, round(10 * (last - first)) + 1), 10)
    middle = (TRUE_EDGES[1:] + TRUE_EDGES[:-1]) / 2
    bands = []
    for a, b in sorted(set(zip(south.tolist(), north.tolist(), strict=True))):
        kernel = np.zeros((edges.size - 1, middle.size))
        for k, energy in enumerate(middle):
            here = (south == a) & (north == b) & (true_low <= energy) & (energy < true_high)
            below = np.clip((edges[:, None] - low[here]) / (high - low)[here], 0, 1) @ fraction[here]
            spread = np.diff(below)
            kernel[:, k] = spread / spread.sum() if spread.sum() > 0 else 0.0
        bands.append((a, b, kernel))
    return Smearing(tuple(bands), edges, f"{found.path.name}")


def joined(tables: Sequence[Float]) -> Float:
    """Several tables as one, in order of their first column."""
    whole = np.concatenate(tables)
    return whole if len(tables) == 1 else whole[np.argsort(whole[:, 0], kind="stable")]


def _rounded(values: Float, decimals: int) -> Float:
    return np.asarray(np.round(values, decimals), dtype=np.float64)
