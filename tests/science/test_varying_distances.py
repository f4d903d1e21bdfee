"""Real maps whose distances change from cell to cell: what a node of many cells stands for is where the odds are."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
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


def mean_counts(skymap: SkyMap, cells: np.ndarray, k: int, scale: np.ndarray | None = None) -> np.ndarray:
    """⟨k! Q_k⟩ of some cells, at their centres' α or another, by a plain sum over distance."""
    scale = slow.alpha(SEASON, directions(skymap)[cells, 2]) if scale is None else scale
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
    assert found == pytest.approx(expected, abs=1e-3)


def test_five_on_a_map_of_many_distances(real_map, fine_map):
    """Every set of two to five, all of which hear the source for the same 470 s or more."""
    five = Neutrinos(
        GPS + np.array([30.0, -20.0, 10.0, 0.0, -5.0]),
        np.radians([222.1, 217.0, 219.0, 224.0, 214.0]),
        np.radians([34.2, 36.0, 40.0, 31.0, 37.0]),
        np.radians([4.0, 5.0, 6.0, 4.5, 8.0]),
        np.array([5e3, 4e3, 3e4, 8e2, 2e3]),
    )
    result = coincidence(real_map, TRIGGER, five, SEASON, CBC)
    against = result.candidates.log_background + np.logaddexp(0, result.log_lambda)
    heard_together = list(pieces(CBC, five.gps_s - GPS))

    def terms_of_sets(skymap: SkyMap, k: int) -> np.ndarray:
        """P Σ_S Π u times the seconds that all of the set hear, over sets of k, at the centre of every cell."""
        u = [u_of(five, i, skymap, result.energy_used_gev[i], against[i]) / 500 for i in range(5)]
        sets = list(combinations(range(5), k))
        seconds = [sum(length for length, heard in heard_together if heard[list(one)].all()) for one in sets]
        total = sum(t * np.prod([u[i] for i in one], axis=0) for one, t in zip(sets, seconds, strict=True))
        return skymap.density * area_sr(skymap) * total

    fine = real_map
    for order in range(11):
        heavy = sum(found / found.max() for found in (terms_of_sets(fine, k) for k in (2, 5))) > 1e-7
        fine = split(fine, np.flatnonzero((fine.order <= order) & heavy)) if order < 10 else fine
    theta, phi = np.arccos(directions(fine)[:, 2]), np.arctan2(*directions(fine)[:, 1::-1].T)
    cell, log_alpha = slow.cell_of(real_map, theta, phi), np.log(slow.alpha(SEASON, np.cos(theta)))
    total = 0.0
    for k in range(2, 6):
        terms = terms_of_sets(fine, k)
        at = np.flatnonzero(terms > 1e-11 * terms.max())  # near cells have counts e²⁰ times as large
        every, back = np.unique(cell[at], return_inverse=True)
        # distances are the cell's, α the place's: between the least and the largest of a cell on a straight line
        low, high = np.full((2, every.size), np.nan)
        np.fmin.at(low, back, log_alpha[at])
        np.fmax.at(high, back, log_alpha[at])
        ends = [np.log(mean_counts(real_map, every, k, np.exp(end))) for end in (low, high)]
        part = (log_alpha[at] - low[back]) / np.maximum((high - low)[back], 1e-12)
        total += (terms[at] * np.exp(ends[0][back] + part * (ends[1] - ends[0])[back])).sum()
    expected = np.log(total / CBC.beaming / (CBC.t_gw_plus_s - CBC.t_gw_minus_s))
    single = np.logaddexp.reduce(result.log_b - np.logaddexp(0, result.log_lambda))
    found = result.ensemble.log_b + np.log(-np.expm1(single - result.ensemble.log_b))
    assert found == pytest.approx(expected, abs=1e-3)
