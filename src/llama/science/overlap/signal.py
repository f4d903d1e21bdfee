"""Nodes of the overlap integrals of a signal, and how many neutrinos like one are seen from there.

Many neutrinos beside one map go through machine code, where it can be had: the same nodes several times as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import SeasonTable
from llama.science.overlap.declination import Means, Steepness
from llama.science.overlap.nodes import Nodes, overlap_nodes
from llama.science.sky import SkyTree


@dataclass(frozen=True, eq=False)
class SignalNodes:
    """Nodes of the overlap integrals, and the means over what they stand for (`Means.over`).

    Attributes:
        nodes: where and how much.
        log_per_source: (m,) ln of a/α, GeV⁻¹; −inf where the detector sees no such neutrino.
        count_scale: (m,) α.
    """

    nodes: Nodes
    log_per_source: Float
    count_scale: Float


def signal_nodes(tree: SkyTree, direction: Float, sigma_rad: Float, rows: Float, season: SeasonTable) -> SignalNodes:
    """Those of neutrinos with signal densities `rows` (n, d) on the season's grid; see `overlap_nodes`."""
    steepness = Steepness.of(season, rows, direction[:, 2])
    nodes = overlap_nodes(tree, direction, sigma_rad, steepness)
    per_source, count_scale = Means.of(season, rows).over(nodes.neutrino, nodes.middle, nodes.reach)
    with np.errstate(divide="ignore"):
        return SignalNodes(nodes, np.log(per_source), count_scale)


@cache
def quickest_signal_nodes() -> Callable[[SkyTree, Float, Float, Float, SeasonTable], SignalNodes]:
    """`signal_nodes` as machine code, or itself where `numba` is not installed or does not run.

    To load the machine code takes half a second, so it is nothing for a single list.
    """
    try:
        machine = import_module("llama.science.overlap.machine.nodes")
    except ImportError:
        return signal_nodes
    found: Callable[[SkyTree, Float, Float, Float, SeasonTable], SignalNodes] = machine.signal_nodes
    return found if machine.runs() else signal_nodes
