"""`make soak`: live operation under load, against real brokers on this machine; a report, no test.

    python -m bench.soak [--alerts N] [--megabytes M] [--kills K] [--worked N] [--latency N] …

N alerts of M MB, duplicated and shuffled over two brokers, 5 % of them malformed and some retractions among them, are
heard by `llama listen gcn` and `llama listen scimma` into one run, while the listeners are killed K times. Then the
run is compared with what was sent. With `--worked` fewer alerts are heard and worked on, and `llama run -F` is killed
too. `--latency` measures how long after an alert is on a broker its statistic is on disk, with `--finished` events in
the run from before. `--mutated` gives damaged notices to the listener's door (`bench.soak_mutated`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.soak_day import day
from bench.soak_mutated import mutated
from llama.engine.folder import Made, Run
from llama.operate.demo import demo_event
from llama.ports import GraceDB
from llama.testing import Tansu, demo_alert

KINDS = ("EARLYWARNING", "PRELIMINARY", "INITIAL", "UPDATE")
_MALFORMED, _RETRACTED = 0.05, 0.1
_EVERY = ("-n", "100000", "+f", "STATISTIC")
_PROGRAMS = {"gcn": ("listen", "gcn"), "scimma": ("listen", "scimma"), "run": ("run", "-F", *_EVERY)}
TOPIC = "igwn.gwalert"


class Sent:
    """What goes to the brokers, and what must come of it."""

    def __init__(self, alerts: int, megabytes: float, draw: random.Random, retracted: float = _RETRACTED) -> None:
        self.good: list[bytes] = []
        self.bad: list[bytes] = []
        self.retracted: set[str] = set()
        self.per_superevent: dict[str, int] = {}
        for number in range(alerts):
            name = f"MS12{number // len(KINDS):04d}a"
            data = self._alert(name, number, megabytes, draw)
            if draw.random() < _MALFORMED:
                self.bad.append(data[: len(data) // 2])
            else:
                self.good.append(data)
                self.per_superevent[name] = self.per_superevent.get(name, 0) + 1
        for name in sorted(self.per_superevent):
            if draw.random() < retracted:
                self.retracted.add(name)
                back = {"alert_type": "RETRACTION", "event": None, "time_created": "2026-01-02T00:00:00Z"}
                self.good.append(demo_alert(name, **back).data)

    def _alert(self, name: str, number: int, megabytes: float, draw: random.Random) -> bytes:
        created = f"2026-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
        alert = demo_alert(name, alert_type=KINDS[number % len(KINDS)], time_created=created)
        padding = draw.randbytes(max(0, int(megabytes * 1e6) - len(alert.data)) // 2).hex()
        return json.dumps(json.loads(alert.data) | {"padding": padding}).encode()

    @property
    def messages(self) -> list[bytes]:
        """All of them."""
        return [*self.good, *self.bad]


class Listeners:
    """One for each broker, into one run; started again when they are gone."""

    def __init__(self, folder: Path, gcn: Tansu, scimma: Tansu) -> None:
        self.folder = folder
        self._environ = {
            **os.environ,
            "LLAMA_DATA_DIR": str(folder),
            "LLAMA_GCN_CLIENT_ID": "x",
            "LLAMA_GCN_CLIENT_SECRET": "y" * 20,
            "LLAMA_GCN_BOOTSTRAP": gcn.address,
            "LLAMA_GCN_TOPICS": TOPIC,
            "LLAMA_SCIMMA_USERNAME": "x",
            "LLAMA_SCIMMA_PASSWORD": "z" * 20,
            "LLAMA_SCIMMA_BOOTSTRAP": scimma.address,
            "LLAMA_SCIMMA_HEARTBEAT": "",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.highest_mb: dict[str, list[float]] = {}

    def keep(self, names: Sequence[str] = ("gcn", "scimma")) -> None:
        """Start those that do not run, and look at their memory."""
        for name in names:
            one = self.running.get(name)
            if one is None or one.poll() is not None:
                self.running[name] = self.start(*_PROGRAMS[name], "-v", "ERROR")
            else:
                try:
                    used = psutil.Process(one.pid).memory_info().rss / 1e6
                except psutil.Error:
                    continue
                self.highest_mb.setdefault(name, []).append(used)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A command of ours, with these settings."""
        command = [sys.executable, "-m", "llama.cli.main", *words]
        return subprocess.Popen(command, env=self._environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self, draw: random.Random) -> None:
        """One of them, at once."""
        one = self.running[draw.choice(sorted(self.running))]
        one.send_signal(signal.SIGKILL)
        one.wait()

    def stop(self) -> None:
        """All, in good order."""
        for one in self.running.values():
            one.terminate()
        for one in self.running.values():
            one.wait(60)


