"""What every long-running program of ours has: a log, a state for others to see, a lock, and a way to be stopped.

    with running("llamad", app, "INFO", sole=run) as program:
        program.on_stop(loop.stop)
        while not program.stopping:
            …
            program.beat(last_message="S190728q: up to date", queue=3)

The log is `logs/NAME.log` with `logs/NAME.jsonl` beside it (`llama.operate.logs`), the state `logs/NAME.state.json`
(`llama.operate.program_state`), the lock `SOLE/.llama/KIND.lock` (`llama.operate.sole`).
"""

from __future__ import annotations

import logging
import os
import select
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

import llama
from llama.engine.running import utc_now
from llama.operate.errors import AlreadyRunning
from llama.operate.logs import FILES_ONLY, Secretive, closing_log, open_log
from llama.operate.program_state import ProgramState, state_path, write_state
from llama.operate.sole import Sole, myself
from llama.sections import Secret, hide

_LOG = logging.getLogger("llama.operate")
_SELDOM_S = 1.0  # the state is not written more often
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LogFolder(Protocol):
    """What knows where logs are."""

    @property
    def logs(self) -> Path: ...


class Home(Secretive, Protocol):
    """What a program wants of the application."""

    @property
    def folders(self) -> LogFolder: ...


@contextmanager
def running(
    name: str,
    app: Home,
    level: str,
    logfile: Path | None = None,
    sole: Path | None = None,
    *,
    kind: str = "",
    lock: int | None = None,
    tells: bool = True,
    about: Mapping[str, str] | None = None,
    arguments: tuple[str, ...] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Iterator[Program]:
    """A program, from its start to its end.

    Args:
        name: of the program, by which its log and its state are called.
        app: knows where logs are, and what is to be hidden in them.
        level: from which on the log is shown on the screen.
        logfile: a further log, for people; raises OSError when its folder cannot be made.
        sole: a folder that no second program of this kind may work on at the same time: a run, a group's folder.
            Raises AlreadyRunning for the second one, which names the first. It must exist.
        kind: what the lock is for, where it is not the name.
        lock: that of whoever started this process, which it has inherited.
        tells: whether it keeps a state.
        about: what is worked on, for the state.
        arguments: of the command, where they are not those of this process.
        clock: the time.
    """
    logs = app.folders.logs
    with ExitStack() as ends:
        held = None
        if sole is not None:
            held = Sole(sole, kind or name, myself(_plain(name), clock()), lock)
            ends.callback(held.release)
        ends.enter_context(closing_log())
        log = open_log(level, logfile, app.secrets, logs / name)
        words = tuple(sys.argv[1:]) if arguments is None else arguments
        hidden = tuple(_plain(hide(word, app.secrets)) for word in words)
        state = _first(name, kind or name, clock(), held, hidden, about or {})
        program = Program(log, state_path(logs, name) if tells else None, state, held, clock, app.secrets)
        ends.callback(program.close)
        ends.enter_context(_signals(program.stop))
        start = "%s %s starts: process %d, %s"
        _LOG.info(start, name, llama.__version__, os.getpid(), shlex.join(hidden), extra=FILES_ONLY)
        with _told_how_it_ends(program):
            program.beat(force=True)
            yield program


class Program:
    """A program while it runs. `running` makes it."""

    def __init__(
        self,
        log: str,
        path: Path | None,
        state: ProgramState,
        lock: Sole | None,
        clock: Callable[[], datetime],
        secrets: tuple[Secret, ...],
    ) -> None:
        self.log = log
        """How the processes of steps write to its log, as `llama.engine.running.Recipe` takes it."""
        self.signal: int | None = None
        """The signal that stopped it first."""
        self._path, self._state, self._lock, self._clock, self._secrets = path, state, lock, clock, secrets
        self._written = -_SELDOM_S
        self._said = ""
        self._stopping = False
        self._to_tell: list[Callable[[], None]] = []
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)

    @property
    def name(self) -> str:
        """By which its log and its state are called."""
        return self._state.program

    @property
    def lock(self) -> Sole | None:
        """What it holds for itself."""
        return self._lock

    @property
    def state(self) -> ProgramState:
        """As it was last told, though it may not be written yet."""
        return self._state

    # ------------------------------------------------------------------ stopping

    @property
    def stopping(self) -> bool:
        """Whether it is to come to its end."""
        return self._stopping

    def stop(self, number: int | None = None) -> None:
        """Come to an end; may be called from a signal's handler (`number`) and from any thread."""
        if self.signal is None:
            self.signal = number
        self._stopping = True
        with suppress(BlockingIOError):  # it has been rung often enough
            self._rope.send(b"!")
        for tell in self._to_tell:
            tell()

    def on_stop(self, tell: Callable[[], None]) -> None:
        """Call this when it is to stop, or now if it already is; from a signal's handler: it may only ring a bell."""
        self._to_tell.append(tell)
        if self._stopping:
            tell()

    def pause(self, seconds: float) -> bool:
        """Wait so long, or until it is to stop; whether it is."""
        if not self._stopping:
            select.select([self._bell], [], [], max(seconds, 0.0))
        return self._stopping

    def fileno(self) -> int:
        """Becomes readable when it is to stop, for those who wait for other things too."""
        return self._bell.fileno()

    # ------------------------------------------------------------------ state

    def beat(
        self,
        *,
        last_message: str | None = None,
        lag_s: float | None = None,
        queue: int | None = None,
        failures: int | None = None,
        force: bool = False,
    ) -> None:
        """Say that all is well, and what there is to say; what is left out is as before.

        It is written at most every second, unless forced: a program beats as often as it likes, and at least every
        ten seconds. Raises AlreadyRunning when its folder was replaced and belongs to another program now.
        """
        now = self._clock()
        facts: dict[str, Any] = {"lag_s": lag_s, "queue": queue, "failures": failures}
        if last_message is not None:
            facts |= {"last_message": self._shown(last_message), "last_message_at": now}
        known = {key: value for key, value in facts.items() if value is not None}
        self._state = msgspec.structs.replace(self._state, heartbeat=now, **known)
        if force or time.monotonic() - self._written >= _SELDOM_S:
            self._written = time.monotonic()
            self._keep_lock()
            self._write()

    def _keep_lock(self) -> None:
        try:
            if self._lock is not None:
                self._lock.keep()
        except AlreadyRunning:
            raise
        except Exception as error:  # noqa: BLE001 - a disk that fails now is asked again at the next beat
            self._tell(f"the lock of {self.name} cannot be kept: {error}")

    def _shown(self, text: str) -> str:
        return _plain(hide(text, self._secrets))

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            write_state(self._state, self._path)
        except OSError as error:
            self._tell(f"the state of {self.name} cannot be written to {self._path}: {error.strerror or error}")
        else:
            self._said = ""

    def _tell(self, text: str) -> None:
        """Once, as long as it stays the same."""
        if text != self._said:
            self._said = text
            _LOG.warning("%s", text)

    def end(self, how: str) -> None:
        """Write down how it ended."""
        now = self._clock()
        self._state = msgspec.structs.replace(self._state, heartbeat=now, ended=now, ending=self._shown(how))
        self._write()

    def close(self) -> None:
        """Let go of what is open."""
        self._bell.close()
        self._rope.close()


