"""What machine code is handed and gives back: columns and numbers, no objects."""

from __future__ import annotations

from typing import NamedTuple

from llama.science.arrays import Bool, Float, Index


class Sky(NamedTuple):
    """Columns of a `SkyTree`, and the entries with which walks start."""

    level: Index
    ipix: Index
    log_probability: Float
    cell: Index
    child: Index
    children: Index
    direction: Float
    centre: Float
    variances: Float
    start_node: Index
    start_ipix: Index
    start_log_probability: Float


class Signal(NamedTuple):
    """What is known of a/α by declination.

    Attributes:
        rows: (n, d) a of each neutrino on the grid. sin_dec, alpha: (d,) the grid and α on it.
        per_rad, smooth: (d,) bins per radian, |slope| of ln α in declination.
        half: (orders,) within how many bins the largest values hold for a node.
        table: (n, 4, d) that of `Steepness`.
    """

    rows: Float
    sin_dec: Float
    alpha: Float
    per_rad: Float
    smooth: Float
    half: Index
    table: Float


class Scales(NamedTuple):
    """Numbers of walks by order.

    Attributes:
        up, across, pixel: (orders,) sine and cosine of half of a pixel's radius, half of its side.
        limits: drop, cell, mixed, steep, alpha, coarser of `nodes` and `descent`.
        orders: where walks start, from where on nodes are emitted, the last.
    """

    up: Float
    across: Float
    pixel: Float
    limits: tuple[float, float, float, float, float, float]
    orders: tuple[int, int, int]


class NodeColumns(NamedTuple):
    """Columns of `Nodes`, with room for more; floats: (3, m) ln weight, middle, reach."""

    direction: Float
    floats: Float
    node: Index
    part: Bool
    order: Index


class Open(NamedTuple):
    """Open nodes of one order, with room for more.

    Attributes:
        node, ipix: (e,) as `Entries`.
        floats: (8, e) ln probability, ln of the lower bound, ln of the patch, size, centre, place on the grid.
    """

    node: Index
    ipix: Index
    floats: Float


class PointSpread(NamedTuple):
    """One neutrino: where it points, and its point spread."""

    x: float
    y: float
    z: float
    kappa: float
    root: float
    log_peak: float


class Pieces(NamedTuple):
    """Pieces of the declination grid, and α on it: what `declination` makes of a season.

    Attributes:
        sin_dec, alpha: (d,) the grid and α.
        knot: (k + 1,) heights. place: (3, k) point of the grid, rest: how far on it is, scale: α, at both ends
            and in the middle of each piece.
        fine: pieces per step of the grid.
    """

    sin_dec: Float
    alpha: Float
    knot: Float
    place: Index
    rest: Float
    scale: Float
    fine: int
