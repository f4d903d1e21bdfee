"""Which neutrinos of a list may share a source with another: an upper bound of each pair's term needs no integral."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    every, bounds = np.arange(neutrinos.delay_s.size), PairBounds.of(host, neutrinos, strength)
    found = np.zeros((every.size, every.size), np.bool_)
    for k in range(0, every.size, _ROWS):
        rows = every[k : k + _ROWS]
        bound = bounds.log_of(np.repeat(rows, every.size), np.tile(every, rows.size))
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
    matter, bounds = np.zeros(start.size - 1, np.bool_), PairBounds.of(host, neutrinos, strength)
    for of, first, second in within_lists(start):
        bound = bounds.log_of(first, second)
        matter[of[bound > least_that_matters(log_single[of])]] = True
    return np.flatnonzero(matter)


def within_lists(start: Index) -> Iterator[tuple[Index, Index, Index]]:
    """Every pair of neutrinos of one list, in turns: which lists, each once, and which two of all neutrinos."""
    count = np.diff(start)
    for second in range(1, int(count.max(initial=0))):
        of = np.flatnonzero(count > second)
        for first in range(second):
            yield of, start[of] + first, start[of] + second


def least_that_matters(log_single: Float | float) -> Float:
    """ln of what a pair must reach beside the single neutrinos; where there are none, any pair matters."""
    return np.asarray(np.where(np.isfinite(log_single), np.asarray(log_single) - _NEGLIGIBLE, -np.inf))


@dataclass(frozen=True, eq=False)
class PairBounds:
    """Upper bounds of the terms of pairs of neutrinos, within 5σ; 2 Q_2 ≤ 1.

    Attributes:
        along: (n, 3) κ_i μ_i. each: (n,) what each neutrino adds to ln of the bound.
        opens, closes: (n,) source times that each allows, seconds after the trigger.
        log_length_s: ln of the length of those that the host allows.
    """

    along: Float
    each: Float
    opens: Float
    closes: Float
    log_length_s: float

    @classmethod
    def of(cls, host: Host, neutrinos: AgainstBackground, strength: Float) -> PairBounds:
        """Of neutrinos whose `AgainstBackground.log_most_strength` is `strength`."""
        kappa = 1 / np.square(neutrinos.sigma_rad)
        opens = np.maximum(neutrinos.delay_s - neutrinos.plus_s, host.start_s)
        return cls(
            along=kappa[:, None] * neutrinos.direction,
            each=host.log_rate / 2 + strength + log_peak(neutrinos.sigma_rad) - kappa,
            opens=opens,
            closes=np.minimum(neutrinos.delay_s - neutrinos.minus_s, host.stop_s),
            log_length_s=float(np.log(host.stop_s - host.start_s)),
        )

    def log_of(self, first: Index, second: Index) -> Float:
        """(m,) ln of the bound of pairs (m,), (m,)."""
        # |κ_i μ_i + κ_j μ_j|
        both = self.along.take(first, axis=0) + self.along.take(second, axis=0)
        length = np.sqrt(np.einsum("ij,ij->i", both, both))
        # the largest value of the product of two von Mises–Fisher densities: an integral against the map is no larger
        bound = length + self.each[first] + self.each[second] + self.log_length_s
        together = np.minimum(self.closes[first], self.closes[second]) > np.maximum(
            self.opens[first], self.opens[second]
        )
        return np.where(together, bound, -np.inf)


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
