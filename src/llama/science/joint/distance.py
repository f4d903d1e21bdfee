"""How far the source is in each cell of a joint sky map: the merger's distance, reweighted by what neutrinos say.

Neutrinos favour near sources: given k of them p(r|Ω) gains the factor k! Q_k(αn(r)), which falls as r⁻² or faster.
What files can hold is r² N(r; mu, sigma) in each cell, so the result is written as that with the same mean and
standard deviation, as sky maps made from posterior samples are (Singer et al. 2016, arXiv:1605.04242, sec. 2).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from llama.science.arrays import Float
from llama.science.detector import SeasonTable, alpha
from llama.science.distance import Distances, Points, q_exactly
from llama.science.joint.grid import Grid
from llama.science.sky import SkyMap, conditional_moments

Columns = tuple[Float, Float, Float]

_MOVED = 0.01  # where neutrinos have less than this part of a cell's density they leave its distance as it is
_LEAST_X = -10.0  # mu/sigma; the shape hardly changes below it


@dataclass(frozen=True, eq=False)
class Reach:
    """What decides how many neutrinos a source at some distance gives: L_ν = `span`, the season's α."""

    radial: Distances
    season: SeasonTable
    span: float

    def moments(self, count: int, points: Points) -> Float:
        """(3, n) 1, mean of r and of r² (Mpc) at each point, given that many neutrinos from one source there."""

        def weighted(n_max: Float, r: Float) -> Float:
            log_p = np.log(np.maximum(q_exactly(count, n_max, self.span), 1e-300))  # 0 for thousands of neutrinos
            return np.stack([log_p, log_p + np.log(r), log_p + 2 * np.log(r)])

        log_m = self.radial.log_average(weighted, points, alpha(self.season, points.direction[:, 2]))
        return np.asarray(np.exp(log_m - log_m[0]))


def carried(skymap: SkyMap, cell: NDArray[np.int64]) -> Columns | None:
    """mu, sigma and norm of the map's cells in which those of a grid lie; None when the map has no distances."""
    if skymap.distmu is None or skymap.distsigma is None or skymap.distnorm is None:
        return None
    return skymap.distmu[cell], skymap.distsigma[cell], skymap.distnorm[cell]


def reweighted(distance: Columns, parts: Float, grid: Grid, reach: Reach) -> Columns:
    """mu, sigma and norm of a density that is a sum of parts.

    Args:
        distance: (n,) each, of the merger alone; cells without a valid distance keep none.
        parts: (k + 1, n) densities by the number of neutrinos that come from the source, from none to k.
    """
    mu, sigma, norm = (column.copy() for column in distance)
    total = parts.sum(axis=0)
    valid = np.isfinite(mu) & (norm > 0) & (total > 0)
    at = np.flatnonzero(valid & (parts[1:].max(axis=0) > _MOVED * total))
    if not at.size:
        return distance
    share = parts[:, at] / total[at]
    mean, std = conditional_moments(mu[at], sigma[at])
    moments = share[0] * np.stack([np.ones_like(mean), mean, mean * mean + std * std])
    for count, part in enumerate(share[1:], start=1):
        here = np.flatnonzero(part > _MOVED)
        if here.size:
            moments[:, here] += part[here] * reach.moments(count, grid.centres(at[here]))
    mean = moments[1] / moments[0]
    std = np.sqrt(np.maximum(moments[2] / moments[0] - mean * mean, 0.0))
    mu[at], sigma[at], norm[at] = parameters(mean, std)
    return mu, sigma, norm


def parameters(mean: Float, std: Float) -> Columns:
    """mu, sigma and norm of p(r) = norm · r² N(r; mu, sigma) with this mean and standard deviation.

    No such p is wider than std = mean/√3; wider ones are given the widest that keeps its digits, with their mean.
    """
    x_grid, log_ratio, of_one = _table()
    with np.errstate(divide="ignore"):
        x = np.interp(-np.log(std / mean), -log_ratio, x_grid)
    sigma = mean / np.interp(x, x_grid, of_one)
    norm = 1 / (sigma**2 * ((x * x + 1) * ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)))
    return x * sigma, sigma, norm


@functools.cache
def _table() -> tuple[Float, Float, Float]:
    """mu/sigma, ln(std/mean), falling, and mean/sigma."""
    x = np.sinh(np.linspace(np.arcsinh(_LEAST_X), np.arcsinh(1e5), 20_000))
    mean, std = conditional_moments(x, 1.0)
    return x, np.log(std / mean), mean
