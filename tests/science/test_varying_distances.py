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
from llama.science.distance.poisson import log_counts
from llama.science.sky.cells import split
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.skymap import SkyMap, area_sr, directions
from llama.science.statistic.kernel import coincidence
from llama.science.statistic.observed import Neutrinos

MAP = "skymaps/events/GW190412_PublicationSamples.multiorder.fits"
SIMULATED = "skymaps/mock_and_sim/obsscen_3391.multiorder.fits"


def without_unknown(skymap: SkyMap) -> SkyMap:
    """The map without the cells that have no distance, 2e-5 of the probability."""
    known = np.isfinite(skymap.distmu) & (skymap.distsigma > 0)
    return replace(skymap, density=np.where(known, skymap.density, 0.0))


@pytest.fixture(scope="module")
def real_map(data: Path) -> SkyMap:
    """One whose distances change most."""
    return without_unknown(read_skymap(data / MAP))


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


def mean_counts(skymap: SkyMap, cells: np.ndarray, most: int, scale: np.ndarray | None = None) -> np.ndarray:
    """(most, cells) ⟨k! Q_k⟩ of some cells, at their centres' α or another, by plain sums over ln r.

    Nine neutrinos come from sources a hundredth of sigma away or from the peak of the posterior.
    """
    scale = slow.alpha(SEASON, directions(skymap)[cells, 2]) if scale is None else scale
    mu, sigma = skymap.distmu[cells], skymap.distsigma[cells]
    found = np.empty((most, cells.size))
    for part in np.array_split(np.arange(cells.size), cells.size // 500 + 1):
        log_x = np.linspace(np.log(1e-4), np.log(np.maximum(mu[part] / sigma[part], 0) + 9), 500)
        log_p = 3 * log_x - np.square(np.exp(log_x) - mu[part] / sigma[part]) / 2
        n_max = scale[part] * CBC.count_max_mpc2 / np.square(sigma[part] * np.exp(log_x))
        weight = np.exp(log_p - log_p.max(axis=0))
        counts = np.exp(log_counts(most, n_max, CBC.log_nu_span))
        found[:, part] = (counts * weight).sum(axis=1) / weight.sum(axis=0)
    return found


@pytest.mark.slow
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
    total = (weight[heavy] * mean_counts(fine_map, heavy, 1)[0]).sum()
    expected = np.log(total / CBC.beaming / (CBC.t_gw_plus_s - CBC.t_gw_minus_s))
    assert result.log_b[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
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
    both = (weight[heavy] * mean_counts(fine_map, heavy, 2)[1]).sum() * shared
    expected = np.log(both / CBC.beaming / (CBC.t_gw_plus_s - CBC.t_gw_minus_s))
    single = np.logaddexp.reduce(result.log_b - np.logaddexp(0, result.log_lambda))
    found = result.ensemble.log_b + np.log(-np.expm1(single - result.ensemble.log_b))
    assert found == pytest.approx(expected, abs=1e-3)


FIVE = Neutrinos(
    GPS + np.array([30.0, -20.0, 10.0, 0.0, -5.0]),
    np.radians([222.1, 217.0, 219.0, 224.0, 214.0]),
    np.radians([34.2, 36.0, 40.0, 31.0, 37.0]),
    np.radians([4.0, 5.0, 6.0, 4.5, 8.0]),
    np.array([5e3, 4e3, 3e4, 8e2, 2e3]),
)
NINE = Neutrinos(  # nearly all of it from sets of eight and nine, whose distances change with every cell
    GPS + np.array([0.0, 12.0, -9.0, 30.0, 4.0, -22.0, 18.0, -3.0, 7.0]),
    np.radians([217.5, 216.0, 219.5, 214.0, 218.0, 215.5, 216.5, 220.5, 217.0]),
    np.radians([35.2, 37.5, 36.8, 34.5, 36.9, 34.2, 36.0, 35.4, 36.2]),
    np.radians([4.67, 1.63, 1.65, 3.92, 1.04, 1.61, 1.79, 2.35, 1.88]),
    np.array([5e3, 4e3, 3e4, 8e2, 2e3, 1e3, 7e3, 2e4, 3e3]),
)


FIFTEEN = Neutrinos(  # heard some at a time: sets that nobody could hear together must not say where to look
    GPS + np.array([104, 247, -288, 221, -107, -278, 68, 347, 56, 80, 348, -200, 90, -274, -365.0]),
    np.radians([59.7, 57.8, 57.7, 58.1, 62.3, 59.7, 53.9, 54.3, 61.9, 62.7, 59.2, 54.3, 52.8, 56.9, 57.6]),
    -np.radians([32.0, 33.2, 29.3, 28.8, 31.4, 30.6, 30.6, 29.1, 32.1, 30.6, 28.3, 32.7, 31.9, 29.3, 29.6]),
    np.radians([1.77, 1.54, 0.44, 3.12, 0.65, 1.61, 0.55, 2.13, 1.16, 0.68, 1.04, 0.29, 1.02, 0.39, 0.62]),
    np.array([75, 174, 24, 1.3, 0.25, 8.5, 315, 3, 2.7, 12.7, 12, 1.6, 19.4, 48, 0.25]) * 1e3,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "crowd"), [(MAP, FIVE), (MAP, NINE), (SIMULATED, FIFTEEN)], ids=["five", "nine", "fifteen"]
)
def test_a_crowd_on_a_map_of_many_distances(data, name, crowd):
    """Every set of two and more, against sums over pieces of cells."""
    n, real_map = len(crowd), without_unknown(read_skymap(data / name))
    result = coincidence(real_map, TRIGGER, crowd, SEASON, CBC)
    against = result.candidates.log_background + np.logaddexp(0, result.log_lambda)
    heard_together = [(length, heard) for length, heard in pieces(CBC, crowd.gps_s - GPS) if heard.sum() > 1]
    largest = max(heard.sum() for _, heard in heard_together)

    def terms_of_sets(skymap: SkyMap) -> np.ndarray:
        """(n + 1, cells) P e_k(u) by size of the sets, summed over the seconds in which all of one hear."""
        u = [u_of(crowd, i, skymap, result.energy_used_gev[i], against[i]) / 500 for i in range(n)]
        total = np.zeros((n + 1, skymap.density.size))
        for length, heard in heard_together:
            e = np.zeros_like(total)
            e[0] = 1
            for i in np.flatnonzero(heard):
                e[1:] = e[1:] + u[i] * e[:-1]
            total += length * e
        return total * skymap.density * area_sr(skymap)

    fine = real_map
    for order in range(12):
        terms = terms_of_sets(fine)[[2, largest]]
        heavy = (terms / terms.max(axis=1, keepdims=True)).sum(axis=0) > 1e-7
        fine = split(fine, np.flatnonzero((fine.order <= order) & heavy))
    theta, phi = np.arccos(directions(fine)[:, 2]), np.arctan2(*directions(fine)[:, 1::-1].T)
    cell, log_alpha = slow.cell_of(real_map, theta, phi), np.log(slow.alpha(SEASON, np.cos(theta)))
    terms = terms_of_sets(fine)[2 : largest + 1]
    # near cells have counts e²⁰ times as large
    at = np.flatnonzero((terms > 1e-11 * terms.max(axis=1, keepdims=True)).any(axis=0))
    every, back = np.unique(cell[at], return_inverse=True)
    # distances are the cell's, α the place's: between the least and the largest of a cell on a straight line
    low, high = np.full((2, every.size), np.nan)
    np.fmin.at(low, back, log_alpha[at])
    np.fmax.at(high, back, log_alpha[at])
    first, last = (np.log(mean_counts(real_map, every, largest, np.exp(end))[1:]) for end in (low, high))
    part = (log_alpha[at] - low[back]) / np.maximum((high - low)[back], 1e-12)
    total = (terms[:, at] * np.exp(first[:, back] + part * (last - first)[:, back])).sum()
    expected = np.log(total / CBC.beaming / (CBC.t_gw_plus_s - CBC.t_gw_minus_s))
    single = np.logaddexp.reduce(result.log_b - np.logaddexp(0, result.log_lambda))
    found = result.ensemble.log_b + np.log(-np.expm1(single - result.ensemble.log_b))
    assert found == pytest.approx(expected, abs=5e-4)
