"""The p-value of a joint result: of the alert's own map, its neutrinos and the candidates of other messengers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from llama.analyses.joint.record import JointBackground, Stratum
from llama.analyses.result import (
    AlertClass,
    Found,
    StatedPValue,
    finite_odds,
    lists_drawn,
    no_p_value,
    stated_p_value,
    supplies,
)
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.record import NeutrinoList
from llama.science.companions import listens
from llama.science.detector import IceCubeEvents, IceCubeTables, SeasonTable
from llama.science.significance import (
    CompanyBackground,
    Gathering,
    OwnMapP,
    SearchRecord,
    SeasonData,
    company_background,
)
from llama.science.sky import SkyMap
from llama.science.statistic import CompanyResult, GWTrigger


class CompanyPValue(StatedPValue):
    """With what it is compared with."""

    p_value_from: str
    p_value_odds_ratio: float | None
    p_value_background: JointBackground | None


@dataclass(frozen=True, eq=False)
class CompanyGiven:
    """What the background of a joint result is drawn from.

    Attributes:
        neutrinos, season: None where none took part.
        record: the search that was used.
    """

    info: SkymapInfo
    skymap: SkyMap
    trigger: GWTrigger
    neutrinos: NeutrinoList | None
    season: SeasonTable | None
    tables: IceCubeTables
    events: IceCubeEvents
    record: SearchRecord

    def gathering(self, result: CompanyResult) -> Gathering:
        search = self.record.search
        parts: tuple[SeasonData, ...] = ()
        if self.neutrinos is not None and self.season is not None:
            parts = supplies(self.info, self.neutrinos, self.tables, self.events, search)
        return Gathering(self.skymap, self.trigger, self.season, search, parts, result.listenings)


def company_p_value(given: CompanyGiven, result: CompanyResult) -> CompanyPValue:
    """All that a result says of its p-value; null, with the reason, where a messenger's background is not known."""
    unknown = _why_unknown(given, result)
    if unknown:
        return _of_map(no_p_value(unknown), None, None)
    alerts, nothing = AlertClass.of(given.info, given.record), _nothing_rare(result)
    odds = finite_odds(result.event.log_b - result.log_complement)
    if nothing:
        return _of_map(stated_p_value(Found(1.0, "1.0000", nothing, None), alerts), odds, None)
    beside = given.gathering(result)
    drawn = company_background(beside, given.info.graceid, result.event.log_b)
    found = Found.of_map(drawn.p, drawn.lists or drawn.draws, _compared(drawn, beside))
    return _of_map(stated_p_value(found, alerts), odds, _drawn(drawn, beside))


def _of_map(stated: StatedPValue, odds: float | None, background: JointBackground | None) -> CompanyPValue:
    return {**stated, "p_value_from": "map", "p_value_odds_ratio": odds, "p_value_background": background}


def _why_unknown(given: CompanyGiven, result: CompanyResult) -> str:
    """Why a background is not known; empty when all are."""
    for one in result.listenings:
        if one.unrelated is None and listens(one):
            return f"what unrelated candidates of {one.messenger} are like is not known"
    if given.season is not None and given.season.name not in given.events.seasons:
        return f"what neutrinos of season {given.season.name} are like is not known"
    return ""


def _nothing_rare(result: CompanyResult) -> str:
    """Why every background is as related, whatever it is; empty when it is not."""
    for one in result.listenings:
        if one.unrelated is not None and one.unrelated.of_its_list and not one.unrelated.expected:
            return f"the list of {one.messenger} is empty, which is nothing rare"
    return "nothing that was found can share the merger's source" if result.event.log_b == -np.inf else ""


def _compared(drawn: CompanyBackground, beside: Gathering) -> str:
    with_one = f"{drawn.draws} background lists with a candidate"
    if not drawn.lists:
        return with_one
    alone = lists_drawn(drawn.lists, _seasons(beside))
    return f"{alone} without a candidate and {with_one}" if drawn.draws else alone


def _seasons(beside: Gathering) -> str:
    return ", ".join(one.events.name for one in beside.supplies)


def _drawn(drawn: CompanyBackground, beside: Gathering) -> JointBackground:
    digests = "".join(one.events.digest for one in beside.supplies)
    return JointBackground(
        lists=drawn.lists,
        draws=drawn.draws,
        above=_finite(drawn.p.above),
        error=drawn.p.error,
        chance_of_candidate=drawn.chance,
        without_candidate=_stratum(drawn.without),
        with_candidate=_stratum(drawn.among),
        expected_neutrinos=beside.expected_neutrinos,
        season=_seasons(beside) or None,
        digest=hashlib.sha256(digests.encode()).hexdigest() if digests else None,
    )


def _stratum(one: OwnMapP) -> Stratum:
    return Stratum(one.p, _finite(one.above), one.error)


def _finite(above: float) -> float | None:
    return above if np.isfinite(above) else None
