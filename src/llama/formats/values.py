"""Values out of notices: checked one by one, with messages that name the field."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from llama.formats.errors import NoticeError
from llama.science.times import check_leap_second, offset_minutes

_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<minute>[0-9]{2}:[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?P<fraction>\.[0-9]{1,12})?\s*(?P<offset>Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
MAX_TEXT = 200


def shown(value: object) -> str:
    """A value for an error message, never long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def utc(value: object, where: str) -> str:
    """An ISO 8601 time in UTC with `Z`, its fraction of a second untouched; without an offset it is UTC."""
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise NoticeError(f"{where} is {shown(value)}, which is not a time like 2019-04-25T08:18:05.017Z")
    date, minute, second, fraction, offset = found.groups()
    leap = second == "60"
    try:
        moment = datetime.fromisoformat(f"{date}T{minute}:{'59' if leap else second}").replace(tzinfo=UTC)
        east = timedelta(minutes=offset_minutes(offset) if offset and offset[0] in "+-" else 0)
    except ValueError as error:
        raise NoticeError(f"{where} is {shown(value)}: {error}") from error
    if not 1990 <= moment.year <= 2100:
        raise NoticeError(f"{where} is {shown(value)}, a year in which no detector runs")
    moment -= east
    found_utc = f"{moment:%Y-%m-%dT%H:%M}:{'60' if leap else f'{moment:%S}'}{fraction or ''}Z"
    try:
        check_leap_second(found_utc)
    except ValueError as error:
        raise NoticeError(f"{where} is {shown(value)}: {error}; get the notice corrected") from error
    return found_utc


def text(value: object, where: str) -> str:
    """A short printable text; empty when absent."""
    if value is None:
        return ""
    if isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable():
        return value
    raise NoticeError(f"{where} is {shown(value)}, which is not a short text")


def number(value: object, where: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number in [low, high], also when written as text (VOEvent); None when absent."""
    if value is None or value == "":
        return None
    try:
        found = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if math.isfinite(found) and low <= found <= high:
        return found
    wanted = "a number" if math.isinf(low) else f"a number from {low:g} to {high:g}".replace(" to inf", " up")
    raise NoticeError(f"{where} is {shown(value)}, which is not {wanted}")


PROBABILITY_SLACK = 1e-9
"""By how much rounding may carry a probability, or a sum of some, past 0 or 1."""


def probability(value: object, where: str) -> float | None:
    """A number from 0 to 1, or past them by rounding alone, which is cut off; None when absent."""
    found = number(value, where)
    if found is None:
        return None
    if not -PROBABILITY_SLACK <= found <= 1 + PROBABILITY_SLACK:
        raise NoticeError(f"{where} is {shown(value)}, which is not a number from 0 to 1")
    return min(max(found, 0.0), 1.0)


def truth(value: object, where: str) -> bool | None:
    """true or false, also as VOEvent's `1`, `0`, `true`, `false`; None when absent."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("1", "true", "0", "false"):
        return value.lower() in ("1", "true")
    raise NoticeError(f"{where} is {shown(value)}, which is neither true nor false")


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """A JSON object; empty when absent."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise NoticeError(f"{where} is {shown(value)}, which is not a JSON object")
