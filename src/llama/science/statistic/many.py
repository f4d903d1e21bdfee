"""More than two messengers: the merger, its neutrinos and candidates of other kinds (SCIENCE 3.1).

Every messenger multiplies the weight of a common source at (Ω, r, t_s) by a bracket: the chance of its silence, plus
what each of its candidates adds (`companion`). Multiplied out, that is one term per set of candidates, at most one of
each messenger. The candidates of a set make a host for neutrinos: the product of the sky maps, a weight for every
distance, nothing where one came outside its window after the merger. So each term is the kernel of two messengers
once more, and a candidate far away, or one that could not be heard, changes no digit of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from llama.science.arrays import Float
from llama.science.companions import (
    Companion,
    Listening,
    OfDistance,
    in_time,
    log_strength,
    source_times,
    within_reach,
)
from llama.science.detector import SeasonTable
from llama.science.distance import Distances, Weighted
from llama.science.overlap import Nodes
from llama.science.search import Search
from llama.science.sky import SkyMap, SkyTree
from llama.science.sky import product as product_of
from llama.science.statistic.against import AgainstBackground, Host
from llama.science.statistic.ensemble import joint_terms, single_terms, stranger_host
from llama.science.statistic.events import EventStatistic, Strangers, p_astro_after
from llama.science.statistic.hypotheses import Group, LogWeights, Prior, log_weights
from llama.science.statistic.kernel import CoincidenceResult, coincidence
from llama.science.statistic.lists import merger_host
from llama.science.statistic.observed import GWTrigger, Neutrinos
from llama.science.statistic.prepared import Prepared, node_alphas, prepare, stated_distance_mpc
from llama.science.statistic.timing import search_window_s

Chosen = tuple[tuple[str, Companion], ...]
"""At most one candidate of each messenger, with the messenger's name."""


@dataclass(frozen=True, eq=False)
class Terms:
    """ln of what a set of candidates weighs with a merger (B), and without one (λ), against all of them unrelated.

    Attributes:
        log_b, log_lambda: no neutrino of theirs was seen.
        log_b_single, log_lambda_single: (n,) with one of the neutrinos.
        host: merger and candidates as the host of more neutrinos; None where they cannot be one source.
    """

    log_b: float
    log_lambda: float
    log_b_single: Float
    log_lambda_single: Float
    host: Host | None


@dataclass(frozen=True, eq=False)
class SetResult:
    """One set of candidates and the merger.

    Attributes:
        names: candidate by messenger.
        terms: its own.
        weights: hypotheses of the merger and these candidates, neutrinos apart.
        weights_with_neutrino: (n,) those with each neutrino as one more messenger; None without neutrinos.
    """

    names: Mapping[str, str]
    terms: Terms
    weights: LogWeights
    weights_with_neutrino: LogWeights | None


@dataclass(frozen=True, eq=False)
class CompanyResult:
    """The statistic of an event with any number of messengers.

    Attributes:
        two: merger and neutrinos by themselves; None without a neutrino list.
        mode: distance mode.
        sets: every set of candidates, one of some or all messengers each.
        event: everything together.
        log_complement: ln of the chance that all messengers are silent about a real merger.
        p_astro_before, p_astro_after: None when the trigger had none.
        notes: what the reader must know.
        listenings: what every other messenger says, without candidates that lie outside of every window.
    """

    two: CoincidenceResult | None
    mode: str
    sets: tuple[SetResult, ...]
    event: EventStatistic
    log_complement: float
    p_astro_before: float | None
    p_astro_after: float | None
    notes: tuple[str, ...]
    listenings: tuple[Listening, ...] = ()


@dataclass(frozen=True, eq=False)
class Silence:
    """A merger about which every other messenger is silent.

    Attributes:
        ready: of its map. host: of its neutrinos. log_b: ln of the chance of all that silence.
    """

    ready: Prepared
    host: Host | None
    log_b: float


