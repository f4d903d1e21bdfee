"""Find alerts that were missed: look in GraceDB for public notices and take in those that are not here.

They are archived and delivered as those that are heard, retractions too; an alert that is here already, or is heard
later, stays one event. Needs `pip install 'llama-astro[gracedb]'`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import RUN_ONCE, Advice
from llama.cli.arguments import count
from llama.cli.listening import LEVELS, add_folders, intake_of

if TYPE_CHECKING:
    from llama.app import App
    from llama.operate.polling import Polled, Poller, TakenIn
    from llama.operate.programs import Program

_ME = Advice(("poll", "gracedb"))
_SINCE_S, _INTERVAL_S, _BEAT_S = 200_000, 300, 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add = parser.add_argument
    add("-s", "--since", type=count, default=_SINCE_S, metavar="SECONDS", help="how far to look back (%(default)s)")
    add_folders(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-o", "--once", action="store_true", help="look once, then end; 1 when something went wrong")
    how.add_argument(
        "--interval", type=count, default=_INTERVAL_S, metavar="SECONDS", help="between two looks (%(default)s)"
    )
    add("--mock", action="store_true", help="mock superevents (MS…) too")
    add(
        "-v",
        "--verbosity",
        metavar="LEVEL",
        default="WARNING",
        type=str.upper,
        choices=LEVELS,
        help=", ".join(LEVELS),
    )
    add(
        "-l",
        "--logfile",
        type=Path,
        metavar="LOGFILE",
        help="write the log there too, beside logs/gracedb.log",
    )


def main(args: argparse.Namespace, app: App) -> int:
    """Look once, or every so many seconds until stopped."""
    from llama.operate.polling import Poller
    from llama.operate.programs import running

    gracedb = app.gracedb()
    intake = intake_of(args, app)
    run = intake.run.path
    about = {"run": str(run), "gracedb": gracedb.url}
    with running("gracedb", app, args.verbosity, args.logfile, tells=not args.once, about=about) as program:
        poller = Poller(gracedb, intake)
        # Whatever is broken off is taken in at the next start, so that nobody waits for a GraceDB that is silent
        program.on_stop(_break_off())
        try:
            return _once(poller, args, run) if args.once else _go_on(poller, args, run, program)
        except KeyboardInterrupt:
            print("stopped")
            return 0 if program.signal is None or not args.once else 128 + program.signal


def _break_off() -> Callable[[], None]:
    """What the first signal does; the end is not broken off by a second one."""
    came: list[bool] = []

    def tell() -> None:
        if not came:
            came.append(True)
            raise KeyboardInterrupt

    return tell


def _once(poller: Poller, args: argparse.Namespace, run: Path) -> int:
    return _tell(_look(poller, args), run)


def _look(poller: Poller, args: argparse.Namespace, alive: Callable[[], None] = lambda: None) -> Polled:
    from llama.engine.running import utc_now

    return poller.poll(now=utc_now(), since_s=float(args.since), mock=args.mock, alive=alive)


def _go_on(poller: Poller, args: argparse.Namespace, run: Path, program: Program) -> int:
    """Until stopped; a GraceDB that is away, or a disk that is full, may be well at the next look."""
    from llama.engine.errors import EngineError
    from llama.ports import GraceDBError

    while not program.stopping:
        try:
            polled = _look(poller, args, program.beat)
            _tell(polled, run)
            last = polled.found[-1].file if polled.found else None
            program.beat(last_message=last, failures=len(polled.troubles), force=True)
        except (GraceDBError, EngineError, OSError) as error:
            print(f"{_ME.typed}: {error}", file=sys.stderr)
            logging.getLogger("llama.gracedb").error("%s", error, extra={"files_only": True})
            program.beat(failures=1, force=True)
        sys.stdout.flush()
        _rest(program, args.interval)
    return 0


def _rest(program: Program, seconds: float) -> None:
    """Until the next look, telling all the while that we are there."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not program.pause(min(left, _BEAT_S)):
        program.beat()


def _tell(polled: Polled, run: Path) -> int:
    """What was found, one line each; 1 when something went wrong."""
    for one in polled.found:
        print(_line(one))
    for remark in polled.remarks:
        print(f"{_ME.typed}: {remark}", file=sys.stderr)
    for trouble in polled.troubles:
        print(f"{_ME.typed}: {trouble}", file=sys.stderr)
    new = sum(one.new for one in polled.found)
    print(f"{polled.superevents} superevent(s) looked at, {len(polled.found)} notice(s) taken in, {new} new event(s)")
    if new:
        print(f"next: {RUN_ONCE.of(EVENT=f'{run}/').typed}    make everything there is to make")
    return 1 if polled.troubles or any(one.dead for one in polled.found) else 0


def _line(found: TakenIn) -> str:
    if found.dead:
        return f"{found.file}: nothing could be made of it; it is kept as {found.dead}"
    where = ", ".join(event.id for event in found.events)
    if found.takes_back:
        return f"{found.file}: takes back {where or f'{found.graceid}, when it comes'}"
    if not where:
        return f"{found.file}: no alert, so no event"
    return f"{found.file}: {'new event' if found.new else 'here already as'} {where}"
