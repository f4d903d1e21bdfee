"""Start work on servers that goes on when nobody is connected: trials of a study, a batch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from llama.fleet.errors import NotToBeDone, ServerFailed
from llama.fleet.ranges import Assigned, DrawnFrom, Ledger, assign, going_on, read_record
from llama.fleet.remote import Remote
from llama.fleet.ssh import Crowd, Link, Reply, SshServer

POPULATIONS = ("bns", "nsbh", "bbh")
_DETECTORS = re.compile(r"(?:[A-Z]1)+")
_UP_S, _UP_BATCH_S = 20, 3
"""How long a launch is watched, s: trials say when they draw, a batch is up when it did not end at once."""


@dataclass(frozen=True)
class TrialOrders:
    """What is to be drawn.

    Attributes:
        drawn: what decides it. list: the path on the servers, as it was typed. detectors: that heard the maps of the
            list. depth, per_map: of the trials. each: blocks for each server. more: give new ranges to servers that
            have one. workers: processes on each, 0 for one per core. line: run first, in the same shell.
    """

    drawn: DrawnFrom
    list: str
    detectors: str = ""
    depth: str = "pipeline"
    per_map: int = 20
    each: int = 5000
    more: bool = False
    workers: int = 0
    line: str = ""

    def words(self, given: Assigned) -> tuple[str, ...]:
        """After `llama`, for one server."""
        drawn = self.drawn
        found = ["dev", "trials", drawn.kind, "@LIST", "-d", ".", "-p", drawn.population, "-s", drawn.season]
        found += ["--seed", str(drawn.seed), "--depth", self.depth, "--per-map", str(self.per_map)]
        found += ["--blocks", f"{given.first}:{given.last}"]
        return (*found, "--detectors", self.detectors) if self.detectors else tuple(found)


def population_of(path: str) -> str:
    """What the folder of a list says, as in `skymap-lists/bns-o3/H1L1.csv`; empty when it says nothing."""
    parts = [part for part in path.split("/") if part]
    word = parts[-2].partition("-")[0] if len(parts) > 1 else ""
    return word if word in POPULATIONS else ""


def detectors_of(path: str) -> str:
    """What the name of a list says, as in `H1L1.csv`; empty when it says nothing."""
    stem = path.rsplit("/", 1)[-1].partition(".")[0]
    return stem if _DETECTORS.fullmatch(stem) else ""


def launch_trials(
    crowd: Crowd,
    servers: Sequence[SshServer],
    remote: Remote,
    orders: TrialOrders,
    ledger: Ledger,
    now: datetime,
    heard: Callable[[Reply[str]], None],
) -> list[Reply[str]]:
    """Give each server its range, and start it there."""
    with ledger.held():
        ranges, failed = _ranges(crowd, servers, remote, orders, ledger, now)

    async def start(link: Link) -> str:
        given = ranges[link.server.name]
        new = given.at == _stamp(now)
        label = f"{orders.drawn.kind} blocks {given.first}:{given.last}"
        said = await remote.do(
            link, "launch", str(int(now.timestamp())), label, orders.list, orders.line,
            given.to_line() if new else "", str(_UP_S), str(orders.workers or "cores"), *orders.words(given),
        )  # fmt: skip
        return f"{label}: {said.strip()}"

    for one in failed:
        heard(one)
    return [*failed, *crowd.all([one for one in servers if one.name in ranges], start, heard)]


def _ranges(
    crowd: Crowd,
    servers: Sequence[SshServer],
    remote: Remote,
    orders: TrialOrders,
    ledger: Ledger,
    now: datetime,
) -> tuple[Mapping[str, Assigned], list[Reply[str]]]:
    """What each server draws: the range with which it goes on, or a new one, which is written down here already."""

    async def ask(link: Link) -> str:
        return await remote.do(link, "records")

    known, ranges, fresh = list(ledger.read()), dict[str, Assigned](), list[str]()
    failed: list[Reply[str]] = []
    for reply in crowd.all(servers, ask):
        name = reply.server.name
        if reply.value is None:
            failed.append(reply)
            continue
        record = read_record(reply.value)
        known += record.every
        try:
            mine = going_on(record, name, orders.drawn)
        except ServerFailed as error:
            failed.append(Reply(reply.server, None, str(error), reply.seconds))
            continue
        if mine is None or orders.more:
            fresh.append(name)
        else:
            ranges[name] = mine
    new = assign(fresh, orders.drawn, orders.each, known, _stamp(now))
    ledger.add(new.values())
    return {**ranges, **new}, failed


def launch_batch(
    crowd: Crowd,
    servers: Sequence[SshServer],
    remote: Remote,
    words: Sequence[str],
    line: str,
    now: datetime,
    heard: Callable[[Reply[str]], None],
) -> list[Reply[str]]:
    """`llama batch` on each server, each with a part of its own."""
    parts = {server.name: f"{index}/{len(servers)}" for index, server in enumerate(servers, 1)}

    async def start(link: Link) -> str:
        part = parts[link.server.name]
        label = f"batch {shlex.join(words)} part {part}".replace("  ", " ")
        said = await remote.do(
            link, "launch", str(int(now.timestamp())), label, "", line, "", str(_UP_BATCH_S), "",
            "batch", *words, "--part", part,
        )  # fmt: skip
        return f"{label}: {said.strip()}"

    return crowd.all(servers, start, heard)


def _stamp(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def drawn_of(kind: str, path: str, population: str, season: str, seed: int) -> DrawnFrom:
    """What is asked for; NotToBeDone when the population is not said, nor told by the list's folder."""
    found = population or population_of(path)
    if not found:
        raise NotToBeDone(
            f"{path} does not say of which population its maps are (as bns-o3/H1L1.csv does); say --population, one "
            f"of {', '.join(POPULATIONS)}"
        )
    return DrawnFrom.of(kind, path, found, season, seed)
