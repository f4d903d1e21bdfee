"""What `overlap.declination` makes of a factor of declination, as machine code, one neutrino after another."""

from __future__ import annotations

import math

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.overlap.machine.compiling import compiled, kept
from llama.science.overlap.machine.records import Pieces, Signal

_DIGITS = 2.0**-13
_NOTHING = -1e300


@kept
def steepness_all(signal: Signal, steepest: float, sin_dec: Float) -> None:
    """Fills in the tables of `Steepness` for neutrinos at these declinations."""
    for i in range(sin_dec.size):
        _steepness(signal, i, sin_dec[i], steepest, signal.table[i])


@compiled
def _steepness(signal: Signal, i: int, sin_dec: float, steepest: float, table: Float) -> None:
    """(4, d) the table of `Steepness` for one neutrino."""
    grid, rows, bins = signal.sin_dec, signal.rows[i], signal.sin_dec.size
    step = (grid[-1] - grid[0]) / (bins - 1)
    own = min(max(int(np.rint((sin_dec - grid[0]) / step)), 0), bins - 1)
    most_signal, most_ratio = -np.inf, -np.inf
    for k in range(bins):
        table[0, k], table[1, k] = math.log(rows[k]), math.log(rows[k] / signal.alpha[k])
        most_signal, most_ratio = max(most_signal, table[0, k]), max(most_ratio, table[1, k])
    own_signal = table[0, own] if np.isfinite(table[0, own]) else max(most_signal, _NOTHING)
    own_ratio = table[1, own] if np.isfinite(table[1, own]) else max(most_ratio, _NOTHING)
    before = 0.0
    for k in range(bins):
        after = max(_rise(table[0], k), _rise(table[1], k)) if k + 1 < bins else 0.0
        table[2, k] = min(max(before, after), steepest) * signal.per_rad[k]
        table[3, k] = signal.smooth[k]
        before = after
    for k in range(bins):
        of_signal, of_ratio = table[0, k] - own_signal, table[1, k] - own_ratio
        table[0, k], table[1, k] = -min(of_signal, of_ratio), max(of_signal, of_ratio)


@compiled
def _rise(values: Float, k: int) -> float:
    """Change of a logarithm to the next point of the grid."""
    return float(abs(max(values[k + 1], _NOTHING) - max(values[k], _NOTHING)))


@kept
def means_all(parts: Pieces, rows: Float, start: Index, middle: Float, reach: Float) -> tuple[Float, Float]:
    """ln of the mean of a/α, and α, for each node: `Means.over`."""
    log_mean, scale = np.empty(middle.size), np.empty(middle.size)
    grid, quartic = parts.sin_dec, np.empty((parts.rest.shape[1], 2, 5))
    step = (grid[-1] - grid[0]) / (grid.size - 1)
    for i in range(start.size - 1):
        row, made = rows[i], False
        for at in range(start[i], start[i + 1]):
            sine = _sine_of_height(middle[at])
            place, half = (sine - grid[0]) / step, reach[at] / (1.5 * step)
            inside = min(max(place, 0.0), grid.size - 1.0)
            left = min(int(inside), grid.size - 2)
            alpha = _between(parts.alpha, left, inside - left)
            mean = _between(row, left, inside - left) / alpha
            if math.floor(place - half) != math.floor(place + half) and reach[at] > _DIGITS:
                if not made:
                    _quartics(parts, row, quartic)
                    made = True
                signal, mean = _triangle(parts, quartic, step, middle[at], reach[at])
                if signal > 0 and mean > 0:
                    alpha = signal / mean
                mean = max(mean, 0.0)
            log_mean[at], scale[at] = math.log(mean), alpha
    return log_mean, scale


@compiled
def _between(values: Float, left: int, rest: float) -> float:
    return float(values[left] + rest * (values[left + 1] - values[left]))


@compiled
def _sine_of_height(at: float) -> float:
    if abs(at) > 1:
        ring = min(max(2 - abs(at), 0.0), 1.0)
        return math.copysign(1 - ring * ring / 3, at)
    return at / 1.5


@compiled
def _triangle(parts: Pieces, quartic: Float, step: float, middle: float, reach: float) -> tuple[float, float]:
    """Means of a and of a/α with a triangular weight."""
    low = _antiderivative(parts, quartic, step, middle - reach)
    mid = _antiderivative(parts, quartic, step, middle)
    high = _antiderivative(parts, quartic, step, middle + reach)
    square = reach * reach
    return (low[0] - 2 * mid[0] + high[0]) / square, (low[1] - 2 * mid[1] + high[1]) / square


@compiled
def _antiderivative(parts: Pieces, quartic: Float, step: float, at: float) -> tuple[float, float]:
    """Second antiderivatives of a and of a/α at a height."""
    part = math.floor((_sine_of_height(at) - parts.sin_dec[0]) * (parts.fine / step)) + 1
    part = min(max(part, 0), quartic.shape[0] - 1)
    beyond = at - parts.knot[part]
    signal, ratio = quartic[part, 0, 4], quartic[part, 1, 4]
    for k in range(3, -1, -1):
        signal, ratio = signal * beyond + quartic[part, 0, k], ratio * beyond + quartic[part, 1, k]
    return signal, ratio


@compiled
def _quartics(parts: Pieces, row: Float, quartic: Float) -> None:
    """(k, 2, 5) coefficients of `Means.of` for one neutrino, with running sums in its order."""
    value = np.empty(3)
    for which in range(2):
        first_sum, second_sum = 0.0, 0.0
        for k in range(quartic.shape[0]):
            step = parts.knot[k + 1] - parts.knot[k]
            for end in range(3):
                value[end] = _between(row, parts.place[end, k], parts.rest[end, k])
                if which:
                    value[end] /= parts.scale[end, k]
            left, middle, right = value[0], value[1], value[2]
            bend = 2 * (left - 2 * middle + right) / (step * step)
            slope = (right - left) / step - bend * step
            one = ((bend / 3 * step + slope / 2) * step + left) * step
            first = (first_sum + one) - one
            first_sum += one
            two = (((bend / 12 * step + slope / 6) * step + left / 2) * step + first) * step
            second = (second_sum + two) - two
            second_sum += two
            quartic[k, which, 0], quartic[k, which, 1] = second, first
            quartic[k, which, 2], quartic[k, which, 3], quartic[k, which, 4] = left / 2, slope / 6, bend / 12
