"""The statistic: ten neutrinos on a real sky map of 20 000 cells, and how its cost grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import llama.data
from bench.figure import Figure, median_ms, medians_ms
from bench.inputs import DATA
from llama.formats.skymap import read_skymap
from llama.formats.tables import IceCubeTablesFile
from llama.science.companions import (
    Companion,
    GRBModel,
    Listening,
    Measured,
    log_heard,
    log_heard_at_all,
    log_noise,
    log_silence_unless,
)
from llama.science.detector import SeasonTable
from llama.science.overlap import overlap_nodes
from llama.science.search import Search
from llama.science.sky import SkyMap, circle, directions, probability, split, unit_vectors
from llama.science.statistic import (
    GWTrigger,
    Neutrinos,
    Prepared,
    coincidence,
    company,
    merger_host,
    prepare,
    single_log_b,
    single_terms,
)

GPS_S = 1e9
MAPS = ("S231206_G457564_bayestar", "GW190412_PublicationSamples")
NEUTRINOS = 10
REPEAT = 21  # on a machine with other work a few calls in a row may all be slow
SCATTERED, ON_THE_MAP = "all over the sky", "all on the map"
CELLS = (3_072, 19_200, 196_608, 1_200_000)
TRIGGER, SEARCH = GWTrigger(GPS_S, None, 0.5), Search()


def figures() -> list[Figure]:
    """Wall times; "loaded" leaves out what is made once per trigger."""
    season = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5").season("IC86-2012")
    maps = [read_skymap(DATA / "skymaps" / "events" / f"{name}.multiorder.fits") for name in MAPS]
    rows = [figure for name, skymap in zip(MAPS, maps, strict=True) for figure in _ten(name, skymap, season)]
    return rows + _by_neutrinos(maps[0], season) + _by_cells(season) + _messengers(maps[0], season)


def _ten(name: str, skymap: SkyMap, season: SeasonTable) -> list[Figure]:
    """Single, pair and ensemble odds of ten neutrinos."""
    ready, rows = prepare(skymap, TRIGGER, season, SEARCH), []
    for what, neutrinos in _lists(skymap).items():
        label = f"{name[:9]}, {skymap.density.size} cells, {NEUTRINOS} neutrinos {what}"
        where = unit_vectors(neutrinos.ra_rad, neutrinos.dec_rad)
        walk = median_ms(partial(overlap_nodes, ready.tree, where, neutrinos.sigma_rad))
        known = coincidence(skymap, TRIGGER, neutrinos, season, SEARCH, ready).candidates
        single = median_ms(partial(single_terms, merger_host(ready, SEARCH), known, season), REPEAT)
        cold = median_ms(partial(coincidence, skymap, TRIGGER, neutrinos, season, SEARCH))
        rows += [
            Figure(
                f"{label}: map loaded",
                _loaded_ms(skymap, neutrinos, season, ready),
                "ms",
                20.0 if what == SCATTERED else 30.0,
            ),
            Figure(f"{label}: single neutrinos only", single, "ms", 20.0),
            Figure(f"{label}: with the map's tree", cold, "ms", None),
            Figure(f"{label}: overlap nodes only", walk, "ms", None),
        ]
    return rows


def _loaded_ms(skymap: SkyMap, neutrinos: Neutrinos, season: SeasonTable, ready: Prepared) -> float:
    return median_ms(_loaded(skymap, neutrinos, season, ready), REPEAT)


def _loaded(skymap: SkyMap, neutrinos: Neutrinos, season: SeasonTable, ready: Prepared) -> Callable[[], object]:
    return partial(coincidence, skymap, TRIGGER, neutrinos, season, SEARCH, ready)


def _lists(skymap: SkyMap) -> dict[str, Neutrinos]:
    crowds = {f"overlapping, {width}°": overlapping(skymap, width) for width in (0.4, 1.5)}
    return {SCATTERED: scattered(NEUTRINOS), ON_THE_MAP: on_the_map(skymap), **crowds}


def _by_neutrinos(skymap: SkyMap, season: SeasonTable) -> list[Figure]:
    """Time per neutrino for more and more of them, none near another."""
    ready, counts = prepare(skymap, TRIGGER, season, SEARCH), (10, 100, 1000)
    times = medians_ms([_loaded(skymap, spread_out(n), season, ready) for n in counts])
    each = {n: time / n for n, time in zip(counts, times, strict=True)}
    rows = [Figure(f"{n} neutrinos far apart: time for each", each[n], "ms", None) for n in each]
    host, known = (
        merger_host(ready, SEARCH),
        coincidence(skymap, TRIGGER, spread_out(1000), season, SEARCH, ready).candidates,
    )
    quick, slow = medians_ms([partial(single_log_b, host, known, season, quick=one) for one in (True, False)])
    rows += [
        Figure("1000 neutrinos: ln B of each by itself, by machine code where numba is", quick / 1000, "ms", 0.3),
        Figure("1000 neutrinos: ln B of each by itself, by NumPy", slow / 1000, "ms", None),
    ]
    name = "time for each of 1000 neutrinos far apart over each of 100 (linear: 1)"
    return [*rows, Figure(name, each[1000] / each[100], "", 1.2)]


def _by_cells(season: SeasonTable) -> list[Figure]:
    """Ten neutrinos on one smooth map drawn with more and more cells."""
    maps, neutrinos = [smooth_map(cells) for cells in CELLS], scattered(NEUTRINOS)
    calls = [_loaded(one, neutrinos, season, prepare(one, TRIGGER, season, SEARCH)) for one in maps]
    each = medians_ms(calls, REPEAT)
    rows = [
        Figure(f"a smooth map of {one.density.size} cells, {NEUTRINOS} neutrinos: map loaded", time, "ms", None)
        for one, time in zip(maps, each, strict=True)
    ]
    few, many = CELLS[0], CELLS[-1]
    name = f"time on {many} cells over that on {few} (goal: ratio of the logarithms)"
    return [*rows, Figure(name, each[-1] / each[0], "", round(float(np.log(many) / np.log(few)), 2))]


def _messengers(skymap: SkyMap, season: SeasonTable) -> list[Figure]:
    """A gamma-ray burst besides merger and neutrinos, nothing made before."""
    rows = []
    for what, list_ in ((SCATTERED, scattered(NEUTRINOS)), (ON_THE_MAP, on_the_map(skymap))):
        two = partial(coincidence, skymap, TRIGGER, list_, season, SEARCH)
        three = partial(company, skymap, TRIGGER, (list_, season), SEARCH, (burst(skymap),))
        times = medians_ms([two, three], REPEAT)
        rows += [
            Figure(f"two messengers, {NEUTRINOS} neutrinos {what}", times[0], "ms", None),
            Figure(f"three messengers, the third a burst on the map, ±5°, {what}", times[1], "ms", None),
            Figure(f"three messengers over two, {what}", times[1] / times[0], "", 3.0),
        ]
    return rows


def scattered(count: int) -> Neutrinos:
    """Isotropic, with the errors of the public sample."""
    rng = np.random.default_rng(1)
    return _neutrinos(rng, rng.uniform(0, 2 * np.pi, count), np.arcsin(rng.uniform(-1, 1, count)))


def spread_out(count: int) -> Neutrinos:
    """Evenly over the sky on a spiral, 6° apart when there are 1000, with errors of 0.2°."""
    step = np.arange(count)
    ra, sin_dec = step * np.pi * (3 - np.sqrt(5)) % (2 * np.pi), (2 * step + 1) / count - 1
    return _neutrinos(np.random.default_rng(4), ra, np.arcsin(sin_dec), 0.2)


def on_the_map(skymap: SkyMap) -> Neutrinos:
    """Ten drawn from the map itself."""
    rng = np.random.default_rng(2)
    picked = rng.choice(skymap.density.size, NEUTRINOS, p=probability(skymap) / probability(skymap).sum())
    return _neutrinos(rng, *_ra_dec(directions(skymap)[picked]))


def overlapping(skymap: SkyMap, sigma_deg: float) -> Neutrinos:
    """Ten around the map's peak, each within reach of every other in the sky and in time."""
    rng = np.random.default_rng(3)
    ra, dec = _ra_dec(directions(skymap)[int(np.argmax(skymap.density))])
    around = rng.normal(0, np.radians(0.7 * sigma_deg), (2, NEUTRINOS))
    found = _neutrinos(rng, ra + around[0] / np.cos(dec), dec + around[1], sigma_deg)
    return replace(found, gps_s=GPS_S + rng.uniform(-200, 200, NEUTRINOS))


