"""Where a sky map and point spreads meet: the integrals of SCIENCE 1.2 as sums over nodes, for one neutrino
(`nodes`, the first thing to read) and for several (`cluster`), by walks down the map's tree (`descent`) with
the detector's edge in declination (`declination`); for many neutrinos in machine code (`signal`)."""

from __future__ import annotations

from llama.science.overlap.cluster import MOST, Members, cluster_nodes
from llama.science.overlap.declination import Steepness
from llama.science.overlap.nodes import Nodes, overlap_nodes
from llama.science.overlap.signal import log_integrals, quickest_log_integrals, signal_nodes

__all__ = [
    "MOST",
    "Members",
    "Nodes",
    "Steepness",
    "cluster_nodes",
    "log_integrals",
    "overlap_nodes",
    "quickest_log_integrals",
    "signal_nodes",
]
