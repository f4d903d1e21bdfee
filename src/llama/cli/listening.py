"""What the commands that listen have in common: their words, and the way from a broker to the run."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.advice import Advice
    from llama.app import App
    from llama.intake import Intake
    from llama.ports import Broker, Service

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Where what is heard goes to."""
    add = parser.add_argument
    add("-r", "--rundir", type=Path, metavar="FOLDER", help="where events go (the current run)")
    add("-g", "--archive", type=Path, metavar="FOLDER", help="where notices are archived (gcn in the data folder)")


def add_program(parser: argparse.ArgumentParser) -> None:
    """What every program that stays can be told."""
    add = parser.add_argument
    add("-v", "--verbosity", metavar="LEVEL", default="INFO", type=str.upper, choices=LEVELS, help=", ".join(LEVELS))
    add("-l", "--logfile", type=Path, metavar="LOGFILE", help="a further log, beside that in logs of the data folder")


def add_listening(parser: argparse.ArgumentParser) -> None:
    """What the listeners understand."""
    add_folders(parser)
    add = parser.add_argument
    add("-o", "--once", action="store_true", help="hear what there is, then end; 1 when the broker cannot be heard")
    add("--dry-run-topics", action="store_true", help="print the topics that would be heard, one a line, and stop")
    add("--err-alert", action="store_true", help="tell people of errors; comes with publishing")
    add_program(parser)


def intake_of(args: argparse.Namespace, app: App) -> Intake:
    """The door of the run."""
    from llama.app import messengers
    from llama.engine.folder import Run
    from llama.intake import Archive, Intake
    from llama.settings import LISTEN

    run = Run(args.rundir or app.settings.current_run)
    archive = Archive(args.archive or app.settings.notices)
    return Intake(run, archive, messengers().values(), app.section(LISTEN).preset_observation)


def listen(args: argparse.Namespace, app: App, key: Service[Broker], me: Advice) -> int:
    """Hear a broker until stopped, or with --once all that it has."""
    from llama.operate.hearing import Listener
    from llama.operate.programs import running

    broker: Broker = app.service(key)
    intake = intake_of(args, app)
    topics = broker.subscribe(intake.topics)
    if args.dry_run_topics:
        print("\n".join(topics))
        return 0
    if args.err_alert:
        print(f"{me.typed}: --err-alert comes with publishing; until then the log tells of errors", file=sys.stderr)
    intake.archive.root.mkdir(parents=True, exist_ok=True)
    about = {"run": str(intake.run.path), "archive": str(intake.archive.root), "topics": " ".join(topics)}
    where = intake.archive.root
    with (
        _alone(app.settings.data_dir, key.name, broker.group, me),
        running(key.name, app, args.verbosity, args.logfile, sole=where, about=about) as program,
    ):
        listener = Listener(broker, intake, program, once=args.once)
        so_far = listener.listen()
        broker.close()
    if args.once:
        dead = f", {so_far.dead} of them dead letters" if so_far.dead else ""
        print(f"{so_far.messages} message(s) heard of {broker.name}{dead}; events are in {intake.run.path}")
    return 0


@contextmanager
def _alone(data_dir: Path, name: str, group: str, me: Advice) -> Iterator[None]:
    """Alone at the broker's place.

    Another listener of the group, with whatever run and archive, would take away messages of the first.
    """
    from llama.engine.running import utc_now
    from llama.operate.sole import Sole, myself

    data_dir.mkdir(parents=True, exist_ok=True)
    kind = f"{name}-{hashlib.sha256(group.encode()).hexdigest()[:12]}"
    place = Sole(data_dir, kind, myself(me.typed, utc_now()))
    try:
        yield
    finally:
        place.release()
