"""How often unrelated neutrinos look so related to this very alert: its own map's p-value (SCIENCE section 4).

Lists are drawn from a bank (`bank`) and compared with the event at p_astro 1, each by the same statistic. Some
of them hold those neutrinos more often that come near the event's statistic, and each list has the weight that makes
up for it. What is rare by single neutrinos then needs few lists; pairs, which no bank knows of, need many.

A first, small bank only says how large the one must be that the answer is from, whose size is then fixed: when to
stop looking is not decided by what the answer would be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from scipy.special import gammaincinv, ndtri

from llama.science.arrays import Float, Index
from llama.science.significance.bank import GROUPS, Bank, Beside, Plan, draw_bank, proposals
from llama.science.significance.proposal import Proposal
from llama.science.sky import log_peak, log_sum_by
from llama.science.statistic import PairBounds, joint_terms, largest_pairs, within_lists


@dataclass(frozen=True)
class ListCounts:
    """How many are drawn as they come, and how many with more of what comes near the event.

    `exact`: of those that bounds of pairs leave open, about how many go through the exact terms.
    """

    plain: int
    boosted: int
    exact: int = 60


_PILOT = Plan(scored=48_000, chosen=320)
_AIM = 0.06  # of the bank alone; the lists and the finite sample of events come on top
_LEAST_CHOSEN, _MOST_CHOSEN = 480, 1_600
_LISTS, _PILOT_LISTS = ListCounts(20_000, 20_000), ListCounts(4_000, 4_000)
_RARE = 1e-3  # p below which pairs may decide, which only many lists show
_MANY_LISTS = ListCounts(400_000, 20_000, 400)
_AT_ONCE = 50_000
_REACH = 3.0  # e-folds below the event: what comes so near is drawn more often
_BOOSTED = 0.7  # such neutrinos in a list of the other half
_TIMES = 32
_FEW, _VAGUE = 3.0, 0.5


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
        """Whether p is known from above only: so few lists reach the statistic, or its error is so large."""
        return self.above < _FEW or self.error > _VAGUE * self.p

    def upper_limit(self, confidence: float) -> float:
        """What p may be at most: by Poisson counts of the lists that reach the statistic, and by its error."""
        most = float(gammaincinv(self.above + 1, confidence)) / (self.above or 1.0)
        return min(max(self.p * most, self.p + float(ndtri(confidence)) * self.error), 1.0)


@dataclass(frozen=True, eq=False)
class OwnBackground:
    """What unrelated neutrinos would look like beside one alert.

    Attributes:
        label: of the random stream. digest: of the events that lists are drawn from. seasons: theirs.
        expected: neutrinos of a list, on average. terms: how many neutrinos went through the kernel.
        thresholds, p_values: by `event` or `ensemble`, what was asked and its answer, in the order of the question.
        statistics: by the same, (lists,) ln B̃ of every list; weight: (lists,) of each, 1 on average.
        marks: words that nobody may overlook about the event, for the file.
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
    marks: tuple[str, ...] = ()

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
    if not beside.supplies or not beside.expected > 0:
        raise ValueError("no second of the search window has good data, so there is no background to compare with")
    small, large = generator(label).spawn(2)
    made = proposals(beside)
    own = {name: values[:1] for name, values in thresholds.items()}
    pilot = _round(small, beside, made, _PILOT, _PILOT_LISTS, own)
    first = [values[0] for values in pilot.p_values.values() if values]
    lists = _MANY_LISTS if min((one.p for one in first), default=1.0) < _RARE else _LISTS
    return replace(_round(large, beside, made, _enough(first, beside), lists, thresholds), label=label)


def _enough(pilot: list[OwnMapP], beside: Beside) -> Plan:
    """The bank that a first one says is needed, most of it around the rarer of the event's two statistics."""
    least = min(pilot, key=lambda one: one.p, default=None)
    if least is None:
        return _PILOT
    focus = -np.log1p(-min(least.p, 0.9))
    error = max(one.error_bank / one.p for one in pilot)
    chosen = int(np.clip(_PILOT.chosen * np.square(error / _AIM), _LEAST_CHOSEN, _MOST_CHOSEN))
    return Plan(_PILOT.scored, chosen, float(focus))


