"""Starting an event by hand: from a notice, from GraceDB, with or without a sky map of one's own.

Everything is read and checked before anything is created.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from llama.advice import START
from llama.engine.errors import EngineError
from llama.engine.folder import Delivery
from llama.formats.errors import NoSkyMap, NoticeError
from llama.formats.limits import MAX_MULTI_ORDER_BYTES, MAX_SKYMAP_BYTES, read_limited, unpacked
from llama.formats.notice_json import is_json
from llama.formats.records import to_json
from llama.formats.skymap import read_skymap
from llama.formats.xmlsafe import is_xml
from llama.messengers.gw.alert import (
    Alert,
    event_data,
    p_astro,
    skymap_bytes,
    skymap_filename,
    skymap_info,
)
from llama.messengers.gw.errors import StartError
from llama.messengers.gw.gracedb import (
    classification_file,
    from_superevent,
    newest_of,
    newest_skymap,
    taken_back_label,
)
from llama.messengers.gw.names import check_graceid
from llama.messengers.gw.notice import parse, plain, read_alert
from llama.messengers.gw.products import EVENT_DATA, FLAT_SKYMAP, GW_SKYMAP, IGWN_ALERT, LVC_GCN, P_ASTRO, SKYMAP_INFO
from llama.messengers.gw.skymap_origin import described, of_another_event, read_remark
from llama.ports import GraceDB, StoredFile
from llama.science.sky import SkyMap

Connect = Callable[[], GraceDB]
_WITH_MAP = START.then("--graceid", "ID", "--skymap", "FILE")
_FITS_BLOCK = 2880
_HEADERS = 200 * _FITS_BLOCK
_MULTI_ORDER = re.compile(rb"TTYPE[0-9]+ *= *'UNIQ *'")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Given:
    """What an operator gives.

    Attributes:
        alert: an `igwn.gwalert` notice; voevent: a VOEvent.
        graceid: alone, the event is started from GraceDB's record; beside a notice, it must be the notice's.
        skymap: a file that exists, or else the name of one of the event's files in GraceDB.
    """

    alert: bytes | None = None
    voevent: bytes | None = None
    graceid: str | None = None
    skymap: str | None = None


def start(given: Given, connect: Connect) -> Delivery:
    """Read and check all that was given; `connect` is called only when GraceDB is needed.

    The event is called by its GraceID alone: made by hand, it has no serial number. A retraction takes back instead.
    Raises StartError when it is not enough or contradicts itself, NoticeError or SkyMapError when something
    cannot be read.
    """
    _not_swapped(given)
    graceid = check_graceid(given.graceid) if given.graceid else None
    notices = {IGWN_ALERT.filename: given.alert and plain(given.alert), LVC_GCN.filename: given.voevent}
    files = {name: data for name, data in notices.items() if data is not None}
    alerts = [read_alert(data) for data in files.values()]
    if not alerts and graceid is None:
        raise StartError("nothing to start from: give --alert FILE, --voevent FILE or --graceid ID")
    _agree(graceid, alerts)
    if any(alert.is_retraction for alert in alerts):
        return _retraction(given, alerts)
    labelled = ""
    if alerts:
        alert, why = alerts[0], f"by hand from {' and '.join(files)}"
    else:
        (alert, labelled), why = _from_gracedb(str(graceid), given.skymap, connect), "by hand from GraceDB"
        files |= _described(alert)
    _check(alert)
    map_files, skymap = _skymap(given.skymap, alert, connect)
    said = skymap.origin
    return Delivery(
        event_id=alert.graceid,
        files=files | map_files,
        why=why,
        role=alert.role,
        about=described(said),
        doubt=of_another_event(said, skymap_info(alert, alert.graceid)),
        remark="; ".join(filter(None, [labelled, read_remark(said)])),
    )


def _retraction(given: Given, alerts: list[Alert]) -> Delivery:
    """A retraction describes no event, so nothing else can belong to it."""
    if len(alerts) > 1 or given.skymap is not None:
        raise StartError(
            f"this is a retraction of {alerts[0].graceid}, from which no event is made; give it alone, to the events "
            "that it takes back"
        )
    return replace(parse(alerts[0].raw), why="by hand")


def _not_swapped(given: Given) -> None:
    if given.alert and is_xml(given.alert):
        raise StartError("--alert takes a JSON notice and this one is XML: give it with --voevent")
    if given.voevent and is_json(given.voevent):
        raise StartError("--voevent takes an XML notice and this one is JSON: give it with --alert")


def _agree(graceid: str | None, alerts: list[Alert]) -> None:
    named = {alert.graceid for alert in alerts} | ({graceid} if graceid else set())
    if len(named) > 1:
        raise StartError(f"these are about different events: {', '.join(sorted(named))}; give what belongs together")


def _check(alert: Alert) -> None:
    """Make what the event's first products will be, so that an alert they would trip over is refused now."""
    skymap_info(alert, alert.graceid)
    event_data(alert)
    p_astro(alert)


