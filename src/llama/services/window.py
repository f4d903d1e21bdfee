"""What holds for the window that any source is asked for."""

from __future__ import annotations

import math

from llama.services.errors import ArchiveError


def require_window(start_gps: float, stop_gps: float) -> None:
    """Raises ArchiveError unless it has a length above zero (GPS seconds)."""
    if not (math.isfinite(start_gps) and math.isfinite(stop_gps) and start_gps < stop_gps):
        raise ArchiveError(f"a window must start before it stops, not {start_gps} to {stop_gps} (GPS seconds)")


LATEST_S = 7 * 86400.0
"""How long after a window closed a source that has not told all is asked again by itself."""

_PART, _AT_LEAST_S = 0.1, 60.0


def again_gps(now_gps: float, stop_gps: float) -> float | None:
    """When to ask again a source that has not told all of a window; None when a person is to decide.

    When the window closes, after that every minute, and later whenever a tenth more of the time since has passed.
    What is minutes late is found within a minute, what is a day late within hours, and nobody is asked without end:
    some eighty times until `LATEST_S` after the window's end, when it is over.
    """
    if now_gps >= stop_gps + LATEST_S:
        return None
    if now_gps < stop_gps:
        return stop_gps
    return now_gps + max(_AT_LEAST_S, _PART * (now_gps - stop_gps))
