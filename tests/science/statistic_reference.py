"""The statistic once more, read directly from the equations and as slowly as it likes: the oracle of the fast one.

Sums over HEALPix pixels of σ/20 and finer, trapezoids over distance, Gauss–Legendre over ln E_ν; healpy's geometry.
"""

from __future__ import annotations

import healpy
import numpy as np

from llama.science.detector.response import SeasonTable
from llama.science.search import Search
from llama.science.sky.skymap import SkyMap


def uniform_season(counts_per_dex: float = 50.0) -> SeasonTable:
    """A detector that sees every direction and energy alike: signal and background flat in sin δ and log10 ε."""
    edges = np.linspace(-90, 90, 181)
    bands = np.sin(np.radians(edges[1:])) - np.sin(np.radians(edges[:-1]))
    energies = np.linspace(1, 8, 71)
    counts = np.rint(np.outer(bands, np.full(70, counts_per_dex)) * 20).astype(np.uint16)
    grid = np.linspace(-0.99, 0.99, 100)
    dex = np.arange(1.05, 8, 0.1)
    return SeasonTable(
        name="uniform", rate_hz=4e-3, n_observed=int(counts.sum()), livetime_s=1e7, sin_dec=grid, log10_energy=dex,
        signal_per_dex=np.full((dex.size, 100), 1 / 7), true_log10_energy=np.linspace(2, 8, 61),
        effective_area_cm2=np.full((60, 100), 1e5), counts=counts, counts_dec_deg=edges, counts_log10_energy=energies,
        peaks_dec_deg=(edges[1:] + edges[:-1]) / 2, peaks_log10_energy=np.full(180, 8.0), peaks_window_deg=0.5,
        n_51_100=1.1, smearing="none", source="made up for a test",
    )  # fmt: skip


