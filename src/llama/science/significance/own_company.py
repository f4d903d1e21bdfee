"""How often unrelated candidates and neutrinos look so related to one alert: the p-value of joint searches.

Candidates of other messengers are rare, so p = P(none) p_0 + P(some) p_1: without any the background is that of
neutrinos alone (`own_map`), beside a merger about which all others are silent; with some it is drawn, candidates and
neutrinos together, each draw by the very statistic of the event (`company`). Half of the candidates are drawn near
the map, with the weights that make up for it. One outside its window after the merger is left out: it can only share
another source with neutrinos, which makes a list a little less related.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.companions import Listening
from llama.science.detector import SeasonTable
from llama.science.search import Search
from llama.science.significance.bank import Beside, SeasonData
from llama.science.significance.own_map import OwnMapP, generator, own_background
from llama.science.significance.places import DrawnPlaces
from llama.science.sky import SkyMap
from llama.science.statistic import GWTrigger, Neutrinos, Silence, company, everyone_silent, prepare

DRAWS, FEWEST = 80, 30
"""Candidates that are drawn, whatever they show: some seconds' worth. Where several come at once, fewer lists."""

_NEVER = OwnMapP(0.0, math.inf, 0.0, 0.0, 0.0)
_NEGLIGIBLE = 0.1  # of the p-value by candidates: where neutrinos alone give less, their limit will do
_ROUNDING = 1e-9  # relative, of the statistic: what is drawn like the event is as related as it is


@dataclass(frozen=True, eq=False)
class Gathering:
    """What the background of a joint search is drawn beside.

    Attributes:
        season: of the neutrinos; None when none are asked. supplies: good data of theirs.
        listenings: what every other messenger says, as the event's statistic took it.
    """

    skymap: SkyMap
    trigger: GWTrigger
    season: SeasonTable | None
    search: Search
    supplies: tuple[SeasonData, ...]
    listenings: tuple[Listening, ...]

    @property
    def expected_candidates(self) -> float:
        """Of all messengers, in their windows after the merger, on average."""
        return sum((one.unrelated.expected for one in self.listenings if one.unrelated is not None), 0.0)

    @property
    def expected_neutrinos(self) -> float:
        return sum((one.expected for one in self.supplies), 0.0)

    def silence(self) -> Silence:
        """The merger when no other messenger has a candidate."""
        return everyone_silent(self.skymap, self.trigger, self.season, self.search, self.listenings)

    def log_b(self, neutrinos: Neutrinos, listenings: Sequence[Listening], silence: Silence) -> float:
        """ln B̃ of everything together."""
        heard = None if self.season is None else (neutrinos, self.season)
        return company(self.skymap, self.trigger, heard, self.search, listenings, silence).event.log_b


@dataclass(frozen=True, eq=False)
class CompanyBackground:
    """What unrelated candidates and neutrinos give beside one alert.

    Attributes:
        p: of everything. without, among: of lists without and with a candidate.
        chance: that there is one. draws: how many there were with one. lists: of neutrinos alone.
    """

    p: OwnMapP
    without: OwnMapP
    among: OwnMapP
    chance: float
    draws: int
    lists: int


def company_background(
    beside: Gathering, label: str, log_b: float, candidates: int | None = None
) -> CompanyBackground:
    """How often everything together reaches ln B̃ of the event; −inf is reached always.

    Args:
        label: of the event, which decides the random numbers.
        candidates: that are drawn, about; `DRAWS` unless told.
    """
    chance = -math.expm1(-beside.expected_candidates)
    if log_b == -np.inf:
        always = OwnMapP(1.0, math.inf, 0.0, 0.0, 0.0)
        return CompanyBackground(always, always, always, chance, 0, 0)
    with_one = max(round((candidates or DRAWS) * chance / beside.expected_candidates), FEWEST) if chance > 0 else 0
    among = _among(beside, generator(label, "company"), log_b, with_one) if with_one else _NEVER
    without, lists = _without(beside, label, log_b, _NEGLIGIBLE * chance * among.p)
    return CompanyBackground(
        _together(((1 - chance, without), (chance, among))), without, among, chance, with_one, lists
    )


def _without(beside: Gathering, label: str, log_b: float, negligible: float) -> tuple[OwnMapP, int]:
    """p of lists without a candidate, and how many were drawn: none where it cannot matter, or be told by lists."""
    if beside.season is None or not beside.expected_neutrinos > 0:
        return _NEVER, 0
    bound = at_most(beside, beside.season, log_b)
    if bound < negligible:
        return OwnMapP(bound, math.inf, bound, 0.0, 0.0), 0
    found = own_background(_alone(beside, beside.season), f"{label} in company", {"ensemble": np.array([log_b])})
    known = found.p_values["ensemble"][0]
    if known.is_limit and bound < known.p:
        return OwnMapP(bound, math.inf, bound, 0.0, 0.0), found.lists
    return known, found.lists