def company(
    skymap: SkyMap,
    trigger: GWTrigger,
    heard: tuple[Neutrinos, SeasonTable] | None,
    search: Search,
    listenings: Sequence[Listening],
    silence: Silence | None = None,
) -> CompanyResult:
    """The statistic of a merger, neutrinos and the candidates of other messengers.

    Args:
        heard: the neutrinos and the season that supplied them; None when no neutrino detector is asked.
        listenings: what every other messenger says, each named once.
        silence: `everyone_silent` with the same arguments, when it is already at hand.

    Raises:
        ValueError: input that cannot be analysed; the message says what and why.
    """
    messengers = [listening.messenger for listening in listenings]
    if len({*messengers, "gw", "icecube"}) < len(messengers) + 2:
        raise ValueError(f"messengers must have names of their own, not {', '.join(messengers)}")
    season = None if heard is None else heard[1]
    reach = None if heard is None else _reach_s(search)
    listenings = [within_reach(one, trigger.gps_s, reach) for one in listenings]
    # the distance of a merger at one distance is its own map's, not that of a product with another
    skymap = replace(skymap, distmean_mpc=stated_distance_mpc(skymap))
    ready = prepare(skymap, trigger, season, search) if silence is None else silence.ready
    two = None if heard is None else coincidence(skymap, trigger, *heard, search, ready)
    table = _Table(skymap, trigger, search, listenings, ready, season, two, silence)
    sets = _within_rates({chosen: table.terms(chosen) for chosen in _sets(listenings)})
    prior = Prior.of(ready.log_gw_odds, sets[()].log_b)
    event = _event(search, prior, sets, table, two)
    return CompanyResult(
        two=two,
        mode=ready.mode,
        sets=tuple(_set_result(chosen, sets, prior, search, two) for chosen in sets if chosen),
        event=event,
        log_complement=sets[()].log_b,
        p_astro_before=trigger.p_astro,
        p_astro_after=None if trigger.p_astro is None else p_astro_after(event.weights),
        notes=(ready.notes if two is None else two.notes) + tuple(n for one in listenings for n in one.notes),
        listenings=tuple(listenings),
    )


def everyone_silent(
    skymap: SkyMap, trigger: GWTrigger, season: SeasonTable | None, search: Search, listenings: Sequence[Listening]
) -> Silence:
    """The merger when no other messenger has a candidate, for any number of `company`."""
    skymap = replace(skymap, distmean_mpc=stated_distance_mpc(skymap))
    ready = prepare(skymap, trigger, season, search)
    return Silence(ready, *_Table(skymap, trigger, search, listenings, ready, season, None, None).merger(()))


def _reach_s(search: Search) -> tuple[float, float]:
    """When the sources of neutrinos in the search window may have been, in seconds after the merger."""
    first, last = search_window_s(search)
    return first - search.t_nu_plus_s, last - search.t_nu_minus_s


def _sets(listenings: Sequence[Listening]) -> list[Chosen]:
    """Every set with at most one candidate of each messenger, the empty one first."""
    each = [[None, *((one.messenger, companion) for companion in one.companions)] for one in listenings]
    return [tuple(pair for pair in chosen if pair is not None) for chosen in product(*each)]


def _within_rates(sets: Mapping[Chosen, Terms]) -> dict[Chosen, Terms]:
    """The same, with no source counted twice: bursts of other mergers are among those whose rate was observed.

    So one candidate alone has no λ of its own, and what a stranger gives besides is that of a source as frequent as
    the model says, but no more frequent than the candidates are.
    """
    result = {}
    for chosen, terms in sets.items():
        too_many = max((max(sets[(one,)].log_lambda, 0.0) for one in chosen), default=0.0)
        log_lambda = terms.log_lambda - too_many if len(chosen) > 1 else -np.inf
        result[chosen] = replace(terms, log_lambda=log_lambda, log_lambda_single=terms.log_lambda_single - too_many)
    return result


