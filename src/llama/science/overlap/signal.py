"""Overlap integrals of a signal: nodes, and how many neutrinos like one are seen from there.

Many neutrinos beside one map go through machine code, where it can be had: the same sums over the same nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import SeasonTable
from llama.science.distance import Distances
from llama.science.overlap.declination import Means, Steepness
from llama.science.overlap.nodes import Nodes, overlap_nodes
from llama.science.sky import SkyTree

LogIntegrals = Callable[[SkyTree, Distances, Float, Float, Float, SeasonTable], Float]
"""What `log_integrals` is."""


def signal_nodes(
    tree: SkyTree, radial: Distances, direction: Float, sigma_rad: Float, rows: Float, season: SeasonTable
) -> tuple[Nodes, Float]:
    """Nodes of ∫ P (a/α) ⟨Q_1(αn)⟩ PSF for each neutrino, and ln of (a/α) ⟨Q_1⟩ there, GeV⁻¹.

    That is −inf where the detector sees no such neutrino.

    Args:
        tree: the sky map. radial: distances of the source.
        direction, sigma_rad: (n, 3) unit vectors and (n,) 1σ errors of the neutrinos.
        rows: (n, d) signal density a(ε, δ) on the season's declination grid, GeV⁻¹.
    """
    weighted, steepness = radial.weighted_tree(tree, 1), Steepness.of(season, rows, direction[:, 2])
    nodes = overlap_nodes(weighted, direction, sigma_rad, steepness)
    weight = weighted.log_probability[nodes.node] - tree.log_probability[nodes.node]  # is in the integrand
    nodes = replace(nodes, log_weight=nodes.log_weight - weight)
    per_source, count_scale = Means.of(season, rows).over(nodes.neutrino, nodes.middle, nodes.reach)
    with np.errstate(divide="ignore"):
        return nodes, np.log(per_source) + radial.log_q1(nodes, count_scale)


def log_integrals(
    tree: SkyTree, radial: Distances, direction: Float, sigma_rad: Float, rows: Float, season: SeasonTable
) -> Float:
    """(n,) ln of the integral over the nodes of `signal_nodes`; −inf where nothing meets."""
    nodes, log_f = signal_nodes(tree, radial, direction, sigma_rad, rows, season)
    return nodes.log_integral(log_f)


@cache
def quickest_log_integrals() -> LogIntegrals:
    """`log_integrals` as machine code, or itself where `numba` is not installed or does not run.

    To load the machine code takes half a second, so it is nothing for a single list.
    """
    try:
        machine = import_module("llama.science.overlap.machine.signal")
    except ImportError:
        return log_integrals
    found: LogIntegrals = machine.log_integrals
    return found if machine.runs() else log_integrals
