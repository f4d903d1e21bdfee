"""Maps and seasons to draw own-map backgrounds beside, and exact lists of the same events to compare with."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

import llama
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.significance import Beside, OwnMapP, SeasonData, own_background
from llama.science.sky import SkyMap, from_cells
from llama.science.statistic import (
    GWTrigger,
    NeutrinoLists,
    Neutrinos,
    list_statistics,
    prepare,
    search_window_s,
)
from llama.studies.synthetic import gaussian_skymap

DATA = Path(llama.__file__).parent / "data"
SEARCH = SearchesFile().read(DATA / "search.json").choose("cbc").search
TRIGGER = GWTrigger(1.2e9, None, 1.0)


def season(name: str = "IC86-2012") -> tuple[SeasonTable, SeasonEvents]:
    """Packaged response and events."""
    table = IceCubeTablesFile().read(DATA / "icecube_tables.h5").season(name)
    return table, IceCubeEventsFile().read(DATA / "icecube_events.h5").season(name)


def around(ra_deg: float, dec_deg: float, sigma_deg: float, distance_mpc: float = 200.0) -> SkyMap:
    """A Gaussian on the sphere."""
    ra, dec, sigma = map(math.radians, (ra_deg, dec_deg, sigma_deg))
    return gaussian_skymap(ra, dec, sigma, distance_mpc, distance_mpc / 4)


def flat(with_distance: bool = True) -> SkyMap:
    """The same everywhere."""
    norm = 1 / (200.0**2 + 50.0**2)
    distance = (np.full(12, 200.0), np.full(12, 50.0), np.full(12, norm)) if with_distance else None
    return from_cells(np.zeros(12, np.int64), np.arange(12), np.full(12, 0.25 / np.pi), distance)


def supply(
    table: SeasonTable, events: SeasonEvents, intervals: tuple[tuple[float, float], ...] | None = None
) -> SeasonData:
    """Of good data in the whole search window, or in some intervals."""
    inside = events.within(SEARCH.energy_min_gev, SEARCH.energy_max_gev)
    return SeasonData(inside, table.rate_hz, np.array(intervals or (search_window_s(SEARCH),), dtype=np.float64))


def beside(skymap: SkyMap, table: SeasonTable, *supplies: SeasonData) -> Beside:
    """A merger with this map."""
    return Beside(prepare(skymap, TRIGGER, table, SEARCH), TRIGGER, table, SEARCH, supplies)


def stated(found: Beside, label: str, threshold: float) -> OwnMapP:
    """The p-value of an event with this ln B̃."""
    return own_background(found, label, {"event": np.array([threshold])}).p_values["event"][0]


def exact(found: Beside, seed: int, lists: int) -> np.ndarray:
    """(lists,) ln B̃ of whole lists."""
    rng, parts = np.random.default_rng(seed), []
    for first in range(0, lists, 1000):
        every = [_scrambled(rng, found) for _ in range(min(1000, lists - first))]
        several = NeutrinoLists.of(every)
        parts.append(list_statistics(found.ready, TRIGGER, several, found.season, SEARCH).event)
    return np.concatenate(parts) + found.ready.log_complement


def _scrambled(rng: np.random.Generator, found: Beside) -> Neutrinos:
    """One list: each interval of each season has a Poisson number of its events."""
    columns: list[np.ndarray] = [np.empty((5, 0))]
    for one in found.supplies:
        for start, stop in one.intervals.tolist():
            count = int(rng.poisson(one.rate_hz * (stop - start)))
            pick = rng.integers(one.events.dec_rad.size, size=count)
            gps, ra = TRIGGER.gps_s + rng.uniform(start, stop, count), rng.uniform(0, 2 * np.pi, count)
            of_event = (one.events.dec_rad[pick], one.events.sigma_rad[pick], one.events.energy_gev[pick])
            columns.append(np.stack([gps, ra, *of_event]))
    return Neutrinos(*np.concatenate(columns, axis=1))


def without_response(table: SeasonTable, above_sin_dec: float) -> SeasonTable:
    """The season as if it could see next to no signal in the north: a thousandth of what it does."""
    blind = table.sin_dec > above_sin_dec
    return replace(table, signal_per_dex=np.where(blind, 1e-3, 1.0) * table.signal_per_dex)
