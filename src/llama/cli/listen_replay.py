"""Take notices in once more, from files, folders or the archive: JSON, Avro and VOEvent, in order of time.

They go the way of those that are heard. Events of alerts that were written more than a day ago start with the preset
RERUN, so that nothing goes out because of a replay; --flags says another. A folder may be the archive, a month or day
of it (also a packed one), or gcn/dead_letters, to try again what nobody could read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.listening import add_folders, add_program

if TYPE_CHECKING:
    from llama.app import App
    from llama.operate.replaying import Replay, Replayed

_PRESETS = ("RERUN", "DEFAULT", "TRIGGERED_TEST", "TRIGGERED_INTERNAL", "TRIGGERED_PUBLIC")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add = parser.add_argument
    add("places", nargs="+", type=Path, metavar="FILE|FOLDER", help="notices, or folders of them")
    add(
        "--pace",
        nargs="?",
        type=_factor,
        const=1.0,
        metavar="FACTOR",
        help="as far apart as they were written, FACTOR times faster (1); without it at once",
    )
    add("--flags", choices=_PRESETS, metavar="PRESET", help=f"of events of real alerts: {', '.join(_PRESETS)}")
    add("--dry-run", action="store_true", help="print the notices in order, and stop")
    add_folders(parser)
    add_program(parser)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no factor above 0; write --pace after the files, or --pace=1")
    return factor


def main(args: argparse.Namespace, app: App) -> int:
    """Replay them; 1 when nothing could be made of one."""
    import time

    from llama.operate.programs import running
    from llama.operate.replaying import at_pace, collect

    replay = _replay(args, app)
    notices = collect(args.places, replay.past.archive)
    if args.dry_run:
        for one in notices:
            print(f"{one.at:%Y-%m-%dT%H:%M:%SZ}  {one.topic or '(topic not known)'}  {one.kept}")
        return 0
    dead = new = 0
    with running("replay", app, args.verbosity, args.logfile) as program:
        for number, notice in enumerate(at_pace(notices, args.pace, program.pause, time.monotonic), 1):
            came = replay.take(notice)
            print(_line(came))
            sys.stdout.flush()
            dead, new = dead + bool(came.dead), new + came.new
            program.beat(last_message=notice.kept.name, queue=len(notices) - number)
    print(f"{len(notices)} notice(s), {new} new event(s), {dead} of which nothing could be made")
    return 1 if dead else 0


def _replay(args: argparse.Namespace, app: App) -> Replay:
    from llama.app import messengers
    from llama.engine.folder import Run
    from llama.engine.running import utc_now
    from llama.intake import Archive, Intake
    from llama.operate.replaying import Replay
    from llama.settings import LISTEN

    run = Run(args.rundir or app.settings.current_run)
    archive = Archive((args.archive or app.settings.notices).absolute())
    readers = tuple(messengers().values())
    presets = (args.flags or app.section(LISTEN).preset_observation, args.flags or "RERUN")
    fresh, past = (Intake(run, archive, readers, preset) for preset in presets)
    return Replay(fresh, past, utc_now)


def _line(came: Replayed) -> str:
    name = came.notice.kept.name
    if came.dead:
        return f"{name}: nothing could be made of it; it is kept as {came.dead}"
    if not came.events:
        return f"{name}: no event's"
    return f"{name}: {'new event' if came.new else 'here already as'} {', '.join(came.events)}"
