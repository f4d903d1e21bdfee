"""From a test statistic to a p-value: the fraction of background events at least as extreme (SCIENCE section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri

CONFIDENCE = 0.9
"""Of the limits that results state."""


@dataclass(frozen=True)
class PValue:
    """A p-value from n background events; `text` is how to print it, "<1/n" when none was as extreme."""

    p: float
    n: int
    text: str

    def upper_limit(self, confidence: float = CONFIDENCE) -> float:
        """The largest true p-value that gives so few extreme events out of n with probability 1 − `confidence`.

        Σ_{k ≤ seen} C(n, k) q^k (1 − q)^{n−k} = 1 − confidence (Clopper and Pearson 1934); never 0. For none seen it
        is 1 − (1 − confidence)^{1/n}: 2.30/n at 90 % for large n.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
        seen = round(self.p * self.n)
        return 1.0 if seen == self.n else float(betaincinv(seen + 1, self.n - seen, confidence))


def p_value(background: ArrayLike, statistic: float) -> PValue:
    """p = 1 − searchsorted(background, statistic, 'left')/n.

    Args:
        background: ascending test statistics of background events (odds, or their logarithms with −inf for 0).
        statistic: of the event, on the same scale. Odds of 0 (−inf as a logarithm) have p = 1.

    Raises:
        ValueError: NaN anywhere (it sorts last and would look infinitely significant), an empty or unsorted table.
    """
    table = np.asarray(background, dtype=np.float64)
    if table.ndim != 1 or not table.size:
        raise ValueError("the background table is empty or not one-dimensional; give ascending test statistics")
    if np.isnan(statistic):
        raise ValueError("the event's test statistic is NaN; there is no p-value for it")
    if np.isnan(table).any() or (table[1:] < table[:-1]).any():
        raise ValueError("the background table holds NaN or does not ascend; sort it and leave NaN out")
    p = float(1 - np.searchsorted(table, statistic, side="left") / table.size)
    return PValue(p=p, n=table.size, text=p_value_text(p, table.size))


def p_value_text(p: float, n: int) -> str:
    """Four decimals, two significant digits below 1e-4, "<1/n" for 0."""
    if p == 0:
        return f"<1/{n}"
    return f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def sigma_one_sided(p: float) -> float:
    """Gaussian significance, one-sided: 0.0059 is 2.52 σ; negative above p = 0.5, ∞ for 0."""
    if not 0 <= p <= 1:
        raise ValueError(f"a p-value lies between 0 and 1, not {p}")
    return float(-ndtri(p)) + 0.0


def joint_far_hz(p: float, gw_rate_hz: float) -> float:
    """False alarm rate of the coincidence: p times the rate of gravitational-wave alerts of that class."""
    return p * gw_rate_hz
