"""Keep events up to date: make what is ready, wait, look again. Without -F or -o, as a daemon in the background.

RUNDIR/EVENTGLOB says which events: `/glob` events of the default run, `dir/` every event in dir, `.` this event
folder, a bare name one event in this folder. Without it: every event of the default run.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import count
from llama.operate.launching import OPTION, Inherited

if TYPE_CHECKING:
    from llama.app import App
    from llama.cli.run_order import Order
    from llama.engine.graph import Pipeline

PREFIX_CHARS = "-+"
_NEWEST = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama run` understands."""
    add = parser.add_argument
    add("target", nargs="?", metavar="RUNDIR/EVENTGLOB", help="which events (see above)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-F", "--foreground", action="store_true", help="watch the folder and stay in the foreground")
    how.add_argument("-o", "--once", action="store_true", help="make what is ready, then end")
    how.add_argument("-R", "--list", action="store_true", help="list the daemons that run, and stop")
    how.add_argument("-k", "--kill", action="store_true", help="end the daemons that work on the same run, and stop")
    add("-K", "--kill-first", action="store_true", help="end the daemons that work on the same run, then start")
    add("-r", "--relaunch", action="store_true", help="start again after a failure, though not when stopped")
    add("--err-alert", action="store_true", help="tell people of errors; comes with publishing")
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
    add(OPTION, type=Inherited.of, help=argparse.SUPPRESS)


def main(args: argparse.Namespace, app: App) -> int:
    """Run, or say what would be run."""
    from llama.cli.run_daemon import end_competitors, go_on, print_daemons
    from llama.cli.run_order import Order
    from llama.cli.selection import parse_downselection, target

    if args.print_downselections:
        return _print_downselections()
    if args.print_default_pipeline:
        return _print_pipeline(app.pipeline())
    if args.list:
        return print_daemons(app)
    pipeline = _pipeline(args, app)
    if args.dry_run_pipeline:
        return _print_pipeline(pipeline)
    where = target(args.target, app.settings.current_run)
    order = Order(args, app, pipeline, where, parse_downselection(args.downselect))
    if args.dry_run_dirs:
        for event in order.find():
            print(event.path)
        return 0
    if args.err_alert:
        print("llama run: --err-alert comes with publishing; until then the log tells of errors", file=sys.stderr)
    if args.kill or args.kill_first:
        end_competitors(order)
    if args.kill:
        return 0
    return _once(order) if args.once else go_on(order)


def _once(order: Order) -> int:
    from llama.cli.run_text import conclude, nothing_in
    from llama.engine.folder import SharedDigests
    from llama.operate.programs import running

    args, app = order.args, order.app
    with running(order.program, app, args.verbosity, args.logfile, tells=False) as program:
        runner = order.runner(program)
        events = order.find()
        if not events:
            print(f"llama run: {nothing_in(order.where, app.settings.current_run)}", file=sys.stderr)
            return 1
        program.on_stop(runner.stop)
        runner.once(events)
        open_ = conclude(events, order.pipeline, SharedDigests(app))
        if program.signal is not None:
            return 128 + program.signal
        return 1 if runner.troubles or runner.failures or open_ else 0


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
