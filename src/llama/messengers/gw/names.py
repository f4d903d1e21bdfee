"""Names in GraceDB: superevents, events, and the server that knows them."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from llama.formats.errors import NoticeError

Role = Literal["test", "observation"]

# S190425z, MS181101ab (mock), TS… (test), GW170817A; G298048, M394156 (mock), T…, H… (hardware injection).
# A GraceID becomes the name of a folder: nothing but letters and digits may pass.
_GRACEID = re.compile(r"(?:[MT]?(?:S|GW)[0-9]{4,8}[A-Za-z]{0,8}|[GHMT][0-9]{3,10})")
_IN_URL = re.compile(r"/(?:super)?events/([^/?#]+)")
_GRACEDB_HOST = re.compile(r"gracedb[a-z0-9-]*\.(?:ligo\.org|igwn\.org)")
PRODUCTION = "gracedb.ligo.org"

_ALERT_TYPES = {
    "preliminary": "Preliminary",
    "lesssignificant": "Preliminary",
    "initial": "Initial",
    "update": "Update",
    "earlywarning": "EarlyWarning",
    "counterpart": "Counterpart",
    "retraction": "Retraction",
}
RETRACTION = "Retraction"


def check_graceid(value: object) -> str:
    """`value` if it is a GraceID; NoticeError otherwise."""
    if isinstance(value, str) and _GRACEID.fullmatch(value):
        return value
    shown = repr(value) if len(repr(value)) < 80 else repr(value)[:77] + "…"
    raise NoticeError(f"{shown} is not a GraceID (like S190425z, MS181101ab or G298048)")


def graceid_in_url(url: str | None) -> str | None:
    """The GraceID in an event's page in GraceDB, None when there is none."""
    found = _IN_URL.search(url or "")
    return found[1] if found and _GRACEID.fullmatch(found[1]) else None


def alert_type(value: object) -> str:
    """The kind of alert in its usual capitals, whichever way it is written: `EARLYWARNING` -> `EarlyWarning`."""
    if isinstance(value, str):
        known = _ALERT_TYPES.get(value.lower().replace("_", "").replace("-", "").replace(" ", ""))
        if known:
            return known
    raise NoticeError(
        f"unknown alert type {str(value)[:40]!r}; known are {', '.join(sorted(set(_ALERT_TYPES.values())))}"
    )


def gracedb_host(url: str | None) -> str | None:
    """The GraceDB server that an https address belongs to; None when it is no GraceDB of LIGO's.

    Credentials are sent to this host later, so no other name may pass.
    """
    try:
        parts = urlsplit(url or "")
        host = parts.hostname or ""
    except ValueError:
        return None
    return host if parts.scheme == "https" and _GRACEDB_HOST.fullmatch(host) else None


def service_url(url: str | None) -> str:
    """Where GraceDB's programming interface is, judged by an address on the same server."""
    return f"https://{gracedb_host(url) or PRODUCTION}/api/"


def role_of(graceid: str, search: object = "", url: str | None = None) -> Role:
    """`test` for mock and test superevents, mock data searches, and servers other than the production one."""
    host = gracedb_host(url)
    mock = graceid[0] in "MTH" or (isinstance(search, str) and search.upper() == "MDC")
    return "test" if mock or host not in (None, PRODUCTION) else "observation"
