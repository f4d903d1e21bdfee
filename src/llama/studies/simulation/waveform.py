"""How loud a merger is at each frequency: the amplitude of IMRPhenomA.

Inspiral, merger and ringdown of Ajith et al. (2008, PRD 77, 104017, arXiv:0710.2335, eqs. 4.13 to 4.18 and table I),
spins left out. A sky map needs of the signal only how its power is spread over frequency, and for that the
amplitude suffices; phases cancel in a matched filter.
"""

from __future__ import annotations

import numpy as np

from llama.science.arrays import Float

MSUN_S = 4.925490947641267e-6
"""G M☉/c³."""
MPC_S = 1.0292712503e14
"""1 Mpc in light seconds."""

_MERGER = (2.9740e-1, 4.4810e-2, 9.5560e-2)
_RING = (5.9411e-1, 8.9794e-2, 1.9111e-1)
_WIDTH = (5.0801e-1, 7.7515e-2, 2.2369e-2)
_CUT = (8.4845e-1, 1.2848e-1, 2.7299e-1)


def amplitude(mass1_msun: Float, mass2_msun: Float, frequency_hz: Float) -> Float:
    """(n, f) |h(f)| in s at 1 Mpc, face-on and overhead, of n pairs of detector-frame masses at f frequencies > 0."""
    total = (mass1_msun + mass2_msun)[:, None] * MSUN_S
    eta = (mass1_msun * mass2_msun / (mass1_msun + mass2_msun) ** 2)[:, None]
    merger, ring, width, cut = (
        (a * eta**2 + b * eta + c) / (np.pi * total) for a, b, c in (_MERGER, _RING, _WIDTH, _CUT)
    )
    x = frequency_hz / merger
    lorentz = width / (2 * np.pi) / ((frequency_hz - ring) ** 2 + width**2 / 4)
    ringdown = np.pi * width / 2 * (ring / merger) ** (-2 / 3) * lorentz
    shape = np.where(frequency_hz < merger, x ** (-7 / 6), np.where(frequency_hz < ring, x ** (-2 / 3), ringdown))
    scale = total ** (5 / 6) * merger ** (-7 / 6) * np.sqrt(5 * eta / 24) / (MPC_S * np.pi ** (2 / 3))
    return np.asarray(np.where(frequency_hz < cut, scale * shape, 0.0))
