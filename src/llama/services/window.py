"""What holds for the window that any source is asked for."""

from __future__ import annotations

import math

from llama.services.errors import ArchiveError


def require_window(start_gps: float, stop_gps: float) -> None:
    """Raises ArchiveError unless it has a length above zero (GPS seconds)."""
    if not (math.isfinite(start_gps) and math.isfinite(stop_gps) and start_gps < stop_gps):
        raise ArchiveError(f"a window must start before it stops, not {start_gps} to {stop_gps} (GPS seconds)")
