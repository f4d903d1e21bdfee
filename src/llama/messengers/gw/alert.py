"""An alert, whatever it came as, and what can be learnt from it.

Only the alert's identity is checked when it is read, so that one odd field never loses an event; every other
field is checked by the function that needs it.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from llama.advice import START
from llama.formats.errors import NoSkyMap, NoticeError
from llama.formats.limits import read_limited
from llama.formats.notice_json import MAX_JSON_BYTES
from llama.messengers.gw import values
from llama.messengers.gw.names import RETRACTION, Role, service_url
from llama.messengers.gw.record import SkymapInfo
from llama.science.significance import CLASSES_SUM
from llama.science.times import gps_from_utc

_CLASSES = {name.casefold(): name for name in ("BNS", "NSBH", "BBH", "MassGap", "Terrestrial")}
"""Classes that numbers rest on, by their names in any capitals."""
_SKYMAP_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(,[0-9]+)?")


@dataclass(frozen=True, eq=False)
class Alert:
    """A notice of LIGO, Virgo and KAGRA, in the words of today's JSON notices.

    Attributes:
        raw: the notice as it was received.
        graceid, serial, alert_type, role: its identity; JSON notices carry no serial number.
        time_created: when it was written, ISO 8601 UTC with Z.
        event: the `event` part, unchecked; None for a retraction.
        urls: `gracedb` (the event's page) and `skymap`, unchecked texts.
        external: the `external_coinc` part, unchecked.
    """

    raw: bytes = field(repr=False)
    graceid: str
    serial: int | None
    alert_type: str
    role: Role
    time_created: str
    event: Mapping[str, Any] | None = field(repr=False)
    urls: Mapping[str, str]
    external: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def is_retraction(self) -> bool:
        """Whether it takes the event back."""
        return self.alert_type == RETRACTION

    def event_part(self) -> Mapping[str, Any]:
        """The `event` part; NoticeError for a retraction, which has none."""
        if self.event is not None:
            return self.event
        if self.is_retraction:
            raise NoticeError(f"this is a retraction of {self.graceid}: it describes no event, it takes one back")
        raise NoticeError(f"the {self.alert_type} alert of {self.graceid} has no `event` part")


@dataclass(frozen=True)
class Notice:
    """Codec: a notice as it was received, and the alert it holds."""

    parse: Callable[[bytes], Alert]

    def write(self, value: Alert, path: Path) -> None:
        path.write_bytes(value.raw)

    def read(self, path: Path) -> Alert:
        return self.parse(read_limited(path, MAX_JSON_BYTES, "a notice"))


def skymap_info(alert: Alert, event_id: str) -> SkymapInfo:
    """The record other products ask; NoticeError names the field that is wrong."""
    event = alert.event_part()
    event_time = values.utc(event.get("time"), "event.time")
    return SkymapInfo(
        graceid=alert.graceid,
        event_id=event_id,
        event_time=event_time,
        gps_time=gps_from_utc(event_time),
        notice_time=alert.time_created,
        far=values.number(event.get("far"), "event.far", low=0.0),
        pipeline=values.text(event.get("pipeline"), "event.pipeline"),
        group=values.text(event.get("group"), "event.group"),
        search=values.text(event.get("search"), "event.search"),
        instruments=values.detectors(event.get("instruments"), "event.instruments"),
        alert_type=alert.alert_type,
        significant=values.truth(event.get("significant"), "event.significant"),
        skymap_filename=skymap_filename(alert),
        gracedb_service_url=service_url(alert.urls.get("gracedb")),
        role=alert.role,
    )


def skymap_filename(alert: Alert) -> str | None:
    """The sky map's name in GraceDB: from its address, else the name its pipeline uses; None without a map."""
    if url := alert.urls.get("skymap"):
        name = unquote(url.split("?")[0].rsplit("/", 1)[-1])
        if not _SKYMAP_NAME.fullmatch(name):
            raise NoticeError(f"urls.skymap ends in {values.shown(name)}, which is no file name")
        return name
    event = alert.event_part()
    return usual_name(event) if event.get("skymap") else None


def usual_name(event: Mapping[str, Any]) -> str:
    """What the pipelines call their first map in GraceDB, where the alert does not say."""
    pipeline = str(event.get("pipeline") or "").lower()
    if pipeline == "aframe":
        return "amplfi.multiorder.fits"
    if event.get("group") == "Burst" and re.fullmatch(r"[a-z0-9]+", pipeline):
        return f"{pipeline}.multiorder.fits"
    return "bayestar.multiorder.fits"


def skymap_bytes(alert: Alert) -> bytes:
    """The FITS file inside the alert. NoSkyMap when it carries none, NoticeError when it is not base64."""
    return _decoded(alert.event_part().get("skymap"), alert)


def _decoded(text: object, alert: Alert) -> bytes:
    if text is None or text == "":
        raise NoSkyMap(_no_skymap(alert))
    try:
        if not isinstance(text, str):
            raise ValueError(f"it is {values.shown(text)}")
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoticeError(f"event.skymap is not base64: {error}; the alert was damaged on its way") from error


_WITH_MAP = START.then("--skymap", "FILE")


def _no_skymap(alert: Alert) -> str:
    url = alert.urls.get("skymap")
    named = f", only its address {url[:100]}" if url else ""
    return (
        f"the {alert.alert_type} alert of {alert.graceid} carries no sky map{named}; "
        f"give one by hand: {_WITH_MAP.typed} with --alert or --voevent (-c if the event exists)"
    )


def p_astro(alert: Alert) -> dict[str, float]:
    """Probability of each source class; empty when the alert gives no classification (bursts, before O3)."""
    classes = values.mapping(alert.event_part().get("classification"), "event.classification")
    found: dict[str, float | None] = {}
    for written, value in classes.items():
        name = _CLASSES.get(written.casefold().replace("_", ""), written)
        if name in found:
            raise NoticeError(
                f"event.classification has {name} twice, in other letters ({written}); correct a copy of it"
            )
        found[name] = values.probability(value, f"event.classification.{written}")
    given = {name: value for name, value in found.items() if value is not None}
    if given and "Terrestrial" not in given:
        raise NoticeError("event.classification has no Terrestrial, without which it is no classification")
    if given and not math.isclose(sum(given.values()), 1.0, abs_tol=CLASSES_SUM):
        raise NoticeError(
            f"event.classification sums to {sum(given.values()):.4g}, not to 1; correct it in a copy of the notice, "
            "or leave it out to use the model's rates"
        )
    return given


def _shares(event: Mapping[str, Any]) -> dict[str, Any]:
    """Classification and properties (HasNS, …) without what rounding carried past 0 or 1; all else as it came."""

    def clipped(value: object) -> object:
        if isinstance(value, float) and -values.PROBABILITY_SLACK <= value <= 1 + values.PROBABILITY_SLACK:
            return min(max(value, 0.0), 1.0)
        return value

    groups = {key: event[key] for key in ("classification", "properties") if isinstance(event.get(key), Mapping)}
    return {key: {name: clipped(value) for name, value in group.items()} for key, group in groups.items()}


def event_data(alert: Alert) -> dict[str, Any]:
    """All the alert says about the event, without the maps; `snr` is None in public alerts, which give none."""
    event = {key: value for key, value in alert.event_part().items() if key != "skymap"}
    coinc = alert.external
    return {
        "graceid": alert.graceid,
        "alert_type": alert.alert_type,
        "time_created": alert.time_created,
        **event,
        **_shares(event),
        "time": values.utc(event.get("time"), "event.time"),
        "significant": values.truth(event.get("significant"), "event.significant"),
        "far": values.number(event.get("far"), "event.far", low=0.0),
        "snr": values.number(event.get("snr"), "event.snr", low=0.0),
        "instruments": list(values.detectors(event.get("instruments"), "event.instruments")),
        "external_coinc": coinc and {key: value for key, value in coinc.items() if key != "combined_skymap"},
    }
