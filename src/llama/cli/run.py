"""Keep events up to date: make what is ready, wait, look again.

RUNDIR/EVENTGLOB says which events: `/glob` events of the default run, `dir/` every event in dir, `.` this event
folder, a bare name one event in this folder. Without it: every event of the default run.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import START
from llama.cli.arguments import count
from llama.cli.event_text import journal_lines

if TYPE_CHECKING:
    from llama.app import App
    from llama.cli.selection import Downselection, Target
    from llama.engine.folder import Event, SharedDigests, State
    from llama.engine.graph import Pipeline
    from llama.engine.running import Processes, Runner, Status

PREFIX_CHARS = "-+"
_NEWEST = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama run` understands."""
    add = parser.add_argument
    add("target", nargs="?", metavar="RUNDIR/EVENTGLOB", help="which events (see above)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-F", "--foreground", action="store_true", help="watch the folder and stay in the foreground")
    how.add_argument("-o", "--once", action="store_true", help="make what is ready, then end")
    add("-n", "--newest", type=count, default=_NEWEST, metavar="N", help="the newest N events only (%(default)s)")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("-f", nargs="+", metavar="PRODUCT", dest="only", help="make these products only")
    only.add_argument("+f", nargs="+", metavar="PRODUCT", dest="upto", help="these and what they are made from")
    add("-p", "--pipeline", metavar="PIPELINE", help="which pipeline (default: see --print-default-pipeline)")
    add("--downselect", metavar="KEY=VALUE,…", default="", help="which events, see --print-downselections")
    add(
        "-j",
        "--workers",
        type=count,
        metavar="N",
        help="processes at a time (default: see LLAMA_WORKERS)",
    )
    add("--dry-run-dirs", action="store_true", help="print the folders of the events meant, one a line, and stop")
    add(
        "--dry-run-pipeline",
        action="store_true",
        help="print the products that -p, -f or +f choose, in the order of making, and stop",
    )
    add(
        "--print-downselections",
        action="store_true",
        help="print each KEY=DEFAULT of --downselect and what it means",
    )
    add("--print-default-pipeline", action="store_true", help="print the products of the default pipeline, and stop")
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    add("-v", "--verbosity", metavar="LEVEL", default="INFO", type=str.upper, choices=levels, help=", ".join(levels))
    add("-l", "--logfile", type=Path, metavar="LOGFILE", help="write a log there too, always at level debug")


def main(args: argparse.Namespace, app: App) -> int:
    """Run, or say what would be run."""
    from llama.cli.selection import parse_downselection, target

    if args.print_downselections:
        return _print_downselections()
    if args.print_default_pipeline:
        return _print_pipeline(app.pipeline())
    pipeline = _pipeline(args, app)
    if args.dry_run_pipeline:
        return _print_pipeline(pipeline)
    where = target(args.target, app.settings.current_run)
    wanted = parse_downselection(args.downselect)
    if args.dry_run_dirs:
        for event in _find(where, wanted, pipeline, args.newest):
            print(event.path)
        return 0
    if not (args.foreground or args.once):
        print(
            "llama run: say -o to bring events up to date once, or -F to keep watching; "
            "running as a daemon is not there yet",
            file=sys.stderr,
        )
        return 2
    return _run(args, app, pipeline, where, wanted)


def _run(args: argparse.Namespace, app: App, pipeline: Pipeline, where: Target, wanted: Downselection) -> int:
    from llama.app import DEFAULT_PIPELINE_NAME, preload
    from llama.engine.folder import SharedDigests
    from llama.engine.running import Maker, Runner
    from llama.operate.logs import open_log

    log = open_log(args.verbosity, args.logfile, app.secrets)
    executor = app.processes(args.pipeline or DEFAULT_PIPELINE_NAME, args.workers, log)
    _check_preload(executor, preload())
    shared = SharedDigests(app)

    def conclude(event: Event) -> None:
        try:
            _conclude([event], pipeline, shared)
            sys.stdout.flush()  # whoever watches through a pipe waits for it
        except (OSError, ValueError) as error:  # nobody listens any more; the events go on
            logging.getLogger(__name__).warning("%s: its results cannot be printed: %s", event.label, error)

    runner = Runner(Maker(pipeline, app, shared), executor, None if args.once else conclude)
    with _stopped_by_signals(runner) as signals:
        if args.once:
            events = _find(where, wanted, pipeline, args.newest)
            if not events:
                print(f"llama run: {_nothing_in(where, app.settings.current_run)}", file=sys.stderr)
                return 1
            runner.once(events)
            open_ = _conclude(events, pipeline, shared)
            if signals:
                return 128 + signals[0]
            return 1 if runner.troubles or runner.failures or open_ else 0
        _watch(runner, args, pipeline, where, wanted)
    return 1 if runner.troubles or runner.failures else 0