def soak(alerts: int, megabytes: float, kills: int, seed: int, *, worked: bool = False) -> dict[str, Any]:
    """Hear them all, and work on them if they are to be, and say what came of it."""
    draw = random.Random(seed)
    sent = Sent(alerts, megabytes, draw, 0.0 if worked else _RETRACTED)
    programs = [*_PROGRAMS] if worked else ["gcn", "scimma"]
    with tempfile.TemporaryDirectory() as folder, Tansu() as gcn, Tansu() as scimma:
        for broker in (gcn, scimma):
            broker.make_topics([TOPIC])
            broker.send(TOPIC, draw.sample(sent.messages, len(sent.messages)))
        listeners = Listeners(Path(folder), gcn, scimma)
        began, killed = time.monotonic(), 0
        (Path(folder) / "current_run").mkdir()
        listeners.keep(programs)
        total, heard = 2 * len(sent.messages), 0
        first: float | None = None
        while heard < total and time.monotonic() - began < 3600:
            time.sleep(draw.uniform(0.2, 1.0))
            heard = gcn.committed(_group(Path(folder)), TOPIC) + scimma.committed(f"x-{_group(Path(folder))}", TOPIC)
            first = time.monotonic() if first is None and heard else first
            if killed < kills and (heard < total or worked):
                listeners.kill(draw)
                killed += 1
            listeners.keep(programs)
        took = time.monotonic() - (first or began)
        report = _worked(Path(folder), listeners, draw, kills - killed) if worked else {}
        listeners.stop()
        report |= _compared(Path(folder), sent)
    memory = {name: [round(min(used)), round(max(used))] for name, used in listeners.highest_mb.items()}
    return {
        "messages": total,
        "megabytes each": megabytes,
        "kills": killed,
        "seconds": round(took, 1),
        "messages a second": round(heard / took, 1),
        "memory MB, lowest and highest": memory,
        **report,
    }


def _worked(folder: Path, listeners: Listeners, draw: random.Random, kills: int) -> dict[str, Any]:
    """The runner is killed so many times more, then finishes: what is not made, and what was made twice."""
    for _ in range(max(kills, 0)):
        time.sleep(draw.uniform(0.2, 3.0))
        one = listeners.running["run"]
        one.send_signal(signal.SIGKILL)
        one.wait()
        listeners.keep(["run"])
    listeners.stop()
    listeners.start("run", "-o", "/", *_EVERY).wait(3600)
    events = list(Run(folder / "current_run").events())
    made = [[one.filename for one in event.entries() if isinstance(one, Made)] for event in events]
    return {
        "further kills, of the runner": max(kills, 0),
        "events without their statistic": sum("statistic_lvc-i3.json" not in one for one in made),
        "products made twice": sum(len(one) - len(set(one)) for one in made),
    }


def _group(folder: Path) -> str:
    path = folder / "listener-id"
    return path.read_text().strip() if path.exists() else "nobody"


def _compared(folder: Path, sent: Sent) -> dict[str, Any]:
    """What is on disk, against what was sent; every figure but the first two must be 0."""
    archived = {_digest(path.read_bytes()) for path in (folder / "gcn").glob("2*/*/*") if path.suffix != ".jsonl"}
    letters = [path for path in (folder / "gcn/dead_letters").glob("2*/*/*") if not path.name.endswith(".txt")]
    numbers: dict[str, list[int]] = {}
    taken_back = set()
    twice = 0
    for event in Run(folder / "current_run").events():
        superevent, serial, _ = event.id.split("-")
        numbers.setdefault(superevent, []).append(int(serial))
        alerts = [one for one in event.entries() if "igwn_alert.json" in str(getattr(one, "files", ""))]
        twice += len(alerts) > 1
        if (event.path / "igwn_retraction.json").exists():
            taken_back.add(superevent)
    wrong = [
        name for name, count in sent.per_superevent.items() if sorted(numbers.get(name, [])) != [*range(1, count + 1)]
    ]
    buried = {_digest(path.read_bytes()) for path in letters}
    return {
        "alerts": sum(sent.per_superevent.values()),
        "events": sum(map(len, numbers.values())),
        "lost messages": len({_digest(one) for one in sent.messages} - archived),
        "superevents with wrong numbers": len(wrong),
        "events made twice": twice,
        "wrong retractions": len(sent.retracted ^ taken_back),
        "malformed without a dead letter": len({_digest(one) for one in sent.bad} - buried),
        "dead letters of good messages": len({_digest(one) for one in sent.good} & buried),
    }


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _finish(listeners: Listeners, run: Path, count: int) -> None:
    """So many events of which nothing is left to be made: one that was, and copies of it."""
    if not count:
        return
    first = run / "MS990101a-1-Preliminary"
    delivery = demo_event(Run(run), demo_alert("MS990101a").data, _no_gracedb).path
    delivery.rename(first)
    listeners.start("run", "-o", str(first), "+f", "STATISTIC").wait(120)
    for number in range(1, count):
        shutil.copytree(first, run / f"MS99{number:04d}b-1-Preliminary")


