"""A GraceDB over HTTP for tests, that `ligo-gracedb` itself talks to; on this machine only, with a state of its own.

    with GraceDBServer() as server:
        graceid = server.state.add(record)
        server.state.notice(graceid, notice)
        server.fail(503, times=2, where="notices", retry_after="1")

It knows superevents (search by time, category and id, in pages), events, their files, labels, log, notices and
VOEvents, and takes new ones of files, labels and notices.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from llama.testing.faults import Fault, FaultyServer
from llama.testing.gracedb.multipart import fields_of
from llama.testing.gracedb.state import HeldCandidate, Holdings

_SUPEREVENT_PARTS = ("file", "label", "log", "voevent", "emobservation", "notice")
_LABELS = ("ADVOK", "ADVNO", "ADVREQ", "EM_READY", "GCN_PRELIM_SENT", "PASTRO_READY", "RETRACTED", "SKYMAP_READY")
_OBJECT = re.compile(r"/api/(?:v2/)?(superevents|events)/([^/]+)/(?:([a-z]+)/?(.*))?")


class GraceDBServer(FaultyServer):
    """The server, running from `with` to its end.

    Attributes:
        state: what it holds.
        private: GraceIDs that are shown to those with `token` only, and the status others get.
        page: superevents on one page.
        notices: whether it lists notices; those before API version 2 do not.
    """

    def __init__(self, *, page: int = 1024, notices: bool = True, token: str = "let-me-in") -> None:
        super().__init__()
        self.state = Holdings()
        self.private: dict[str, int] = {}
        self.page, self.notices, self.token = page, notices, token
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        """What `service_url` is to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    def __enter__(self) -> GraceDBServer:
        self._serve()
        return self

    def send_nothing(self, *, times: int = 1, where: str = "") -> None:
        """Send no bytes, and say so."""
        self.faults.add(Fault("nothing", where, times))

    def lie(self, *, longer: bool = False, times: int = 1, where: str = "") -> None:
        """Announce more than is sent, or less, so that the end is cut off unseen."""
        self.faults.add(Fault("longer" if longer else "shorter", where, times))

    def root(self) -> dict[str, Any]:
        """What the library learns first: where everything is."""
        base = self.url.rstrip("/")
        one = f"{base}/superevents/{{superevent_id}}/"
        parts = [part for part in _SUPEREVENT_PARTS if part != "notice" or self.notices]
        keys = {"file": "file_name", "label": "label_name"}
        templates = {"superevent-detail-template": one, "event-detail-template": f"{base}/events/{{graceid}}"}
        for part in parts:
            templates[f"superevent-{part}-list-template"] = f"{one}{part}s/"
            templates[f"superevent-{part}-detail-template"] = f"{one}{part}s/{{{keys.get(part, 'N')}}}"
        event = f"{base}/events/{{graceid}}/"
        templates |= {"event-log-template": f"{event}logs/", "event-log-detail-template": f"{event}logs/{{N}}"}
        templates |= {
            "files-template": f"{event}files/{{filename}}",
            "event-label-template": f"{event}labels/{{label}}",
        }
        templates |= {"voevent-list-template": f"{event}voevents/"}
        links = {"superevents": f"{base}/superevents/", "events": f"{base}/events/", "self": f"{base}/"}
        return {"links": links, "templates": templates, "labels": list(_LABELS), "api-versions": ["v1"]}


