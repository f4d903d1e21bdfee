"""The words of `llama dev dv` that start what outlives the connection."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from llama.cli.dv_fleet import Answers, Fleet
from llama.fleet.errors import NotToBeDone
from llama.fleet.remote import KINDS


def kind_of(rest: Sequence[str], word: str) -> str:
    """What is typed as bg, signal or doublet."""
    if not rest or rest[0] not in KINDS:
        raise NotToBeDone(f"{word} what? Write {word} bg, {word} signal or {word} doublet")
    return KINDS[rest[0]]


def _launch_dask(fleet: Fleet, rest: Sequence[str]) -> int:
    """Says how a study is let in; the certificate itself is in files that are only named."""
    from llama.fleet.dask import launch_cluster

    if rest:
        raise NotToBeDone(f"launch dask takes no {' '.join(rest)!r}; options stand before or after it")
    folder = fleet.app.settings.data_dir / "fleet" / "dask"
    args, now = fleet.args, datetime.now(UTC)
    with Answers(len(fleet.servers)) as progress:
        cluster, replies = launch_cluster(
            fleet.crowd, fleet.servers, fleet.remote, folder, args.workers, args.pre_launch, now, progress.heard
        )
    status = fleet.show(replies)
    print("".join(f"export {name}={shlex.quote(value)}\n" for name, value in cluster.variables.items()), end="")
    print(f"--cluster {cluster.address}")
    return status


def launch(fleet: Fleet, rest: Sequence[str]) -> int:
    from llama.fleet.launching import TrialOrders, detectors_of, drawn_of, launch_trials
    from llama.fleet.ranges import Ledger

    if rest and rest[0] == "dask":
        return _launch_dask(fleet, rest[1:])
    kind = kind_of(rest, "launch")
    if len(rest) != 2:
        raise NotToBeDone(f"launch {rest[0]} takes one list of sky maps, by its path on the servers")
    args, path = fleet.args, _as_there(rest[1])
    drawn = drawn_of(kind, path, args.population, args.season, args.seed)
    if not args.population:
        print(f"population {drawn.population}, as {drawn.list} says; --population says otherwise", file=sys.stderr)
    detectors = detectors_of(path) if args.detectors is None else args.detectors
    if args.detectors is None and detectors:
        print(f"detectors {detectors}, as {drawn.list} says; --detectors says otherwise", file=sys.stderr)
    size = (args.depth, args.per_map, args.each)
    orders = TrialOrders(drawn, path, detectors, *size, args.more, args.workers, args.pre_launch)
    ledger = Ledger(fleet.app.settings.data_dir / "fleet" / "blocks.jsonl")
    with Answers(len(fleet.servers)) as progress:
        now = datetime.now(UTC)
        replies = launch_trials(fleet.crowd, fleet.servers, fleet.remote, orders, ledger, now, progress.heard)
    return fleet.show(replies)


def _as_there(path: str) -> str:
    """A path of this home, which the shell made of `~`, as one of the home there."""
    home = str(Path.home())
    return f"~/{path[len(home) :].lstrip('/')}" if path.startswith(f"{home}/") else path


def batch(fleet: Fleet, rest: Sequence[str]) -> int:
    from llama.cli.main import parser_of
    from llama.fleet.launching import launch_batch

    asked = parser_of(("batch",)).parse_intermixed_args(list(rest))  # what it refuses, it refuses here
    if asked.part is not None:
        raise NotToBeDone("each server gets a --part of its own; leave yours out")
    if asked.random is not None and asked.seed is None:
        raise NotToBeDone("--random wants a --seed, or each server draws others and their parts overlap")
    if fleet.args.workers and asked.workers is None:
        rest = [*rest, "-j", str(fleet.args.workers)]
    with Answers(len(fleet.servers)) as progress:
        line, now = fleet.args.pre_launch, datetime.now(UTC)
        replies = launch_batch(fleet.crowd, fleet.servers, fleet.remote, rest, line, now, progress.heard)
    return fleet.show(replies)
