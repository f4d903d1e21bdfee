"""A Dataverse repository on this machine: one data set by the paths of its interface, and what may be odd with it."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

DOI = "doi:10.7910/DVN/VKL316"


@dataclass
class Repository:
    """The data set.

    Attributes:
        files: content by path.
        ingested: paths that were taken apart into tables; the checksum stated is that of the table without its head.
        changes: by path, put over the file's entry in the record.
        served: content in place of a file's own.
        asked: paths of all questions so far.
    """

    files: dict[str, bytes]
    ingested: set[str] = field(default_factory=set)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)
    record: bytes | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def entry(self, number: int, path: str) -> dict[str, Any]:
        """Of the record."""
        pure, content = PurePosixPath(path), self.files[path]
        data: dict[str, Any] = {"id": number, "filename": pure.name, "filesize": len(content)}
        label = pure.name
        if path in self.ingested:
            label = pure.with_suffix(".tab").name
            data |= {"filename": label, "originalFileName": pure.name, "originalFileFormat": "text/csv"}
            content = table_of(content).partition(b"\n")[2]
        md5 = hashlib.md5(content).hexdigest()
        data |= {"md5": md5, "checksum": {"type": "MD5", "value": md5}}
        entry = {"label": label, "restricted": False, "dataFile": data}
        if str(pure.parent) != ".":
            entry["directoryLabel"] = str(pure.parent)
        change = self.changes.get(path, {})
        data |= change.get("dataFile", {})
        return entry | {key: value for key, value in change.items() if key != "dataFile"}

    def answer(self, url: str) -> tuple[int, bytes]:
        """Status and content."""
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.asked.append(url)
        if parts.path == "/api/datasets/:persistentId/" and query == {"persistentId": DOI}:
            files = [self.entry(number, path) for number, path in enumerate(self.files, start=100)]
            latest = {"versionNumber": 2, "versionMinorNumber": 0, "files": files}
            return 200, self.record or json.dumps({"status": "OK", "data": {"latestVersion": latest}}).encode()
        number = parts.path.removeprefix("/api/access/datafile/")
        if number.isdigit() and 0 <= int(number) - 100 < len(self.files):
            path = list(self.files)[int(number) - 100]
            content = self.served.get(path, self.files[path])
            own = path in self.ingested and query.get("format") != "original"
            return 200, table_of(content) if own else content
        return 404, b'{"status": "ERROR"}'


def table_of(content: bytes) -> bytes:
    """A table as Dataverse takes it apart: tabs, quoted names, numbers in its own spelling."""
    head, *rows = content.decode().splitlines()
    lines = ["\t".join(f'"{name}"' for name in head.split())]
    lines += ["\t".join(repr(float(value)) for value in row.split()) for row in rows]
    return ("\n".join(lines) + "\n").encode()


@contextmanager
def serving(repository: Repository) -> Iterator[Repository]:
    """Until the block ends, at `url`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = repository.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    repository.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield repository
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
