"""A bank of unrelated neutrinos beside one sky map, of which any number of lists can be drawn in no time.

The exact terms of some hundred single neutrinos cost a second, those of all neutrinos of a million lists a day. So
many more are drawn and scored than are put through the kernel (`proposal`); of those near and above the statistic
that is asked about many are, of those that hardly matter few, each standing for as many as were left out. Draws are
made in groups that know nothing of each other, which tells how much an answer owes to the bank's finite size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.search import Search
from llama.science.significance.proposal import Draws, Proposal
from llama.science.statistic import (
    GWTrigger,
    ListTerms,
    Neutrinos,
    Prepared,
    log_time_density,
    merger_host,
    search_window_s,
)

GROUPS = 16
_ANYWHERE, _EVERY_DECADE = 0.3, 0.35  # shares of the chosen: alike, and alike per e-fold of rarity; the rest in focus
_FOCUS = (1 / 20, 5.0)  # of how many neutrinos of a list are as related as what is asked about
_LEAST = 12  # of a season in each group, however short its part of the window: weights of fewer make p too large
_LEAST_SCORED = 500
_CLOSER = 12  # times as many are scored with care as the kernel sees


@dataclass(frozen=True, eq=False)
class SeasonData:
    """Good data of one season in the search window.

    Attributes:
        events: the season's, to draw from. rate_hz: its neutrinos per second.
        intervals: (k, 2) start and stop in seconds after the trigger, ascending and disjoint.
    """

    events: SeasonEvents
    rate_hz: float
    intervals: Float

    @property
    def length_s(self) -> Float:
        """(k,) of each interval."""
        return np.asarray(self.intervals[:, 1] - self.intervals[:, 0])

    @property
    def expected(self) -> float:
        """Neutrinos of a list, on average."""
        return float(self.rate_hz * self.length_s.sum())

    def times(self, rng: np.random.Generator, count: int) -> Float:
        """(count,) seconds after the trigger, uniform in the intervals."""
        reached = np.concatenate([[0.0], np.cumsum(self.length_s)])
        at = rng.random(count) * reached[-1]
        which = np.minimum(np.searchsorted(reached, at, side="right") - 1, self.length_s.size - 1)
        return np.asarray(self.intervals[which, 0] + (at - reached[which]))


@dataclass(frozen=True, eq=False)
class Beside:
    """What a background is drawn beside: the merger's prepared map, its trigger, and how neutrinos are weighed."""

    ready: Prepared
    trigger: GWTrigger
    season: SeasonTable
    search: Search
    supplies: tuple[SeasonData, ...]

    @property
    def expected(self) -> float:
        """Neutrinos of a list, on average."""
        return float(sum(one.expected for one in self.supplies))


@dataclass(frozen=True)
class Plan:
    """How large a bank is.

    Attributes:
        scored, chosen: draws that are scored, and those of them that the kernel sees.
        focus: neutrinos of a list that are as related as what is asked about, on average; None where not known.
    """

    scored: int
    chosen: int
    focus: float | None = None


@dataclass(frozen=True, eq=False)
class Bank:
    """Neutrinos with their exact terms.

    Attributes:
        terms: of each at the time at which it is most related.
        log_b: (n,) ln B/(1 + λ) of each then.
        expected: (n,) how many neutrinos of a list each stands for.
        supply, group: (n,) of which season's data it is, and in which group it was drawn.
    """

    beside: Beside
    terms: ListTerms
    log_b: Float
    expected: Float
    supply: Index
    group: Index

    def log_later(self, delay_s: Float) -> Float:
        """ln of how much less related any of them is at these times after the trigger."""
        search = self.beside.search
        return log_time_density(search, 0.0, delay_s) - log_time_density(search, 0.0, _best_delay_s(search))

    def times(self, rng: np.random.Generator, pick: Index) -> Float:
        """Seconds after the trigger for each of some of them."""
        delay = np.empty(pick.size)
        for k, supply in enumerate(self.beside.supplies):
            mine = np.flatnonzero(self.supply[pick] == k)
            delay[mine] = supply.times(rng, mine.size)
        return delay


