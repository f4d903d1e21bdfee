"""How well a direction explains amplitudes and phases: the likelihood averaged over distance, orientation and phase.

With ρ_m² = Σ|x_d(1 Mpc)|² and B = |Σ x_d* z_d| of one orientation, a source at r with unknown phase has likelihood
exp(−ρ_m²/2r²) I_0(B/r) (Singer and Price 2016, PRD 93, 024013, arXiv:1508.03634). In v = ρ_m/r only one number is
left, ρ̂ = B/ρ_m, the SNR that this direction and orientation can explain:

    ∫ r^{2+k} exp(…) I_0 dr = ρ_m^{3+k} g_k(ρ̂),    g_k(ρ̂) = ∫ v^{−4−k} exp(−v²/2) I_0(ρ̂ v) dv
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ive

from llama.science.arrays import Complex, Float

_LEAST_V = 1.0  # nothing is heard further away; the volume there is infinite
_STEP, _LARGEST = 0.05, 60.0
_FEW = 10


class Averaged(NamedTuple):
    """(p,) ln of the mean likelihood per direction, and mean and standard deviation of the distance there, Mpc."""

    log_likelihood: Float
    mean_mpc: Float
    std_mpc: Float


@cache
def radial_table() -> tuple[Float, Float, Float]:
    """ln g_0 − ρ̂²/2, ⟨1/v⟩ and ⟨1/v²⟩ at ρ̂ in steps of `_STEP`.

    Above `_LARGEST`, g_k is its asymptote ρ̂^{−5−k} exp(ρ̂²/2).
    """
    rho = np.arange(0.0, _LARGEST + _STEP / 2, _STEP)[:, None]
    node, weight = np.polynomial.legendre.leggauss(400)
    low, high = np.maximum(_LEAST_V, rho - 12.0), np.maximum(rho, _LEAST_V) + 12.0
    v = low + (high - low) * (node + 1) / 2
    density = weight * (high - low) / 2 * v**-4 * np.exp(-((v - rho) ** 2) / 2) * ive(0, rho * v)
    whole = density.sum(axis=1)
    return np.log(whole), (density / v).sum(axis=1) / whole, (density / v**2).sum(axis=1) / whole


@dataclass(frozen=True, eq=False)
class Orientations:
    """Where the integral over orientations is evaluated.

    Attributes:
        cos, sin: (k,) of 2ψ over half a turn: the other half is the same.
        plus, cross: (m,) (1 + u²)/2 and u at u = cos ι. weight: (m,) over u.
    """

    cos: Float
    sin: Float
    plus: Float
    cross: Float
    weight: Float

    @classmethod
    def enough_for(cls, snr: float) -> Orientations:
        """As many points as a source of this network SNR needs: its orientation is known to about 1/SNR."""
        points = max(_FEW, int(np.ceil(0.7 * snr)))
        turn = np.pi * np.arange(points) / points
        u, weight = np.polynomial.legendre.leggauss(points)
        return cls(np.cos(turn), np.sin(turn), (1 + u * u) / 2, u, weight / (2 * points))


def averaged(plus: Float, cross: Float, z: Complex, points: Orientations) -> Averaged:
    """Per direction, from (p, d) antenna patterns times β × horizon and (p, d) β × complex SNR.

    The likelihood's scale: ln L − Σ|z|²/2 of a source that explains all SNR is of order 0.
    """
    rho, scale = _explained(plus, cross, z, points)
    excess, once, twice = _radial(rho)
    log_each = rho**2 / 2 + excess + 3 * np.log(scale) + np.log(points.weight)
    log_each = log_each.reshape(len(z), -1)
    highest = log_each.max(axis=1)
    each = np.exp(log_each - highest[:, None])
    total = each.sum(axis=1)
    scale, once, twice = (np.broadcast_to(one, rho.shape).reshape(len(z), -1) for one in (scale, once, twice))
    mean = (each * scale * once).sum(axis=1) / total
    square = (each * scale**2 * twice).sum(axis=1) / total
    return Averaged(highest + np.log(total), mean, np.sqrt(np.maximum(square - mean**2, 0.0)))


def _explained(plus: Float, cross: Float, z: Complex, points: Orientations) -> tuple[Float, Float]:
    """(p, k, m) ρ̂ and ρ_m. ψ turns the patterns, u weighs them; Im(P Q*) does not depend on ψ."""
    a, b, mixed = ((one * other).sum(axis=1) for one, other in ((plus, plus), (cross, cross), (plus, cross)))
    p, q = (plus * z).sum(axis=1), (cross * z).sum(axis=1)
    power_p, power_q, both, twist = np.abs(p) ** 2, np.abs(q) ** 2, (p * q.conj()).real, (p * q.conj()).imag
    cc, ss, cs = points.cos**2, points.sin**2, 2 * points.cos * points.sin
    first = np.outer(a, cc) + np.outer(b, ss) + np.outer(mixed, cs)
    heard = np.outer(power_p, cc) + np.outer(power_q, ss) + np.outer(both, cs)
    second, other = (a + b)[:, None] - first, (power_p + power_q)[:, None] - heard
    plus2, cross2, crossed = points.plus**2, points.cross**2, 2 * points.plus * points.cross
    # no detector hears this orientation at all: nothing is explained, at no distance
    squared = np.maximum(first[..., None] * plus2 + second[..., None] * cross2, 1e-300)
    explained = heard[..., None] * plus2 + other[..., None] * cross2 - (twist[:, None, None] * crossed)
    return np.sqrt(np.maximum(explained, 0.0) / squared), np.sqrt(squared)


def _radial(rho: Float) -> tuple[Float, Float, Float]:
    """ln g_0 − ρ̂²/2, ⟨1/v⟩, ⟨1/v²⟩."""
    place = np.minimum(rho / _STEP, _LARGEST / _STEP - 1e-6)
    below = place.astype(np.int64)
    part = place - below
    excess, once, twice = (table[below] + part * (table[below + 1] - table[below]) for table in radial_table())
    beyond = np.maximum(rho / _LARGEST, 1.0)
    return excess - 5 * np.log(beyond), once / beyond, twice / beyond**2
