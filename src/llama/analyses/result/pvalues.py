"""From odds to a p-value, a significance and a false alarm rate, as results state them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import TypedDict

import numpy as np

from llama.analyses.result.record import FarJoint, PValueBackground, PValuePopulation, PValueTable
from llama.formats.records import to_json
from llama.messengers.gw.record import SkymapInfo
from llama.science.arrays import Float
from llama.science.detector import SeasonTable
from llama.science.search import Search
from llama.science.significance import (
    CONFIDENCE,
    BackgroundTable,
    Conditions,
    OwnBackground,
    OwnMapP,
    SearchRecord,
    TableChoice,
    TableKind,
    joint_far_hz,
    p_value_text,
    sigma_one_sided,
)
from llama.science.statistic import ListStatistics

LARGEST_LOG = math.log(np.finfo(float).max)

LIST_STATISTICS: Mapping[str, Callable[[ListStatistics], Float]] = {
    "opa": lambda found: found.event,
    "subthreshold": lambda found: found.ensemble,
}
"""What the p-values of each search type are of: single neutrinos and pairs, or the whole list in the exact form."""

_AFTER_THE_ODDS = ("alert_rate_hz", "low_significance_rate_hz", "p_value_from")


def search_digest(search: Search) -> str:
    """Short digest of every parameter that odds depend on: a background table fits only the search that made it."""
    numbers = {name: value for name, value in asdict(search).items() if name not in _AFTER_THE_ODDS}
    return hashlib.sha256(to_json(numbers)).hexdigest()[:12]


@lru_cache(maxsize=8)  # tables are never changed, and each is one of its own: millions of events ask for the same few
def response_digest(season: SeasonTable) -> str:
    """Short digest of a season's response and background, numbers and not words."""
    digest = hashlib.sha256()
    for field in fields(season):
        value = getattr(season, field.name)
        if isinstance(value, np.ndarray):
            digest.update(value.astype("<f8").tobytes())
        elif not isinstance(value, str):
            digest.update(repr(value).encode())
    return digest.hexdigest()[:12]


def conditions(search: Search, season: SeasonTable, distance_mode: str) -> Conditions:
    """What a background table must have been made with."""
    return Conditions(search_digest(search), response_digest(season), distance_mode)


def table_kind(search_type: str, population: str, run: str, instruments: tuple[str, ...], season: str) -> TableKind:
    """Of an event; one whose alert names no instruments has none of its own."""
    return TableKind(search_type, population, run, "".join(sorted(instruments)) or "unknown", season)


@dataclass(frozen=True)
class AlertClass:
    """Alerts that a p-value's false alarms are counted among: their rate and where it is from."""

    name: str
    rate_hz: float
    source: str

    @classmethod
    def of(cls, info: SkymapInfo, record: SearchRecord) -> AlertClass:
        """Significant alerts of the search's population, or all of low significance."""
        if info.significant is False:  # None before O4, when alerts of low significance were not sent
            rate, source = record.search.low_significance_rate_hz, record.sources["low_significance_rate_hz"]
            return cls("alerts of low significance", rate, source)
        rate, source = record.search.alert_rate_hz, record.sources["alert_rate_hz"]
        return cls(f"significant alerts, {record.search.name}", rate, source)


@dataclass(frozen=True)
class Found:
    """A p-value as results state it, with its text; `limit` where it is known from above only, then that."""

    p: float
    text: str
    reason: str
    limit: float | None

    @classmethod
    def of_map(cls, own: OwnMapP, lists: int, drawn: str) -> Found:
        """Of the alert's own map; `drawn` says what it was compared with, for people."""
        limit = max(own.upper_limit(CONFIDENCE), own.p) if own.is_limit else None
        text = p_value_text(own.p, lists) if limit is None else f"<{limit:.1e}"
        precision = "" if limit is not None or own.p == 1 else f", known to {own.error / own.p:.1g} of itself"
        return cls(own.p, text, f"of this alert's own sky map: {drawn} beside it{precision}", limit)

    @classmethod
    def of_population(cls, choice: TableChoice, odds: float) -> Found | None:
        """Of a table; None where none fits."""
        if choice.table is None:
            return None
        found = choice.table.p_value(odds)
        limit = found.upper_limit() if found.p == 0 else None
        return cls(found.p, found.text, choice.reason, limit)


class ToldPValue(TypedDict):
    """A p-value as results state it, or null and why there is none."""

    p_value: float | None
    p_value_text: str
    p_value_reason: str
    significance_sigma: float | None


class StatedPValue(ToldPValue):
    """With the false alarms as significant."""

    far_joint_hz: float | None
    far_joint: FarJoint | None


