"""DigitalOcean's API over HTTPS on 127.0.0.1, that `pydo` itself talks to, with a state of its own.

    with DropletsServer() as cloud:
        cloud.state.add_key("laptop")
        cloud.state.add_image("llama-parallel-bns-o3")
        cloud.fail(429, where="POST /v2/droplets", retry_after="1")

Those who ask need its `variables` in their environment: its token, where it is, and the authority of its certificate.
Needs `cryptography`, which the extras [cloud] and [fleet] bring.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from llama.testing.droplets.certificate import write_certificate
from llama.testing.droplets.requests import Answer, answered
from llama.testing.droplets.state import Habits, Refused, Rented
from llama.testing.faults import Fault, FaultyServer

_BROKEN = {"half", "nothing", "longer", "shorter", "garbage"}


class DropletsServer(FaultyServer):
    """The server, running from `with` to its end.

    Attributes:
        habits: how long things take, limits, addresses of servers; may be changed while it runs.
        state: what it holds.
        token, reader: tokens that may do everything, and only look.
    """

    def __init__(
        self, habits: Habits | None = None, *, token: str = "dop_v1_write", reader: str = "dop_v1_read", port: int = 0
    ) -> None:
        self.habits = habits or Habits()
        super().__init__()
        self.state = Rented(self.habits)
        self.token, self.reader = token, reader
        self._port = port
        self._left = 5000

    def __enter__(self) -> DropletsServer:
        self._folder = tempfile.TemporaryDirectory(prefix="llama-cloud-")
        self._authority, served = write_certificate(Path(self._folder.name))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(served)
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        # Shaken hands in each request's own thread, or one silent client would keep all others waiting
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._serve()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """What the endpoint is to be."""
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    @property
    def authority(self) -> Path:
        """The file of the authority that signed its certificate, for `REQUESTS_CA_BUNDLE`."""
        return self._authority

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of those who ask must have."""
        return {
            "DIGITALOCEAN": self.token,
            "LLAMA_DROPLETS_ENDPOINT": self.url,
            "REQUESTS_CA_BUNDLE": str(self.authority),
        }

    def lose(self, *, times: int = 1, where: str = "") -> None:
        """Do what is asked, and hang up without an answer."""
        self.faults.add(Fault("lost", where, times))

    def counted(self) -> int:
        """One request less; how many are left in this hour."""
        self._left -= 1
        return self._left


class _Handler(BaseHTTPRequestHandler):
    """One request: who asks, what the state says, what goes wrong on the way back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, between which a client would wait 40 ms
    owner: DropletsServer

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # whoever asked does not trust us, or has left
            super().handle()

    def do_GET(self) -> None:
        self._serve({})

    do_DELETE = do_GET

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = {}
        self._serve(body if isinstance(body, dict) else {})

    def log_message(self, format: str, *args: object) -> None:
        """Tests say what they want to know."""

    def _serve(self, body: dict[str, Any]) -> None:
        owner, line = self.owner, f"{self.command} {unquote(self.path)}"
        with owner.state.lock:
            owner.asked.append(line)
        fault = owner.faults.next(line)
        if fault is not None and fault.kind == "stall":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "status":
            answer: Answer = (fault.status, {"id": _word(fault.status), "message": "told to fail"})
            self._send(answer, {"Retry-After": fault.retry_after})
            return
        answer = self._answer(body)
        if fault is not None and fault.kind == "lost":
            self.close_connection = True
            return
        self._send(answer, {}, fault.kind if fault is not None and fault.kind in _BROKEN else "")

    def _answer(self, body: dict[str, Any]) -> Answer:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        try:
            with self.owner.state.lock:
                self._require_access()
                return answered(self.owner.state, self.command, unquote(parts.path), query, body)
        except Refused as error:
            return error.status, {"id": error.word, "message": str(error), "request_id": "4d9d8375"}

    def _require_access(self) -> None:
        given = self.headers.get("Authorization", "")
        if given == f"Bearer {self.owner.token}":
            return
        if given != f"Bearer {self.owner.reader}":
            raise Refused(401, "unauthorized", "Unable to authenticate you")
        if self.command != "GET":
            raise Refused(403, "forbidden", "You do not have access for the attempted action.")

    def _send(self, answer: Answer, headers: dict[str, str], broken: str = "") -> None:
        status, found = answer
        data = b"" if found is None else json.dumps(found).encode()
        sent = b"<html><body>We are moving house.</body></html>" if broken == "garbage" else data
        announced = len(sent)
        if broken == "half":
            sent, self.close_connection = data[: len(data) // 2], True
        counted = {"ratelimit-limit": "5000", "ratelimit-remaining": str(self.owner.counted())}
        counted |= {"ratelimit-reset": str(int(time.time()) + 1)}
        try:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(announced))
            for name, value in {**counted, **headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)
        except OSError:  # whoever asked has left
            self.close_connection = True


def _word(status: int) -> str:
    words = {401: "unauthorized", 403: "forbidden", 404: "not_found", 422: "unprocessable_entity"}
    return words.get(status, "too_many_requests" if status == 429 else "server_error")
