"""What a season really saw, window by window, nothing scrambled.

Background that is drawn has random right ascensions, Poisson numbers and uniform times because the statistic and the
own-map background both say so. Real windows come without any of that: their neutrinos are where and when they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.search import Search
from llama.science.statistic import Neutrinos
from llama.studies.truth import BACKGROUND, Lists, take, window_s


@dataclass(frozen=True, eq=False)
class ObservedSeason:
    """The events of a season's good runs.

    Attributes:
        neutrinos: (n,) in order of time, `gps_s` as observed.
        runs_gps_s: (m, 2) start and stop of the good runs, ascending and disjoint.
        source: in words.
    """

    neutrinos: Neutrinos
    runs_gps_s: Float
    source: str

    def triggers(self, search: Search) -> Float:
        """(k,) GPS times whose search windows lie in one good run each and share no instant."""
        low, high = window_s(search)
        width = high - low
        counts = np.floor_divide(self.runs_gps_s[:, 1] - self.runs_gps_s[:, 0], width).astype(np.int64)
        number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.asarray(np.repeat(self.runs_gps_s[:, 0], counts) + width * number - low)

    def lists(self, search: Search, triggers: Float) -> Lists:
        """The neutrinos of the search's energies around each of these ascending times, seconds after it."""
        low, high = window_s(search)
        energy = self.neutrinos.energy_gev
        within = take(self.neutrinos, (energy >= search.energy_min_gev) & (energy <= search.energy_max_gev))
        event = np.searchsorted(triggers + low, within.gps_s, side="right") - 1
        mine = (event >= 0) & (within.gps_s - triggers[event] < high)
        found, event = take(within, mine), event[mine]
        after = Neutrinos(
            found.gps_s - triggers[event], found.ra_rad, found.dec_rad, found.sigma_rad, found.energy_gev
        )
        return Lists(after, event, np.full(event.size, BACKGROUND), triggers.size)


def some_of(rng: np.random.Generator, triggers: Float, most: int) -> Float:
    """So many at most, none twice, in order of time."""
    return np.asarray(np.sort(rng.choice(triggers, min(most, triggers.size), replace=False)))
