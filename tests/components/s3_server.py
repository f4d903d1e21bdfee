"""A store that speaks S3 on this machine, and a proxy before it that fails every third request."""

from __future__ import annotations

import http.client
import logging
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

KEYS = {"LLAMA_STORAGE_KEY_ID": "planted-id", "LLAMA_STORAGE_SECRET": "planted-s3cret/of+storage"}


@contextmanager
def s3_server() -> Iterator[str]:
    """Its address. It is empty: servers of one process share one memory, and what those before it held is gone."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def raw(address: str) -> Any:
    """A client of it without anything of ours between."""
    return boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )


class Failing(ThreadingHTTPServer):
    """Hands every request on but each third, which it fails in one way after the other.

    Attributes:
        failed: how many by the way in which they failed.
        every: which requests fail; 0 none.
        ways: in which they fail.
        after: from so many requests on all fail; None: as `every` says.
        put: what was put behind it, by path, as often as it was done. sent: bytes of what was fetched.
    """

    daemon_threads = True
    WAYS = ("503", "cut", "short", "slow down", "late")

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind.removeprefix("http://")
        self.failed = dict.fromkeys(self.WAYS, 0)
        self.every = 3
        self.ways: tuple[str, ...] = self.WAYS
        self.requests = 0
        self.after: int | None = None
        self.put: list[str] = []
        self.sent = 0
        self._lock = threading.Lock()
        self._waiting: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fate(self, method: str) -> str:
        """How this request fails; empty when it does not."""
        with self._lock:
            self.requests += 1
            if self.after is not None and self.requests > self.after:
                self.failed[self.ways[0]] += 1
                return self.ways[0]
            if not self.every or self.requests % self.every:
                return ""
            waiting = [one for one in self._waiting if one in self.ways] or list(self.ways)
            way = next((one for one in waiting if one != "short" or method == "GET"), "cut")
            self._waiting = tuple(one for one in waiting if one != way)
            self.failed[way] += 1
            return way

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Failing

    def log_message(self, *words: object) -> None:
        """Nothing."""

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        way = self.server.fate(self.command)
        if way == "cut":
            self.close_connection = True
            self.connection.close()
            return
        if way in ("503", "slow down"):
            code = "SlowDown" if way == "slow down" else "ServiceUnavailable"
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>later</Message></Error>".encode()
            self._answer(503, {}, b"" if self.command == "HEAD" else text, len(text))
            return
        behind = http.client.HTTPConnection(self.server.behind, timeout=30)
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        data = answer.read()
        if self.command == "PUT" and answer.status == 200:
            self.server.put.append(self.path)
        self.server.sent += len(data)
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _OURS}
        length = int(answer.getheader("Content-Length") or len(data))
        if way == "late":  # it was done, and nobody is told
            self.close_connection = True
            self.connection.close()
            return
        if way == "short":
            self._answer(answer.status, headers, data[: len(data) // 2], length)
            self.close_connection = True
            self.connection.close()
            return
        self._answer(answer.status, headers, data, length)

    def _answer(self, status: int, headers: dict[str, str], data: bytes, length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _hand_on


_OURS = {"content-length", "connection", "transfer-encoding", "date", "server"}


@contextmanager
def failing(behind: str) -> Iterator[Failing]:
    """The proxy before a server."""
    proxy = Failing(behind)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
