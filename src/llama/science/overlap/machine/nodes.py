"""`signal_nodes` by machine code."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba.core.errors import NumbaError

from llama.science.arrays import Float
from llama.science.detector import SeasonTable
from llama.science.overlap import declination, descent, nodes
from llama.science.overlap.machine.compiling import first_call
from llama.science.overlap.machine.declination import means_all, steepness_all
from llama.science.overlap.machine.records import Pieces, Scales, Signal, Sky
from llama.science.overlap.machine.walk import walk_all
from llama.science.overlap.nodes import Nodes
from llama.science.overlap.signal import SignalNodes
from llama.science.sky import MAX_ORDER, SkyMap, SkyTree, log_peak, max_radius


def signal_nodes(tree: SkyTree, direction: Float, sigma_rad: Float, rows: Float, season: SeasonTable) -> SignalNodes:
    """The same as that of `overlap.signal`, but for the last digits."""
    sky, rows = _sky(tree), np.ascontiguousarray(rows)
    signal = _signal(season, rows)
    steepness_all(signal, declination.STEEPEST, direction[:, 2].copy())
    found, start = walk_all(sky, signal, _scales(), _spreads(direction, sigma_rad))
    some = slice(0, int(start[-1]))
    log_weight, middle, reach = found.floats[:, some]
    log_per_source, count_scale = means_all(_parts(season), rows, start, middle, reach)
    neutrino = np.repeat(np.arange(sigma_rad.size), np.diff(start))
    part = found.part[some]
    return SignalNodes(
        Nodes(neutrino, found.direction[some], log_weight, found.node[some], part, middle, reach, start),
        log_per_source,
        count_scale,
    )


@cache
def runs() -> bool:
    """Whether the machine code can be made or read: looks at one neutrino on the whole sky."""
    tree = SkyTree.of(SkyMap(np.zeros(12, np.uint8), np.arange(12), np.full(12, 0.25 / np.pi)))
    grid, one = np.linspace(-1, 1, 5), np.ones((1, 5))
    half, knot = np.ones(MAX_ORDER + 1, np.int64), np.array([-3.0, 0.0, 3.0])
    signal = Signal(one, grid, one[0], one[0], one[0], half, np.empty((1, 4, 5)))
    pieces = Pieces(grid, one[0], knot, np.zeros((3, 2), np.int64), np.zeros((3, 2)), np.ones((3, 2)), 1)
    try:
        first_call(steepness_all, signal, declination.STEEPEST, np.zeros(1))
        found, start = first_call(walk_all, _sky(tree), signal, _scales(), _spreads(np.eye(3)[:1], np.ones(1)))
        middle, reach = found.floats[1:, : start[-1]]
        log_mean, _ = first_call(means_all, pieces, one, start, middle, reach)
    except (NumbaError, OSError):
        return False
    return bool(np.isfinite(log_mean).all())


def _sky(tree: SkyTree) -> Sky:
    first = descent.start(tree, 1)
    return Sky(
        level=tree.level,
        ipix=tree.ipix,
        log_probability=tree.log_probability,
        cell=tree.cell,
        child=tree.child,
        children=tree.children,
        direction=np.ascontiguousarray(tree.direction),
        centre=np.ascontiguousarray(tree.centre),
        variances=tree.variances,
        start_node=first.node,
        start_ipix=first.ipix,
        start_log_probability=first.log_probability,
    )


def _signal(season: SeasonTable, rows: Float) -> Signal:
    per_rad, smooth = declination.per_rad(season), declination.slope_of_alpha(season)
    half = np.array([declination.half_width(season.sin_dec, order) for order in range(MAX_ORDER + 1)])
    return Signal(rows, season.sin_dec, season.alpha, per_rad, smooth, half, np.empty((len(rows), 4, rows.shape[1])))


@cache
def _scales() -> Scales:
    order = np.arange(MAX_ORDER + 1)
    radius = np.array([max_radius(int(k)) for k in order])
    limits = (
        descent.DROP,
        nodes.CELL,
        nodes.MIXED,
        nodes.STEEP,
        nodes.ALPHA,
        nodes.COARSER,
    )
    pixel = np.sqrt(np.pi / 3) / 2.0**order
    orders = (descent.FIRST, descent.COARSEST, MAX_ORDER)
    return Scales(np.sin(radius / 2), np.cos(radius / 2), pixel, limits, orders)


def _spreads(direction: Float, sigma_rad: Float) -> Float:
    """(n, 6) rows of `PointSpread`."""
    kappa = 1 / np.square(sigma_rad)
    return np.column_stack([direction, kappa, np.sqrt(kappa), log_peak(sigma_rad)])


def _parts(season: SeasonTable) -> Pieces:
    knot, place, rest, scale = declination.parts(season)
    return Pieces(season.sin_dec, season.alpha, knot, place, rest, scale, declination.PARTS)
