"""What the GraceDB of tests holds: candidates, their files by version, labels, log, notices and VOEvents."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from llama.messengers.gw.names import graceid_in_url

_CODES = {
    "preliminary": "PR", "earlywarning": "EW", "initial": "IN", "update": "UP", "retraction": "RE",
}  # fmt: skip
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class HeldCandidate:
    """A superevent or an event.

    Attributes:
        record: as GraceDB gives it.
        log: its entries, each with the file it brought.
        contents: of files, by name and version.
        notices, voevents: what was sent, in order.
    """

    record: dict[str, Any]
    log: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[tuple[str, int], bytes] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)
    voevents: list[dict[str, Any]] = field(default_factory=list)

    def last(self, name: str) -> int:
        """The highest version of a file; -1 when there is none."""
        return max((version for other, version in self.contents if other == name), default=-1)


class Holdings:
    """Everything there is, changed by tests and by what clients write; one lock for all of it."""

    def __init__(self) -> None:
        self.candidates: dict[str, HeldCandidate] = {}
        self.lock = threading.RLock()
        self._seconds = 0

    def add(self, record: Mapping[str, Any]) -> str:
        """A superevent or event by its record; its GraceID."""
        graceid = str(record.get("superevent_id") or record["graceid"])
        with self.lock:
            self.candidates[graceid] = HeldCandidate(json.loads(json.dumps(dict(record))))
        return graceid

    def store(
        self, graceid: str, name: str, data: bytes, *, tags: Sequence[str] = ("public",), comment: str = ""
    ) -> str:
        """A new version of a file, with its entry in the log; `name,version`."""
        with self.lock:
            candidate = self.candidates[graceid]
            version = candidate.last(name) + 1
            candidate.contents[name, version] = data
            self.write(graceid, comment or f"stored {name}", name=name, version=version, tags=tags)
            return f"{name},{version}"

    def write(
        self, graceid: str, comment: str, *, name: str = "", version: int | None = None, tags: Sequence[str] = ()
    ) -> dict[str, Any]:
        """An entry of the log."""
        with self.lock:
            log = self.candidates[graceid].log
            entry = {
                "N": len(log) + 1, "comment": comment, "created": self._now(), "issuer": "emfollow",
                "filename": name, "file_version": version, "tag_names": list(tags),
            }  # fmt: skip
            log.append(entry)
            return entry

    def notice(self, graceid: str, data: bytes) -> str:
        """A JSON notice, numbered among those of its superevent; the name of its file."""
        with self.lock:
            candidate = self.candidates[graceid]
            kind = str(json.loads(data)["alert_type"]).lower().replace("_", "")
            number = len(candidate.notices) + 1
            name = f"{graceid}-{number}-{kind}.json"
            stored = self.store(graceid, name, data, tags=("public", "em_follow"))
            candidate.notices.append(self._sent(number, name) | {"notice_type": _CODES.get(kind, "PR")})
            return stored

    def voevent(self, graceid: str, data: bytes, *, internal: bool = False) -> str:
        """A VOEvent, by the number that it carries; the name of its file."""
        with self.lock:
            found = re.search(rb'ivorn="ivo://[^#"]*#[A-Za-z0-9]+-([0-9]+)-([A-Za-z]+)"', data)
            number, kind = (int(found[1]), found[2].decode()) if found else (1, "Preliminary")
            name = f"{graceid}-{number}-{kind}.xml"
            stored = self.store(graceid, name, data, tags=() if internal else ("public",))
            sent = self._sent(number, name) | {"voevent_type": _CODES.get(kind.lower(), "PR"), "internal": internal}
            self.candidates[graceid].voevents.append(sent)
            return stored

    def label(self, graceid: str, name: str) -> None:
        """Put a label on it."""
        with self.lock:
            labels = self.candidates[graceid].record.setdefault("labels", [])
            if name not in labels:
                labels.append(name)

    def _sent(self, number: int, name: str) -> dict[str, Any]:
        return {"N": number, "filename": name, "file_version": 0, "created": self._now(), "issuer": "emfollow"}

    def _now(self) -> str:
        """A second after what was written before."""
        self._seconds += 1
        return f"{_BEGUN + timedelta(seconds=self._seconds):%Y-%m-%d %H:%M:%S} UTC"


def superevent_record(notice: Mapping[str, Any], gps_time: float, labels: Sequence[str] = ()) -> dict[str, Any]:
    """A superevent's record that fits a JSON notice, which may be a retraction."""
    graceid = notice.get("superevent_id") or graceid_in_url(notice["urls"]["gracedb"])
    event = notice.get("event") or {}
    category = "MDC" if str(graceid).startswith("M") else "Test" if str(graceid).startswith("T") else "Production"
    preferred: dict[str, Any] = {
        "graceid": "G123456", "gpstime": gps_time, "group": event.get("group"), "pipeline": event.get("pipeline"),
        "search": event.get("search"), "far": event.get("far"), "extra_attributes": {}, "labels": [],
        "instruments": ",".join(event.get("instruments") or ()),
    }  # fmt: skip
    return {
        "superevent_id": graceid, "category": category, "created": "2026-01-01 00:00:00 UTC", "t_0": gps_time,
        "t_start": gps_time - 1, "t_end": gps_time + 1, "far": event.get("far"), "labels": list(labels),
        "preferred_event": "G123456", "preferred_event_data": preferred, "gw_events": ["G123456"], "em_events": [],
        "links": {"self": f"https://gracedb.ligo.org/api/superevents/{graceid}/"},
    }  # fmt: skip
