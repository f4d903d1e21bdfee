"""B̃ once more from SCIENCE 2.2, unexpanded: sums over pixels, distances, energies and times of the source."""

from __future__ import annotations

import itertools

import healpy
import numpy as np
from statistic_reference import alpha, cell_of, radial_grid, signal_density

from llama.science.detector.response import SeasonTable
from llama.science.search import Search
from llama.science.sky.skymap import SkyMap
from llama.science.statistic.observed import Neutrinos

POINTS = 80
GRID = np.polynomial.legendre.leggauss(32)


def ensemble_b(
    skymap: SkyMap,
    season: SeasonTable,
    search: Search,
    gps_s: float,
    neutrinos: Neutrinos,
    log_background: np.ndarray,
    order: int,
    distance: float | None = None,
) -> float:
    """B̃ by brute force; `log_background` is ln of R_ν P_emp (1 + λ) per neutrino."""
    nside = 2**order
    pixels = near(neutrinos, nside)
    theta, phi = healpy.pix2ang(nside, pixels, nest=True)
    cell = cell_of(skymap, theta, phi)
    theta, phi, cell = theta[cell >= 0], phi[cell >= 0], cell[cell >= 0]
    scale = alpha(season, np.cos(theta))
    w = np.stack(
        [source_over_background(season, neutrinos, i, theta, phi, log_background[i]) for i in range(len(neutrinos))]
    )
    w /= search.t_nu_plus_s - search.t_nu_minus_s
    total = 0.0
    for length, heard in pieces(search, neutrinos.gps_s - gps_s):
        if heard.any():
            value = bracket(skymap, search, cell, scale, w[heard], distance)
            total += length * float((skymap.density[cell] * value).sum()) * healpy.nside2pixarea(nside)
    return total / (search.t_gw_plus_s - search.t_gw_minus_s) / search.beaming


def near(neutrinos: Neutrinos, nside: int) -> np.ndarray:
    """Pixels within 7.5σ of any neutrino."""
    discs = [
        healpy.query_disc(
            nside, healpy.ang2vec(np.pi / 2 - dec, ra), min(7.5 * sigma, np.pi), inclusive=True, nest=True
        )
        for ra, dec, sigma in zip(neutrinos.ra_rad, neutrinos.dec_rad, neutrinos.sigma_rad, strict=True)
    ]
    return np.unique(np.concatenate(discs))


def source_over_background(season, neutrinos, i, theta, phi, log_background):
    """a PSF/(R P_emp (1 + λ)) at each direction, for n = 1 and per second of the neutrinos' window."""
    ra, dec, sigma = neutrinos.ra_rad[i], neutrinos.dec_rad[i], neutrinos.sigma_rad[i]
    cosine = np.sin(dec) * np.cos(theta) + np.cos(dec) * np.sin(theta) * np.cos(phi - ra)
    kappa = 1 / sigma**2
    psf = kappa / (2 * np.pi * -np.expm1(-2 * kappa)) * np.exp(kappa * (cosine - 1))
    return psf * signal_density(season, neutrinos.energy_gev[i], np.cos(theta)) / np.exp(log_background)


def pieces(search: Search, delay_s: np.ndarray):
    """Source times in steps between which nothing changes, found by trying every microsecond-free edge."""
    edges = {-search.t_gw_plus_s, -search.t_gw_minus_s}
    for delay in delay_s:
        for edge in (delay - search.t_nu_plus_s, delay - search.t_nu_minus_s):
            if -search.t_gw_plus_s < edge < -search.t_gw_minus_s:
                edges.add(edge)
    ordered = sorted(edges)
    for a, b in itertools.pairwise(ordered):
        t = (a + b) / 2
        yield b - a, (search.t_nu_minus_s <= delay_s - t) & (delay_s - t <= search.t_nu_plus_s)


def bracket(skymap, search, cell, scale, w, distance):
    """∫dr p(r|Ω) ∫dE P(E) e^{−αn}[Π(1 + n w_i) − 1] at each direction; w_i holds a_i, not a_i/α."""
    x, weight = GRID
    low, high = np.log(search.e_nu_min_eu), np.log(search.e_nu_max_eu)
    energy = np.exp(low + (high - low) * (x + 1) / 2)
    erg51 = energy * 9.521406136918413e44 * 1e7 / 1e51
    result = np.zeros(cell.size)
    for one in np.unique(cell):
        at = np.flatnonzero(cell == one)
        r, p = (np.array([distance]), np.ones(1)) if distance else radial_grid(*distances(skymap, one), points=POINTS)
        n = (search.n_51_100 * erg51 * (r[:, None] / 100) ** -2).ravel()[:, None]
        chance = (p[:, None] * weight / 2).ravel()
        for here in np.array_split(at, at.size // 400 + 1):
            grow = np.ones((n.size, here.size))
            for row in w[:, here]:
                grow *= 1 + n * row
            result[here] = chance @ (np.exp(-scale[here] * n) * (grow - 1))
    return result


def distances(skymap: SkyMap, cell: int) -> tuple[float, float]:
    return float(skymap.distmu[cell]), float(skymap.distsigma[cell])