def _ra_dec(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y, z = vectors.T
    return np.arctan2(y, x), np.arcsin(z)


def _neutrinos(rng: np.random.Generator, ra, dec, sigma_deg: float | None = None) -> Neutrinos:
    count = ra.size
    public = np.clip(rng.lognormal(np.log(0.8), 0.7, count), 0.2, 6)
    sigma = np.radians(public if sigma_deg is None else np.full(count, sigma_deg))
    return Neutrinos(GPS_S + rng.uniform(-500, 500, count), ra, dec, sigma, 10 ** rng.uniform(2.5, 4, count))


def smooth_map(cells: int) -> SkyMap:
    """A Gaussian of 11° on a pedestal, distances that vary; the most probable cells are half as wide as others."""
    order = int(np.log2(cells / 12) // 2)
    whole = 12 * 4**order
    base = _drawn(SkyMap(np.full(whole, order, np.uint8), np.arange(whole), np.ones(whole)))
    return _drawn(split(base, np.sort(np.argsort(-base.density)[: (cells - whole) // 3])))


def _drawn(skymap: SkyMap) -> SkyMap:
    where = directions(skymap)
    density = np.exp((where @ unit_vectors(2.0, 0.3) - 1) / 0.2**2) + 1e-3
    drawn = replace(skymap, density=density, distmu=150 + 30 * where[:, 0], distsigma=40 + 5 * where[:, 1])
    return replace(drawn, density=density / probability(drawn).sum(), distnorm=np.full(density.size, 1e-5))


def burst(skymap: SkyMap) -> Listening:
    """What Fermi says of a short burst 1.7 s after the merger, at the map's peak."""
    model, measured = GRBModel(), Measured(t90_s=1.0, fluence=None)
    ra, dec = _ra_dec(directions(skymap)[int(np.argmax(skymap.density))])
    found = Companion(
        name="burst",
        gps_s=GPS_S + 1.7,
        minus_s=model.minus_s,
        plus_s=model.plus_s,
        skymap=circle(float(ra), float(dec), {float(np.radians(5.0)): 1.0}, {}),
        rate_hz=model.rate_hz,
        log_noise=log_noise(model, measured),
        log_heard=log_heard(model, measured),
    )
    return Listening("fermi", (found,), log_silence_unless(log_heard_at_all(model, subthreshold=False)))
