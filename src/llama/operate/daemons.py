"""The daemons of `llama run`: what each is called, which there are, and their end."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llama.engine.folder import Owner, lives
from llama.operate.errors import NotEnded
from llama.operate.program_state import ProgramState, read_state, state_path, states
from llama.operate.sole import Holder, held

KIND = "llamad"
"""What the lock of a run is called, and the daemon of the current run."""
_LOOK_S = 0.05
_PATIENCE_S = 30.0  # steps get ten seconds to finish


@dataclass(frozen=True)
class Daemon:
    """One that works on a folder: a run, or a single event.

    `owner` is the process to be told to stop, `state` what it said last, None when it keeps its state elsewhere.
    """

    folder: Path
    owner: Owner
    since: datetime
    state: ProgramState | None

    @property
    def up(self) -> bool:
        """Whether it works now; it may be about to be started again."""
        return self.state is not None and self.state.lives is not False


def daemon_name(folder: Path, current_run: Path, logs: Path) -> str:
    """What the daemon of a folder is called, and its log: `llamad`, for other runs than the current with their name.

    Of two runs of one name the second one gets a word more, so that each log is of one run.
    """
    if folder.resolve() == current_run.resolve():
        return KIND
    name = f"{KIND}-{folder.name}"
    before = read_state(state_path(logs, name))
    if before is None or before.folder in (None, str(folder.absolute())):
        return name
    return f"{name}-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:6]}"


def daemons(logs: Path) -> Iterator[Daemon]:
    """Every one that writes its state there and still works, or is about to again."""
    for state in states(logs):
        if state.kind != KIND or state.folder is None:
            continue
        folder = Path(state.folder)
        taken, holder = held(folder, KIND)
        if taken and holder is not None:
            yield Daemon(folder, holder.owner, holder.since, state)
        elif state.lives is not False:  # its folder is away
            yield Daemon(
                folder, Owner(state.host, state.boot, state.pid, state.process_started), state.started, state
            )


def competitors(run: Path, folder: Path, logs: Path) -> list[Daemon]:
    """Those that work on events of a run, and whoever holds the folder that is wanted."""
    found = [one for one in daemons(logs) if one.state is not None and one.state.about.get("run") == str(run)]
    taken, holder = held(folder, KIND)
    if taken and holder is not None and holder.owner not in [one.owner for one in found]:
        found.append(_of(folder, holder))
    return found


def _of(folder: Path, holder: Holder) -> Daemon:
    return Daemon(folder, holder.owner, holder.since, None)


def end(daemon: Daemon, patience_s: float = _PATIENCE_S) -> bool:
    """Let it come to its end; whether it had to be killed. Raises NotEnded when that is not ours to do."""
    if lives(daemon.owner, Owner.myself()) is None:
        where = daemon.owner.host
        raise NotEnded(f"process {daemon.owner.pid} on {where} is in another machine or container: end it there")
    _signal(daemon, daemon.owner.pid, signal.SIGTERM)
    if _gone(daemon, patience_s):
        return False
    child = read_child(daemon)
    _signal(daemon, daemon.owner.pid, signal.SIGKILL)  # first, lest it starts the other again
    if child is not None:
        _signal(daemon, child, signal.SIGKILL)
    if not _gone(daemon, patience_s):
        raise NotEnded(f"process {daemon.owner.pid} does not end, though it was killed: its disk may hang")
    return True


def read_child(daemon: Daemon) -> int | None:
    """The process that works under a supervisor; None when the daemon works itself, or nothing lives."""
    state = daemon.state
    if state is None or state.lives is not True or state.pid == daemon.owner.pid:
        return None
    return state.pid


def _signal(daemon: Daemon, pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        try:
            os.kill(pid, number)
        except PermissionError as error:
            raise NotEnded(f"process {pid} on {daemon.folder} belongs to somebody else: {error.strerror}") from error


def _gone(daemon: Daemon, patience_s: float) -> bool:
    """Whether it ends within that time and lets go of its folder."""
    until = time.monotonic() + patience_s
    while lives(daemon.owner, Owner.myself()) or held(daemon.folder, KIND)[0]:
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_S)
    return True
