"""A fast approximate localiser: BAYESTAR's likelihood where it matters, on an adaptive multi-order grid.

docs/science/localiser.md derives it. For each direction the time at the Earth's centre follows from the loudest
detector's peak; |z|² of the others at the times that this direction implies is the timing part, and amplitudes and
phases at the best time are averaged over distance and orientation (`amplitudes`). Cells are split where probability
is. Nothing of ligo.skymap is used.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from llama.science.arrays import Bool, Complex, Float, Index, Order
from llama.science.sky import SkyMap, cell_area_sr, conditional_moments, directions_of, from_cells
from llama.science.times import utc_from_gps
from llama.studies.simulation.amplitudes import Averaged, Orientations, averaged
from llama.studies.simulation.measurement import BETA, Measurement

NAME = "llama fast approximate localiser"

_FIRST_ORDER, _LAST_ORDER = 4, 11
_SHARE = 1e-3  # a cell with more probability is split
_DROP = 18.0  # ln of probability below the best, from which on a crude value is enough
_MOST_SLACK = 14.0
_TIMES = np.linspace(-5.4, 5.4, 13)  # in standard deviations of a detector's arrival
_MERGE = 1e-7  # four siblings with less than this become one
_COARSEST = 2


class _Cells(NamedTuple):
    """(n,) cells, what was found at their centres, and ln of the mean likelihood in each."""

    order: Order
    ipix: Index
    log_likelihood: Float
    mean_mpc: Float
    std_mpc: Float
    log_mean: Float

    def only(self, kept: Bool | Index) -> _Cells:
        return _Cells(self.order[kept], self.ipix[kept], *(column[kept] for column in self[2:]))

    def beside(self, others: _Cells) -> _Cells:
        order, ipix = np.concatenate([self.order, others.order]), np.concatenate([self.ipix, others.ipix])
        return _Cells(order, ipix, *(np.concatenate(pair) for pair in zip(self[2:], others[2:], strict=True)))


def localise(heard: Measurement, name: str) -> SkyMap:
    """The sky map of what was measured, with distances."""
    points = Orientations.enough_for(BETA * heard.network_snr)
    cells = _first(heard, points)
    for level in range(_FIRST_ORDER, _LAST_ORDER):
        split = _to_split(heard, level, cells)
        if not split.any():
            break
        cells = cells.only(~split).beside(_children(heard, cells.only(split), points))
    return _skymap(cells, heard, name)


def _children(heard: Measurement, cells: _Cells, points: Orientations) -> _Cells:
    """Four of each.

    In a cell of side h the mean is the centre's value plus h²/24 of the Laplacian; a parent's and its children's
    centres tell the Laplacian, so that children get a third of the difference between their mean and the parent.
    """
    ipix = (4 * cells.ipix[:, None] + np.arange(4)).ravel()
    order = np.repeat((cells.order + 1).astype(np.uint8), 4)
    found = _at(heard, directions_of(order, ipix), points)
    four = found.log_likelihood.reshape(-1, 4)
    highest = four.max(axis=1)
    log_mean = highest + np.log(np.exp(four - highest[:, None]).mean(axis=1))
    bend = 1 - np.exp(np.minimum(cells.log_likelihood - log_mean, 1.0))
    factor = np.repeat(np.maximum(1 + bend / 3, 0.5), 4)
    return _Cells(order, ipix, *found, found.log_likelihood + np.log(factor))


@cache
def _coarse() -> Float:
    ipix = np.arange(12 * 4**_FIRST_ORDER)
    return directions_of(np.full(ipix.size, _FIRST_ORDER, np.uint8), ipix)


def _first(heard: Measurement, points: Orientations) -> _Cells:
    """All cells of the first order: those that can matter evaluated, the others by their timing alone."""
    direction = _coarse()
    best, _ = _timing(heard, direction)
    near = best >= best.max() - _DROP - _slack(heard, _FIRST_ORDER)
    found = _at(heard, direction[near], points)
    crude = np.full(best.size, -np.inf)
    offset = np.median(found.log_likelihood - best[near])
    crude[~near] = best[~near] + offset
    crude[near] = found.log_likelihood
    mean, std = np.full(best.size, np.nan), np.full(best.size, np.nan)
    mean[near], std[near] = found.mean_mpc, found.std_mpc
    ipix = np.arange(best.size)
    return _Cells(np.full(best.size, _FIRST_ORDER, np.uint8), ipix, crude, mean, std, crude)


def _to_split(heard: Measurement, level: int, cells: _Cells) -> Bool:
    """Cells of this order that hold probability, or may once their best direction is found."""
    log_probability = cells.log_likelihood + np.log(cell_area_sr(cells.order))
    highest = log_probability.max()
    log_total = highest + np.log(np.exp(log_probability - highest).sum())
    enough = log_total + np.log(_SHARE) - _slack(heard, level)
    return np.asarray((cells.order == level) & (log_probability > enough))


def _slack(heard: Measurement, level: int) -> float:
    """By how much ln L at a cell's centre may be lower than elsewhere in it: half its Fisher information × size²."""
    weight = (2 * np.pi * BETA * heard.bandwidth_hz * heard.snr) ** 2
    middle = weight @ heard.network.places / weight.sum()
    information = float(weight @ np.sum((heard.network.places - middle) ** 2, axis=1))
    return min(information * 0.5 * float(cell_area_sr(level)) / 2, _MOST_SLACK)


