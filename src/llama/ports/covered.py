"""When a source would have had whatever there was: the good time inside the window that it was asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """Good time without a break, GPS seconds, start <= time < stop."""

    start_gps: float
    stop_gps: float


@dataclass(frozen=True, slots=True)
class SeasonStretch(Stretch):
    """The same of one season of data taking, which decides rate, densities and effective area."""

    season: str