class _Handler(BaseHTTPRequestHandler):
    """One request: what it is about, what the state says, what goes wrong on the way back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, between which a client would wait 40 ms
    owner: GraceDBServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, format: str, *args: object) -> None:
        """Tests say what they want to know."""

    def _serve(self, body: bytes) -> None:
        self.owner.asked.append(f"{self.command} {unquote(self.path)}")
        fault = self.owner.faults.next(unquote(self.path))
        if fault is not None and fault.kind == "stall":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "status":
            self._send(fault.status, b'{"detail": "told to fail"}', {"Retry-After": fault.retry_after})
            return
        with self.owner.state.lock:
            status, answer = self._answer(body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self._send(status, data, {}, fault)

    def _answer(self, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path in ("/api/", "/api"):
            return 200, self.owner.root()
        if path == "/api/superevents/":
            return self._search({name: values[-1] for name, values in parse_qs(parts.query).items()})
        found = _OBJECT.fullmatch(path if path.count("/") > 3 else f"{path}/")
        candidate = self.owner.state.candidates.get(found[2]) if found else None
        if found is None or candidate is None:
            return 404, {"detail": "Not found."}
        status = self.owner.private.get(found[2])
        if status and self.headers.get("Authorization") != f"Bearer {self.owner.token}":
            return status, {"detail": "Authentication credentials were not provided."}
        if self.command == "POST":
            return self._write(found[2], found[3] or "", body)
        return _part(candidate, found[3] or "", found[4] or "", self.owner.notices)

    def _search(self, asked: dict[str, str]) -> tuple[int, Any]:
        query = asked.get("query", "")
        times = re.search(r"(?:t_0|gpstime): *([0-9.]+) *\.\. *([0-9.]+)", query)
        left = re.sub(r"(?:t_0|gpstime): *[0-9.]+ *\.\. *[0-9.]+|category: *\w+", "", query).strip()
        if left:
            return 400, {"error": f"Invalid query: {left}"}
        wanted = re.search(r"category: *(\w+)", query)
        found = [
            candidate.record
            for graceid, candidate in sorted(self.owner.state.candidates.items())
            if "superevent_id" in candidate.record
            and graceid not in self.owner.private
            and _of_category(candidate.record, wanted[1] if wanted else "")
            and (times is None or float(times[1]) <= float(candidate.record["t_0"]) <= float(times[2]))
        ]
        found.sort(key=lambda record: float(record["t_0"]))
        start, count = int(asked.get("start", 0)), int(asked.get("count", self.owner.page))
        more = {**asked, "start": str(start + count), "count": str(count)}
        following = f"{self.owner.url}superevents/?{urlencode(more)}" if start + count < len(found) else None
        page = {"superevents": found[start : start + count], "numRows": len(found), "links": {"next": following}}
        return 200, page

    def _write(self, graceid: str, part: str, body: bytes) -> tuple[int, Any]:
        state = self.owner.state
        texts, uploads = fields_of(self.headers.get("Content-Type", ""), body)
        if part == "labels":
            state.label(graceid, texts["name"])
            return 201, {"name": texts["name"]}
        if part == "notices" and uploads:
            state.notice(graceid, next(iter(uploads.values()))[1])
            return 201, state.candidates[graceid].notices[-1]
        if part == "logs":
            for name, data in uploads.values():
                state.store(graceid, name, data, comment=texts.get("comment", ""))
            entry = state.candidates[graceid].log[-1] if uploads else state.write(graceid, texts.get("comment", ""))
            return 201, entry
        return 400, {"error": f"nothing can be written to {part}"}

    def _send(self, status: int, data: bytes, headers: dict[str, str], fault: Fault | None = None) -> None:
        announced, sent = _spoilt(data, fault)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(announced))
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(sent)
        except OSError:  # whoever asked has left
            self.close_connection = True
        if announced != len(sent):
            self.close_connection = True


def _spoilt(data: bytes, fault: Fault | None) -> tuple[int, bytes]:
    """The length that is announced, and what is sent."""
    kind = None if fault is None else fault.kind
    half = len(data) // 2
    if kind == "half":
        return len(data), data[:half]
    if kind == "longer":
        return len(data) + 1000, data
    if kind == "garbage":
        data = b"<html><body>We are moving house.</body></html>"
    if kind == "nothing":
        data = b""
    return (half, data[:half]) if kind == "shorter" else (len(data), data)


def _of_category(record: dict[str, Any], wanted: str) -> bool:
    """Mock and test superevents are only found when they are asked for."""
    category = str(record.get("category", "Production"))
    return category.lower() == wanted.lower() if wanted else category == "Production"


def _part(candidate: HeldCandidate, part: str, name: str, notices: bool) -> tuple[int, Any]:
    if not part:
        return 200, candidate.record
    lists: dict[str, tuple[str, Collection[Any]]] = {
        "logs": ("log", candidate.log),
        "labels": ("labels", [{"name": label} for label in candidate.record.get("labels", [])]),
        "voevents": ("voevents", candidate.voevents),
    }
    if notices:
        lists["notices"] = ("notices", candidate.notices)
    if part == "files":
        return _file(candidate, name)
    if part not in lists:
        return 404, {"detail": "Not found."}
    key, rows = lists[part]
    if not name:
        return 200, {"numRows": len(rows), key: list(rows)}
    chosen = [row for row in rows if name in (str(row.get("N")), row.get("name"))]
    return (200, chosen[0]) if chosen else (404, {"detail": "Not found."})


def _file(candidate: HeldCandidate, name: str) -> tuple[int, Any]:
    if not name:
        versions = {f"{one},{version}": "" for one, version in candidate.contents}
        return 200, {**versions, **{one: "" for one, _ in candidate.contents}}
    stem, _, version = name.partition(",")
    wanted = int(version) if version.isdigit() else candidate.last(stem)
    data = candidate.contents.get((stem, wanted))
    return (404, {"detail": "Not found."}) if data is None else (200, data)
