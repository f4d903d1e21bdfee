"""The end of a run: move its events to past_runs/RUN.

  llama dev roll RUN

Every event is checked first, byte by byte; what is wrong is told, and then nothing is moved unless --anyway. What is
being made is never moved. A roll that was killed, or had to leave something, goes on when it is typed again. Events
that come meanwhile stay in the current run.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import Advice

if TYPE_CHECKING:
    from llama.app import App
    from llama.operate.roll import Roll

_ME = Advice(("dev", "roll"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama dev roll` understands."""
    add = parser.add_argument
    add("run", metavar="RUN", help="what the run is called from now on, such as o4c")
    add("--from", dest="source", type=Path, metavar="RUNDIR", help="the run's folder (default: the current run)")
    add("--anyway", action="store_true", help="also move events with which something is wrong")
    add("--dry-run", action="store_true", help="check, say what would be moved, and move nothing")


def main(args: argparse.Namespace, app: App) -> int:
    """Check, then move. 0 when all is there; 1 when something stayed."""
    from llama.operate.roll import Roll

    roll = Roll(args.source or app.settings.current_run, app.settings.past_runs / args.run)
    if roll.resumed:
        print(f"{_ME.typed}: going on with {roll.past}", flush=True)
    wrong = _tell_problems(roll)
    if wrong and not args.anyway:
        print(f"{_ME.typed}: nothing was moved; mend it, or move all with --anyway", file=sys.stderr)
        return 1
    if args.dry_run:
        print("".join(f"{event.path} would go to {roll.past}\n" for event in roll.events()), end="")
        return 1 if wrong else 0
    return _move(roll)


def _tell_problems(roll: Roll) -> bool:
    """Whether anything is wrong that does not pass by itself."""
    wrong = False
    for problem in roll.problems(datetime.now(UTC)):
        wrong |= not problem.busy
        print(f"{_ME.typed}: {problem.event.label}: {problem.why}", file=sys.stderr)
    return wrong


def _move(roll: Roll) -> int:
    from llama.operate.roll import Problem

    roll.begin(datetime.now(UTC))
    moved, stayed = 0, 0
    for one in roll.go(datetime.now(UTC)):
        if isinstance(one, Problem):
            stayed += 1
            print(f"{_ME.typed}: {one.why}", file=sys.stderr)
        else:
            moved += 1
    for name in roll.left():
        print(f"{_ME.typed}: {roll.run.path / name} is no event and stays", file=sys.stderr)
    if stayed:
        print(f"{moved} events moved to {roll.past}, {stayed} not yet: type it again when they are made", flush=True)
        return 1
    roll.end(datetime.now(UTC))
    print(f"{moved} events moved to {roll.past}")
    return 0