def _described(alert: Alert) -> dict[str, bytes]:
    """What stands in for a notice when the event comes from GraceDB."""
    return {
        SKYMAP_INFO.filename: to_json(skymap_info(alert, alert.graceid)),
        EVENT_DATA.filename: to_json(event_data(alert)),
        P_ASTRO.filename: to_json(p_astro(alert)),
    }


def _from_gracedb(graceid: str, skymap: str | None, connect: Connect) -> tuple[Alert, str]:
    """What GraceDB says of it, with the name of the map that is to be used unless that is a file here; and whether
    it has a label of what was taken back, which is no retraction yet."""
    gracedb = _connected(connect, f"{graceid} cannot be looked up")
    record = gracedb.record(graceid)
    stored = gracedb.files(graceid)
    classes: object = {}
    if (found := classification_file(stored, record)) is not None:
        classes = gracedb.file(graceid, found.canonical, _decoded)
    if not isinstance(classes, dict):
        raise NoticeError(f"{P_ASTRO.filename} of {graceid} in GraceDB is not a JSON object")
    here = skymap is not None and Path(skymap).exists()
    alert = from_superevent(record, classes, None if here else _named(skymap, stored, graceid))
    return alert, taken_back_label(record)


def _named(skymap: str | None, stored: Sequence[StoredFile], graceid: str) -> str:
    """The version of a map that a name means: the last one, where the name does not say."""
    found = newest_skymap(stored) if skymap is None else newest_of(stored, skymap)
    if found is not None:
        return found.canonical
    if skymap in {one.canonical for one in stored}:
        return str(skymap)
    there = ", ".join(sorted({one.name for one in stored if ".fits" in one.name}))
    what = "no sky map" if skymap is None else f"no file {skymap!r}"
    shown = f" (there is {there})" if there else ""
    raise NoSkyMap(f"GraceDB shows {what} of {graceid}{shown}; give one: {_WITH_MAP.typed}")


def _decoded(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoticeError(f"malformed JSON: {error}") from error


def _connected(connect: Connect, what: str) -> GraceDB:
    try:
        return connect()
    except EngineError as error:
        raise StartError(f"{what}: {error}; give files instead: --alert or --voevent FILE, --skymap FILE") from error


def _skymap(given: str | None, alert: Alert, connect: Connect) -> tuple[dict[str, bytes], SkyMap]:
    """The map, and its file in the event; no file when the alert carries a good map and no other was given."""
    if given is None and alert.event_part().get("skymap"):
        return {}, read_skymap(skymap_bytes(alert))
    if given is not None and Path(given).exists():
        return skymap_file(read_limited(Path(given), MAX_SKYMAP_BYTES, "a sky map"))
    name = skymap_filename(alert) if not alert.alert_type else given or skymap_filename(alert)
    if name is None:
        raise NoSkyMap(f"the alert of {alert.graceid} carries no sky map; give one: --skymap FILE")
    what = f"there is no file {name!r} here, and it" if given else "the alert only names its sky map, which"
    gracedb = _connected(connect, f"{what} cannot be fetched from GraceDB")
    return gracedb.file(alert.graceid, name, skymap_file)


def skymap_file(data: bytes) -> tuple[dict[str, bytes], SkyMap]:
    """A map's file name in an event with its bytes, and the map. FormatError when it is no map, or too large."""
    skymap = read_skymap(data)
    packed = data.startswith(_GZIP)
    head = zlib.decompressobj(wbits=31).decompress(data, _HEADERS) if packed else data[:_HEADERS]
    if _MULTI_ORDER.search(head):
        return {
            GW_SKYMAP.filename: unpacked(data, MAX_MULTI_ORDER_BYTES, "a multi-order sky map") if packed else data
        }, skymap
    return {FLAT_SKYMAP.filename: data if packed else gzip.compress(data, mtime=0)}, skymap