def _no_gracedb() -> GraceDB:
    raise LookupError("the alert has all that is needed")


def latency(count: int, finished: int) -> dict[str, Any]:
    """From an alert on the broker to its statistic on disk, one alert at a time."""
    found = []
    with tempfile.TemporaryDirectory() as folder, Tansu() as gcn:
        gcn.make_topics([TOPIC])
        listeners = Listeners(Path(folder), gcn, gcn)
        run = Path(folder) / "current_run"
        run.mkdir()
        _finish(listeners, run, finished)
        listeners.keep(["gcn"])
        listeners.running["run"] = listeners.start("run", "-F", "+f", "STATISTIC")
        for number in range(count + 1):
            gcn.send(TOPIC, [demo_alert(f"MS13{number:04d}a").data])
            at = time.time()
            made = run / f"MS13{number:04d}a-1-Preliminary" / "statistic_lvc-i3.json"
            while not made.exists() and time.time() - at < 120:
                time.sleep(0.01)
            if number:  # the first waits for the start of both
                found.append(made.stat().st_mtime - at)
        listeners.stop()
    ranked = sorted(found)
    return {
        "alerts, one at a time": count,
        "finished events in the run": finished,
        "broker to statistic, median s": round(statistics.median(ranked), 2),
        "99th percentile s": round(ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))], 2),
    }


def main() -> None:
    """Soak, and print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=re.split(r"\n\n", __doc__ or "")[0])
    add = parser.add_argument
    add("--alerts", type=int, default=1000, help="how many (%(default)s)")
    add("--megabytes", type=float, default=1.2, help="of each (%(default)s)")
    add("--kills", type=int, default=200, help="of listeners, at random moments (%(default)s)")
    add("--latency", type=int, default=50, help="alerts to measure the way to the statistic with (%(default)s)")
    add("--worked", type=int, default=100, help="alerts that are worked on while all is killed (%(default)s)")
    add("--finished", type=int, default=4000, help="events in the run before those (%(default)s)")
    add("--mutated", type=int, default=10_000, help="damaged notices (%(default)s)")
    add(
        "--day", type=float, default=300.0, metavar="S", help="seconds that stand for a day of troubles (%(default)s)"
    )
    add("--superevents", type=int, default=80, help="of that day (%(default)s)")
    add("--troubles", type=int, default=60, help="of that day (%(default)s)")
    add("--seed", type=int, default=13, help="of all that is random (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the report there too")
    given = parser.parse_args()
    report: dict[str, Any] = {}
    if given.mutated:  # before this process holds anything else, as its highest memory is reported
        logging.getLogger("llama").setLevel(logging.CRITICAL)
        report["damaged notices"] = mutated(given.mutated, given.seed)
    if given.alerts:
        report["rate"] = soak(given.alerts, given.megabytes, 0, given.seed)
    if given.alerts and given.kills:
        report["kills"] = soak(given.alerts, 0.0, given.kills, given.seed)
    if given.worked:
        report["worked on, everything killed"] = soak(given.worked, 0.0, given.kills, given.seed, worked=True)
    if given.latency:
        report["latency"] = latency(given.latency, given.finished)
    if given.day:
        report["a day of troubles"] = day(given.day, given.superevents, given.troubles, given.seed)
    for part, figures in report.items():
        print(f"\n{part}")
        print("\n".join(f"  {name:<36} {value}" for name, value in figures.items()))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
