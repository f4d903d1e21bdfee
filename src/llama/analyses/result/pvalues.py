"""From odds to a p-value, a significance and a false alarm rate, as results state them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from llama.formats.records import to_json
from llama.messengers.gw.record import SkymapInfo
from llama.science.arrays import Float
from llama.science.detector import SeasonTable
from llama.science.search import Search
from llama.science.significance import (
    CONFIDENCE,
    BackgroundTable,
    Conditions,
    SearchRecord,
    TableChoice,
    TableKind,
    joint_far_hz,
    p_value,
    sigma_one_sided,
)
from llama.science.statistic import ListStatistics

LARGEST_LOG = math.log(np.finfo(float).max)

LIST_STATISTICS: Mapping[str, Callable[[ListStatistics], Float]] = {
    "opa": lambda found: found.event,
    "subthreshold": lambda found: found.ensemble,
}
"""What the p-values of each search type are of: single neutrinos and pairs, or the whole list in the exact form."""

_AFTER_THE_ODDS = ("alert_rate_hz", "low_significance_rate_hz")


def search_digest(search: Search) -> str:
    """Short digest of every parameter that odds depend on: a background table fits only the search that made it."""
    numbers = {name: value for name, value in asdict(search).items() if name not in _AFTER_THE_ODDS}
    return hashlib.sha256(to_json(numbers)).hexdigest()[:12]


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


def event_p_value(choice: TableChoice, log_odds_if_real: float, alerts: AlertClass) -> dict[str, Any]:
    """The event's p-value, significance and false alarm rate; null where there is no table.

    Background tables stand for real mergers, so the odds that are compared are those at p_astro 1: the p-value says
    how often unrelated neutrinos look so related to a trigger, and not also how likely the trigger is real.
    Where no background event is as extreme, p is 0: significance and rate are then those of the upper limit on p, a
    lower and an upper limit, and `far_joint` says so and with what confidence.
    """
    if choice.table is None:
        return no_p_value(choice.reason)
    odds = finite_odds(log_odds_if_real)
    found = p_value(choice.table.statistics, odds)
    limit = found.p == 0
    p = found.upper_limit() if limit else found.p
    return {
        "p_value": found.p,
        "p_value_text": found.text,
        "p_value_reason": choice.reason,
        "p_value_odds_ratio": odds,
        "p_value_table": _table(choice.table),
        "significance_sigma": sigma_one_sided(p) if p < 1 else None,
        "far_joint_hz": joint_far_hz(p, alerts.rate_hz),
        "far_joint": {
            "alerts": alerts.name,
            "rate_hz": alerts.rate_hz,
            "source": alerts.source,
            "upper_limit": limit,
            "confidence": CONFIDENCE if limit else None,
        },
    }


def no_p_value(reason: str) -> dict[str, Any]:
    """The keys of a p-value, all null, and why there is none."""
    nothing = ("p_value_odds_ratio", "p_value_table", "significance_sigma", "far_joint_hz", "far_joint")
    return {"p_value": None, "p_value_text": "n/a", "p_value_reason": reason, **dict.fromkeys(nothing)}


def finite_odds(log_odds: float) -> float:
    """Odds as a double: a coincidence may be so clear that they overflow."""
    return float(np.exp(min(log_odds, LARGEST_LOG)))


def _table(table: BackgroundTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "events": int(table.statistics.size),
        "sky_maps": table.sky_maps,
        "rate_hz": table.rate_hz,
        "search_digest": table.search_digest,
        "response_digest": table.response_digest,
        "distance_mode": table.distance_mode,
        "provenance": table.provenance,
    }