def linear(grid: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.interp(at, grid, values)


def signal_density(season: SeasonTable, energy: float, sin_dec: np.ndarray) -> np.ndarray:
    """a(ε, δ) in GeV⁻¹ by two one-dimensional interpolations."""
    step = season.log10_energy[1] - season.log10_energy[0]
    grid = np.concatenate([[season.log10_energy[0] - step], season.log10_energy, [season.log10_energy[-1] + step]])
    zero = np.zeros((1, season.sin_dec.size))
    rows = np.vstack([zero, season.signal_per_dex, zero])
    at_energy = np.array([np.interp(np.log10(energy), grid, column, left=0, right=0) for column in rows.T])
    return linear(season.sin_dec, at_energy, sin_dec) / (energy * np.log(10))


def alpha(season: SeasonTable, sin_dec: np.ndarray) -> np.ndarray:
    step = season.log10_energy[1] - season.log10_energy[0]
    return linear(season.sin_dec, season.signal_per_dex.sum(axis=0) * step, sin_dec)


def over_declinations(season: SeasonTable, energy: float, middle: np.ndarray, reach: np.ndarray):
    """Mean of a/α and its α for nodes that stand for ranges of HEALPix heights, by sums over a triangular weight.

    The rule of the statistic: a node within one bin of declination takes the value at its middle.
    """
    part = (np.arange(20000) + 0.5) / 10000 - 1
    weight = (1 - np.abs(part)) / 10000
    per_source, scale = np.empty((2, middle.size))
    bin_width = season.sin_dec[1] - season.sin_dec[0]
    for i, (at, half) in enumerate(zip(middle, reach, strict=True)):
        bins = (sine(np.array(at)) - season.sin_dec[0] + half / 1.5 * np.array([-1, 1])) / bin_width
        within = np.floor(bins[0]) == np.floor(bins[1])
        z, share = (sine(np.array([at])), np.ones(1)) if within else (sine(at + half * part), weight)
        density = signal_density(season, energy, z)
        per_source[i] = (share * density / alpha(season, z)).sum()
        scale[i] = (share * density).sum() / per_source[i]
    return per_source, scale


def sine(height: np.ndarray) -> np.ndarray:
    """sin δ at heights of the HEALPix projection (Górski et al. 2005, eqs. 4 to 8 with y = height · π/4)."""
    return np.where(
        np.abs(height) <= 1, 2 / 3 * height, np.sign(height) * (1 - np.square(np.maximum(2 - np.abs(height), 0)) / 3)
    )


def q_one(search: Search, alpha_: np.ndarray, r: np.ndarray) -> np.ndarray:
    """∫dE P(E) n e^{−n} over the log-uniform prior, by quadrature over ln E; broadcasts α against r."""
    x, w = np.polynomial.legendre.leggauss(40)
    low, high = np.log(search.e_nu_min_eu), np.log(search.e_nu_max_eu)
    energy = np.exp(low + (high - low) * (x + 1) / 2)
    weight = w / 2  # P(E) dE = d ln E / L
    erg51 = energy * 9.521406136918413e44 * 1e7 / 1e51
    n = search.n_51_100 * erg51 * (r[..., None] / 100) ** -2 * alpha_[..., None]
    return (n * np.exp(-n) * weight).sum(axis=-1)


def q_some(search: Search, alpha_: np.ndarray, r: np.ndarray) -> np.ndarray:
    """∫dE P(E) (1 − e^{−n})."""
    x, w = np.polynomial.legendre.leggauss(40)
    low, high = np.log(search.e_nu_min_eu), np.log(search.e_nu_max_eu)
    energy = np.exp(low + (high - low) * (x + 1) / 2)
    erg51 = energy * 9.521406136918413e44 * 1e7 / 1e51
    n = search.n_51_100 * erg51 * (r[..., None] / 100) ** -2 * alpha_[..., None]
    return (-np.expm1(-n) * w / 2).sum(axis=-1)


def radial_grid(mu: float, sigma: float, points: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Distances and weights of p(r) ∝ r² exp(−(r − mu)²/2 sigma²)."""
    top = max(mu, 0) + 9 * sigma
    r = np.linspace(max(mu - 9 * sigma, 1e-3 * sigma), top, points)
    p = r**2 * np.exp(-((r - mu) ** 2) / (2 * sigma**2))
    return r, p / p.sum()


def background_density(season: SeasonTable, search: Search, dec: float, energy: float) -> float:
    """P_emp from the bins, each counted by the part of it inside the window; at least one event; times the bias."""
    delta = search.declination_window_deg
    low, high = max(np.degrees(dec) - delta, -90), min(np.degrees(dec) + delta, 90)
    solid_angle = 2 * np.pi * (np.sin(np.radians(high)) - np.sin(np.radians(low)))
    band = share(season.counts_dec_deg, low, high) @ season.counts.astype(float)
    inside = max(in_window(season, search, band, np.log10(energy)), 1.0)
    width = 2 * search.energy_window_dex * energy * np.log(10)
    return smoothing_bias(season, search, dec, band) * inside / (season.n_observed * solid_angle * width)


def share(edges: np.ndarray, a: float, b: float) -> np.ndarray:
    """Part of each bin between a and b."""
    return np.clip(np.minimum(edges[1:], b) - np.maximum(edges[:-1], a), 0, None) / np.diff(edges)


def in_window(season: SeasonTable, search: Search, band: np.ndarray, log_energy: float) -> float:
    width = search.energy_window_dex
    return float(band @ share(season.counts_log10_energy, log_energy - width, log_energy + width))


def smoothing_bias(season: SeasonTable, search: Search, dec: float, band: np.ndarray) -> float:
    """Mean over the band's events of a/P_emp, over the same mean for events spread as P_emp says, floor left out."""
    edges = season.counts_log10_energy
    centre = (edges[1:] + edges[:-1]) / 2
    step = season.log10_energy[1] - season.log10_energy[0]
    grid = np.concatenate([[season.log10_energy[0] - step], season.log10_energy, [season.log10_energy[-1] + step]])
    column = [linear(season.sin_dec, row, np.sin(dec)) for row in season.signal_per_dex]
    signal = np.interp(centre, grid, [0, *column, 0])
    counts = np.array([in_window(season, search, band, x) for x in centre]) / (2 * search.energy_window_dex)
    floor = np.maximum(counts, 1 / (2 * search.energy_window_dex))
    found, expected = (signal * band / np.diff(edges) / floor).sum(), (signal * counts / floor).sum()
    return float(found / expected) if found > 0 and expected > 0 else 1.0


def cell_of(skymap: SkyMap, theta: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Cell that holds each direction, −1 for none."""
    found = np.full(theta.size, -1)
    for order in np.unique(skymap.order):
        here = np.flatnonzero(skymap.order == order)
        pixel = healpy.ang2pix(2 ** int(order), theta, phi, nest=True)
        place = np.clip(np.searchsorted(skymap.ipix[here], pixel), 0, here.size - 1)
        hit = skymap.ipix[here][place] == pixel
        found[hit] = here[place[hit]]
    return found


def log_overlap(
    skymap: SkyMap,
    season: SeasonTable,
    search: Search,
    where: tuple[float, float, float],
    energy: float,
    order: int,
    distance: float | None = None,
) -> float:
    """ln ∫P_gw (a/α) PSF ⟨Q_1(αn)⟩ dΩ over pixels of one order within 9σ; `where` is ra, dec and σ in rad."""
    ra, dec, sigma = where
    nside = 2**order
    vector = healpy.ang2vec(np.pi / 2 - dec, ra)
    disc = healpy.query_disc(nside, vector, min(9 * sigma, np.pi), inclusive=True, nest=True)
    theta, phi = healpy.pix2ang(nside, disc, nest=True)
    cosine = np.sin(dec) * np.cos(theta) + np.cos(dec) * np.sin(theta) * np.cos(phi - ra)
    kappa = 1 / sigma**2
    psf = kappa / (2 * np.pi * -np.expm1(-2 * kappa)) * np.exp(kappa * (cosine - 1))
    cell = cell_of(skymap, theta, phi)
    keep = (cell >= 0) & (psf > psf.max() * 1e-14)
    theta, psf, cell = theta[keep], psf[keep], cell[keep]
    sin_dec = np.cos(theta)
    scale = alpha(season, sin_dec)
    factor = mean_q_one(skymap, search, cell, scale, distance)
    terms = skymap.density[cell] * psf * signal_density(season, energy, sin_dec) / scale * factor
    return float(np.log(terms.sum() * healpy.nside2pixarea(nside)))


def mean_q_one(
    skymap: SkyMap, search: Search, cell: np.ndarray, scale: np.ndarray, distance: float | None
) -> np.ndarray:
    """⟨Q_1⟩ for each pixel, once per distinct pair of cell and α where the distance is not one and the same."""
    if distance is not None:
        parts = np.array_split(scale, scale.size // 10**5 + 1)
        return np.concatenate([q_one(search, part, np.full(part.size, distance)) for part in parts])
    pairs, back = np.unique(np.stack([cell.astype(float), np.round(scale, 12)]), axis=1, return_inverse=True)
    values = np.empty(pairs.shape[1])
    for i, (one, a) in enumerate(pairs.T):
        r, p = radial_grid(skymap.distmu[int(one)], skymap.distsigma[int(one)])
        values[i] = p @ q_one(search, np.full(r.size, a), r)
    return values[back.ravel()]


def rings(sigma_rad: float, steps: int = 24, turns: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Points of equal weight in azimuth, Gauss weights in distance, for averages over the density.

    Returns:
        offsets: (…, steps·turns, 2) ψ and azimuth, rad, for each sigma.
        weights: (steps·turns,) sum to one.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    kappa = 1 / np.square(np.asarray(sigma_rad, dtype=np.float64))[..., None]
    # u is the probability beyond ψ; in u the density is flat
    beyond = (nodes + 1) / 2
    one_minus_cos = -np.log1p(-beyond * -np.expm1(-2 * kappa)) / kappa
    psi = 2 * np.arcsin(np.sqrt(np.clip(one_minus_cos / 2, 0, 1)))
    psi = np.repeat(psi, turns, axis=-1)
    azimuth = np.tile((np.arange(turns) + 0.5) * (2 * np.pi / turns), steps)
    offsets = np.stack([psi, np.broadcast_to(azimuth, psi.shape)], axis=-1)
    return offsets, np.repeat(weights / 2 / turns, turns)
