"""Real maps whose distances change from cell to cell: what a node of many cells stands for is where the odds are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statistic_reference as slow
from ensemble_reference import pieces
from test_coincidence import CBC, GPS, SEASON, TRIGGER

from llama.formats.skymap import read_skymap
from llama.science.coincidence import coincidence
from llama.science.observed import Neutrinos
from llama.science.poisson import log_counts
from llama.science.psf import log_density, unit_vectors
from llama.science.skymap import SkyMap, area_sr, directions
from llama.science.skymap_cells import split

MAP = "skymaps/events/GW190412_PublicationSamples.multiorder.fits"


@pytest.fixture(scope="module")
def real_map(data: Path) -> SkyMap:
    """The map without the cells that have no distance, 2e-5 of the probability."""
    found = read_skymap(data / MAP)
    known = np.isfinite(found.distmu) & (found.distsigma > 0)
    return replace(found, density=np.where(known, found.density, 0.0))


@pytest.fixture(scope="module")
def fine_map(real_map: SkyMap) -> SkyMap:
    """The same with no cell larger than 0.5°, for sums over cells."""
    found = real_map
    while (coarse := np.flatnonzero(found.order < 7)).size:
        found = split(found, coarse)
    return found


def u_of(neutrinos: Neutrinos, i: int, skymap: SkyMap, energy_gev: float, log_background: float) -> np.ndarray:
    """a/α PSF over background at the centre of every cell, for the energy after the cap."""
    centre = unit_vectors(neutrinos.ra_rad[i], neutrinos.dec_rad[i])
    there = directions(skymap)
    psf = np.exp(log_density(np.square(there - centre).sum(axis=-1) / 4, neutrinos.sigma_rad[i]))
    signal = slow.signal_density(SEASON, energy_gev, there[:, 2]) / slow.alpha(SEASON, there[:, 2])
    return signal * psf * np.exp(-log_background)


def mean_counts(skymap: SkyMap, cells: np.ndarray, k: int) -> np.ndarray:
    """⟨k! Q_k⟩ of some cells by a plain sum over distance."""
    scale = slow.alpha(SEASON, directions(skymap)[cells, 2])
    result = np.empty(cells.size)
    for at, (cell, a) in enumerate(zip(cells, scale, strict=True)):
        r, p = slow.radial_grid(skymap.distmu[cell], skymap.distsigma[cell], 400)
        result[at] = p @ np.exp(log_counts(k, a * CBC.count_max_mpc2 / r**2, CBC.log_nu_span)[k - 1])
    return result


@pytest.mark.parametrize(
    ("ra", "dec", "sigma_deg", "energy"),
    [(229.09, 47.21, 4.42, 5664.0), (229.71, 49.52, 15.91, 7.09e4), (188.0, 26.16, 16.39, 2.25e4)],
)
def test_a_neutrino_beside_a_map_of_many_distances(real_map, fine_map, ra, dec, sigma_deg, energy):
    ra, dec, sigma = np.radians([ra, dec, sigma_deg])
    neutrino = Neutrinos(*(np.array([x]) for x in (GPS, ra, dec, sigma, energy)))
    result = coincidence(real_map, TRIGGER, neutrino, SEASON, CBC)
    u = u_of(neutrino, 0, fine_map, result.energy_used_gev[0], result.candidates.log_background[0])
    weight = fine_map.density * area_sr(fine_map) * u
    heavy = np.flatnonzero(weight > 1e-6 * weight.max())
    total = (weight[heavy] * mean_counts(fine_map, heavy, 1)).sum()
    expected = np.log(total / CBC.beaming / (CBC.t_gw_plus_s - CBC.t_gw_minus_s))
    assert result.log_b[0] == pytest.approx(expected, abs=1e-3)


def test_a_pair_beside_a_map_of_many_distances(real_map, fine_map):
    pair = Neutrinos(
        GPS + np.array([30.0, -40.0]),
        np.radians([229.1, 224.0]),
        np.radians([47.2, 44.0]),
        np.radians([8.0, 12.0]),
        np.array([2e4, 3e4]),
    )
    result = coincidence(real_map, TRIGGER, pair, SEASON, CBC)
    against = result.candidates.log_background + np.logaddexp(0, result.log_lambda)
    u = [u_of(pair, i, fine_map, result.energy_used_gev[i], against[i]) for i in range(2)]
    weight = fine_map.density * area_sr(fine_map) * u[0] * u[1] / np.square(CBC.t_nu_plus_s - CBC.t_nu_minus_s)
    heavy = np.flatnonzero(weight > 1e-6 * weight.max())
    shared = sum(length for length, heard in pieces(CBC, pair.gps_s - GPS) if heard.all())
    both = (weight[heavy] * mean_counts(fine_map, heavy, 2)).sum() * shared
    expected = np.log(both / CBC.beaming / (CBC.t_gw_plus_s - CBC.t_gw_minus_s))
    single = np.logaddexp.reduce(result.log_b - np.logaddexp(0, result.log_lambda))
    found = result.ensemble.log_b + np.log(-np.expm1(single - result.ensemble.log_b))
    assert found == pytest.approx(expected, abs=2e-3)
