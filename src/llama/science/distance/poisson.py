"""How many neutrinos a source gives: Poisson counts averaged over a log-uniform prior on the source's energy.

A source of energy E at distance r gives n = α a(E)/r² neutrinos on average, a between a⁻ and a⁺ (`Search.count_*`).
With L = ln(a⁺/a⁻) the prior is 1/(n L) on [n⁻, n⁺]. SCIENCE 1.6 [X]; everything keeps its digits for n ≪ 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import ArrayLike
from scipy.special import erfcx, exp1, gammainc, gammaln

from llama.science.arrays import Float

_SERIES_BELOW = 0.5
_ASYMPTOTIC_ABOVE = 200.0
_TERMS = 24
# (−1)ⁿ/n! · 3/(3 − 2n), n = 2, 3, …, by the power n − 1; what is left out is below 1e-18
_LIT = np.array([0.0, *((-1) ** n / math.factorial(n) * 3 / (3 - 2 * n) for n in range(2, 17))])
_CERTAIN = 600.0  # so many are expected that a few are as impossible as for more
_ALL = 1 - 2.0**-53
_EIN_TERMS = 15
_EIN_FLAT = 36.0  # beyond, E1 is below the last digit of the rest


def ein(z: ArrayLike) -> Float:
    """Ein(z) = ∫₀^z (1 − e^{−t})/t dt = E1(z) + ln z + γ for z ≥ 0."""
    z = np.asarray(z, dtype=np.float64)
    flat = z.ravel()
    small = flat < _SERIES_BELOW
    result = np.empty_like(flat)
    x, series = flat[small], np.zeros(int(small.sum()))
    for k in range(_EIN_TERMS, 0, -1):  # Horner's scheme for −Σ (−z)^k/(k·k!)
        series = 1 / k - x * series / (k + 1)
    result[small] = x * series
    large = flat[~small]
    tail = np.zeros_like(large)
    near = large < _EIN_FLAT
    tail[near] = exp1(large[near])
    result[~small] = tail + np.log(large) + np.euler_gamma
    return result.reshape(z.shape)


def log_q1(n_max: ArrayLike, span: float) -> Float:
    """ln Q_1, the probability of exactly one: ln[(e^{−n⁻} − e^{−n⁺})/L]; n⁺ = `n_max` > 0 and n⁻ = n⁺e^{−L}."""
    n_max = np.asarray(n_max, dtype=np.float64)
    n_min = n_max * np.exp(-span)
    return np.asarray(-n_min + np.log(-np.expm1(n_min - n_max)) - np.log(span))


def q_zero(n_max: ArrayLike, span: float) -> Float:
    """Q_0, the probability of none: [E1(n⁻) − E1(n⁺)]/L."""
    n_max = np.asarray(n_max, dtype=np.float64)
    return np.asarray((exp1(n_max * np.exp(-span)) - exp1(n_max)) / span)


def q_some(n_max: ArrayLike, span: float) -> Float:
    """Q_{≥1} = 1 − Q_0 = [Ein(n⁺) − Ein(n⁻)]/L, exact where it is small."""
    n_max = np.asarray(n_max, dtype=np.float64)
    return np.asarray((ein(n_max) - ein(n_max * np.exp(-span))) / span)


def q_exactly(k: int, n_max: ArrayLike, span: float) -> Float:
    """Q_k for k ≥ 1: [P(k, n⁺) − P(k, n⁻)]/(k L), P the regularised lower incomplete gamma function."""
    if k < 1:
        raise ValueError(f"q_exactly counts from 1, not {k}; use q_zero")
    n_max = np.asarray(n_max, dtype=np.float64)
    return np.asarray((gammainc(k, n_max) - gammainc(k, n_max * np.exp(-span))) / (k * span))


def log_counts(most: int, n_max: ArrayLike, span: float) -> Float:
    """(most, …) ln of k! Q_k = Γ(k)[P(k, n⁺) − P(k, n⁻)]/L for k = 1 … most (SCIENCE 2.2: m_k α^k)."""
    n_max = np.asarray(n_max, dtype=np.float64)
    if most == 1:  # the closed form needs no series
        return log_q1(n_max, span)[None]
    high, low = np.minimum(n_max, _CERTAIN), np.minimum(n_max * np.exp(-span), _CERTAIN)
    # P(k, n) in units of its first term n^k e^{−n}/k!: ratios near one, which need no logarithms of their own
    over_high, over_low = _over_first_term(most, high), _over_first_term(most, low)
    log_high = np.log(high)
    log_term, step = log_high - high, low / high
    terms = step * np.exp(high - low)
    result = np.empty((most, *n_max.shape))
    for k in range(1, most + 1):
        part = np.minimum(terms * over_low[k - 1] / over_high[k - 1], _ALL)
        result[k - 1] = np.log(over_high[k - 1] * (1 - part)) + log_term - np.log(k * span)
        log_term, terms = log_term + log_high, terms * step  # Γ(k)/k! is 1/k
    return result


def _over_first_term(most: int, n: Float) -> list[Float]:
    """Σ_{j≥k} n^{j−k} k!/j! for k = 1 … most, from the last down: each is 1 + n/(k + 1) times the next."""
    small = np.minimum(n, 1.0)
    series = np.ones_like(small)
    for j in range(most + _TERMS, most, -1):
        series = 1 + small / j * series
    large = np.maximum(n, 1.0)
    log_term = most * np.log(large) - large - gammaln(most + 1)
    rows = [np.where(n <= 1, series, gammainc(most, large) * np.exp(-log_term))]
    for k in range(most, 1, -1):
        rows.append(1 + rows[-1] * n / k)
    return rows[::-1]


def log_volume_attenuated(x: ArrayLike) -> Float:
    """ln g, g(x) = 3∫₀¹ u² e^{−x/u²} du: the share of a ball's volume that stays dark; F(R, a) = (R³/3) g(a/R²)."""
    x = np.asarray(x, dtype=np.float64)
    small, large = np.minimum(x, _SERIES_BELOW), np.maximum(x, _SERIES_BELOW)
    middle = np.minimum(large, _ASYMPTOTIC_ABOVE)
    bracket = 1 - 2 * middle + 2 * middle * np.sqrt(np.pi * middle) * erfcx(np.sqrt(middle))
    far = np.maximum(large, _ASYMPTOTIC_ABOVE)
    # erfcx's own expansion, its first two terms cancelled by hand: 2x Σ_{k≥2} (−1)^k (2k−1)!!/(2x)^k
    tail, term = np.zeros_like(far), 1 / (2 * far)
    for k in range(2, 8):
        term = -term * (2 * k - 1) / (2 * far)
        tail = tail - term
    log_large = -large + np.where(large < _ASYMPTOTIC_ABOVE, np.log(bracket), np.log(2 * far * tail))
    return np.asarray(np.where(x < _SERIES_BELOW, np.log1p(-_volume_lit(small)), log_large))


