"""How long servers are to be there, and which are not to be destroyed like others: said by their tags and names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from llama.fleet.patterns import matches
from llama.ports import Server

OURS = "llama-*"
"""What servers of a study are called."""
PROTECTED = "llama-protected"
"""The tag of servers that stay, whatever they are called: the analysis server, above all."""
UNTIL = "llama-until:"
"""The tag after whose hour a server may be reaped: `llama-until:2026-12-06T16Z`."""

_HOUR = "%Y-%m-%dT%HZ"
_TAG = re.compile(r"[A-Za-z0-9:_-]{1,255}")


def is_tag(text: str) -> bool:
    """Whether the cloud takes this for a tag."""
    return _TAG.fullmatch(text) is not None


def until_tag(now: datetime, hours: float) -> str:
    """The tag of a server that is made now and may be reaped after so many hours, rounded up to a full one."""
    end = (now + timedelta(hours=hours)).astimezone(UTC)
    full = end.replace(minute=0, second=0, microsecond=0)
    return UNTIL + (full if full == end else full + timedelta(hours=1)).strftime(_HOUR)


def end_of(server: Server) -> datetime | None:
    """After when it may be reaped, the latest of its tags; None when it has none, or one that cannot be read."""
    found = [tag.removeprefix(UNTIL) for tag in server.tags if tag.startswith(UNTIL)]
    try:
        return max((datetime.strptime(one, _HOUR).replace(tzinfo=UTC) for one in found), default=None)
    except ValueError:
        return None


def outlived(servers: Iterable[Server], now: datetime) -> list[Server]:
    """Those whose hour is over."""
    return [one for one in servers if (end := end_of(one)) is not None and end <= now]


def why_sheltered(server: Server) -> str | None:
    """Why it is not destroyed like others; None for a server of a study."""
    if PROTECTED in server.tags:
        return f"has the tag {PROTECTED}"
    return None if matches(OURS, server.name) else f"is not called {OURS}"