def _at(heard: Measurement, direction: Float, points: Orientations) -> Averaged:
    best, z = _timing(heard, direction)
    plus, cross = heard.network.patterns(direction)
    scale = BETA * heard.horizon_mpc
    step = 1 << 9  # so that the integrand of a chunk stays in the processor's cache
    chunks = [
        averaged(plus[i : i + step] * scale, cross[i : i + step] * scale, BETA * z[i : i + step], points)
        for i in range(0, len(z), step)
    ]
    found = Averaged(*(np.concatenate(column) for column in zip(*chunks, strict=True)))
    timing = best - BETA**2 * np.sum(np.abs(z) ** 2, axis=1) / 2
    return found._replace(log_likelihood=found.log_likelihood + timing)


def _timing(heard: Measurement, direction: Float) -> tuple[Float, Complex]:
    """(p,) ln of the integral over times of exp(β² Σ|z|²/2), and (p, d) z at the best time.

    Times are those about the peak of each detector, as the direction has it: whichever of them is noise, the others
    still say where the source is.
    """
    delay = heard.network.delays(direction)
    sigma_s = 1 / (2 * np.pi * BETA * heard.snr * np.maximum(heard.bandwidth_hz, 1.0))
    loud = np.argsort(-heard.snr)
    middle = heard.arrival_s[loud] - delay[:, loud]
    places, sizes, weights = [], [], []
    for k, d in enumerate(loud):
        place = middle[:, k, None] + _TIMES * sigma_s[d]
        free = np.ones(place.shape)
        for other in range(k):
            free[np.abs(place - middle[:, other, None]) <= _TIMES[-1] * sigma_s[loud[other]]] = 0.0
        places.append(place)
        weights.append(free * sigma_s[d] / sigma_s[loud[0]])
        sizes.append(np.stack([_power(_series(heard, at[:, None] + delay)) for at in place.T], axis=1))
    return _added_up(heard, delay, np.concatenate(places, 1), np.concatenate(sizes, 1), np.concatenate(weights, 1))


def _added_up(heard: Measurement, delay: Float, place: Float, size: Float, weight: Float) -> tuple[Float, Complex]:
    row = np.arange(len(size))
    at = np.argmax(size, axis=1)
    highest = size[row, at]
    total = highest + np.log((weight * np.exp(size - highest[:, None])).sum(axis=1))
    # a parabola through the largest value and its neighbours has its top at the best time
    at = np.clip(at % _TIMES.size, 1, _TIMES.size - 2) + at // _TIMES.size * _TIMES.size
    before, here, after = size[row, at - 1], size[row, at], size[row, at + 1]
    bend = before - 2 * here + after
    offset = np.where(bend < 0, (before - after) / (2 * np.where(bend < 0, bend, 1.0)), 0.0)
    best = place[row, at] + np.clip(offset, -1.5, 1.5) * (place[row, at + 1] - place[row, at])
    return total, _series(heard, best[:, None] + delay)


def _power(z: Complex) -> Float:
    return np.asarray(BETA**2 / 2 * (z.real**2 + z.imag**2).sum(axis=1))