@dataclass(frozen=True, eq=False)
class _Table:
    """What the terms of all sets share."""

    skymap: SkyMap
    trigger: GWTrigger
    search: Search
    listenings: Sequence[Listening]
    ready: Prepared
    season: SeasonTable | None
    two: CoincidenceResult | None
    silence: Silence | None

    @property
    def neutrinos(self) -> AgainstBackground | None:
        return None if self.two is None else self.two.candidates

    def terms(self, chosen: Chosen) -> Terms:
        """All of one set; the empty one is the merger alone, its neutrinos, and everyone else's silence."""
        merger, log_b = self.merger(chosen)
        stranger, log_lambda = self._stranger(chosen) if chosen else (None, -np.inf)
        return Terms(log_b, log_lambda, self._singles(merger), self._singles(stranger), merger)

    def _singles(self, host: Host | None) -> Float:
        if self.two is None or self.season is None:
            return np.empty(0)
        if host is None:
            return np.full(self.two.log_b.size, -np.inf)
        return single_terms(host, self.two.candidates, self.season, self._overlaps(self.two, host)).log_b

    def _overlaps(self, two: CoincidenceResult, host: Host) -> tuple[Nodes, Float] | None:
        """Those of the merger alone, as its host weighs their distances."""
        if host.tree is not self.ready.tree or not isinstance(host.radial, Weighted):
            return None
        return two.nodes, two.log_integrand + host.radial.log_ratio(two.nodes.node, 1)[0]

    def merger(self, chosen: Chosen) -> tuple[Host | None, float]:
        """The merger seen with these candidates, and ln of its weight without any neutrino."""
        plain = merger_host(self.ready, self.search)
        if not chosen and self.silence is not None:
            return self.silence.host, self.silence.log_b
        if not chosen and not self.silent(chosen):
            return plain, self.ready.log_complement
        sky, log_z = _product(self.skymap, chosen)
        if sky is None or not _in_time(chosen, self.trigger):
            return None, -np.inf
        # the chance of silence is in the weights
        search = replace(self.search, complement=False)
        ready = prepare(sky, self.trigger, self.season, search) if chosen else self.ready
        radial = self._weighted(ready.tree, ready.radial, chosen, self.silent(chosen))
        log_rate = plain.log_rate + log_z + ready.log_volume - self.ready.log_volume
        host = replace(plain, tree=ready.tree, radial=radial, log_rate=log_rate)
        log_alone, log_unweighted = radial.log_alone(self._beaming)
        if chosen:
            return host, self._log_seconds(host) + log_alone
        # of the merger alone ln c is known; silences only add their ratio
        return host, self.ready.log_complement + log_alone - log_unweighted

    def _stranger(self, chosen: Chosen) -> tuple[Host | None, float]:
        """A source of these candidates that is not the merger, and ln of its weight without any neutrino."""
        (_, first), *rest = chosen
        times = _common_times(chosen, self.trigger)
        sky, log_z = _product(first.skymap, rest)
        if times is None or sky is None:
            return None, -np.inf
        plain, tree = stranger_host(self.search, times), SkyTree.of(sky)
        radial = self._weighted(tree, plain.radial, chosen, [])
        host = replace(plain, tree=tree, radial=radial, log_rate=plain.log_rate + log_z)
        return host, self._log_seconds(host) + radial.log_alone(self._beaming)[0]

    def silent(self, chosen: Chosen) -> list[OfDistance]:
        """Silences of the messengers of which the set has no candidate."""
        there = {messenger for messenger, _ in chosen}
        return [one.log_silence for one in self.listenings if self.search.complement and one.messenger not in there]

    def _weighted(self, tree: SkyTree, base: Distances, chosen: Chosen, silences: Sequence[OfDistance]) -> Weighted:
        def log_weight(r_mpc: Float) -> Float:
            total = np.zeros(np.shape(r_mpc))
            for _, companion in chosen:
                total = total + log_strength(companion, r_mpc)
            for log_silence in silences:
                total = total + log_silence(r_mpc)
            return total

        return Weighted(base, tree, node_alphas(tree, self.season), log_weight, self.search.log_nu_span)

    @property
    def _beaming(self) -> float:
        """f_b of neutrinos; infinite where their absence does not count."""
        return self.search.beaming if self.season is not None and self.search.complement else np.inf

    def _log_seconds(self, host: Host) -> float:
        """ln of what the source times weigh without a neutrino; `log_rate` has the neutrinos' beaming in it."""
        return float(host.log_rate + np.log(self.search.beaming * (host.stop_s - host.start_s)))


def _in_time(chosen: Chosen, trigger: GWTrigger) -> bool:
    """Whether every candidate came when it should after the merger, whose time the gravitational waves tell.

    The ±250 s by which a neutrino may be early or late are not the merger's: they stay the neutrinos' alone.
    """
    return all(in_time(one, trigger.gps_s) for _, one in chosen)


def _common_times(chosen: Chosen, trigger: GWTrigger) -> tuple[float, float] | None:
    """Source times, in seconds after the trigger, that all candidates allow; None when there are none."""
    start_s, stop_s = -np.inf, np.inf
    for _, companion in chosen:
        first, last = source_times(companion, trigger.gps_s)
        start_s, stop_s = max(start_s, first), min(stop_s, last)
    return (start_s, stop_s) if start_s < stop_s else None


def _product(sky: SkyMap, chosen: Sequence[tuple[str, Companion]]) -> tuple[SkyMap | None, float]:
    """∝ the product of all maps, and ln of its Bayes factor against unrelated directions."""
    total, found = 0.0, sky
    for _, companion in chosen:
        more, log_z = product_of(found, companion.skymap)
        if more is None:
            return None, -np.inf
        found, total = more, total + log_z
    return found, total


