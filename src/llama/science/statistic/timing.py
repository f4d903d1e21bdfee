"""When two messengers can share a source: the overlap of their time windows (SCIENCE 1.4, choice A1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from llama.science.arrays import Float
from llama.science.search import Search


def overlap_s(search: Search, gw_gps_s: float, neutrino_gps_s: ArrayLike) -> Float:
    """Seconds of source times compatible with both detections: 500 − |Δt| for the default windows, at least 0."""
    # Differences first: GPS times near 1e9 s would eat the microseconds of the windows' edges.
    delay = np.asarray(neutrino_gps_s, dtype=np.float64) - gw_gps_s
    latest = np.minimum(-search.t_gw_minus_s, delay - search.t_nu_minus_s)
    earliest = np.maximum(-search.t_gw_plus_s, delay - search.t_nu_plus_s)
    return np.asarray(np.maximum(latest - earliest, 0.0))


def gw_window_s(search: Search) -> float:
    """T_gw: length of the gravitational waves' window."""
    return search.t_gw_plus_s - search.t_gw_minus_s


def neutrino_window_s(search: Search) -> float:
    """T_ν: length of the neutrinos' window."""
    return search.t_nu_plus_s - search.t_nu_minus_s


def search_window_s(search: Search) -> tuple[float, float]:
    """First and last t_ν − t_gw that a common source allows."""
    return search.t_nu_minus_s - search.t_gw_plus_s, search.t_nu_plus_s - search.t_gw_minus_s


def log_time_density(search: Search, gw_gps_s: float, neutrino_gps_s: ArrayLike) -> Float:
    """ln t_ov/(T_gw T_ν) in s⁻¹: density of Δt for a common source, −inf where the windows do not meet.

    Integrates to one over Δt; the same density for unrelated triggers is 1/T_c.
    """
    shared = overlap_s(search, gw_gps_s, neutrino_gps_s)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(shared) - np.log(gw_window_s(search) * neutrino_window_s(search)))
