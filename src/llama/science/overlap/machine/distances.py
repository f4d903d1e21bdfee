"""`PerCell.log_q1` and sums over nodes as machine code, point after point."""

from __future__ import annotations

import math

import numpy as np

from llama.science.arrays import Bool, Float, Index
from llama.science.distance import CellColumns
from llama.science.overlap.machine.compiling import compiled, kept

_SPARE = 40.0  # e-folds below the largest that change no digit of a sum


@kept
def log_q1_all(cells: CellColumns, node: Index, part: Bool, alpha: Float) -> Float:
    """ln ⟨Q_1⟩ at points of the tree whose α is given; NaN where nothing is known or the fit does not reach."""
    found, last, along = np.empty(node.size), -1, np.empty(cells.terms.shape[1])
    for at in range(node.size):
        here = node[at]
        found[at] = cells.log_ratio[here]
        if not part[at]:
            continue
        log_alpha = math.log(alpha[at])
        away = log_alpha - cells.log_alpha[here]
        found[at] += away * cells.slope[here]
        if abs(away) > cells.straight and np.isfinite(found[at]):
            x, y = _place(cells, cells.u[here], cells.log_a[here] + log_alpha)
            if abs(x) > 1 or abs(y) > 1:
                found[at] = np.nan
                continue
            if here != last:  # points in one cell come one after another
                _along(cells.terms, x, along)
                last = here
            found[at] = _sum(along, y)
    return found


@kept
def sums(start: Index, node: Index, log_weight: Float, log_f: Float, log_ratio: Float) -> Float:
    """(n,) ln Σ exp(log_weight − log_ratio of the node + log_f) for each neutrino."""
    found = np.full(start.size - 1, -np.inf)
    for i in range(found.size):
        top, total = -np.inf, 0.0
        for at in range(start[i], start[i + 1]):
            top = max(top, log_weight[at] - log_ratio[node[at]] + log_f[at])
        if top > -np.inf:
            for at in range(start[i], start[i + 1]):
                away = log_weight[at] - log_ratio[node[at]] + log_f[at] - top
                if away > -_SPARE:
                    total += math.exp(away)
            found[i] = math.log(total) + top
    return found


@compiled
def _place(cells: CellColumns, u: float, log_a: float) -> tuple[float, float]:
    """Where a point lies in the box of the fit."""
    (a, c), (b, d) = cells.low, cells.high
    return (2 * u - a - b) / (b - a), (2 * (log_a - 2 * u) - c - d) / (d - c)


@compiled
def _along(terms: Float, x: float, along: Float) -> None:
    """The fit along its second variable at one value of the first."""
    before, now = x, 1.0  # T_1 = T_{−1}, T_0
    along[:] = 0.0
    for i in range(terms.shape[0]):
        for j in range(along.size):
            along[j] += now * terms[i, j]
        before, now = now, 2 * x * now - before


@compiled
def _sum(terms: Float, y: float) -> float:
    """A sum of Chebyshev polynomials (Clenshaw)."""
    one, other = 0.0, 0.0
    for j in range(terms.size - 1, 0, -1):
        one, other = 2 * y * one - other + terms[j], one
    return float(y * one - other + terms[0])