def _round(
    rng: np.random.Generator,
    beside: Beside,
    made: tuple[Proposal, ...],
    plan: Plan,
    lists: ListCounts,
    thresholds: Mapping[str, Float],
) -> OwnBackground:
    """From one bank. Bank, lists and what is asked of them have a stream each: one neutrino more or less in the bank
    leaves the lists what they were."""
    of_bank, of_lists, of_exact, of_times = rng.spawn(4)
    bank = draw_bank(of_bank, beside, made, plan)
    finite = [float(values[0]) for values in thresholds.values() if len(values) and np.isfinite(values[0])]
    drawn = _draw(of_lists, bank, lists, min(finite, default=np.inf) - _REACH)
    drawn, statistics, pair = _with_pairs(of_exact, bank, drawn, np.concatenate([*thresholds.values()]), lists.exact)
    later = bank.log_later(np.stack([bank.times(of_times, np.arange(bank.log_b.size)) for _ in range(_TIMES)]))
    ranked = {name: _Ranked.of(drawn, statistics[name]) for name in thresholds}
    return OwnBackground(
        label="",
        digest=sha256("".join(one.events.digest for one in beside.supplies).encode()).hexdigest(),
        seasons=tuple(one.events.name for one in beside.supplies),
        expected=beside.expected,
        terms=int(bank.log_b.size),
        thresholds=thresholds,
        p_values={
            name: tuple(_p_value(bank, made, ranked[name], pair, float(one), later) for one in values)
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

    def parts(self, lists: int) -> Iterator[_Drawn]:
        """So many lists at a time."""
        for k in range(0, self.weight.size, lists):
            start = self.start[k : k + lists + 1]
            some = slice(int(start[0]), int(start[-1]))
            columns = self.pick[some], self.delay_s[some], start - start[0], self.log_b[some]
            yield _Drawn(*columns, self.weight[k : k + lists])


def _draw(rng: np.random.Generator, bank: Bank, lists: ListCounts, near: float) -> _Drawn:
    """Lists as they come, and lists with more of the neutrinos above `near`; weights have a mean of one."""
    boosted = bank.log_b > near
    often = float(bank.expected[boosted].sum())
    factor = max(_BOOSTED / often, 1.0) if often > 0 else 1.0
    more = np.where(boosted, factor, 1.0) * bank.expected
    kinds = [_as_they_come(rng, each, count) for each, count in ((bank.expected, lists.plain), (more, lists.boosted))]
    pick = np.concatenate([kind[0] for kind in kinds])
    start = np.concatenate([[0], np.cumsum(np.concatenate([kind[1] for kind in kinds]))])
    delay = bank.times(rng, pick)
    many = np.add.reduceat(np.append(boosted[pick], 0), np.minimum(start[:-1], pick.size)) * (np.diff(start) > 0)
    share = lists.plain / (lists.plain + lists.boosted)
    weight = 1 / (share + (1 - share) * np.exp(np.minimum(many * np.log(factor) - (factor - 1) * often, 700)))
    return _Drawn(pick, delay, start, bank.log_b[pick] + bank.log_later(delay), weight)


def _as_they_come(rng: np.random.Generator, expected: Float, lists: int) -> tuple[Index, Index]:
    """Poisson lists of a bank's neutrinos: all picks, and how many each list has."""
    reached = np.cumsum(expected)
    counts = rng.poisson(reached[-1], lists)
    at = np.searchsorted(reached, rng.random(int(counts.sum())) * reached[-1], side="right")
    return np.minimum(at, expected.size - 1), counts


def _with_pairs(
    rng: np.random.Generator, bank: Bank, drawn: _Drawn, thresholds: Float, exact: int
) -> tuple[_Drawn, dict[str, Float], Index]:
    """(lists,) ln of both statistics, with pairs and larger sets where they can carry a list past a threshold;
    (lists, 2) which of the bank are the largest pair there, else -1.

    Of the lists that bounds leave open some go through the exact terms, the heavier the likelier, and stand for those
    that do not, whose weight is then zero.
    """
    beside, terms, singles = bank.beside, bank.terms, drawn.singles
    event, ensemble, pair = singles.copy(), singles.copy(), np.full((singles.size, 2), -1)
    most = np.concatenate([_pairs_at_most(bank, part) for part in drawn.parts(_AT_ONCE)])
    ascending = np.sort(thresholds)
    reached = np.searchsorted(ascending, np.stack([singles, np.logaddexp(singles, most)]), side="right")
    drawn = _some_of(rng, drawn, np.flatnonzero(reached[0] != reached[1]), exact)
    for i in np.flatnonzero((reached[0] != reached[1]) & (drawn.weight > 0)).tolist():
        some = drawn.each_once(i)
        mine = replace(terms.against.only(drawn.pick[some]), delay_s=drawn.delay_s[some])
        joint = joint_terms(terms.host, mine, beside.season, drawn.log_b[some])
        event[i] = np.logaddexp(singles[i], joint.log_all_pairs)
        ensemble[i] = np.logaddexp(singles[i], joint.log_b)
        pair[i] = drawn.pick[some[[*divmod(int(joint.log_pairs.argmax()), some.size)]]]
    return drawn, {"event": event, "ensemble": ensemble}, pair


def _some_of(rng: np.random.Generator, drawn: _Drawn, open_lists: Index, exact: int) -> _Drawn:
    """The same lists, of those left open about `exact` with the weight of all of them."""
    weight = drawn.weight[open_lists]
    if open_lists.size <= exact or not weight.sum() > 0:
        return drawn
    keep = np.minimum(weight * (exact / weight.sum()), 1.0)
    kept = rng.random(keep.size) < keep
    weights = drawn.weight.copy()
    weights[open_lists] = np.where(kept, weight / keep, 0.0)
    return replace(drawn, weight=weights)


def _pairs_at_most(bank: Bank, drawn: _Drawn) -> Float:
    """(lists,) ln of an upper bound of all pairs of each list.

    A pair is bounded by the largest product of its point spreads, and by the term of either neutrino alone times the
    most that the other can be: that is small for neutrinos near each other but far from the map.
    """
    host, season = bank.terms.host, bank.beside.season
    against, pick = bank.terms.against, drawn.pick
    strength, (largest, ratio) = against.log_most_strength(season), largest_pairs(host, season)
    bare = replace(against, rows=against.rows[:, :0]).only(pick)  # of which bounds need no more
    bounds = PairBounds.of(host, replace(bare, delay_s=drawn.delay_s), strength[pick])
    other = (strength + log_peak(against.sigma_rad))[pick] + ratio
    most = np.full(drawn.start.size - 1, -np.inf)
    for of, first, second in within_lists(drawn.start):
        alone = np.minimum(drawn.log_b[first] + other[second], drawn.log_b[second] + other[first])
        pair = np.minimum(alone, bounds.log_of(first, second) + largest)
        most[of] = np.logaddexp(most[of], np.where(drawn.pick[first] == drawn.pick[second], -np.inf, pair))
    return most


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Lists by one statistic, sorted once for all that is asked.

    Attributes:
        statistic: (lists,) of each. singles: (lists,) the same by single neutrinos alone.
        ascending: (lists,) the statistics in order. from_there: (lists + 1,) share of the weight from each on.
    """

    drawn: _Drawn
    statistic: Float
    singles: Float
    ascending: Float
    from_there: Float

    @classmethod
    def of(cls, drawn: _Drawn, statistic: Float) -> _Ranked:
        by = np.argsort(statistic, kind="stable")
        from_there = np.append(np.cumsum(drawn.weight[by][::-1])[::-1], 0.0) / drawn.weight.sum()
        return cls(drawn, statistic, drawn.singles, statistic[by], from_there)

    def changes(self, threshold: float, log_b: Float) -> Float:
        """(n,) by how much one more of each neutrino, at times (t, n), raises the chance to reach a threshold."""
        with np.errstate(divide="ignore"):
            missing = np.where(
                log_b >= threshold, -np.inf, threshold + np.log1p(-np.exp(np.minimum(log_b - threshold, -1e-300)))
            )
        reached = self._share_from(missing) - self._share_from(np.asarray(threshold))
        return np.asarray(reached.mean(axis=0))

    def _share_from(self, statistic: Float) -> Float:
        return np.asarray(self.from_there[np.searchsorted(self.ascending, statistic)])


def _p_value(
    bank: Bank, made: tuple[Proposal, ...], ranked: _Ranked, pair: Index, threshold: float, later: Float
) -> OwnMapP:
    """Of one threshold. `later` (t, n) is ln of how much less related the bank's neutrinos are at some times."""
    drawn, statistic = ranked.drawn, ranked.statistic
    if threshold == -np.inf:  # odds of zero: every list has as much
        return OwnMapP(1.0, float(statistic.size), 0.0, 0.0, 0.0)
    total = float(drawn.weight.sum())
    weight = np.where(statistic >= threshold, drawn.weight, 0.0)
    seen = float(weight.sum())
    above = seen**2 / float(np.square(weight).sum()) if seen else 0.0
    p = seen / total
    spread = float(np.square(weight - p * drawn.weight).sum())
    changes = bank.expected * ranked.changes(threshold, bank.log_b + later)
    by_pairs = (statistic >= threshold) & (ranked.singles < threshold) & (pair[:, 0] >= 0)
    error_bank = _of_bank(bank, changes, pair[by_pairs], drawn.weight[by_pairs] / total)
    error_events = (1 - p) * _of_events(bank, made, -float(np.log1p(-min(p, 1 - 1e-12))))
    if not seen:  # as if the heaviest had: a pair may reach it without any neutrino that is drawn more often
        p = float(drawn.weight.max()) / total
    return OwnMapP(p, above, math.sqrt(spread) / total, error_bank, error_events)


def _of_bank(bank: Bank, changes: Float, pair: Index, share: Float) -> float:
    """One sigma of p as the bank holds so many neutrinos only.

    Groups that know nothing of each other tell it: how much of p is owed to each. A pair is owed to both of its
    neutrinos, so the chance that two come near each other counts twice there, and so does that it is drawn into so
    many lists, which is the lists' error.

    Args:
        changes: (n,) of p owed to each neutrino by itself.
        pair, share: (m, 2), (m,) pairs that carry a list past the threshold, and of p what the list is.
    """
    of_group = np.bincount(bank.group, changes, minlength=GROUPS)
    alone = float(np.square(of_group - of_group.mean()).sum()) * GROUPS / (GROUPS - 1)
    if not share.size:
        return math.sqrt(alone)
    of_group += np.bincount(bank.group[pair].ravel(), np.repeat(share, 2), minlength=GROUPS)
    number = np.unique(np.sort(pair, axis=1) @ np.array([bank.group.size, 1]), return_inverse=True)[1]
    each, lists = float(np.square(np.bincount(number, share)).sum()), float(np.square(share).sum())
    both = float(np.square(of_group - of_group.mean()).sum()) * GROUPS / (GROUPS - 1) - each - lists
    return math.sqrt(max(both, alone, each - lists))


def _of_events(bank: Bank, made: tuple[Proposal, ...], often: float) -> float:
    """One sigma of `often`, how many neutrinos of a list are as related as that, as a season has so many events only.

    Each event is one of many that might have been: the variance is that over events of how often each, at a right
    ascension at random, is so related. By their scores, which rank them well enough.
    """
    variance = 0.0
    for proposal, supply in zip(made, bank.beside.supplies, strict=True):
        chance = proposal.chance_above(often / bank.beside.expected)
        variance += supply.expected**2 * float(chance.var()) / proposal.strength.size
    return float(np.sqrt(variance))