class EventPValues(StatedPValue):
    """With what it is compared with; see `event_p_values`."""

    p_value_from: str
    p_value_odds_ratio: float | None
    p_value_table: PValueTable | None
    p_value_background: PValueBackground | None
    p_value_population: PValuePopulation


def event_p_values(
    own: OwnMapP,
    background: OwnBackground,
    choice: TableChoice,
    log_odds_if_real: float,
    record: AlertSearch,
    note: str | None,
) -> EventPValues:
    """The event's p-value, significance and false alarm rate: of its own map and of a population of maps.

    Both compare at p_astro 1, so a p-value says how often unrelated neutrinos look so related to a trigger, and not
    also how likely the trigger is real. The search's `p_value_from` chooses which of them `p_value` is. Where it is
    known from above only, significance and rate are those of the limit, and `far_joint` says so. `note`: how the map
    differs from those of the table.
    """
    odds = finite_odds(log_odds_if_real)
    drawn = lists_drawn(background.lists, ", ".join(background.seasons))
    of_map, of_population = Found.of_map(own, background.lists, drawn), Found.of_population(choice, odds)
    from_map = record.search.p_value_from == "map"
    chosen = of_map if from_map else of_population
    return {
        **(no_p_value(choice.reason) if chosen is None else stated_p_value(chosen, record.alerts)),
        "p_value_from": record.search.p_value_from,
        "p_value_odds_ratio": odds,
        "p_value_table": None if from_map or choice.table is None else _table(choice.table),
        "p_value_background": _background(of_map, own, background),
        "p_value_population": PValuePopulation(
            p_value=None if of_population is None else of_population.p,
            text="n/a" if of_population is None else of_population.text,
            reason=choice.reason,
            note=note,
            table=None if choice.table is None else _table(choice.table),
        ),
    }


def _background(found: Found, own: OwnMapP, background: OwnBackground) -> PValueBackground:
    return PValueBackground(
        p_value=found.p,
        text=found.text,
        lists=background.lists,
        above=own.above,
        error=own.error,
        error_lists=own.error_lists,
        error_terms=own.error_bank,
        error_events=own.error_events,
        terms=background.terms,
        expected_neutrinos=background.expected,
        season=", ".join(background.seasons),
        digest=background.digest,
    )


@dataclass(frozen=True)
class AlertSearch:
    """The search of an event and the class of alerts that its false alarms are counted among."""

    search: Search
    alerts: AlertClass

    @classmethod
    def of(cls, info: SkymapInfo, record: SearchRecord) -> AlertSearch:
        return cls(record.search, AlertClass.of(info, record))


def lists_drawn(lists: int, seasons: str) -> str:
    """What a p-value was compared with, for people."""
    return f"{lists} background lists of {seasons}"


def told_p_value(found: Found) -> ToldPValue:
    """A p-value without the alerts that its false alarms are among."""
    p = found.p if found.limit is None else found.limit
    return {
        "p_value": found.p,
        "p_value_text": found.text,
        "p_value_reason": found.reason,
        "significance_sigma": sigma_one_sided(p) if p < 1 else None,
    }


def stated_p_value(found: Found, alerts: AlertClass) -> StatedPValue:
    """A p-value, its significance and false alarms."""
    limit = found.limit is not None
    p = found.p if found.limit is None else found.limit
    return {
        **told_p_value(found),
        "far_joint_hz": joint_far_hz(p, alerts.rate_hz),
        "far_joint": FarJoint(
            alerts=alerts.name,
            rate_hz=alerts.rate_hz,
            source=alerts.source,
            upper_limit=limit,
            confidence=CONFIDENCE if limit else None,
        ),
    }


def untold_p_value(reason: str) -> ToldPValue:
    """No p-value, and why."""
    return {"p_value": None, "p_value_text": "n/a", "p_value_reason": reason, "significance_sigma": None}


def no_p_value(reason: str) -> StatedPValue:
    """The same with no false alarms."""
    return {**untold_p_value(reason), "far_joint_hz": None, "far_joint": None}


def finite_odds(log_odds: float) -> float:
    """Odds as a double: a coincidence may be so clear that they overflow."""
    return float(np.exp(min(log_odds, LARGEST_LOG)))


def _table(table: BackgroundTable) -> PValueTable:
    return PValueTable(
        name=table.name,
        events=table.events,
        sky_maps=table.sky_maps,
        rate_hz=table.rate_hz,
        search_digest=table.search_digest,
        response_digest=table.response_digest,
        distance_mode=table.distance_mode,
        provenance=table.provenance,
    )
