"""What one `llama run` is to do: which events, which products, as they were asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.selection import Chooser, Downselection, Target, select
from llama.engine.folder import Event
from llama.engine.graph import Pipeline
from llama.engine.running import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from llama.app import App
    from llama.operate.programs import Program


@dataclass(frozen=True)
class Order:
    """The words of the command, and what they mean."""

    args: argparse.Namespace
    app: App
    pipeline: Pipeline
    where: Target
    wanted: Downselection

    @property
    def run(self) -> Path:
        """The run's folder by its one name."""
        return self.where.run.resolve()

    @property
    def folder(self) -> Path:
        """What a program that keeps this up to date holds for itself: the run, or the one event that is named."""
        return self.run / self.where.pattern if self.where.exact else self.run

    @property
    def program(self) -> str:
        """What the program is called, and its log."""
        from llama.operate.daemons import daemon_name

        return daemon_name(self.folder, self.app.settings.current_run, self.app.settings.logs)

    @property
    def about(self) -> dict[str, str]:
        """For those who look at the state of the program."""
        return {"run": str(self.run), "events": self.where.pattern, "pipeline": self.pipeline.name}

    def find(self) -> list[Event]:
        """The events meant, newest first. One that is named is taken as it is; others are downselected."""
        events = self.where.events()
        if self.where.exact:
            return events
        return select(events, self.wanted, self.pipeline, now=datetime.now(UTC), newest=self.args.newest)

    def finder(self) -> Callable[[], list[Event]]:
        """`find`, to be asked again and again."""
        if self.where.exact:
            return self.find
        return Chooser(self.where, self.wanted, self.pipeline, self.args.newest)

    def runner(self, program: Program, rested: Callable[[Event], None] | None = None) -> Runner:
        """What makes the products."""
        from llama.app import DEFAULT_PIPELINE_NAME, preload
        from llama.operate.keeping import open_runner

        processes = self.app.processes(self.args.pipeline or DEFAULT_PIPELINE_NAME, self.args.workers, program.log)
        return open_runner(self.app, self.pipeline, processes, preload(), rested)

    def words(self, *, foreground: bool, relaunch: bool) -> list[str]:
        """The same order for a fresh process, in which this folder means nothing."""
        args = self.args
        words = ["run", str(self.where.run / self.where.pattern), "-n", str(args.newest), "-v", args.verbosity]
        words += ["-F"] if foreground else []
        words += ["-r"] if relaunch else []
        words += ["-p", args.pipeline] if args.pipeline else []
        words += [f"--downselect={args.downselect}"] if args.downselect else []
        words += ["-j", str(args.workers)] if args.workers else []
        words += ["-l", str(args.logfile.absolute())] if args.logfile else []
        words += ["-f", *args.only] if args.only else []
        words += ["+f", *args.upto] if args.upto else []
        return words
