"""Stated probabilities against what happened, in bins of the stated log odds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float

_EDGES = np.linspace(-16.0, 16.0, 65)
LEAST_VARIANCE = 10.0


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over fine bins of ln(p/(1 − p)): how many, Σp, Σp(1 − p), and how many were true."""

    count: Float
    stated: Float
    variance: Float
    true: Float

    @classmethod
    def of(cls, log_odds: Float, true: NDArray[np.bool_]) -> Tally:
        """Of statements with these log odds."""
        at = np.searchsorted(_EDGES, log_odds)
        log_odds = np.clip(log_odds, -700.0, 700.0)
        p, q = 1 / (1 + np.exp(-log_odds)), 1 / (1 + np.exp(log_odds))
        return cls(*(_sums(at, weight) for weight in (np.ones_like(p), p, p * q, true.astype(np.float64))))

    @classmethod
    def total(cls, parts: Iterable[Tally]) -> Tally:
        """All of them together."""
        return cls(*np.sum([[part.count, part.stated, part.variance, part.true] for part in parts], axis=0))

    def bins(self) -> Bins:
        """Neighbours joined from the surest statements down, until Σp(1 − p) is 10: decided without the truth."""
        groups: list[list[int]] = [[]]
        for i in range(self.count.size - 1, -1, -1):
            groups[-1].append(i)
            if self.variance[groups[-1]].sum() >= LEAST_VARIANCE:
                groups.append([])
        rest = groups.pop()
        if groups:
            groups[-1] += rest
        elif rest:
            groups = [rest]
        filled = [group for group in groups[::-1] if self.count[group].sum()]
        sums = [[column[group].sum() for group in filled] for column in self._columns()]
        return Bins(*(np.array(column, dtype=np.float64) for column in sums))

    @property
    def judged(self) -> bool:
        """Whether all bins together are enough to be judged."""
        return bool(self.variance.sum() >= LEAST_VARIANCE)

    @property
    def z(self) -> float:
        """All bins together: how many standard deviations more were true than stated; 0 where too few to judge.

        A factor of k on the odds moves it by about ln k √Σp(1 − p), however the bins are cut.
        """
        if not self.judged:
            return 0.0
        return float((self.true.sum() - self.stated.sum()) / np.sqrt(self.variance.sum()))

    def _columns(self) -> tuple[Float, Float, Float, Float]:
        return self.count, self.stated, self.variance, self.true


def _sums(at: NDArray[np.int64], weight: Float) -> Float:
    return np.bincount(at, weight, minlength=_EDGES.size + 1).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Bins:
    """Joined bins, from the least to the most certain."""

    count: Float
    stated: Float
    variance: Float
    true: Float

    @property
    def z(self) -> Float:
        """How many standard deviations more were true than stated."""
        return np.asarray((self.true - self.stated) / np.sqrt(np.maximum(self.variance, 1e-300)))

    @property
    def worst(self) -> float:
        """Largest |z|; 0 without any bin that can be judged."""
        judged = np.abs(self.z[self.variance >= LEAST_VARIANCE])
        return float(judged.max(initial=0.0))

    @property
    def judged(self) -> int:
        """Bins with enough statements to be judged."""
        return int((self.variance >= LEAST_VARIANCE).sum())