def _watch(
    runner: Runner, args: argparse.Namespace, pipeline: Pipeline, where: Target, wanted: Downselection
) -> None:
    from llama.engine.running import FolderChanges

    where.run.mkdir(parents=True, exist_ok=True)
    alone = where.exact
    what = where.pattern if alone else f"events {where.pattern}"
    try:
        print(f"llama run: keeping {what} in {where.run} up to date; stop with Ctrl-C", flush=True)
    except OSError as error:
        logging.getLogger(__name__).warning("nothing can be printed, the events go on: %s", error)
    changes = FolderChanges(where.run / where.pattern if alone else where.run, depth=0 if alone else 1)
    runner.watch(lambda: _find(where, wanted, pipeline, args.newest), changes)


def _nothing_in(where: Target, default: Path) -> str:
    """Why there is no event to run."""
    from llama.engine.folder import Run

    if not where.run.is_dir() and where.run != default:
        return f"there is no folder {where.run}; write /PATTERN for events of the default run, {default}"
    names = [event.id for event in Run(where.run).events()]
    if not names:
        return f"no event to run in {where.run}; {START} starts one"
    if not any(fnmatch.fnmatchcase(name, where.pattern) for name in names):
        return f"none of the {len(names)} events in {where.run} is called {where.pattern}"
    return f"no event in {where.run} is chosen by --downselect (manual ones are left out unless they are named)"


def _conclude(events: list[Event], pipeline: Pipeline, shared: SharedDigests) -> bool:
    """How each event stands, and what its results say. Whether anything is not made that should be."""
    open_ = False
    for event in events:
        try:
            open_ |= _told(event, pipeline, shared)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one event must not silence the others
            print(f"{event.label}: {error}")
            open_ = True
    return open_


def _told(event: Event, pipeline: Pipeline, shared: SharedDigests) -> bool:
    from llama import app
    from llama.analyses.telling import result_lines, unblinded_lines
    from llama.engine.running import statuses, unfinished

    state = event.look(pipeline, shared)
    now = datetime.now(UTC)
    found = statuses(pipeline, state, now)
    print(f"{event.label}: {_standing(pipeline, state, found)}")
    known = statuses(pipeline.whole, state, now)  # results that were not asked for may be out of date
    lines = result_lines(event.path, known, state.flags)
    lines += unblinded_lines(event.path, [one for each in app.pipelines().values() for one in each], state)
    damage = journal_lines(state)
    print("".join(f"  {line}\n" for line in [*damage, *lines]), end="")
    return bool(damage or unfinished(pipeline, state, found))


def _standing(pipeline: Pipeline, state: State, found: dict[str, Status]) -> str:
    """How much is up to date, and the first reason why not all; for an event at rest, that it is."""
    from llama.engine.running import Kind, may_speak
    from llama.flags import Flags

    made = [product.filename for product in pipeline if pipeline.makes(product)]
    for holder, word in ((state.vetoes, "vetoed"), (state.locks, "locked")):
        if None in holder or (word == "vetoed" and Flags.of(state.flags).vetoed):
            there = sum(state.file(name).digest is not None for name in made)
            why = f" ({holder[None]})" if holder.get(None) else ""
            free = word == "vetoed" and any(may_speak(product, state) for product in pipeline)
            but = " but what takes back what was published" if free else ""
            return f"{word}{why}, so nothing is made{but}; {there} of {len(made)} products are there from before"
    open_ = [(name, found[name]) for name in made if found[name].kind is not Kind.DONE]
    order = (Kind.COOLING, Kind.HELD, Kind.WAITING, Kind.RUNNING, Kind.READY)
    first = min(open_, key=lambda item: order.index(item[1].kind), default=None)
    rest = f"; {first[0]} is {first[1].kind.value}: {first[1].why}" if first else ""
    return f"{len(made) - len(open_)} of {len(made)} products up to date{rest}"


def _find(where: Target, wanted: Downselection, pipeline: Pipeline, newest: int) -> list[Event]:
    """The events meant, newest first. One that is named is taken as it is; others are downselected."""
    from llama.cli.selection import select

    events = where.events()
    return events if where.exact else select(events, wanted, pipeline, now=datetime.now(UTC), newest=newest)


def _pipeline(args: argparse.Namespace, app: App) -> Pipeline:
    whole = app.pipeline(args.pipeline) if args.pipeline else app.pipeline()
    words = args.only or args.upto
    return whole.only(words, ancestors=bool(args.upto)) if words else whole


def _print_pipeline(pipeline: Pipeline) -> int:
    print(pipeline.name)
    for product in pipeline:
        if pipeline.makes(product):
            print(f"  {product.name:<28} {product.filename:<36} {product.help}".rstrip())
    return 0


def _print_downselections() -> int:
    from llama.cli.selection import Downselection

    for field in dataclasses.fields(Downselection):
        default = "any" if field.default is None else field.default
        print(f"{f'{field.name}={default}':<20} {field.metadata['help']}")
    return 0


def _check_preload(executor: Processes, names: list[str]) -> None:
    """Preloading fails silently; without it every step takes seconds longer."""
    if missing := executor.missing(names):
        logging.getLogger("llama").warning("steps will start slowly: %s could not be preloaded", ", ".join(missing))


@contextmanager
def _stopped_by_signals(runner: Runner) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM stop the runner in good order; gives the signals that came."""
    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        came.append(number)
        runner.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
