"""Which neutrinos of a list may share a source with another: an upper bound of each pair's term needs no integral."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Bool, Float, Index
from llama.science.sky import log_peak
from llama.science.statistic.against import AgainstBackground, Host

_NEGLIGIBLE = 16.0  # pairs below e^-16 of the single neutrinos are left out
_ROWS = 100


def near(host: Host, neutrinos: AgainstBackground, strength: Float, log_single: float) -> NDArray[np.bool_]:
    """(n, n) pairs that share a source time and may matter beside the single neutrinos.

    Args:
        strength: (n,) `AgainstBackground.log_most_strength`.
        log_single: ln of all that stands beside a pair.
    """
    every = np.arange(neutrinos.delay_s.size)
    found = np.zeros((every.size, every.size), np.bool_)
    for k in range(0, every.size, _ROWS):
        rows = every[k : k + _ROWS]
        bound = pair_bounds(host, neutrinos, strength, np.repeat(rows, every.size), np.tile(every, rows.size))
        found[rows] = (bound > least_that_matters(log_single)).reshape(rows.size, -1)
    return found


def lists_with_pairs(
    host: Host, neutrinos: AgainstBackground, strength: Float, log_single: Float, start: Index
) -> Index:
    """Which of several lists, end to end, have a pair that may matter, so that `near` finds one.

    Args:
        log_single: (lists,) ln of all that stands beside a pair of each.
        start: (lists + 1,) neutrinos of list i are start[i] … start[i + 1].
    """
    of = np.repeat(np.arange(start.size - 1), np.diff(start))
    matter = np.zeros(start.size - 1, np.bool_)
    for apart in range(1, int(np.diff(start).max(initial=0))):
        first = np.flatnonzero(of[apart:] == of[:-apart])
        bound = pair_bounds(host, neutrinos, strength, first, first + apart)
        matter[of[first[bound > least_that_matters(log_single[of[first]])]]] = True
    return np.flatnonzero(matter)


def least_that_matters(log_single: Float | float) -> Float:
    """ln of what a pair must reach beside the single neutrinos; where there are none, any pair matters."""
    return np.asarray(np.where(np.isfinite(log_single), np.asarray(log_single) - _NEGLIGIBLE, -np.inf))


def pair_bounds(host: Host, neutrinos: AgainstBackground, strength: Float, first: Index, second: Index) -> Float:
    """(m,) ln of an upper bound of the terms of pairs (m,), (m,) within 5σ; 2 Q_2 ≤ 1."""
    kappa, peak = 1 / np.square(neutrinos.sigma_rad), log_peak(neutrinos.sigma_rad)
    along, each = kappa[:, None] * neutrinos.direction, host.log_rate / 2 + strength + peak - kappa
    # |κ_i μ_i + κ_j μ_j|
    both = along.take(first, axis=0) + along.take(second, axis=0)
    length = np.sqrt(np.einsum("ij,ij->i", both, both))
    # the largest value of the product of two von Mises–Fisher densities; an integral against the map cannot exceed it
    bound = length + each[first] + each[second] + np.log(host.stop_s - host.start_s)
    return np.where(shared_s(host, neutrinos, first, second) > 0, bound, -np.inf)


def shared_s(host: Host, neutrinos: AgainstBackground, first: Index, second: Index) -> Float:
    """Seconds of source time that host and both neutrinos of each pair allow."""
    opens, closes = neutrinos.delay_s - neutrinos.plus_s, neutrinos.delay_s - neutrinos.minus_s
    start = np.maximum(np.maximum(opens[first], opens[second]), host.start_s)
    stop = np.minimum(np.minimum(closes[first], closes[second]), host.stop_s)
    return np.asarray(np.maximum(stop - start, 0.0))


def clusters_of(pairs: Bool) -> tuple[tuple[int, ...], ...]:
    """Neutrinos connected by pairs (n, n), two or more each."""
    left, found = set(range(pairs.shape[0])), []
    while left:
        cluster, edge = set(), {left.pop()}
        while edge:
            cluster |= edge
            left -= edge
            edge = {int(j) for i in edge for j in np.flatnonzero(pairs[i]) if int(j) in left}
        if len(cluster) > 1:
            found.append(tuple(sorted(cluster)))
    return tuple(found)
