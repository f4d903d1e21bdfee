"""Side by side with other tools: the same sky map, the same ten neutrinos.

Each tool does what it can do of the task "how much of the map's probability lies where this neutrino points".
Ours integrates map times point-spread function on adaptive nodes; ligo.raven integrates against a rasterised
point-spread function; mhealpy multiplies two multi-order maps; ligo.skymap's crossmatch looks up probability
densities and credible levels at the neutrinos' positions, without their errors. Times are for all ten.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.figure import Figure, median_ms, timed_ms
from bench.inputs import ALERT_MAP

SIGMA_DEG = 2.0
RASTER_ORDER = 8  # 0.23°: nine pixels to a sigma
LONG_MS = 20_000.0  # longer than a first run that is only slow because it imports


def figures() -> list[Figure]:
    """Times, and how far each result is from ours."""
    ra, dec = _positions()
    ours = _ours(ra, dec)
    reference = ours()
    rivals = {
        "ligo.raven, overlap integrals": raven_overlaps(ALERT_MAP, ra, dec, _sigma(ra)),
        "mhealpy, product of maps": _mhealpy(ra, dec),
        "ligo.skymap crossmatch, look-up only": _crossmatch(ra, dec),
    }
    found = [_timed("llama, overlap integrals", ours)[1]]
    for name, call in rivals.items():
        value, figure = _timed(name, call)
        found.append(figure)
        if value is not None:
            worst = float(np.max(np.abs(value / reference - 1)))
            found.append(Figure(f"{name}: largest relative difference from ours", worst, "", None))
    return found


def _timed(name: str, call: Callable[[], np.ndarray | None]) -> tuple[np.ndarray | None, Figure]:
    """What a tool finds, and how long it takes: the median of seven, or the one first run if that was long."""
    value, first_ms = timed_ms(call)
    how, duration_ms = ("one run", first_ms) if first_ms > LONG_MS else ("median of 7", median_ms(call))
    return value, Figure(f"{name}: ten neutrinos, {how}", duration_ms, "ms", None)


def _positions() -> tuple[np.ndarray, np.ndarray]:
    """Ten positions drawn from the map (rad), so that there is something to integrate."""
    from llama.formats.skymap import read_skymap
    from llama.science.sky import centres, probability

    skymap = read_skymap(ALERT_MAP)
    chosen = np.random.default_rng(1).choice(len(skymap.density), 10, p=probability(skymap))
    ra, dec = centres(skymap)
    return ra[chosen], dec[chosen]


def _ours(ra: np.ndarray, dec: np.ndarray) -> Callable[[], np.ndarray]:
    from llama.formats.skymap import read_skymap
    from llama.science.overlap import overlap_nodes
    from llama.science.sky import SkyTree, unit_vectors

    tree = SkyTree.of(read_skymap(ALERT_MAP))
    direction, sigma = unit_vectors(ra, dec), _sigma(ra)
    return lambda: 4 * np.pi * np.exp(overlap_nodes(tree, direction, sigma).log_integral())


def _sigma(ra: np.ndarray) -> np.ndarray:
    return np.full(ra.shape, np.radians(SIGMA_DEG))


def _psf(ra: float, dec: float, sigma_rad: float) -> np.ndarray:
    """The point-spread function at the pixels of a flat NESTED map, normalised to sum 1."""
    from llama.science.sky import directions_of, unit_vectors

    ipix = np.arange(12 * 4**RASTER_ORDER)
    chord2 = np.sum((directions_of(np.full(ipix.shape, RASTER_ORDER), ipix) - unit_vectors(ra, dec)) ** 2, axis=1)
    psf = np.exp(-chord2 / (2 * sigma_rad**2))
    return np.asarray(psf / psf.sum())


def raven_overlaps(skymap: Path, ra: np.ndarray, dec: np.ndarray, sigma_rad: np.ndarray) -> Callable[[], np.ndarray]:
    """ligo.raven's overlap integral of a sky map with each neutrino, whose map it is given as it wants one."""
    from astropy.table import Table
    from ligo.raven.search import skymap_overlap_integral

    table = Table.read(skymap)
    uniq, density = np.asarray(table["UNIQ"]), table["PROBDENSITY"].quantity

    def call() -> np.ndarray:
        return np.array(
            [
                skymap_overlap_integral(density, _psf(r, d, s), se_skymap_uniq=uniq, ext_nested=True)
                for r, d, s in zip(ra, dec, sigma_rad, strict=True)
            ]
        )

    return call


def _mhealpy(ra: np.ndarray, dec: np.ndarray) -> Callable[[], np.ndarray]:
    import mhealpy
    from astropy.table import Table

    table = Table.read(ALERT_MAP)
    gw = mhealpy.HealpixMap(np.asarray(table["PROBDENSITY"]), np.asarray(table["UNIQ"]), density=True)
    pixel_sr = 4 * np.pi / (12 * 4**RASTER_ORDER)

    def call() -> np.ndarray:
        values = []
        for r, d in zip(ra, dec, strict=True):
            psf = mhealpy.HealpixMap(_psf(r, d, np.radians(SIGMA_DEG)) / pixel_sr, scheme="nested", density=True)
            product = gw * psf
            values.append(4 * np.pi * float(np.sum(product.data * product.pixarea().value)))
        return np.array(values)

    return call


def _crossmatch(ra: np.ndarray, dec: np.ndarray) -> Callable[[], None]:
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from ligo.skymap.io import read_sky_map
    from ligo.skymap.postprocess.crossmatch import crossmatch

    table, coordinates = read_sky_map(ALERT_MAP, moc=True), SkyCoord(ra * u.rad, dec * u.rad)

    def call() -> None:
        crossmatch(table, coordinates)

    return call
