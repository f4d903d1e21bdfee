"""Other ways to rank the same events: O2's likelihood, counting, the overlap of RAVEN's joint false alarm rate."""

from __future__ import annotations

import numpy as np

from llama.science.arrays import Float
from llama.science.overlap import overlap_nodes
from llama.science.sky import SkyMap, SkyTree, lookup, unit_vectors
from llama.science.statistic import Neutrinos, o2
from llama.studies.truth import Lists, take

_AT_ONCE = 400


def log_o2(skymap: SkyMap, lists: Lists) -> Float:
    """(events,) ln of the largest L of the coincident neutrinos of each event, −inf when none is (SCIENCE 6.1)."""
    result = np.full(lists.events, -np.inf)
    region = o2.Cells.of(skymap, o2.truncated(skymap))
    n = lists.neutrinos
    for i, event in enumerate(lists.event.tolist()):
        found = o2.o2_neutrino(
            region, float(n.gps_s[i]), float(n.ra_rad[i]), float(n.dec_rad[i]), float(n.sigma_rad[i])
        )
        if found.coincident and found.likelihood > 0:
            result[event] = max(result[event], np.log(found.likelihood))
    return result


def counts(skymap: SkyMap, lists: Lists) -> Float:
    """(events,) neutrinos within ±500 s whose best direction lies in the 90 % region."""
    region = o2.truncated(skymap)
    cell = lookup(skymap, lists.neutrinos.ra_rad, lists.neutrinos.dec_rad)
    inside = (cell >= 0) & (region[cell] > 0) & (np.abs(lists.neutrinos.gps_s) <= o2.WINDOW_S)
    return np.bincount(lists.event[inside], minlength=lists.events).astype(np.float64)


def joint_far_hz(far_gw_hz: float, rate_hz: float, window_s: float, overlap: float) -> float:
    """FAR_gw · R · window / I: RAVEN's space-time coincidence false alarm rate (doi:10.3847/1538-4357/aabfd2)."""
    return far_gw_hz * rate_hz * window_s / overlap if overlap > 0 else np.inf


def log_overlap(tree: SkyTree, neutrinos: Neutrinos) -> Float:
    """(n,) ln I, I = ∫ P_gw P_ν/(1/4π) dΩ of each neutrino; 0 where either knows nothing."""
    parts = [np.empty(0)]
    for first in range(0, len(neutrinos), _AT_ONCE):
        some = take(neutrinos, slice(first, first + _AT_ONCE))
        direction = unit_vectors(some.ra_rad, some.dec_rad).reshape(-1, 3)
        parts.append(np.log(4 * np.pi) + overlap_nodes(tree, direction, some.sigma_rad).log_integral())
    return np.concatenate(parts)


def log_raven(tree: SkyTree, lists: Lists) -> Float:
    """(events,) ln I of the best neutrino: −ln FAR_joint up to FAR_gw, which all events share here."""
    result = np.full(lists.events, -np.inf)
    inside = np.abs(lists.neutrinos.gps_s) <= o2.WINDOW_S
    np.maximum.at(result, lists.event[inside], log_overlap(tree, lists.neutrinos)[inside])
    return result