def _series(heard: Measurement, when: Float) -> Complex:
    """(p, d) complex SNR at times after the reference, by straight lines between samples; 0 outside of the series."""
    found = np.empty(when.shape, np.complex128)
    last = heard.series.shape[1] - 2
    for d in range(when.shape[1]):
        place = (when[:, d] - heard.first_s[d]) * heard.rate_hz
        below = np.floor(place).astype(np.int64)
        inside = (below >= 0) & (below <= last)
        below = np.where(inside, below, 0)
        low, high = heard.series[d, below], heard.series[d, below + 1]
        found[:, d] = np.where(inside, low + (place - below) * (high - low), 0.0)
    return found


def _skymap(cells: _Cells, heard: Measurement, name: str) -> SkyMap:
    density = np.exp(cells.log_mean - cells.log_mean.max())
    density /= np.sum(density * cell_area_sr(cells.order))
    order, ipix, density, mean, std = _coarsened(cells.order, cells.ipix, density, cells.mean_mpc, cells.std_mpc)
    weight = np.where(np.isfinite(mean), density * cell_area_sr(order), 0.0)
    weight /= weight.sum()
    overall = float(np.nansum(weight * mean))
    spread = float(np.sqrt(np.nansum(weight * (std**2 + (mean - overall) ** 2))))
    detectors = ",".join(heard.network.names)
    origin = {
        "OBJECT": name,
        "INSTRUME": detectors,
        "DATE-OBS": utc_from_gps(heard.gps).removesuffix("Z"),
        "CREATOR": NAME,
        "ORIGIN": "simulation",
        "HISTORY": f"made by the {NAME}, not by BAYESTAR\nnetwork SNR {heard.network_snr:.3f} of {detectors}",
    }
    columns = distance_columns(mean, std)
    return from_cells(order, ipix, density, columns, distmean_mpc=overall, diststd_mpc=spread, origin=origin)


def _coarsened(
    order: Order, ipix: Index, density: Float, mean: Float, std: Float
) -> tuple[Order, Index, Float, Float, Float]:
    """Four siblings that hold next to nothing as one, again and again."""
    for level in range(_FIRST_ORDER, _COARSEST, -1):
        place = np.flatnonzero(order == level)
        place = place[np.argsort(ipix[place])]
        _, first, count = np.unique(ipix[place] >> 2, return_index=True, return_counts=True)
        whole = first[count == 4]
        four = place[whole[:, None] + np.arange(4)]
        probability = density[four].sum(axis=1) * cell_area_sr(level)
        four = four[probability < _MERGE]
        keep = np.ones(order.size, bool)
        keep[four[:, 1:].ravel()] = False
        into = four[:, 0]
        order, ipix, density, mean, std = order.copy(), ipix.copy(), density.copy(), mean.copy(), std.copy()
        density[into] = density[four].mean(axis=1)
        mean[into], std[into] = np.nan, np.nan
        order[into], ipix[into] = level - 1, ipix[into] >> 2
        order, ipix, density, mean, std = order[keep], ipix[keep], density[keep], mean[keep], std[keep]
    return order, ipix, density, mean, std


@cache
def _ratios() -> tuple[Float, Float]:
    """Standard deviation over mean of the distance, ascending, and mu/sigma of each."""
    x = np.concatenate([np.linspace(-8.0, 20.0, 4000), np.geomspace(20.001, 1e5, 4000)])
    mean, std = conditional_moments(x, np.ones_like(x))
    return (std / mean)[::-1], x[::-1]


def distance_columns(mean_mpc: Float, std_mpc: Float) -> tuple[Float, Float, Float]:
    """DISTMU, DISTSIGMA, DISTNORM with these moments (Singer et al. 2016, arXiv:1605.04242, sec. 3); not valid
    (∞, 1, 0) where a mean is not known, or no such posterior has the moments."""
    ratios, x_of = _ratios()
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = std_mpc / mean_mpc
        known = np.isfinite(ratio) & (ratio > ratios[0]) & (ratio < ratios[-1])
    x = np.interp(np.where(known, ratio, ratios[0]), ratios, x_of)
    unit, _ = conditional_moments(x, np.ones_like(x))
    sigma = np.where(known, mean_mpc, 1.0) / unit
    mu = x * sigma
    second = (1 + x**2) * _below(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    norm = 1 / (sigma**2 * second)
    return np.where(known, mu, np.inf), np.where(known, sigma, 1.0), np.where(known, norm, 0.0)


def _below(x: Float) -> Float:
    from scipy.special import ndtr

    return np.asarray(ndtr(x))
