"""Keep the house: old test events to an archive of their own, older notices packed by the day, flags set.

  llama dev clean --testevents [RUNDIR/EVENTGLOB]     events with flag role=test -> test_event_archive/
  llama dev clean --flags PRESET [RUNDIR/EVENTGLOB]   set flags of the events meant
  llama dev clean --notices                           days older than [archive] plain_days -> DAY.zip

RUNDIR/EVENTGLOB is as for `llama run`. Old is an event to which nothing has happened for a day; --downselect says
otherwise. What is being worked on stays, nothing is overwritten, and nothing is deleted.
"""

from __future__ import annotations

import argparse
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import Advice

if TYPE_CHECKING:
    from llama.app import App
    from llama.engine.folder import Event

_ME = Advice(("dev", "clean"))
_KEYS = Advice(("run", "--print-downselections"))
_OLD_S = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama dev clean` understands."""
    add = parser.add_argument
    add("target", nargs="?", metavar="RUNDIR/EVENTGLOB", help="which events (default: those of the default run)")
    add("--testevents", action="store_true", help="move old test events away")
    add("--into", type=Path, metavar="DIR", help="where to (default: test_event_archive in the data folder)")
    add("--flags", nargs="+", metavar="PRESET|NAME=value", help="set these flags; with --testevents those of tests")
    add("--notices", action="store_true", help="pack the older days of the archive of notices")
    add("--downselect", metavar="KEY=VALUE,…", default="", help=f"which events, see {_KEYS.typed}")
    add("--dry-run-dirs", action="store_true", help="print the folders of the events meant, one a line, and stop")
    add("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add("--repeat", type=_seconds, metavar="S", help="do it again every S seconds, until Ctrl-C")
    add("--why", default=_ME.typed, help="the reason, for the history of events whose flags are set")


def main(args: argparse.Namespace, app: App) -> int:
    """Once, or again and again."""
    if not (args.testevents or args.flags or args.notices or args.dry_run_dirs):
        print(f"{_ME.typed}: say what: --testevents, --flags, --notices", file=sys.stderr)
        return 2
    status = _clean(args, app)
    pause = threading.Event()
    while args.repeat and not args.dry_run_dirs and not pause.wait(args.repeat):
        status = _clean_again(args, app)
    return status


def _clean_again(args: argparse.Namespace, app: App) -> int:
    """As `_clean`; a disk that is full now may not be next time."""
    from llama.engine.errors import EngineError

    try:
        return _clean(args, app)
    except (EngineError, OSError) as error:
        print(f"{_ME.typed}: {error}; trying again in {args.repeat:g} s", file=sys.stderr)
        return 1


def _seconds(text: str) -> float:
    """A pause in seconds, above zero."""
    if not 0 < (value := float(text)) < threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError("it must be above zero")
    return value


def _clean(args: argparse.Namespace, app: App) -> int:
    """0 when all was done; 1 when something stayed as it was, which is told."""
    events = _events(args, app) if args.testevents or args.flags or args.dry_run_dirs else []
    if args.dry_run_dirs:
        print("".join(f"{event.path}\n" for event in events), end="")
        return 0
    flagged = _set_flags(events, args) if args.flags else True
    moved = _put_away(events, args, app) if args.testevents else True
    packed = _pack(args, app) if args.notices else True
    return 0 if flagged and moved and packed else 1


def _events(args: argparse.Namespace, app: App) -> list[Event]:
    from llama.cli.selection import Downselection, parse_downselection, select, target
    from llama.operate.tests_away import tests_among

    where = target(args.target, app.settings.current_run)
    wanted = parse_downselection(args.downselect, Downselection(sec_since_mod_gt=_OLD_S))
    events = where.events()
    if not where.exact:
        events = select(events, wanted, app.pipeline(), now=datetime.now(UTC))
    return list(tests_among(events)) if args.testevents else events


def _set_flags(events: list[Event], args: argparse.Namespace) -> bool:
    from llama.cli.flags import shown
    from llama.engine.errors import EngineError, EventError
    from llama.flags import Flags, parse_flags

    right = True
    for event in events:
        try:
            flags = parse_flags(args.flags, Flags.of(event.refresh().flags))
        except ValueError as error:
            raise EventError(str(error)) from None
        except EngineError as error:
            print(f"{_ME.typed}: {error}", file=sys.stderr)
            right = False
            continue
        if not args.dry_run:
            event.flag(flags.as_dict(), why=args.why, now=datetime.now(UTC))
        print(f"{event.label}: {'would be' if args.dry_run else 'is'} {shown(flags)}", flush=True)
    return right


def _put_away(events: list[Event], args: argparse.Namespace, app: App) -> bool:
    from llama.operate.tests_away import put_away

    into, right = (args.into or app.settings.test_events).absolute(), True
    for one in put_away(events, into, now=datetime.now(UTC), dry_run=args.dry_run):
        if one.where is None:
            print(f"{_ME.typed}: {one.why}", file=sys.stderr)
            right = False
        else:
            print(f"{one.event.path} {'would go' if args.dry_run else 'went'} to {one.where}", flush=True)
    return right


def _pack(args: argparse.Namespace, app: App) -> bool:
    from llama.intake import pack_days
    from llama.settings import ARCHIVE

    right, days = True, app.settings[ARCHIVE].plain_days
    for day in pack_days(app.settings.notices, plain_days=days, now=datetime.now(UTC), dry_run=args.dry_run):
        if day.why:
            print(f"{_ME.typed}: {day.why}", file=sys.stderr)
            right = False
        elif args.dry_run:
            print(f"{day.folder}: {day.files} files ({_size(day.before)}) would be packed into {day.archive.name}")
        else:
            packed = f"{_size(day.before)}) packed into {day.archive.name}, {_size(day.after)} more"
            print(f"{day.folder}: {day.files} files ({packed}", flush=True)
    return right


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
