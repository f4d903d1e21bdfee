"""One alert in two forms: until 2026 GraceDB sent a VOEvent beside each JSON notice.

A listener hears the JSON notice, so that is the alert, and what tells it from others is its kind and when it was
written. Its VOEvent was written some seconds apart, with the alert's number in it, and must not count a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

PAIR_S = 120.0
"""A notice and its VOEvent are written within seconds, two alerts of one kind minutes apart; assumption."""
WAIT_S = 900.0
"""How old a VOEvent must be before it counts alone: its JSON notice may not be in GraceDB yet."""


@dataclass(frozen=True)
class Written:
    """What is known of an alert: its kind, and when it was written (ISO 8601 UTC with Z)."""

    kind: str
    at: str


V = TypeVar("V", bound=Written)
J = TypeVar("J", bound=Written)


def pairs(voevents: Sequence[V], notices: Sequence[J]) -> list[tuple[V, J]]:
    """Which are two forms of one alert: of one kind, near enough in time, the nearest first, each at most once."""
    near = [
        (apart, v, n)
        for v, one in enumerate(voevents)
        for n, other in enumerate(notices)
        if one.kind == other.kind and (apart := _apart_s(one, other)) <= PAIR_S
    ]
    chosen: dict[int, int] = {}
    for _, v, n in sorted(near):
        if v not in chosen and n not in chosen.values():
            chosen[v] = n
    return [(voevents[v], notices[n]) for v, n in chosen.items()]


def may_be_first(one: Written, now: datetime) -> bool:
    """Whether it is so young that its other form may still come."""
    return now - _moment(one.at) < timedelta(seconds=WAIT_S)


def _apart_s(one: Written, other: Written) -> float:
    return abs((_moment(one.at) - _moment(other.at)).total_seconds())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(":60", ":59"))
