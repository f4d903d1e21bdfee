"""How a program stands, as it says itself: `logs/NAME.state.json`, rewritten while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from llama.engine.folder import Owner, lives

ENDING = ".state.json"


class ProgramState(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a program, from its start to its end.

    Attributes:
        program: its name, that of its log.
        pid, host, boot, process_started: which process it is (`process_started` tells it from a later one with the
            same pid).
        kind, folder: what it holds for itself (`llama.operate.sole`), None when nothing.
        version: of the software.
        arguments: as it was started.
        about: what it works on, such as `run` and `pipeline`.
        started: when.
        heartbeat: when it last said that it is alive and nothing keeps it from working.
        last_message: the last thing it heard or did, None before the first; `last_message_at`: when.
        lag_s: how far behind it is, None when that means nothing to it.
        queue: how much waits to be done, or is being done.
        failures: how much goes wrong now.
        ended: when it ended, None while it runs, and when it was killed.
        ending: how it ended.
    """

    program: str
    pid: int
    host: str
    boot: str
    process_started: float
    version: str
    kind: str
    started: datetime
    heartbeat: datetime
    folder: str | None = None
    arguments: tuple[str, ...] = ()
    about: Mapping[str, str] = {}
    last_message: str | None = None
    last_message_at: datetime | None = None
    lag_s: float | None = None
    queue: int = 0
    failures: int = 0
    ended: datetime | None = None
    ending: str = ""

    @property
    def lives(self) -> bool | None:
        """Whether it still runs; None when that cannot be known from here."""
        if self.ended is not None:
            return False
        return lives(Owner(self.host, self.boot, self.pid, self.process_started), Owner.myself())


def state_path(logs: Path, program: str) -> Path:
    """Where a program keeps its state."""
    return logs / f"{program}{ENDING}"


def write_state(state: ProgramState, path: Path) -> None:
    """Replace the state that was there. Raises OSError, and then the old one stands."""
    fresh = path.with_name(f".{path.name}.{state.pid}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def read_state(path: Path) -> ProgramState | None:
    """The state in a file; None when there is none, or none that this version can read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ProgramState)
    except (OSError, msgspec.DecodeError):
        return None


def states(logs: Path) -> Iterator[ProgramState]:
    """Of every program that ever wrote there, in order of name."""
    for path in sorted(logs.glob(f"*{ENDING}")):
        if (state := read_state(path)) is not None:
            yield state
