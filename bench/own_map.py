"""The kernel for many lists, and the p-value of an alert's own map, on one core.

Lists are drawn from the real events of IC86-2012, 6.4 neutrinos each as IceCube's live stream has them. A plain loop
over the pixels of the same map at nside 128 and ligo.raven's overlap integral stand beside ours, on the same lists:
density of the map times point-spread function.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np

import llama.data
from bench.comparison import raven_overlaps
from bench.figure import Figure, timed_ms
from bench.inputs import DATA
from llama.formats.skymap import read_skymap
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.search import Search
from llama.science.significance import Beside, SeasonData, own_background
from llama.science.sky import SkyMap, density_at
from llama.science.statistic import (
    GWTrigger,
    NeutrinoLists,
    Neutrinos,
    Prepared,
    coincidence,
    list_statistics,
    prepare,
)

MAP, SEASON, MEAN = "S231206_G457564_bayestar", "IC86-2012", 6.4
PATH = DATA / "skymaps" / "events" / f"{MAP}.multiorder.fits"
LISTS, ALONE, PIXELS, RAVEN = 2000, 60, 200, 2
TRIGGER, SEARCH = GWTrigger(1e9, None, 1.0), Search(neutrino_rate_hz=MEAN / 1000)
LEVELS = (("p near 0.3", 0.3, 1.5), ("p near 0.001", 1e-3, 5.0), ("p near 1e-5", 1e-5, 20.0))


def figures() -> list[Figure]:
    """Lists per second, then seconds to p-values."""
    folder = Path(llama.data.__file__).parent
    season = IceCubeTablesFile().read(folder / "icecube_tables.h5").season(SEASON)
    events = IceCubeEventsFile().read(folder / "icecube_events.h5").season(SEASON)
    skymap = read_skymap(PATH)
    ready = prepare(skymap, TRIGGER, season, SEARCH)
    return _kernel(skymap, ready, season, _lists(events)) + _p_values(ready, season, events)


def _lists(events: SeasonEvents) -> NeutrinoLists:
    rng = np.random.default_rng(1)
    counts = rng.poisson(MEAN, LISTS)
    n = int(counts.sum())
    row = rng.integers(events.dec_rad.size, size=n)
    gps, ra = TRIGGER.gps_s + rng.uniform(-500, 500, n), rng.uniform(0, 2 * np.pi, n)
    neutrinos = Neutrinos(gps, ra, events.dec_rad[row], events.sigma_rad[row], events.energy_gev[row])
    return NeutrinoLists(neutrinos, np.concatenate([[0], np.cumsum(counts)]))


def _some(lists: NeutrinoLists, count: int) -> NeutrinoLists:
    stop = int(lists.start[count])
    columns = (getattr(lists.neutrinos, name)[:stop] for name in Neutrinos.__dataclass_fields__)
    return NeutrinoLists(Neutrinos(*columns), lists.start[: count + 1])


def _kernel(skymap: SkyMap, ready: Prepared, season: SeasonTable, lists: NeutrinoLists) -> list[Figure]:
    def together(quick: bool) -> Callable[[], object]:
        return lambda: list_statistics(ready, TRIGGER, lists, season, SEARCH, quick=quick)

    def alone() -> None:
        for i in range(ALONE):
            some = slice(int(lists.start[i]), int(lists.start[i + 1]))
            one = Neutrinos(*(getattr(lists.neutrinos, name)[some] for name in Neutrinos.__dataclass_fields__))
            coincidence(skymap, TRIGGER, one, season, SEARCH, ready)

    together(True)()  # machine code is made and loaded
    ways = {
        f"{LISTS} lists of 6.4 neutrinos, machine code: time for 500": (together(True), LISTS, 1000.0),
        f"{LISTS} lists of 6.4 neutrinos, NumPy: time for 500": (together(False), LISTS, None),
        "the same lists one at a time: time for 500": (alone, ALONE, None),
        "map times point spread at nside 128, a plain loop: time for 500": (
            _plain(skymap, _some(lists, PIXELS)),
            PIXELS,
            None,
        ),
        "ligo.raven's overlap integrals of the same lists: time for 500": (_raven(_some(lists, RAVEN)), RAVEN, None),
    }
    return [Figure(name, timed_ms(call)[1] * 500 / count, "ms", goal) for name, (call, count, goal) in ways.items()]


def _raven(lists: NeutrinoLists) -> Callable[[], object]:
    seen = lists.neutrinos
    return raven_overlaps(PATH, seen.ra_rad, seen.dec_rad, seen.sigma_rad)


def _plain(skymap: SkyMap, lists: NeutrinoLists) -> Callable[[], object]:
    import healpy

    x, y, z = healpy.pix2vec(128, np.arange(healpy.nside2npix(128)))
    density = density_at(skymap, np.arctan2(y, x) % (2 * np.pi), np.arcsin(z))
    seen = lists.neutrinos

    def call() -> list[float]:
        found = []
        for ra, dec, sigma in zip(seen.ra_rad, seen.dec_rad, seen.sigma_rad, strict=True):
            cosine = x * np.cos(dec) * np.cos(ra) + y * np.cos(dec) * np.sin(ra) + z * np.sin(dec)
            found.append(float((density * np.exp((cosine - 1) / sigma**2)).sum()))
        return found

    return call


def _p_values(ready: Prepared, season: SeasonTable, events: SeasonEvents) -> list[Figure]:
    beside = Beside(ready, TRIGGER, season, SEARCH, (SeasonData(events, MEAN / 1000, np.array([[-500.0, 500.0]])),))
    drawn = own_background(beside, "levels", {"event": np.empty(0)})
    by = np.argsort(-drawn.statistics["event"])
    reached = np.cumsum(drawn.weight[by]) / drawn.weight.sum()
    rows = []
    for name, level, goal in LEVELS:
        threshold = drawn.statistics["event"][by][np.searchsorted(reached, level)]
        asked = {"event": np.array([threshold]), "ensemble": np.array([threshold])}
        found, duration_ms = timed_ms(lambda asked=asked: own_background(beside, "bench", asked))
        one = found.p_values["event"][0]
        said = f"{name} (said {one.p:.2g}, known to {100 * one.error / one.p:.0f} %)"
        rows.append(Figure(f"own-map p-value, {said}", duration_ms / 1e3, "s", goal))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return [*rows, Figure("peak memory, machine code and these p-values in one process", peak, "MB", None)]