def proposals(beside: Beside) -> tuple[Proposal, ...]:
    """One for each season."""
    host = merger_host(beside.ready, beside.search)
    return tuple(Proposal.of(host, one.events, beside.season, beside.search) for one in beside.supplies)


def draw_bank(rng: np.random.Generator, beside: Beside, made: Sequence[Proposal], plan: Plan) -> Bank:
    """A bank of about `plan.chosen` neutrinos."""
    drawn, supply, group = [], [], []
    for k, (proposal, one) in enumerate(zip(made, beside.supplies, strict=True)):
        part = one.expected / beside.expected / GROUPS
        for number in range(GROUPS):
            scored = proposal.draw(rng, max(int(plan.scored * part), _LEAST_SCORED), one.expected / GROUPS)
            focus = plan.focus and plan.focus / GROUPS
            count = max(plan.chosen * part, _LEAST)
            some = proposal.closer(_chosen(rng, scored, _CLOSER * count, focus))
            drawn.append(_chosen(rng, some, count, focus))
            supply.append(np.full(drawn[-1].event.size, k))
            group.append(np.full(drawn[-1].event.size, number))
    of = np.concatenate(supply)
    neutrinos = _neutrinos(beside, drawn, of)
    terms = ListTerms.of(beside.ready, beside.trigger, neutrinos, beside.season, beside.search)
    expected = np.concatenate([one.expected for one in drawn])
    return Bank(beside, terms, terms.log_b_apart, expected, of, np.concatenate(group))


def _chosen(rng: np.random.Generator, scored: Draws, count: float, focus: float | None) -> Draws:
    """About `count` of the draws, each standing for those of its score that were left out."""
    every = scored.take(np.argsort(-scored.score, kind="stable"))
    reached, total = np.cumsum(every.expected), float(every.expected.sum())
    density = _ANYWHERE / total + _EVERY_DECADE / (reached * np.log(total / reached[0] + np.e))
    if focus is None:
        density += (1 - _ANYWHERE - _EVERY_DECADE) / (reached * np.log(total / reached[0] + np.e))
    else:
        low, high = (edge * focus for edge in _FOCUS)
        inside = (reached > low) & (reached < high)
        density += (1 - _ANYWHERE - _EVERY_DECADE) * inside / (reached * np.log(high / low))
    share = density * every.expected
    keep = np.minimum(share * (count / share.sum()), 1.0)
    rest = max(count - float((keep >= 1).sum()), 0.0)
    free = keep < 1  # what was cut off at one goes to the others
    keep[free] = np.minimum(keep[free] * (rest / max(float(keep[free].sum()), 1e-300)), 1.0)
    at = np.flatnonzero(np.diff(np.floor(np.concatenate([[0.0], np.cumsum(keep)]) + rng.random())))
    found = every.take(at)
    weight = found.expected / keep[at]
    return replace(found, expected=weight * (total / weight.sum()))


def _neutrinos(beside: Beside, drawn: Sequence[Draws], supply: Index) -> Neutrinos:
    """The draws as neutrinos at the time at which they are most related."""
    event, ra = np.concatenate([one.event for one in drawn]), np.concatenate([one.ra_rad for one in drawn])
    columns = np.empty((3, event.size))
    for k, one in enumerate(beside.supplies):
        mine = supply == k
        columns[:, mine] = [values[event[mine]] for values in _columns(one.events)]
    gps = np.full(event.size, beside.trigger.gps_s + _best_delay_s(beside.search))
    return Neutrinos(gps, ra, *columns)


def _columns(events: SeasonEvents) -> tuple[Float, Float, Float]:
    return events.dec_rad, events.sigma_rad, events.energy_gev


def _best_delay_s(search: Search) -> float:
    """Where windows of source times meet longest: the middle of the search window."""
    first, last = search_window_s(search)
    return (first + last) / 2