def _set_result(
    chosen: Chosen, sets: Mapping[Chosen, Terms], prior: Prior, search: Search, two: CoincidenceResult | None
) -> SetResult:
    groups: dict[Group, Float] = {}
    for size in range(len(chosen) + 1):
        for part in combinations(chosen, size):
            names, terms = frozenset(messenger for messenger, _ in part), sets[part]
            groups[names | {"gw"}] = np.asarray(terms.log_b)
            groups[names] = np.asarray(terms.log_lambda)
            groups[names | {"gw", "icecube"}] = terms.log_b_single
            groups[names | {"icecube"}] = terms.log_lambda_single
    companions = [messenger for messenger, _ in chosen]
    with_neutrino = None
    if two is not None:
        groups[frozenset({"icecube"})] = two.log_lambda
        with_neutrino = log_weights(groups, ("gw", "icecube", *companions), prior, search.strangers)
    weights = log_weights(groups, ("gw", *companions), prior, search.strangers)
    titles = {messenger: companion.name for messenger, companion in chosen}
    return SetResult(titles, sets[chosen], weights, with_neutrino)


def _event(
    search: Search, prior: Prior, sets: Mapping[Chosen, Terms], table: _Table, two: CoincidenceResult | None
) -> EventStatistic:
    """Everything together.

    With strangers, a term with members S stands beside strangers among the rest, so it is divided by Z(all)/Z(rest),
    Z = Π(1 + λ_i) · (1 + Σ_C [λ_C + Σ_i λ_iC/(1 + λ_i)]): neutrinos may be strangers each by itself, and one set C of
    candidates may be, alone or with a neutrino. For two neutrinos the division is good to the product of their
    shares in such a common stranger.
    """
    log_lambda = np.empty(0) if two is None else two.log_lambda
    beside = np.logaddexp(0.0, log_lambda) if search.strangers else np.zeros_like(log_lambda)
    each = [np.append(terms.log_lambda_single - beside, terms.log_lambda) for chosen, terms in sets.items() if chosen]
    log_sets = float(np.logaddexp.reduce(np.concatenate(each), initial=-np.inf)) if each else -np.inf
    log_apart = float(np.logaddexp(0.0, log_sets)) if search.strangers else 0.0
    apart = _beside_sets(each, beside, log_apart) if search.strangers else beside
    total = _total(sets, table, beside, apart, log_apart)
    if search.strangers:
        alone = -float(np.logaddexp(0.0, log_lambda).sum()) - log_apart
        return Strangers(True, alone, -np.inf).statistic(prior, total)
    known = -np.inf if two is None else float(two.ensemble.weights.chance_neutrino - two.ensemble.weights.noise)
    return Strangers(False, 0.0, float(np.logaddexp(known, log_sets))).statistic(prior, total)


def _beside_sets(each: Sequence[Float], beside: Float, log_apart: float) -> Float:
    """(n,) ln of Z(all)/Z(all but this neutrino), for terms in which no candidate is."""
    if not each:
        return beside
    shares = np.logaddexp.reduce([row[:-1] for row in each], axis=0) - log_apart
    return np.asarray(beside - np.log1p(-np.exp(np.minimum(shares, -1e-12))))


def _total(sets: Mapping[Chosen, Terms], table: _Table, alone: Float, apart: Float, log_apart: float) -> float:
    """ln B̃: the sum over all sets of candidates and of neutrinos but that of neither.

    Args:
        alone, apart: (n,) ln of what each neutrino is divided by, in sets with a candidate and without one.
        log_apart: ln of what sets with a candidate are divided by besides.
    """
    total = -np.inf
    for chosen, terms in sets.items():
        beside = alone if chosen else apart  # beside a candidate of the set no set of strangers is left
        singles = float(np.logaddexp.reduce(terms.log_b_single - beside, initial=-np.inf))
        found = np.logaddexp(singles, terms.log_b) if chosen else singles
        if terms.host is not None and table.neutrinos is not None and table.season is not None:
            against = replace(table.neutrinos, log_background=table.neutrinos.log_background + beside)
            each = terms.log_b_single - beside
            found = np.logaddexp(
                found, joint_terms(terms.host, against, table.season, each, terms.log_b if chosen else -np.inf).log_b
            )
        total = float(np.logaddexp(total, found - log_apart if chosen else found))
    return total
