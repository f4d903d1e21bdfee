"""How often unrelated neutrinos look so related to this very alert: its own map's p-value (SCIENCE section 4).

Lists are drawn from a bank (`bank`) and compared with the event at p_astro 1, each by the same statistic. Half of
them hold those neutrinos more often that come near the event's statistic, and each list has the weight that makes up
for it, so that a p-value of 1e-5 needs no more lists than one of 0.1.

A first, small bank only says how large the one must be that the answer is from, whose size is then fixed: so the
estimate is unbiased, whatever the first one said, up to what a finite bank's curvature adds (below 1 %).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from scipy.special import gammaincinv

from llama.science.arrays import Float, Index
from llama.science.significance.bank import GROUPS, Bank, Beside, Plan, draw_bank, proposals
from llama.science.significance.proposal import Proposal
from llama.science.sky import log_peak, log_sum_by
from llama.science.statistic import AgainstBackground, PairBounds, joint_terms, largest_pairs, within_lists

PRECISION = 0.1
"""Relative error, all terms together, that is good enough."""

_PILOT = Plan(scored=48_000, chosen=320)
_AIM = 0.06  # of the bank alone; the lists and the finite sample of events come on top
_MOST_SCORED, _MOST_CHOSEN = 1_600_000, 12_000
_ABOVE = 400  # scored draws that are as related as the event
_LISTS, _PILOT_LISTS = 40_000, 8_000
_REACH = 3.0  # e-folds below the event: what comes so near is drawn more often
_BOOSTED = 0.7  # such neutrinos in a list of the other half
_TIMES = 8
_FEW = 3.0


@dataclass(frozen=True, slots=True)
class OwnMapP:
    """A p-value and how well it is known.

    Attributes:
        p: fraction of background lists that reach the statistic; above 0.
        above: effective number of lists that reach it.
        error_lists, error_bank, error_events: one sigma for the finite numbers of lists, of exact terms, and of real
            events to draw from.
    """

    p: float
    above: float
    error_lists: float
    error_bank: float
    error_events: float

    @classmethod
    def counted(cls, seen: int, lists: int) -> OwnMapP:
        """Of lists as they come, each by itself and none more often than another."""
        p = max(seen, 1) / lists
        return cls(p, float(seen), math.sqrt(p * (1 - p) / lists), 0.0, 0.0)

    @property
    def error(self) -> float:
        """One sigma of all together."""
        return math.sqrt(self.error_lists**2 + self.error_bank**2 + self.error_events**2)

    @property
    def is_limit(self) -> bool:
        """Whether so few lists reach the statistic that p is known from above only."""
        return self.above < _FEW

    def upper_limit(self, confidence: float) -> float:
        """What p may be at most, for lists alone: Poisson counts of those that reach the statistic."""
        most = float(gammaincinv(self.above + 1, confidence))
        return min(self.p * most / self.above, 1.0) if self.above else min(self.p * most, 1.0)


@dataclass(frozen=True, eq=False)
class OwnBackground:
    """What unrelated neutrinos would look like beside one alert.

    Attributes:
        label: of the random stream. digest: of the events that lists are drawn from. seasons: theirs.
        expected: neutrinos of a list, on average. terms: how many neutrinos went through the kernel.
        thresholds, p_values: by `event` or `ensemble`, what was asked and its answer, in the order of the question.
        statistics: by the same, (lists,) ln B̃ of every list; weight: (lists,) of each, 1 on average.
    """

    label: str
    digest: str
    seasons: tuple[str, ...]
    expected: float
    terms: int
    thresholds: Mapping[str, Float]
    p_values: Mapping[str, tuple[OwnMapP, ...]]
    statistics: Mapping[str, Float]
    weight: Float

    @property
    def lists(self) -> int:
        """How many were drawn."""
        return int(self.weight.size)


def generator(label: str, search: str = "own map") -> np.random.Generator:
    """The stream of one event's background in a search: the same for every update, and no other's."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(sha256(f"{search}\0{label}".encode()).digest())))


def own_background(beside: Beside, label: str, thresholds: Mapping[str, Float]) -> OwnBackground:
    """The background of one event, and the p-value of every threshold: ln B̃, as in `EventStatistic`.

    Args:
        label: of the event, which decides the random numbers.
        thresholds: by `event` or `ensemble`, whose lists' statistic they are compared with; the first of each is the
            event's own, which decides how many lists and terms are needed.

    Raises ValueError when no second of the search window has good data.
    """
    if not beside.expected > 0:
        raise ValueError("no second of the search window has good data, so there is no background to compare with")
    rng, made = generator(label), proposals(beside)
    pilot = _round(rng, beside, made, _PILOT, _PILOT_LISTS, thresholds)
    plan = _enough([values[0] for values in pilot.p_values.values() if values], beside)
    return replace(_round(rng, beside, made, plan, _LISTS, thresholds), label=label)