def at_most(beside: Gathering, season: SeasonTable, log_b: float) -> float:
    """An upper limit of how often unrelated neutrinos alone reach ln B̃ (Markov's inequality).

    Their mean B is 1 − c: what a real merger gains where it may have neutrinos it loses where it has none. Strangers
    and the silence of others make it less.
    """
    ready = prepare(beside.skymap, beside.trigger, season, replace(beside.search, complement=True))
    return min(1.0, -math.expm1(ready.log_complement) * math.exp(min(-log_b, 700.0)))


def _alone(beside: Gathering, season: SeasonTable) -> Beside:
    """Merger and neutrinos, everyone else silent."""
    silence = beside.silence()
    ready = silence.ready if silence.host is None else replace(silence.ready, radial=silence.host.radial)
    return Beside(ready, beside.trigger, season, beside.search, beside.supplies)


def _together(parts: Sequence[tuple[float, OwnMapP]]) -> OwnMapP:
    """p of several strata with their shares; as many lists above as would know it as well."""
    p = sum(share * one.p for share, one in parts)
    seen = any(one.above > 0 for share, one in parts if share * one.p > 0)
    variance = sum((share * one.p) ** 2 / max(one.above, 1.0) for share, one in parts)
    above = (p * p / variance if variance else math.inf) if seen else 0.0
    lists, bank, events = (
        math.sqrt(sum((share * getattr(one, name)) ** 2 for share, one in parts))
        for name in ("error_lists", "error_bank", "error_events")
    )
    return OwnMapP(p, above, lists, bank, events)


def _among(beside: Gathering, rng: np.random.Generator, log_b: float, draws: int) -> OwnMapP:
    """p of lists with a candidate."""
    places = [
        None if one.unrelated is None else DrawnPlaces.of(beside.skymap, one.unrelated) for one in beside.listenings
    ]
    weight, statistic, silence = np.empty(draws), np.empty(draws), beside.silence()
    for i in range(draws):
        listenings, weight[i] = _candidates(beside, rng, places)
        statistic[i] = beside.log_b(_neutrinos(beside, rng), listenings, silence)
    return weighed(weight, statistic >= log_b - _ROUNDING * max(abs(log_b), 1.0))


def weighed(weight: Float, reached: NDArray[np.bool_]) -> OwnMapP:
    """p of draws with weights."""
    total = float(weight.sum())
    above = np.where(reached, weight, 0.0)
    p, square = float(above.sum()) / total, float(np.square(above).sum())
    error = math.sqrt(float(np.square(above - p * weight).sum())) / total
    if not square:
        return OwnMapP(1 / weight.size, 0.0, 1 / weight.size, 0.0, 0.0)
    return OwnMapP(p, float(above.sum()) ** 2 / square, error, 0.0, 0.0)


def _candidates(
    beside: Gathering, rng: np.random.Generator, places: Sequence[DrawnPlaces | None]
) -> tuple[list[Listening], float]:
    """At least one candidate of any messenger, as they come, and the weight of their places."""
    expected = np.array([0.0 if one.unrelated is None else one.unrelated.expected for one in beside.listenings])
    counts = rng.multinomial(_some(rng, float(expected.sum())), expected / expected.sum())
    weight, listenings = 1.0, []
    for one, where, count in zip(beside.listenings, places, counts.tolist(), strict=True):
        drawn, of_places = [], []
        if one.unrelated is not None and where is not None:
            for k in range(count):
                ra, dec, of_place = where.draw(rng, near=k == 0)
                drawn.append(replace(one.unrelated.draw(rng, beside.trigger.gps_s, ra, dec), name=f"drawn {k + 1}"))
                of_places.append(of_place)
        if of_places:  # any of them may have been the first
            weight *= len(of_places) / sum(1 / max(one, 1e-300) for one in of_places)
        listenings.append(replace(one, companions=tuple(drawn), notes=()))
    return listenings, weight


def _some(rng: np.random.Generator, expected: float) -> int:
    """A Poisson number that is not zero."""
    # the first comes before one is over, as certain as it is; the others come in what is left
    first = -math.log1p(rng.random() * math.expm1(-expected)) / expected
    return 1 + int(rng.poisson(expected * max(1 - first, 0.0)))


def _neutrinos(beside: Gathering, rng: np.random.Generator) -> Neutrinos:
    """An unrelated list."""
    columns: list[Float] = [np.empty((5, 0))]
    for one in beside.supplies:
        count = int(rng.poisson(one.expected))
        event = rng.integers(one.events.dec_rad.size, size=count)
        gps, ra = beside.trigger.gps_s + one.times(rng, count), rng.random(count) * 2 * np.pi
        looks = one.events.dec_rad[event], one.events.sigma_rad[event], one.events.energy_gev[event]
        columns.append(np.stack([gps, ra, *looks]))
    return Neutrinos(*np.concatenate(columns, axis=1))
