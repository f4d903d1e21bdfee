"""Many neutrino lists around one sky map through the kernel at once.

The kernel's terms of single neutrinos take arrays, and few lists have neutrinos that may share a source, so a quarter
of a million events need half an hour, not a day. A test compares what comes out with what `coincidence` says of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.detector import SeasonTable, alpha, energy_cap_gev, log_background_density, signal_rows
from llama.science.search import Search
from llama.science.sky import SkyMap, directions_of, log_peak, log_sum_by, unit_vectors
from llama.science.statistic import (
    AgainstBackground,
    GWTrigger,
    Host,
    NeutrinoLists,
    Neutrinos,
    Prepared,
    joint_terms,
    list_statistics,
    log_stranger_rate,
    merger_host,
    prepare,
    single_log_b,
)
from llama.studies.truth import Lists, take

TRIGGER = GWTrigger(0.0, None, 1.0)
MOST_APART = 8
_AT_ONCE = 400
_COARSE, _COARSE_RADIUS_RAD = 4, np.radians(3.4)
_REACH = 7.0
_LARGEST_Q1 = 0.4  # a Poisson probability of exactly one is at most 1/e
_BESIDE = np.log(10.0)  # pairs are left out when certainly below e^-16 of this: 1e-6 of c, which B̃ stands beside


@dataclass(frozen=True, eq=False)
class MapAnalysis:
    """One sky map, ready for lists."""

    skymap: SkyMap
    prepared: Prepared
    season: SeasonTable
    search: Search

    @classmethod
    def of(cls, skymap: SkyMap, season: SeasonTable, search: Search) -> MapAnalysis:
        return cls(skymap, prepare(skymap, TRIGGER, season, search), season, search)

    @property
    def rate_hz(self) -> float:
        """R_ν."""
        return self.season.rate_hz if self.search.neutrino_rate_hz is None else self.search.neutrino_rate_hz

    def candidates(self, neutrinos: Neutrinos) -> AgainstBackground:
        """Neutrinos as the kernel takes them, against the background alone."""
        energy = np.minimum(neutrinos.energy_gev, energy_cap_gev(self.season, self.search, neutrinos.dec_rad))
        density = log_background_density(self.season, self.search, neutrinos.dec_rad, energy)
        direction = unit_vectors(neutrinos.ra_rad, neutrinos.dec_rad)
        rows = signal_rows(self.season, energy)
        return AgainstBackground.of(neutrinos, direction, 0.0, np.log(self.rate_hz) + density, rows, self.search)


def log_statistics(analysis: MapAnalysis, lists: Lists) -> Float:
    """(events,) ln of the public-alert statistic of each list, as an event's own run has it."""
    every = NeutrinoLists(lists.neutrinos, lists.start)
    return list_statistics(analysis.prepared, TRIGGER, every, analysis.season, analysis.search, quick=True).event


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What the whole list says, at any p_astro.

    Attributes:
        log_b: (events,) ln B̃_ens.
        log_b_with: (n,) ln of those of its terms in which each neutrino takes part; NaN in lists of more than
            `MOST_APART` that hang together, where it would take most of the time.
        log_lambda: (n,) ln λ of each neutrino.
    """

    log_b: Float
    log_b_with: Float
    log_lambda: Float


def ensemble(analysis: MapAnalysis, lists: Lists) -> Ensemble:
    """The exact form of SCIENCE 2.2: singles, pairs and every larger set."""
    candidates = analysis.candidates(lists.neutrinos)
    log_single, log_lambda = _singles(analysis, lists.neutrinos, candidates)
    beside = np.logaddexp(0.0, log_lambda)
    log_tilde = log_single - beside
    against = replace(candidates, log_background=candidates.log_background + beside)
    log_b, log_with = log_sum_by(log_tilde, lists.start), log_tilde.copy()
    host = merger_host(analysis.prepared, analysis.search)
    for event in np.flatnonzero(np.diff(lists.start) > 1).tolist():
        at = np.arange(*lists.start[event : event + 2])
        mine = against.only(at)
        joint = joint_terms(host, mine, analysis.season, log_tilde[at], _BESIDE)
        if np.isfinite(joint.log_b):
            if at.size <= MOST_APART:
                with_each = _with_each(host, mine, analysis.season, log_tilde[at], joint.log_b)
                log_with[at] = np.logaddexp(log_with[at], with_each)
            else:
                log_with[at] = np.nan
            log_b[event] = np.logaddexp(log_b[event], joint.log_b)
    return Ensemble(log_b, log_with, log_lambda)


def _singles(analysis: MapAnalysis, neutrinos: Neutrinos, candidates: AgainstBackground) -> tuple[Float, Float]:
    """ln B and ln λ of every neutrino by itself, as `coincidence` computes them."""
    host = merger_host(analysis.prepared, analysis.search)
    parts = [np.empty((2, 0))]
    for first in range(0, len(neutrinos), _AT_ONCE):
        at = np.arange(first, min(first + _AT_ONCE, len(neutrinos)))
        mine = candidates.only(at)
        log_b = single_log_b(host, mine, analysis.season)
        log_rate = log_stranger_rate(analysis.season, analysis.search, mine, take(neutrinos, at))
        parts.append(np.stack([log_b, log_rate - mine.log_background]))
    log_b, log_lambda = np.concatenate(parts, axis=1)
    return log_b, log_lambda


def _with_each(host: Host, mine: AgainstBackground, season: SeasonTable, log_tilde: Float, log_all: float) -> Float:
    """ln of the joint terms that need each neutrino: all of them less those of the list without it."""
    number = np.arange(mine.delay_s.size)
    result = np.empty(number.size)
    for i in number.tolist():
        others = number[number != i]
        rest = joint_terms(host, mine.only(others), season, log_tilde[others], _BESIDE).log_b
        result[i] = log_all + np.log(max(-np.expm1(min(rest - log_all, 0.0)), 1e-12))
    return result


def in_reach(analysis: MapAnalysis, neutrinos: Neutrinos, least: float) -> NDArray[np.bool_]:
    """(n,) whether B can be as large as `least`, by an upper bound that needs no integral.

    Of P_gw the largest value within 7σ counts, of a/α that of the best declination, and of the rest of the map the
    point spread at 7σ.
    """
    bounds = [np.empty(0)]
    coarse = directions_of(np.full(12 * 4**_COARSE, _COARSE), np.arange(12 * 4**_COARSE))
    peak = _coarse_peaks(analysis.skymap)
    for first in range(0, len(neutrinos), 1000):
        some = take(neutrinos, slice(first, first + 1000))
        cosine = unit_vectors(some.ra_rad, some.dec_rad) @ coarse.T
        reach = np.cos(np.minimum(_REACH * some.sigma_rad + _COARSE_RADIUS_RAD, np.pi))
        near = np.where(cosine >= reach[:, None], peak, 0.0).max(axis=1)
        far = np.exp(log_peak(some.sigma_rad) - _REACH**2 / 2 + np.square(_REACH**2 * some.sigma_rad) / 24)
        bounds.append(_log_bound(analysis, some, near + far))
    return np.asarray(np.concatenate(bounds) >= np.log(least))


def _log_bound(analysis: MapAnalysis, neutrinos: Neutrinos, density: Float) -> Float:
    season, search = analysis.season, analysis.search
    energy = np.minimum(neutrinos.energy_gev, energy_cap_gev(season, search, neutrinos.dec_rad))
    signal = (signal_rows(season, energy) / alpha(season, season.sin_dec)).max(axis=1)
    background = np.log(analysis.rate_hz) + log_background_density(season, search, neutrinos.dec_rad, energy)
    time = -np.log(search.t_gw_plus_s - search.t_gw_minus_s)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(density * signal * _LARGEST_Q1 / search.beaming) + time - background)


def _coarse_peaks(skymap: SkyMap) -> Float:
    """(3072,) largest density in or around each pixel of order 4."""
    peak = np.zeros(12 * 4**_COARSE)
    order, ipix = skymap.order.astype(np.int64), skymap.ipix.astype(np.int64)
    fine = order >= _COARSE
    np.maximum.at(peak, ipix[fine] >> 2 * (order[fine] - _COARSE), skymap.density[fine])
    for k in np.unique(order[~fine]).tolist():
        wide = 4 ** (_COARSE - k)
        here = order == k
        peak.reshape(-1, wide)[ipix[here]] = skymap.density[here][:, None]
    return peak
