"""Take in an event folder of the software before this, such as past_runs/events-o2/G298048.

It becomes an event where it is (with -d, a copy of it in another folder of events), and every file stays as it is.
What our products would make is kept as it was and not made again unless it is asked for: --remake does so for what
cannot be read today, and keeps what was there as a version. Doing it again changes nothing.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import REMAKE_FILE, RUN_ONCE, SHOW_EVENT

if TYPE_CHECKING:
    from llama.app import App
    from llama.flags import Flags
    from llama.operate.old_folders import Imported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama event import` understands."""
    add = parser.add_argument
    add("folder", nargs="+", type=Path, metavar="FOLDER", help="an event's folder without a journal")
    add("-d", "--directory", type=Path, metavar="RUNDIR", help="make a copy an event there, and leave FOLDER alone")
    add("--flags", nargs="+", metavar="PRESET|NAME=value", help="its flags (default: RERUN, a test if its alert is)")
    add("--remake", action="store_true", help="ask for what cannot be read today to be made again")


def main(args: argparse.Namespace, app: App) -> int:
    """One folder after the other."""
    from llama.app import pipelines
    from llama.operate.old_folders import ask_anew, import_folder

    flags, known = _flags(args), list(pipelines().values())
    for folder in args.folder:
        found = import_folder(folder, known, flags=flags, into=args.directory, now=datetime.now(UTC))
        asked = []
        if args.remake:
            products = [product for pipeline in known for product in pipeline]
            asked = ask_anew(found.event, products, found.unreadable, now=datetime.now(UTC))
        _tell(found, asked)
    return 0


def _flags(args: argparse.Namespace) -> Flags | None:
    from llama.engine.errors import EventError
    from llama.flags import PRESETS, parse_flags

    try:
        return parse_flags(args.flags, PRESETS["RERUN"]) if args.flags else None
    except ValueError as error:
        raise EventError(str(error)) from None


def _tell(found: Imported, asked: list[str]) -> None:
    from llama.cli.flags import shown
    from llama.flags import Flags

    event = found.event
    print(f"{event.label}: {found.files} files, flags {shown(Flags.of(event.refresh().flags))}")
    for name, why in found.left.items():
        print(f"  {ascii(name)[1:-1]} stays beside them, for {why}")
    for name, why in found.unreadable.items():
        after = "asked for anew" if name in asked else str(REMAKE_FILE.of(EVENT=event.path, FILE=name))
        print(f"  {name} cannot be read today ({why}): {after}")
    print(f"  {SHOW_EVENT.of(EVENT=event.path)} shows it, {RUN_ONCE.of(EVENT=event.path)} makes what is missing")
