"""Neutrinos from IceCube's public releases, with the livetime of every window.

Seasons overlap with interleaved runs: IC86-2012 starts with a day of runs at its own settings (26 April 2012), and
IC86-2011 goes on after it for 18 days. No instant is in good runs of both. An event belongs to the season whose table
has it and whose good run contains it; nothing is there twice. A window that reaches into both seasons holds events
of both, and is itself given to the season with the most livetime in it, because that one supplies most of the
background that rate and densities describe; the pieces of its good time have each their own season.

Events outside all good runs (119 of IC86-2012, in a gap of 20 h on 2012-11-15) are left out, and the answer says
so: without livetime nothing can be said about how unusual they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama.advice import INSTALL_ICECUBE, REMAKE_FILE
from llama.ports import Neutrino, NeutrinoWindow, SeasonStretch
from llama.science.times import utc_from_gps
from llama.services.errors import ArchiveError
from llama.services.icecube.cache import load_release
from llama.services.icecube.sample import COLUMNS, RUN_EDGE_S, Sample, Season, in_intervals
from llama.services.window import require_window

ROUNDING_S = 0.01
"""The lists give 1e-8 days (0.9 ms); a window that lacks less than this is covered."""


class IceCubeArchive:
    """A neutrino source over one release, or over a stretch of one.

    What it says is final: an archive never learns more about a window.
    """

    def __init__(self, sample: Sample, within: tuple[float, float] | None = None, advice: str = "") -> None:
        """`within` (GPS seconds) is all the sample holds, when it is an excerpt; `advice` tells how to get more."""
        self.sample = sample
        self._within = within
        self._advice = advice

    @property
    def name(self) -> str:
        """Which release, `icecube-3yr`; an excerpt of it says so."""
        return self.sample.name if self._within is None else f"{self.sample.name} (excerpt)"

    def window(self, start_gps: float, stop_gps: float, *, seed: str = "") -> NeutrinoWindow:
        """All events in good runs with start <= time < stop. Nothing about the answer is random."""
        require_window(start_gps, stop_gps)
        start_gps, stop_gps = float(start_gps), float(stop_gps)
        covered = self._covered(start_gps, stop_gps)
        covered_s = _seconds(covered)
        complete = bool(covered) and stop_gps - start_gps - covered_s < ROUNDING_S
        neutrinos, left_out = self._events(start_gps, stop_gps)
        why = "" if complete else self._why(start_gps, stop_gps, covered)
        if left_out:
            why = "; ".join(filter(None, [why, f"{left_out} event(s) outside good runs are left out"]))
        season = self._season(start_gps, stop_gps)
        if complete:
            covered, covered_s = _reaching(covered, start_gps, stop_gps), stop_gps - start_gps
        return NeutrinoWindow(start_gps, stop_gps, neutrinos, season, covered_s, complete, why, covered=covered)

    def close(self) -> None:
        """Nothing is held open: what it knows was read into memory."""

    def season(self, name: str) -> Season:
        """The season of that name. ArchiveError lists those there are."""
        for season in self.sample.seasons:
            if season.name == name:
                return season
        names = ", ".join(season.name for season in self.sample.seasons)
        raise ArchiveError(f"{self.name} has no season {name!r}; it has {names}")

    def _covered(self, start_gps: float, stop_gps: float) -> tuple[SeasonStretch, ...]:
        """The good livetime of all seasons inside the window, in order; each piece is of one season."""
        runs = [(s.name, clipped(s.runs_gps, start_gps, stop_gps).tolist()) for s in self.sample.seasons]
        return _joined(SeasonStretch(a, b, name) for name, pieces in runs for a, b in pieces if a < b)

    def _season(self, start_gps: float, stop_gps: float) -> str | None:
        livetimes = {}
        for season in self.sample.seasons:
            pieces = clipped(season.runs_gps, start_gps, stop_gps)
            livetimes[season.name] = float(np.sum(pieces[:, 1] - pieces[:, 0]))
        best = max(livetimes, key=lambda name: livetimes[name], default=None)
        return best if best is not None and livetimes[best] > 0 else None

    def _events(self, start_gps: float, stop_gps: float) -> tuple[tuple[Neutrino, ...], int]:
        """The window's events in order of time, and how many more lie outside good runs."""
        found: list[tuple[float, Neutrino]] = []
        left_out = 0
        for season in self.sample.seasons:
            first, last = np.searchsorted(season.column("gps"), [start_gps, stop_gps], side="left")
            events = season.events[:, first:last]
            good = in_intervals(events[0], season.runs_gps, RUN_EDGE_S)
            left_out += int(np.count_nonzero(~good))
            found += [(event[0], neutrino_of(event, season.name)) for event in events[:, good].T.tolist()]
        return tuple(neutrino for _, neutrino in sorted(found, key=lambda item: item[0])), left_out

    def _why(self, start_gps: float, stop_gps: float, covered: tuple[SeasonStretch, ...]) -> str:
        if covered:
            gaps = "; ".join(
                f"{utc_from_gps(a, 3)} to {utc_from_gps(b, 3)}" for a, b in _gaps(start_gps, stop_gps, covered)
            )
            reason = f"good runs cover {_seconds(covered):.1f} of {stop_gps - start_gps:.1f} s, not {gaps}"
            return f"{reason}; {self._scope()}" if self._within else reason
        where = f"no good run of {self.name} between {utc_from_gps(start_gps, 0)} and {utc_from_gps(stop_gps, 0)}"
        return f"{where}; {self._scope()}"

    def _scope(self) -> str:
        """What there is, in words."""
        if self._within is not None:
            first, last = (utc_from_gps(edge, 0) for edge in self._within)
            return f"it holds only {first} to {last}{self._advice}"
        spans = [
            f"{s.name} ({utc_from_gps(s.runs_gps[0, 0], 0)[:10]} to {utc_from_gps(s.runs_gps[-1, 1], 0)[:10]})"
            for s in self.sample.seasons
            if len(s.runs_gps)
        ]
        return f"it has {', '.join(spans)}{self._advice}"


