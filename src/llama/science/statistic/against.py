"""What neutrinos may share a source with (`Host`), and neutrinos against their background (`AgainstBackground`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.detector import SeasonTable, alpha, interpolate_sin_dec
from llama.science.distance import Distances
from llama.science.search import Search
from llama.science.sky import SkyTree
from llama.science.statistic.observed import Neutrinos

_REACH = 5.0  # sigma


@dataclass(frozen=True, eq=False)
class Host:
    """What neutrinos may share a source with.

    Attributes:
        tree: where its source is; probabilities sum to one.
        radial: how many neutrinos it gives, averaged over its distance.
        start_s, stop_s: times of the source that it allows, relative to the trigger.
        log_rate: ln of what one second of source time weighs: −ln T_gw − ln f_b for a merger.
    """

    tree: SkyTree
    radial: Distances
    start_s: float
    stop_s: float
    log_rate: float


@dataclass(frozen=True, eq=False)
class AgainstBackground:
    """Neutrinos as the ensemble sees them.

    Attributes:
        direction: (n, 3) unit vectors. sigma_rad: (n,) 1σ errors.
        delay_s: (n,) time after the trigger.
        log_background: (n,) ln of the density it stands against, R_ν P_emp (1 + λ), s⁻¹ sr⁻¹ GeV⁻¹.
        rows: (n, d) signal density a(ε, δ) on the season's declination grid, GeV⁻¹.
        minus_s, plus_s: window of t_ν − t_s.
    """

    direction: Float
    sigma_rad: Float
    delay_s: Float
    log_background: Float
    rows: Float
    minus_s: float
    plus_s: float

    @classmethod
    def of(
        cls, neutrinos: Neutrinos, direction: Float, gps_s: float, log_background: Float, rows: Float, search: Search
    ) -> AgainstBackground:
        """Neutrinos of a list around a trigger at `gps_s`."""
        # Differences first: GPS times near 1e9 s would eat the microseconds of the windows' edges.
        delay = neutrinos.gps_s - gps_s
        window = search.t_nu_minus_s, search.t_nu_plus_s
        return cls(direction, neutrinos.sigma_rad, delay, log_background, rows, *window)

    def source_times(self) -> tuple[float, float]:
        """First and last time at which a source of any of them may have been."""
        first = np.min(self.delay_s - self.plus_s, initial=0.0)
        return float(first), float(np.max(self.delay_s - self.minus_s, initial=1.0))

    def only(self, at: Index) -> AgainstBackground:
        """Some of them."""
        return replace(
            self,
            direction=self.direction[at],
            sigma_rad=self.sigma_rad[at],
            delay_s=self.delay_s[at],
            log_background=self.log_background[at],
            rows=self.rows[at],
        )

    def log_strength(self, season: SeasonTable) -> Float:
        """(n,) ln of u_i/PSF_i at each neutrino's own direction."""
        sin_dec = self.direction[:, 2]
        own = interpolate_sin_dec(season, self.rows, np.arange(sin_dec.size), sin_dec) / alpha(season, sin_dec)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(own) - self.log_background - np.log(self.plus_s - self.minus_s))

    def log_most_strength(self, season: SeasonTable) -> Float:
        """(n,) the largest of it within 5σ: a/α is steep where the detector's selection changes."""
        dec, grid = np.arcsin(self.direction[:, 2]), np.arcsin(season.sin_dec)
        near = np.abs(dec[:, None] - grid) <= _REACH * self.sigma_rad[:, None]
        largest = np.where(near, self.rows / season.alpha, 0.0).max(axis=1, initial=0.0)
        with np.errstate(divide="ignore"):
            around = np.log(largest) - self.log_background - np.log(self.plus_s - self.minus_s)
        return np.asarray(np.maximum(around, self.log_strength(season)))
