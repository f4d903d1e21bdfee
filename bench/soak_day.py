"""A day of a run in minutes, with all that goes wrong in one: what is lost, and what is there twice.

Alerts come at random times to a broker that keeps its log, and to GraceDB; some reach only one of the two. Meanwhile
the broker is killed, the network cut, GraceDB fails in every way it knows, the disk fills up, and each program is
killed. Afterwards the run is compared with what was sent.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from llama.engine.folder import Made, Run
from llama.science.times import format_utc, gps_from_utc
from llama.testing import GraceDBServer, Proxy, Tansu, demo_alert, superevent_record

TOPIC = "igwn.gwalert"
KINDS = ("EARLYWARNING", "PRELIMINARY", "INITIAL", "UPDATE")
_PROGRAMS = {
    "listener": ("listen", "gcn"),
    "poller": ("poll", "gracedb", "--mock", "--interval", "4"),
    "runner": ("run", "-F", "-n", "100000", "+f", "STATISTIC"),
}
_MB_PER_ALERT, _SETTLE_S = 10, 240.0
_KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}


class Day:
    """The programs and what is outside them, for so many seconds that stand for a day."""

    def __init__(
        self, folder: Path, broker: Tansu, proxy: Proxy, gracedb: GraceDBServer, draw: random.Random
    ) -> None:
        self.folder, self.broker, self.proxy, self.gracedb, self.draw = folder, broker, proxy, gracedb, draw
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.troubles: dict[str, int] = {}
        self._until: list[tuple[float, Callable[[], object]]] = []
        self._waiting: list[bytes] = []
        self._away: set[str] = set()
        self._environ = {
            **os.environ,
            "LLAMA_DATA_DIR": str(folder),
            "LLAMA_GCN_CLIENT_ID": "x",
            "LLAMA_GCN_CLIENT_SECRET": "y" * 20,
            "LLAMA_GCN_BOOTSTRAP": broker.address,
            "LLAMA_GCN_TOPICS": TOPIC,
            "LLAMA_GRACEDB_SERVICE_URL": gracedb.url,
            "LLAMA_GRACEDB_PAUSE_S": "0.2",
            "LLAMA_GRACEDB_TIMEOUT_S": "5",
        }

    def keep(self) -> None:
        """What a supervisor does: start what does not run. Then end the troubles whose time is over."""
        for name, words in _PROGRAMS.items():
            one = self.running.get(name)
            if one is None or one.poll() is not None:
                self.running[name] = self.start(*words, "-v", "ERROR")
        for entry in [entry for entry in self._until if entry[0] <= time.monotonic()]:
            self._until.remove(entry)
            entry[1]()
        if self._waiting and not self._away:
            self.broker.send(TOPIC, self._waiting)
            self._waiting.clear()

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A command of ours."""
        command = [sys.executable, "-m", "llama.cli.main", *words]
        return subprocess.Popen(command, env=self._environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def alert(self, data: bytes, *, heard: bool, listed: bool) -> None:
        """One alert goes to the broker (when it is there again), to GraceDB, or to both."""
        graceid = json.loads(data)["superevent_id"]
        if heard:
            self._waiting.append(data)
        if listed:
            if graceid not in self.gracedb.state.candidates:
                now = gps_from_utc(format_utc(datetime.now(UTC)))
                self.gracedb.state.add(superevent_record(json.loads(data), now))
            self.gracedb.state.notice(graceid, data)

    def trouble(self) -> None:
        """Something goes wrong, and is put right a while later."""
        choices: Mapping[str, Callable[[], None]] = {
            "broker killed": self._kill_broker,
            "network cut": self._cut,
            "disk full": self._fill_disk,
            "GraceDB fails": self._fail_gracedb,
            "program killed": self._kill_program,
        }
        name = self.draw.choice(sorted(choices))
        self.troubles[name] = self.troubles.get(name, 0) + 1
        choices[name]()

    def end(self) -> None:
        """All is well again."""
        for _, done in self._until:
            done()
        self._until.clear()
        self.gracedb.faults.clear()

    def _later(self, seconds: float, done: Callable[[], object]) -> None:
        self._until.append((time.monotonic() + seconds, done))

    def _kill_broker(self) -> None:
        if "broker" not in self._away:
            self.broker.kill()
            self._away.add("broker")
            self._later(self.draw.uniform(1, 8), self._start_broker)

    def _start_broker(self) -> None:
        self.broker.start()
        self._away.discard("broker")

    def _cut(self) -> None:
        if "network" not in self._away:
            self.proxy.cut()
            self._away.add("network")
            self._later(self.draw.uniform(1, 8), self._mend)

    def _mend(self) -> None:
        self.proxy.mend()
        self._away.discard("network")

    def _fill_disk(self) -> None:
        filler = self.folder / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(b"\0" * (1 << 20)):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        self._later(self.draw.uniform(2, 8), lambda: filler.unlink(missing_ok=True))

    def _fail_gracedb(self) -> None:
        server, times = self.gracedb, self.draw.randrange(1, 12)
        ways: list[Callable[[], None]] = [
            lambda: server.fail(self.draw.choice((408, 409, 429, 500, 502, 503)), times=times, retry_after="1"),
            lambda: server.stall(6.0, times=1),
            lambda: server.send_half(times=times),
            lambda: server.send_nothing(times=times),
            lambda: server.send_garbage(times=times),
            lambda: server.lie(longer=self.draw.random() < 0.5, times=times),
        ]
        self.draw.choice(ways)()

    def _kill_program(self) -> None:
        one = self.running[self.draw.choice(sorted(self.running))]
        one.send_signal(signal.SIGKILL)
        one.wait()


@contextmanager
def _disk(alerts: int) -> Iterator[tuple[Path, bool]]:
    """A folder on a disk of its own with room for so many, and whether it is one: only root can mount it."""
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_MB_PER_ALERT * (20 + alerts)}m", "tmpfs", name]
        own = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
        try:
            yield Path(name), own
        finally:
            if own:
                subprocess.run(["umount", "-l", name], check=True)


