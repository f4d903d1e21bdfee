"""How loud a merger is at each frequency: the amplitude of IMRPhenomD, spins along the orbit's axis.

Khan et al. 2016 (PRD 93, 044007, arXiv:1508.07253, section V and table V), with the final state of Husa et al. 2016
(PRD 93, 044006, arXiv:1508.07250, eqs. 3.6 and 3.8) and its ringing by the fits of Berti, Cardoso and Will 2006
(PRD 73, 064030, table VIII). A sky map needs of the signal only how its power is spread over frequency, and for that
the amplitude suffices: phases cancel in a matched filter. SNR and bandwidth are within 2 % of LALSimulation's.

Frequencies are M f, amplitudes what multiplies the leading f^-7/6; columns are (n, 1), for n pairs of masses.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llama.science.arrays import Float, Rows

MSUN_S = 4.925490947641267e-6
"""G M☉/c³."""
MPC_S = 1.0292712503e14
"""1 Mpc in light seconds."""

_JOIN, _CUT = 0.014, 0.2
_STEP = 1e-5  # of numerical derivatives, relative

# Table V: rows of (1, η), then (1, η, η²) times ξ, ξ², ξ³ with ξ = χ_PN − 1
_RHO1 = (
    (3931.8979897196696, -17395.758706812805),
    (3132.375545898835, 343965.86092361377, -1216256.5819981997),
    (-70698.00600428853, 1383907.177859705, -3966276.1890979446),
    (-60017.52423652596, 803515.1181825735, -2091710.365941658),
)
_RHO2 = (
    (-40105.47653771657, 112253.0169706701),
    (23561.696065836168, -3476180.699403351, 11375936.70587482),
    (754313.1127166454, -13084760.44625268, 36444584.853928134),
    (596226.612472288, -7427790.1143564405, 18928977.514040343),
)
_RHO3 = (
    (83208.35471266537, -191237.7264145924),
    (-210916.2454782992, 8717975.08352568, -26914942.420669552),
    (-1988980.6527362722, 30888029.960154563, -83908702.79256162),
    (-1453503.1953446497, 17063528.990822166, -42748659.731120914),
)
_MIDDLE = (
    (0.8149838730507785, 2.5747553517454658),
    (1.1610198035496786, -2.3627771785551537, 6.771038707057573),
    (0.7570782938606834, -2.7256896890432474, 7.1140380397149965),
    (0.1766934149293479, -0.7978690983168183, 2.1162391502005153),
)
_GAMMA1 = (
    (0.006927402739328343, 0.03020474290328911),
    (0.006308024337706171, -0.12074130661131138, 0.26271598905781324),
    (0.0034151773647198794, -0.10779338611188374, 0.27098966966891747),
    (0.0007374185938559283, -0.02749621038376281, 0.0733150789135702),
)
_GAMMA2 = (
    (1.010344404799477, 0.0008993122007234548),
    (0.283949116804459, -4.049752962958005, 13.207828172665366),
    (0.10396278486805426, -7.025059158961947, 24.784892370130475),
    (0.03093202475605892, -2.6924023896851663, 9.609374464684983),
)
_GAMMA3 = (
    (1.3081615607036106, -0.005537729694807678),
    (-0.06782917938621007, -0.6689834970767117, 3.403147966134083),
    (-0.05296577374411866, -0.9923793203111362, 4.820681208409587),
    (-0.006134139870393713, -0.38429253308696365, 1.7561754421985984),
)


class _Pairs(NamedTuple):
    """(n, 1) total mass in s, symmetric mass ratio, its root (1 − 4η)^1/2, and spins, the heavier first."""

    total_s: Float
    eta: Float
    delta: Float
    chi1: Float
    chi2: Float


def amplitude(sources: Rows, frequency_hz: Float) -> Float:
    """(n, f) |h(f)| in s at 1 Mpc, face-on and overhead, of n sources at f frequencies > 0."""
    pairs = _pairs(*(sources[name] for name in ("mass1", "mass2", "spin1z", "spin2z")))
    f = frequency_hz * pairs.total_s
    inspiral, ringdown, peak = _inspiral(pairs), *_ringdown(pairs)
    between = _intermediate(pairs, inspiral, ringdown, peak)
    shape = np.where(f < _JOIN, inspiral(np.minimum(f, _JOIN)), np.where(f < peak, between(f), ringdown(f)))
    scale = pairs.total_s**2 * np.sqrt(5 * pairs.eta / 24) / (MPC_S * np.pi ** (2 / 3))
    return np.asarray(np.where(f < _CUT, scale * f ** (-7 / 6) * np.maximum(shape, 0.0), 0.0))


def _pairs(mass1: Float, mass2: Float, spin1: Float, spin2: Float) -> _Pairs:
    heavy = mass1 >= mass2
    total = mass1 + mass2
    eta = np.minimum(mass1 * mass2 / total**2, 0.25)
    columns = (
        total * MSUN_S,
        eta,
        np.sqrt(1 - 4 * eta),
        np.where(heavy, spin1, spin2),
        np.where(heavy, spin2, spin1),
    )
    return _Pairs(*(np.asarray(column, dtype=np.float64)[:, None] for column in columns))


def _fit(pairs: _Pairs, table: tuple[tuple[float, ...], ...]) -> Float:
    """A row of table V (eq. 31)."""
    even, odd = (pairs.chi1 + pairs.chi2) / 2, (pairs.chi1 - pairs.chi2) / 2
    xi = even * (1 - pairs.eta * 76 / 113) + pairs.delta * odd - 1
    found = np.zeros_like(xi)
    for power, row in enumerate(table):
        found += xi**power * sum(value * pairs.eta**k for k, value in enumerate(row))
    return found


class _Inspiral(NamedTuple):
    """Coefficients by power of (M f)^1/3 (eqs. 29, 30 and B14 to B20)."""

    by_power: tuple[Float, ...]

    def __call__(self, f: Float) -> Float:
        third = np.cbrt(f)
        found = np.zeros(np.broadcast_shapes(f.shape, self.by_power[2].shape))
        for coefficient in reversed(self.by_power):
            found = found * third + coefficient
        return found


def _inspiral(pairs: _Pairs) -> _Inspiral:
    eta, delta, pi = pairs.eta, pairs.delta, np.pi
    s, a = (pairs.chi1 + pairs.chi2) / 2, (pairs.chi1 - pairs.chi2) / 2
    two = -323 / 224 + 451 * eta / 168
    three = 27 * delta * a / 8 + (27 / 8 - 11 * eta / 6) * s
    four = -27312085 / 8128512 - 1975055 * eta / 338688 + 105271 * eta**2 / 24192
    four = four + (8 * eta - 81 / 32) * a**2 - 81 * delta * a * s / 16 + (17 * eta / 8 - 81 / 32) * s**2
    five = 85 * pi * (4 * eta - 1) / 64 + delta * (285197 / 16128 - 1579 * eta / 4032) * a
    five = five + (285197 / 16128 - 15317 * eta / 672 - 2227 * eta**2 / 1008) * s
    six = -177520268561 / 8583708672 + (545384828789 / 5007163392 - 205 * pi**2 / 48) * eta
    six = six - 3248849057 * eta**2 / 178827264 + 34473079 * eta**3 / 6386688
    six = six + (1614569 / 64512 - 1873643 * eta / 16128 + 2167 * eta**2 / 42) * a**2
    six = six + (31 * pi / 12 - 7 * pi * eta / 3) * s
    six = six + (1614569 / 64512 - 61391 * eta / 1344 + 57451 * eta**2 / 4032) * s**2
    six = six + delta * a * (31 * pi / 12 + (1614569 / 32256 - 165961 * eta / 2688) * s)
    known = (np.ones_like(eta), np.zeros_like(eta), two, three, four, five, six)
    fitted = (_fit(pairs, _RHO1), _fit(pairs, _RHO2), _fit(pairs, _RHO3))
    return _Inspiral((*(one * pi ** (k / 3) for k, one in enumerate(known)), *fitted))


class _Ringdown(NamedTuple):
    """A Lorentzian with an exponential (eq. 19)."""

    ring: Float
    width: Float
    height: Float
    decay: Float

    def __call__(self, f: Float) -> Float:
        away = np.minimum(f, _CUT) - self.ring
        return np.asarray(
            self.height * self.width / (away**2 + self.width**2) * np.exp(-self.decay * away / self.width)
        )


def _ringdown(pairs: _Pairs) -> tuple[_Ringdown, Float]:
    """And where it peaks (eq. 20)."""
    ring, damp = _final(pairs)
    height, decay, stretch = (_fit(pairs, table) for table in (_GAMMA1, _GAMMA2, _GAMMA3))
    inner = np.where(decay < 1, np.sqrt(np.maximum(1 - decay**2, 0.0)) - 1, -1.0)
    return _Ringdown(ring, damp * stretch, height, decay), np.abs(ring + damp * inner * stretch / decay)


def _final(pairs: _Pairs) -> tuple[Float, Float]:
    """Ringing and damping frequency of what is left."""
    eta, heavy, light = pairs.eta, (1 + pairs.delta) / 2, (1 - pairs.delta) / 2
    s = heavy**2 * pairs.chi1 + light**2 * pairs.chi2
    spin = 3.4641016151377544 * eta - 4.399247300629289 * eta**2 + 9.397292189321194 * eta**3
    spin = spin - 13.180949901606242 * eta**4 + s * (1 - 0.0850917821418767 * eta - 5.837029316602263 * eta**2)
    spin = spin + s**2 * (0.1014665242971878 * eta - 2.0967746996832157 * eta**2)
    spin = spin + s**3 * (-1.3546806617824356 * eta + 4.108962025369336 * eta**2)
    spin = spin + s**4 * (-0.8676969352555539 * eta + 2.064046835273906 * eta**2)
    s = s / (heavy**2 + light**2)
    lost = 0.055974469826360077 * eta + 0.5809510763115132 * eta**2 - 0.9606726679372312 * eta**3
    lost = (lost + 3.352411249771192 * eta**4) * (
        1 + (-0.0030302335878845507 - 2.0066110851351073 * eta + 7.7050567802399215 * eta**2) * s
    )
    lost = lost / (1 + (-0.6714403054720589 - 1.4756929437702908 * eta + 7.304676214885011 * eta**2) * s)
    free = 1 - np.minimum(spin, 0.9999)
    ring = (1.5251 - 1.1568 * free**0.1292) / (2 * np.pi) / (1 - lost)
    return ring, ring / (2 * (0.7000 + 1.4187 * free**-0.4990))


class _Quartic(NamedTuple):
    """(n, 1) coefficients by power of M f."""

    by_power: tuple[Float, ...]

    def __call__(self, f: Float) -> Float:
        found = np.zeros_like(f)
        for coefficient in reversed(self.by_power):
            found = found * f + coefficient
        return found


def _intermediate(pairs: _Pairs, inspiral: _Inspiral, ringdown: _Ringdown, peak: Float) -> _Quartic:
    """Through both ends with their slopes, and through a fitted value in the middle (eqs. 21 to 28)."""
    first = np.full_like(peak, _JOIN)
    middle = (first + peak) / 2
    powers = np.arange(5)
    rows, values = [], []
    for at, value in ((first, inspiral(first)), (middle, _fit(pairs, _MIDDLE)), (peak, ringdown(peak))):
        rows.append(at**powers)
        values.append(value)
    for at, function in ((first, inspiral), (peak, ringdown)):
        rows.append(powers * at ** np.maximum(powers - 1, 0))
        values.append((function(at * (1 + _STEP)) - function(at * (1 - _STEP))) / (2 * _STEP * at))
    found = np.linalg.solve(np.stack(rows, axis=1), np.stack(values, axis=1))
    return _Quartic(tuple(found[:, k] for k in range(5)))