def _volume_lit(x: Float) -> Float:
    """h = 1 − g for small x: 3x − 2√π x^{3/2} − Σ_{n≥2} (−x)^n/n! · 3/(3−2n)."""
    return np.asarray(x * (3 - 2 * np.sqrt(np.pi) * np.sqrt(x) - polyval(x, _LIT)))


def log_j1(r_mpc: ArrayLike, a_max: ArrayLike, span: float) -> Float:
    """ln J_1(0, r) = ln ∫₀^r r² Q_1 dr in Mpc³, for αa⁺ = `a_max` (Mpc²) > 0: [F(r, a⁻) − F(r, a⁺)]/L."""
    r = np.asarray(r_mpc, dtype=np.float64)
    x_max = np.asarray(a_max, dtype=np.float64) / np.square(r)
    x_min = x_max * np.exp(-span)
    g_min, g_max = log_volume_attenuated(x_min), log_volume_attenuated(x_max)
    with np.errstate(divide="ignore"):  # both are 1 there
        direct = g_min + np.log1p(-np.exp(np.minimum(g_max - g_min, -1e-300)))
    both = np.minimum(x_max, _SERIES_BELOW)
    near_one = np.log(_volume_lit(both) - _volume_lit(both * np.exp(-span)))
    # where both are near 1 their difference is that of h, which has all its digits
    return np.asarray(3 * np.log(r) - np.log(3 * span) + np.where(x_max < _SERIES_BELOW, near_one, direct))


def log_j1_between(r_low: float, r_high: float, a_max: ArrayLike, span: float) -> Float:
    """ln ∫ r² Q_1 dr from r_low to r_high (Mpc³), the closed form unless the shell is thin."""
    a_max = np.asarray(a_max, dtype=np.float64)
    if r_low <= 0:
        return log_j1(r_high, a_max, span)
    if r_high < 1.2 * r_low:
        return _log_shell(r_low, r_high, a_max, span)
    outer, inner = log_j1(r_high, a_max, span), log_j1(r_low, a_max, span)
    return np.asarray(outer + np.log1p(-np.exp(inner - outer)))


def _log_shell(r_low: float, r_high: float, a_max: Float, span: float) -> Float:
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half = (r_high - r_low) / 2
    r = r_low + half * (nodes + 1)
    terms = log_q1(a_max[..., None] / r**2, span) + np.log(half * weights * r**2)
    top = terms.max(axis=-1)
    return np.asarray(top + np.log(np.exp(terms - top[..., None]).sum(axis=-1)))
