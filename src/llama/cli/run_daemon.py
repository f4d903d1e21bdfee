"""`llama run` that goes on, in the foreground or as a daemon; and the daemons there are."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from llama.engine.folder import Event, SharedDigests
from llama.engine.running import FolderChanges
from llama.operate.daemons import KIND, Daemon, competitors, daemons, end
from llama.operate.errors import AlreadyRunning
from llama.operate.keeping import keep
from llama.operate.launching import REFUSED, STOPPED, UP, Child, Inherited, Tidings, launch, start
from llama.operate.logs import FILES_ONLY, QUIET
from llama.operate.programs import running
from llama.operate.sole import refuse_if_held
from llama.operate.supervising import supervise

if TYPE_CHECKING:
    from llama.app import App
    from llama.cli.run_order import Order

_LOG = logging.getLogger("llama.run")


def go_on(order: Order) -> int:
    """Keep the events up to date: here (`-F`), or by a daemon that is up when this returns."""
    args = order.args
    if order.where.exact:
        order.where.events()  # or says that there is no such event
    order.where.run.mkdir(parents=True, exist_ok=True)
    if args.as_daemon is None and not args.foreground:
        return _launch(order)
    inherited = args.as_daemon or Inherited(None)
    report = Tidings(inherited.report)
    try:
        if args.relaunch:
            return _supervise(order, report)
        status = _keep(order, report, inherited.lock)
    except AlreadyRunning:
        report.say(REFUSED)
        raise
    report.say(STOPPED)
    return status


def _launch(order: Order) -> int:
    refuse_if_held(order.folder, KIND)
    logs, name = order.app.settings.logs, order.program
    pid = launch(order.words(foreground=False, relaunch=order.args.relaunch), _out(logs, name))
    what = order.where.pattern if order.where.exact else f"events {order.where.pattern}"
    print(f"llama run: process {pid} keeps {what} in {order.where.run} up to date; its log is {logs / name}.log")
    return 0


def _out(logs: Path, name: str) -> Path:
    """Where a daemon writes what should not happen: messages that are in no log."""
    return logs / f"{name}.out.log"


def _supervise(order: Order, report: Tidings) -> int:
    """Start it, and again whenever it fails."""
    args, name = order.args, order.program
    screen = args.verbosity if args.foreground else QUIET
    with running(
        name, order.app, screen, args.logfile, order.folder, kind=KIND, tells=False, about=order.about
    ) as program:
        lock, words = program.lock, order.words(foreground=args.foreground, relaunch=False)
        out = None if args.foreground else _out(order.app.settings.logs, name)

        def child() -> Child:
            return start(words, out=out, lock=None if lock is None else lock.fileno())

        return supervise(child, program, report)


def _keep(order: Order, report: Tidings, lock: int | None) -> int:
    args, where, shared = order.args, order.where, SharedDigests(order.app)
    screen = args.verbosity if args.foreground else QUIET

    def tell(event: Event) -> None:
        _tell(event, order, shared)

    def up() -> None:
        report.say(UP)
        if args.foreground:
            _announce(order)

    with running(
        order.program, order.app, screen, args.logfile, order.folder, kind=KIND, lock=lock, about=order.about
    ) as program:
        runner = order.runner(program, tell)
        changes = FolderChanges(order.folder, depth=0 if where.exact else 1)
        keep(program, runner, order.finder(), changes, up)
        return 1 if runner.troubles or runner.failures else 0


def _announce(order: Order) -> None:
    what = order.where.pattern if order.where.exact else f"events {order.where.pattern}"
    try:
        print(f"llama run: keeping {what} in {order.where.run} up to date; stop with Ctrl-C", flush=True)
    except OSError as error:
        _LOG.warning("nothing can be printed, the events go on: %s", error)


def _tell(event: Event, order: Order, shared: SharedDigests) -> None:
    """How an event stands of which something was made: in the log, and on the screen of whoever watches."""
    from llama.cli.run_text import event_lines

    lines, _ = event_lines(event, order.pipeline, shared)
    for line in lines:
        _LOG.info("%s", line, extra=FILES_ONLY)
    if not order.args.foreground:
        return
    try:
        print("\n".join(lines), flush=True)  # whoever watches through a pipe waits for it
    except (OSError, ValueError) as error:  # nobody listens any more; the events go on
        _LOG.warning("%s: its results cannot be printed: %s", event.label, error)


# ---------------------------------------------------------------------- the daemons there are


def print_daemons(app: App) -> int:
    """One line for each that keeps its state where our logs are."""
    found = list(daemons(app.settings.logs))
    if not found:
        print("no daemon is running")
        return 0
    rows = [("PID", "SINCE", "HEARTBEAT", "QUEUE", "FAILURES", "PIPELINE", "EVENTS"), *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _row(daemon: Daemon) -> tuple[str, ...]:
    state = daemon.state
    since = f"{daemon.since:%Y-%m-%d %H:%M:%SZ}"
    if state is None:
        return (str(daemon.owner.pid), since, "unknown", "", "", "", str(daemon.folder))
    where = str(Path(state.about.get("run", "")) / state.about.get("events", ""))
    age = datetime.now(UTC) - state.heartbeat
    beat = f"{_seconds(age)} s ago" if daemon.up else "is being started again"
    counts = (str(state.queue), str(state.failures))
    return (str(daemon.owner.pid), since, beat, *counts, state.about.get("pipeline", ""), where)


def _seconds(age: timedelta) -> str:
    return f"{max(age.total_seconds(), 0.0):.0f}"


def end_competitors(order: Order) -> None:
    """End those that work on the same run, and say so."""
    found = competitors(order.run, order.folder, order.app.settings.logs)
    if not found:
        print(f"llama run: no daemon works on {order.where.run}", file=sys.stderr)
    for daemon in found:
        killed = end(daemon)
        how = "had to be killed" if killed else "has ended"
        print(f"llama run: process {daemon.owner.pid} on {daemon.folder} {how}", file=sys.stderr)