def _first(
    name: str, kind: str, now: datetime, held: Sole | None, arguments: tuple[str, ...], about: Mapping[str, str]
) -> ProgramState:
    me = myself(name, now)
    return ProgramState(
        program=_plain(name),
        pid=me.pid,
        host=me.host,
        boot=me.boot,
        process_started=me.process_started,
        version=llama.__version__,
        kind=kind,
        folder=None if held is None else _plain(str(held.folder)),
        arguments=arguments,
        about={key: _plain(value) for key, value in about.items()},
        started=now,
        heartbeat=now,
    )


def _plain(text: str) -> str:
    """As it can be written: names of files may hold bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def _told_how_it_ends(program: Program) -> Iterator[None]:
    """The log's last line and the state say it, whatever happened."""
    try:
        yield
    except BaseException as error:
        how = f"failed: {type(error).__name__}: {error}".rstrip(": ")
        _LOG.error("%s ends, it %s", program.name, how, exc_info=error, extra=FILES_ONLY)
        program.end(how)
        raise
    name = "" if program.signal is None else f" by {signal.Signals(program.signal).name}"
    how = f"stopped{name}" if program.stopping else "done"
    _LOG.info("%s ends: %s", program.name, how, extra=FILES_ONLY)
    program.end(how)


@contextmanager
def _signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and the end of the terminal stop a program in good order.

    Only a process's main thread hears signals; a program in another thread is stopped by `Program.stop`. What whoever
    started us wants ignored (`nohup`) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [one for one in _STOPPING if one != signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, lambda number, frame: stop(number)) for one in heard}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