def _enough(pilot: list[OwnMapP], beside: Beside) -> Plan:
    """The bank that a first one says is needed: so many terms that those in reach of the event suffice."""
    least = min(pilot, key=lambda one: one.p, default=None)
    if least is None:
        return _PILOT
    focus = -np.log1p(-min(least.p, 0.9))
    error = max(one.error_bank / one.p for one in pilot)
    chosen = int(np.clip(_PILOT.chosen * np.square(error / _AIM), _PILOT.chosen, _MOST_CHOSEN))
    scored = int(np.clip(_ABOVE * beside.expected / focus, _PILOT.scored, _MOST_SCORED))
    return Plan(scored, chosen, float(focus))


def _round(
    rng: np.random.Generator,
    beside: Beside,
    made: tuple[Proposal, ...],
    plan: Plan,
    lists: int,
    thresholds: Mapping[str, Float],
) -> OwnBackground:
    """From one bank."""
    bank = draw_bank(rng, beside, made, plan)
    finite = [float(values[0]) for values in thresholds.values() if len(values) and np.isfinite(values[0])]
    drawn = _draw(rng, bank, lists, min(finite, default=np.inf) - _REACH)
    statistics = _with_pairs(bank, drawn, np.concatenate([*thresholds.values()]))
    later = bank.log_later(np.stack([bank.times(rng, np.arange(bank.log_b.size)) for _ in range(_TIMES)]))
    return OwnBackground(
        label="",
        digest=sha256("".join(one.events.digest for one in beside.stretches).encode()).hexdigest(),
        seasons=tuple(one.events.name for one in beside.stretches),
        expected=beside.expected,
        terms=int(bank.log_b.size),
        thresholds=thresholds,
        p_values={
            name: tuple(_p_value(bank, made, drawn, statistics[name], float(one), later) for one in values)
            for name, values in thresholds.items()
        },
        statistics=statistics,
        weight=drawn.weight,
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Lists from a bank, end to end: neutrino k is `pick[k]` of the bank, `delay_s[k]` after the trigger."""

    pick: Index
    delay_s: Float
    start: Index
    log_b: Float
    weight: Float

    def each_once(self, i: int) -> Index:
        """The neutrinos of a list, none of them twice.

        One that stands for many may be picked twice. No two of those are in one place, so it makes no pair with
        itself: near a wide map such pairs would be most of all.
        """
        some = np.arange(self.start[i], self.start[i + 1])
        return np.asarray(some[np.sort(np.unique(self.pick[some], return_index=True)[1])])

    @property
    def singles(self) -> Float:
        """(lists,) ln of the sum of each list's single neutrinos."""
        return log_sum_by(self.log_b, self.start)


def _draw(rng: np.random.Generator, bank: Bank, lists: int, near: float) -> _Drawn:
    """Half the lists as they come, half with more of the neutrinos above `near`; weights have a mean of one."""
    boosted = bank.log_b > near
    often = float(bank.expected[boosted].sum())
    factor = max(_BOOSTED / often, 1.0) if often > 0 else 1.0
    more = np.where(boosted, factor, 1.0) * bank.expected
    halves = [_as_they_come(rng, each, lists // 2) for each in (bank.expected, more)]
    pick = np.concatenate([half[0] for half in halves])
    start = np.concatenate([[0], np.cumsum(np.concatenate([half[1] for half in halves]))])
    delay = bank.times(rng, pick)
    many = np.add.reduceat(np.append(boosted[pick], 0), np.minimum(start[:-1], pick.size)) * (np.diff(start) > 0)
    weight = 2 / (1 + np.exp(many * np.log(factor) - (factor - 1) * often))
    return _Drawn(pick, delay, start, bank.log_b[pick] + bank.log_later(delay), weight)


def _as_they_come(rng: np.random.Generator, expected: Float, lists: int) -> tuple[Index, Index]:
    """Poisson lists of a bank's neutrinos: all picks, and how many each list has."""
    reached = np.cumsum(expected)
    counts = rng.poisson(reached[-1], lists)
    at = np.searchsorted(reached, rng.random(int(counts.sum())) * reached[-1], side="right")
    return np.minimum(at, expected.size - 1), counts


def _with_pairs(bank: Bank, drawn: _Drawn, thresholds: Float) -> dict[str, Float]:
    """(lists,) ln of both statistics; pairs and larger sets where a bound says that they can carry a list past a
    threshold."""
    beside, terms = bank.beside, bank.terms
    singles = drawn.singles
    event, ensemble = singles.copy(), singles.copy()
    against = replace(terms.against.only(drawn.pick), delay_s=drawn.delay_s)
    most = _pairs_at_most(bank, drawn, against)
    ascending = np.sort(thresholds)
    reached = np.searchsorted(ascending, np.stack([singles, np.logaddexp(singles, most)]), side="right")
    for i in np.flatnonzero(reached[0] != reached[1]).tolist():
        some = drawn.each_once(i)
        joint = joint_terms(terms.host, against.only(some), beside.season, drawn.log_b[some])
        event[i] = np.logaddexp(singles[i], joint.log_all_pairs)
        ensemble[i] = np.logaddexp(singles[i], joint.log_b)
    return {"event": event, "ensemble": ensemble}


def _pairs_at_most(bank: Bank, drawn: _Drawn, against: AgainstBackground) -> Float:
    """(lists,) ln of an upper bound of all pairs of each list.

    A pair is bounded by the largest product of its point spreads, and by the term of either neutrino alone times the
    most that the other can be: that is small for neutrinos near each other but far from the map.
    """
    host, season = bank.terms.host, bank.beside.season
    strength = bank.terms.against.log_most_strength(season)
    bounds, (largest, ratio) = PairBounds.of(host, against, strength[drawn.pick]), largest_pairs(host, season)
    other = (strength + log_peak(bank.terms.against.sigma_rad))[drawn.pick] + ratio
    most = np.full(drawn.start.size - 1, -np.inf)
    for of, first, second in within_lists(drawn.start):
        alone = np.minimum(drawn.log_b[first] + other[second], drawn.log_b[second] + other[first])
        most_of_pair = np.minimum(alone, bounds.log_of(first, second) + largest)
        apart = drawn.pick[first] != drawn.pick[second]
        most[of] = np.logaddexp(most[of], np.where(apart, most_of_pair, -np.inf))
    return most


def _p_value(
    bank: Bank, made: tuple[Proposal, ...], drawn: _Drawn, statistic: Float, threshold: float, later: Float
) -> OwnMapP:
    """Of one threshold. `later` (t, n) is ln of how much less related the bank's neutrinos are at some times."""
    if threshold == -np.inf:  # odds of zero: every list has as much
        return OwnMapP(1.0, float(statistic.size), 0.0, 0.0, 0.0)
    total = float(drawn.weight.sum())
    weight = np.where(statistic >= threshold, drawn.weight, 0.0)
    seen = float(weight.sum())
    above = seen**2 / float(np.square(weight).sum()) if seen else 0.0
    p = seen / total
    spread = float(np.square(weight - p * drawn.weight).sum())
    changes = _changes(drawn, statistic, threshold, bank.log_b + later)
    of_group = np.bincount(bank.group, bank.expected * changes, minlength=GROUPS)
    error_bank = float(np.sqrt(GROUPS / (GROUPS - 1) * np.square(of_group - of_group.mean()).sum()))
    error_events = (1 - p) * _of_events(bank, made, -float(np.log1p(-min(p, 1 - 1e-12))))
    if not seen:  # not one: what the lightest list would weigh is an upper limit
        p = float(drawn.weight.min()) / total
    return OwnMapP(p, above, math.sqrt(spread) / total, error_bank, error_events)


def _changes(drawn: _Drawn, statistic: Float, threshold: float, log_b: Float) -> Float:
    """(n,) by how much one more of each neutrino, at some times (t, n), raises the chance to reach a threshold."""
    by = np.argsort(statistic, kind="stable")
    ascending = statistic[by]
    from_there = np.append(np.cumsum(drawn.weight[by][::-1])[::-1], 0.0) / drawn.weight.sum()
    with np.errstate(divide="ignore"):
        missing = np.where(
            log_b >= threshold, -np.inf, threshold + np.log1p(-np.exp(np.minimum(log_b - threshold, -1e-300)))
        )
    reached = from_there[np.searchsorted(ascending, missing)] - from_there[np.searchsorted(ascending, threshold)]
    return np.asarray(reached.mean(axis=0))


def _of_events(bank: Bank, made: tuple[Proposal, ...], often: float) -> float:
    """One sigma of `often`, how many neutrinos of a list are as related as that, as a season has so many events only.

    Each event is one of many that might have been: the variance is that over events of how often each, at a right
    ascension at random, is so related. By their scores, which rank them well enough.
    """
    variance = 0.0
    for proposal, stretch in zip(made, bank.beside.stretches, strict=True):
        chance = proposal.chance_above(often / bank.beside.expected)
        variance += stretch.expected**2 * float(chance.var()) / proposal.strength.size
    return float(np.sqrt(variance))