@contextmanager
def _kept_broker(proxy: Proxy) -> Iterator[Tansu]:
    """A broker whose log outlives it, told to name the proxy."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    client.create_bucket(Bucket="kafka")
    environ = {"AWS_ENDPOINT": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", **_KEYS}
    try:
        with Tansu("s3://kafka/", environ, advertised=proxy.port) as broker:
            proxy.target = broker.port
            broker.make_topics([TOPIC])
            yield broker
    finally:
        server.stop()


def day(seconds: float, superevents: int, troubles: int, seed: int) -> dict[str, Any]:
    """Live through it, and compare."""
    draw = random.Random(seed)
    alerts, retracted = _alerts(superevents, draw)
    with ExitStack() as stack:
        folder, own_disk = stack.enter_context(_disk(len(alerts)))
        proxy = Proxy()
        stack.callback(proxy.close)
        broker = stack.enter_context(_kept_broker(proxy))
        gracedb = stack.enter_context(GraceDBServer())
        (folder / "current_run").mkdir()
        world = Day(folder, broker, proxy, gracedb, draw)
        if not own_disk:
            world._fill_disk = lambda: None  # type: ignore[method-assign]
        _live(world, alerts, seconds, troubles)
        world.end()
        settled = _settle(world, len([one for one in alerts if json.loads(one)["event"] is not None]))
        _stop(world)
        return {
            "a day in seconds": seconds,
            "alerts, retractions, superevents": [len(alerts) - len(retracted), len(retracted), superevents],
            "troubles": world.troubles | ({} if own_disk else {"disk full": "not tried: needs root"}),
            "all there after the last, s": settled,
            **_compared(folder, alerts, retracted),
        }


def _alerts(superevents: int, draw: random.Random) -> tuple[list[bytes], set[str]]:
    """In the order in which they are sent: superevents by and by, each one's alerts in order."""
    found: list[tuple[float, bytes]] = []
    retracted = set()
    for number in range(superevents):
        name, at = f"MS14{number:04d}a", draw.random()
        for kind in KINDS[: draw.randrange(1, len(KINDS) + 1)]:
            found.append((at, demo_alert(name, alert_type=kind, time_created=_at(number, len(found))).data))
            at += draw.uniform(0, 0.2)
        if draw.random() < 0.15:
            retracted.add(name)
            found.append(
                (at, demo_alert(name, alert_type="RETRACTION", event=None, time_created=_at(number, len(found))).data)
            )
    return [data for _, data in sorted(found)], retracted


