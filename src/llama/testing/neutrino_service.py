"""A small neutrino service, for tests and for people who write their own: it serves a release file on this machine.

It speaks the protocol of docs/guides/neutrino-service.md with a token, pages and stated livetime. With `trouble` it
does for the next answers whatever services do that are not well.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from llama.ports import Neutrino, NeutrinoSource, NeutrinoWindow
from llama.services.neutrinos import PROTOCOL

PATH = "/v1/neutrinos"


@dataclass(frozen=True)
class Trouble:
    """What an answer is instead: its status, body and headers, after a delay.

    `cut` breaks it off half way; with `drip_s` it comes byte by byte, with such pauses between.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay_s: float = 0.0
    cut: bool = False
    drip_s: float = 0.0


@dataclass
class ReferenceService:
    """What is served, and how; all of it may be changed while it runs.

    Attributes:
        source: whose neutrinos and livetime are served, a release or its excerpt.
        token: what lets people in; empty for everybody.
        page_size: neutrinos on a page.
        livetime_until_gps: up to when livetime is stated; None states none at all.
        more: rows that are served besides, as they are, in every window.
        changes: put over each page, key by key.
        trouble: what comes instead of the next answers, one each.
        asked: the queries of all answers so far.
    """

    source: NeutrinoSource
    token: str = ""
    page_size: int = 100
    livetime_until_gps: float | None = float("inf")
    more: list[dict[str, Any]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    trouble: list[Trouble] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body of one page."""
        try:
            start, stop = float(query["start_gps"]), float(query["stop_gps"])
            first = int(query.get("page", "0"))
            window = self.source.window(start, stop, seed="")
        except (KeyError, ValueError) as error:
            return 400, {"error": f"the query is not understood: {error!r}"}
        rows = [*map(row_of, window.neutrinos), *self.more]
        # a source that covers nothing of it does not say that the detector was off
        if self.livetime_until_gps is not None and window.covered:
            known = window.start_gps, min(stop, self.livetime_until_gps)
            livetime: dict[str, Any] | None = {"until_gps": known[1], "good": _good(window, *known)}
        else:
            livetime = None
        page = {
            "protocol": PROTOCOL,
            "stream": self.source.name,
            "start_gps": start,
            "stop_gps": stop,
            "neutrinos": rows[first : first + self.page_size],
            "livetime": livetime,
            "next": str(first + self.page_size) if first + self.page_size < len(rows) else None,
        }
        return 200, page | self.changes


def row_of(neutrino: Neutrino) -> dict[str, Any]:
    """A neutrino as the protocol writes it."""
    names = (
        "run",
        "event",
        "mjd",
        "ra_deg",
        "dec_deg",
        "zenith_deg",
        "azimuth_deg",
        "sigma_deg",
        "energy_gev",
        "type",
    )
    return {name: getattr(neutrino, name) for name in names}


def _good(window: NeutrinoWindow, start: float, stop: float) -> list[dict[str, Any]]:
    pieces = [(max(one.start_gps, start), min(one.stop_gps, stop), one.season) for one in window.covered or ()]
    return [{"start_gps": a, "stop_gps": b, "season": season} for a, b, season in pieces if a < b]


@contextmanager
def serve_neutrinos(source: NeutrinoSource, **how: Any) -> Iterator[ReferenceService]:
    """Serve on 127.0.0.1, at the `url` of what is given, until the block ends. `how` as in ReferenceService."""
    service = ReferenceService(source, **how)
    kind = type("_Handler", (_Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    service.url = f"http://127.0.0.1:{server.server_port}{PATH}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    service: ReferenceService

    def do_GET(self) -> None:
        service, parts = self.service, urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        service.asked.append(query)
        if service.trouble:
            trouble = service.trouble.pop(0)
            time.sleep(trouble.delay_s)
            self._send(trouble.status, trouble.body, trouble.headers, cut=trouble.cut, drip_s=trouble.drip_s)
            return
        status, body = self._answer(parts.path, query)
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path != PATH:
            return 404, {"error": f"there is only {PATH}"}
        given = self.headers.get("Authorization", "")
        if self.service.token and not hmac.compare_digest(given, f"Bearer {self.service.token}"):
            return 401, {"error": "a token is needed: Authorization: Bearer TOKEN"}
        return self.service.answer(query)

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str], *, cut: bool = False, drip_s: float = 0
    ) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            size = 1 if drip_s else max(len(body), 1)
            for start in range(0, len(body) // 2 if cut else len(body), size):
                self.wfile.write(body[start : start + (len(body) // 2 if cut else size)])
                time.sleep(drip_s)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # whoever asked has left

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
