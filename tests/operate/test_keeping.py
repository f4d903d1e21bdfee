"""A program that keeps events up to date says how it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llama.operate.keeping import keep
from llama.operate.program_state import read_state, state_path
from llama.operate.programs import running
from llama.sections import Secret


@dataclass
class Folders:
    logs: Path


@dataclass
class Application:
    folders: Folders
    secrets: tuple[Secret, ...] = ()


@dataclass
class Rounds:
    """Stands in for a runner: comes round twice, then is stopped."""

    stop_program: Callable[[], None]
    queue: int = 3
    last: str = ""
    failures: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True

    def watch(self, find: Any, changes: Any, turned: Callable[[], None]) -> None:
        turned()
        self.queue, self.last = 1, "S1: making p_astro.json"
        self.failures, self.troubles = ["S1: one"], ["S2: another"]
        turned()
        self.stop_program()


def test_the_state_is_that_of_the_runner_and_up_is_said_once(tmp_path: Path) -> None:
    app, ups = Application(Folders(tmp_path / "logs")), []
    with running("llamad", app, "QUIET") as program:
        runner = Rounds(program.stop)
        keep(program, runner, list, None, lambda: ups.append(program.state))  # type: ignore[arg-type]
    assert [(state.queue, state.last_message) for state in ups] == [(3, None)]
    assert runner.stopped
    state = read_state(state_path(tmp_path / "logs", "llamad"))
    assert state is not None
    assert (state.queue, state.failures, state.last_message) == (1, 2, "S1: making p_astro.json")