def _at(number: int, count: int) -> str:
    return f"2026-01-01T{number // 60 % 24:02d}:{number % 60:02d}:{count % 60:02d}Z"


def _live(world: Day, alerts: list[bytes], seconds: float, troubles: int) -> None:
    """Alerts and troubles, each at a moment of its own; a fifth of the alerts reach one side only."""
    moments: list[tuple[float, bytes | None]] = [
        (seconds * (k + 0.5) / len(alerts), data) for k, data in enumerate(alerts)
    ]
    moments += [(world.draw.uniform(0, seconds), None) for _ in range(troubles)]
    began = time.monotonic()
    for at, data in sorted(moments, key=lambda one: one[0]):
        while time.monotonic() - began < at:
            world.keep()
            time.sleep(0.1)
        if data is None:
            world.trouble()
        else:
            side = world.draw.choice(("both", "both", "both", "broker", "GraceDB"))
            world.alert(data, heard=side != "GraceDB", listed=side != "broker")


def _settle(world: Day, events: int) -> float | str:
    """Seconds until every event has its statistic."""
    began = time.monotonic()
    while time.monotonic() - began < _SETTLE_S:
        world.keep()
        made = sum(1 for _ in (world.folder / "current_run").glob("*/statistic_lvc-i3.json"))
        if made >= events:
            return round(time.monotonic() - began, 1)
        time.sleep(0.5)
    return "never"


def _stop(world: Day) -> None:
    time.sleep(5)  # what would come twice, or late, comes now
    for one in world.running.values():
        one.terminate()
    for one in world.running.values():
        one.wait(60)


def _compared(folder: Path, alerts: list[bytes], retracted: set[str]) -> dict[str, Any]:
    """What is there, against what was sent; every figure must be 0."""
    sent: dict[str, int] = {}
    for one in map(json.loads, alerts):
        if one["event"] is not None:
            sent[one["superevent_id"]] = sent.get(one["superevent_id"], 0) + 1
    numbers: dict[str, list[int]] = {}
    taken_back, twice, unmade = set(), 0, 0
    for event in Run(folder / "current_run").events():
        superevent, serial, _ = event.id.split("-")
        numbers.setdefault(superevent, []).append(int(serial))
        made = [entry for entry in event.entries() if isinstance(entry, Made)]
        twice += len(made) - len({(one.filename, *sorted(one.inputs.items())) for one in made})
        unmade += "statistic_lvc-i3.json" not in {one.filename for one in made}
        if (event.path / "igwn_retraction.json").exists():
            taken_back.add(superevent)
    wrong = [name for name, count in sent.items() if sorted(numbers.get(name, [])) != [*range(1, count + 1)]]
    archived = {path.read_bytes() for path in (folder / "gcn").rglob("*.json")}
    return {
        "alerts that are not archived": len(set(alerts) - archived),
        "superevents with missing, double or wrong numbers": len(wrong) + len(set(numbers) - set(sent)),
        "wrong retractions": len(retracted ^ taken_back),
        "events without their statistic": unmade,
        "products made twice of the same": twice,
    }
