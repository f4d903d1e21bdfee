"""`igwn.gwalert` JSON notices, today's public alerts (GCN Kafka, SCiMMA)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from llama.formats.errors import NotForUs, NoticeError
from llama.formats.notice_json import notice_object
from llama.messengers.gw import values
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.names import alert_type, check_graceid, graceid_in_url, role_of


@functools.lru_cache(maxsize=1)  # intake and the products made at once all ask for the one alert of their process
def from_json(data: bytes) -> Alert:
    """Read a notice. NotForUs names whose it is; NoticeError says what is wrong."""
    notice = notice_object(data)
    _refuse_others(notice)
    kind = alert_type(notice.get("alert_type"))
    urls = _urls(notice.get("urls"))
    graceid = _graceid(notice.get("superevent_id"), urls)
    event = notice.get("event")
    event = None if event is None else values.mapping(event, "event")
    coinc = notice.get("external_coinc")
    return Alert(
        raw=data,
        graceid=graceid,
        serial=None,
        alert_type=kind,
        role=role_of(graceid, (event or {}).get("search"), urls.get("gracedb")),
        time_created=values.utc(notice.get("time_created"), "time_created"),
        event=event,
        urls=urls,
        external=None if coinc is None else values.mapping(coinc, "external_coinc"),
    )


def _refuse_others(notice: Mapping[str, Any]) -> None:
    """A notice of another observatory, or another kind of message about gravitational waves."""
    if "alert_type" in notice and "superevent_id" in notice:
        return
    if "$schema" in notice or "mission" in notice:
        whose = notice.get("mission") or str(notice.get("$schema")).removesuffix(".schema.json").rsplit("/", 2)[-2:]
        raise NotForUs(f"a notice of {values.shown(whose)}, not a gravitational-wave alert")
    if "uid" in notice:
        raise NotForUs(f"a message of GraceDB to its members about {values.shown(notice['uid'])}, not a public alert")
    if "superevent_id" in notice or "graceid" in notice:
        raise NoticeError("a record of GraceDB, not an alert; to start from GraceDB use --graceid")
    raise NoticeError("not an igwn.gwalert notice: it has no alert_type and superevent_id")


def _urls(value: object) -> dict[str, str]:
    urls = values.mapping(value, "urls")
    return {key: values.text(url, f"urls.{key}") for key, url in urls.items() if key in ("gracedb", "skymap")}


def _graceid(value: object, urls: Mapping[str, str]) -> str:
    if value is not None:
        return check_graceid(value)
    if found := graceid_in_url(urls.get("gracedb")):
        return found
    raise NoticeError("superevent_id is null and urls.gracedb names no superevent: which event is this about?")