ASK_AGAIN = REMAKE_FILE.of(FILE="NEUTRINOS")
_ADVICE = (
    f"; to try the event with simulated neutrinos, set LLAMA_NEUTRINOS=simulated, then ask again with {ASK_AGAIN}"
)


def open_archive(path: Path, cache_dir: Path) -> IceCubeArchive:
    """The release in a zip or folder, read through the cache. Raises ArchiveError that says what to do."""
    return IceCubeArchive(load_release(path, cache_dir), advice=_ADVICE)


def neutrino_of(event: Sequence[float], season: str) -> Neutrino:
    """One column of a season's events as the port gives neutrinos."""
    value = dict(zip(COLUMNS, event, strict=True))
    return Neutrino(
        mjd=value["mjd"],
        ra_deg=value["ra_deg"],
        dec_deg=value["dec_deg"],
        zenith_deg=value["zenith_deg"],
        azimuth_deg=value["azimuth_deg"],
        sigma_deg=value["sigma_deg"],
        energy_gev=value["energy_gev"],
        run=0,
        event=int(value["row"]),
        type="archival",
        season=season,
    )


def clipped(intervals: NDArray[np.float64], start: float, stop: float) -> NDArray[np.float64]:
    """The parts of ascending disjoint intervals (m, 2) between start and stop."""
    first = int(np.searchsorted(intervals[:, 1], start, side="right"))
    last = int(np.searchsorted(intervals[:, 0], stop, side="left"))
    return np.clip(intervals[first:last], start, stop)


def _joined(pieces: Iterable[SeasonStretch]) -> tuple[SeasonStretch, ...]:
    """Pieces in order and without overlap. What is no farther apart than edges of runs are known to touches: of one
    season it becomes one piece, of two it meets where the earlier one ends."""
    found: list[SeasonStretch] = []
    for piece in sorted(pieces, key=lambda one: one.start_gps):
        if not found or piece.start_gps - found[-1].stop_gps > RUN_EDGE_S:
            found.append(piece)
        elif piece.stop_gps > found[-1].stop_gps:
            if piece.season == found[-1].season:
                found[-1] = replace(found[-1], stop_gps=piece.stop_gps)
            else:
                found.append(replace(piece, start_gps=found[-1].stop_gps))
    return tuple(found)


def _reaching(covered: tuple[SeasonStretch, ...], start: float, stop: float) -> tuple[SeasonStretch, ...]:
    """The pieces of a window that lacks no more than rounding, from its very start to its very end."""
    first = (replace(covered[0], start_gps=start), *covered[1:])
    return (*first[:-1], replace(first[-1], stop_gps=stop))


def _seconds(covered: tuple[SeasonStretch, ...]) -> float:
    return math.fsum(piece.stop_gps - piece.start_gps for piece in covered)


def _gaps(start: float, stop: float, covered: tuple[SeasonStretch, ...]) -> list[tuple[float, float]]:
    edges = [start, *(edge for piece in covered for edge in (piece.start_gps, piece.stop_gps)), stop]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > ROUNDING_S]


def installed_archive(folder: Path) -> Path:
    """The release in the folder of installed data: the 3-year zip, else the 10-year release, zipped or not.

    Never both: the releases share events, and their readme says not to combine them. ArchiveError when there is none.
    """
    for name in ("3year-data-release.zip", "20210126_PS-IC40-IC86_VII.zip", "icecube_10year_ps"):
        if (folder / name).exists():
            return folder / name
    raise ArchiveError(f"there is no neutrino archive in {folder}; run {INSTALL_ICECUBE}")
