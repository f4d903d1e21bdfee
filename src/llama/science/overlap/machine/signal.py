"""`overlap.signal` by machine code."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.detector import SeasonTable
from llama.science.distance import At, CellColumns, Distances, PerCell
from llama.science.overlap import declination, descent, nodes
from llama.science.overlap.machine.compiling import first_call
from llama.science.overlap.machine.declination import means_all, steepness_all
from llama.science.overlap.machine.distances import log_q1_all, sums
from llama.science.overlap.machine.records import Pieces, Scales, Signal, Sky
from llama.science.overlap.machine.walk import walk_all
from llama.science.overlap.nodes import Nodes
from llama.science.sky import MAX_ORDER, SkyMap, SkyTree, log_peak, max_radius


def log_integrals(
    tree: SkyTree, radial: Distances, direction: Float, sigma_rad: Float, rows: Float, season: SeasonTable
) -> Float:
    """The same as that of `overlap.signal`, but for the last digits."""
    weighted = radial.weighted_tree(tree, 1)
    nodes = walked(weighted, direction, sigma_rad, rows, season)
    log_mean, alpha = means_all(_pieces(season), _plain(rows), nodes.start, nodes.middle, nodes.reach)
    log_ratio = weighted.log_probability - tree.log_probability  # is in ⟨Q_1⟩
    return sums(nodes.start, nodes.node, nodes.log_weight, log_mean + _log_q1(radial, nodes, alpha), log_ratio)


def walked(tree: SkyTree, direction: Float, sigma_rad: Float, rows: Float, season: SeasonTable) -> Nodes:
    """`overlap_nodes` with the steepness of a/α."""
    signal = _signal(season, _plain(rows))
    steepness_all(signal, declination.STEEPEST, direction[:, 2].copy())
    found, start = walk_all(_sky(tree), signal, _scales(), _spreads(direction, sigma_rad))
    some = slice(0, int(start[-1]))
    log_weight, middle, reach = found.floats[:, some]
    neutrino = np.repeat(np.arange(sigma_rad.size), np.diff(start))
    return Nodes(
        neutrino, found.direction[some], log_weight, found.node[some], found.part[some], middle, reach, start
    )


def _log_q1(radial: Distances, nodes: Nodes, alpha: Float) -> Float:
    """`radial.log_q1`, for most points of a map with distances by machine code."""
    if not isinstance(radial, PerCell):
        return radial.log_q1(nodes, alpha)
    found = log_q1_all(radial.columns, nodes.node, nodes.part, alpha)
    rest = np.flatnonzero(np.isnan(found))
    if rest.size:
        found[rest] = radial.log_q1(At(nodes.direction[rest], nodes.node[rest], nodes.part[rest]), alpha[rest])
    return found


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
        log_mean, scale = first_call(means_all, pieces, one, start, middle, reach)
        each, box = np.ones(tree.cell.size), ((-9.0, -9.0), (9.0, 9.0))
        cells = CellColumns(each, each, each, each, each, *box, np.ones((2, 2)), 0.0)
        node, part = found.node[: start[-1]], found.part[: start[-1]]
        log_q1 = first_call(log_q1_all, cells, node, part, scale)
        total = first_call(sums, start, node, log_mean, log_q1, cells.slope)
    except (NumbaError, OSError):
        return False
    return bool(np.isfinite(total).all())


def _sky(tree: SkyTree) -> Sky:
    first = descent.start(tree, 1)
    return Sky(
        level=_plain(tree.level),
        ipix=_plain(tree.ipix),
        log_probability=_plain(tree.log_probability),
        cell=_plain(tree.cell),
        child=_plain(tree.child),
        children=_plain(tree.children),
        direction=_plain(tree.direction),
        centre=_plain(tree.centre),
        variances=_plain(tree.variances),
        start_node=first.node,
        start_ipix=first.ipix,
        start_log_probability=first.log_probability,
    )


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """The same in one piece that can be written to: for every other kind of array there would be more code."""
    return np.require(values, requirements=["C", "W"])


def _signal(season: SeasonTable, rows: Float) -> Signal:
    per_rad, smooth = declination.per_rad(season), declination.slope_of_alpha(season)
    half = np.array([declination.half_width(season.sin_dec, order) for order in range(MAX_ORDER + 1)])
    return Signal(
        rows,
        _plain(season.sin_dec),
        _plain(season.alpha),
        per_rad,
        smooth,
        half,
        np.empty((len(rows), 4, rows.shape[1])),
    )


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


def _pieces(season: SeasonTable) -> Pieces:
    knot, place, rest, scale = declination.parts(season)
    grid, alpha = _plain(season.sin_dec), _plain(season.alpha)
    return Pieces(grid, alpha, _plain(knot), _plain(place), _plain(rest), _plain(scale), declination.PARTS)
