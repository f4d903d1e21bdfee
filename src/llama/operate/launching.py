"""Fresh processes of our own programs, and what they tell whoever started them.

A daemon is never forked from a command: threads and a fork server's pipes would come along. It is a new Python in a
session of its own, which says `up` through a pipe once it works, and `stopped` before it ends as it was asked to.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from llama.operate.errors import NotUp

UP, STOPPED, REFUSED = b"up\n", b"stopped\n", b"refused\n"
OPTION = "--as-daemon"
"""The hidden option by which a fresh process learns which of its open files are pipe and lock."""
_LAST_LINES, _LAST_BYTES = 15, 100_000


@dataclass(frozen=True)
class Inherited:
    """What a fresh process has of whoever started it, as the numbers of open files: a pipe, perhaps a lock."""

    report: int | None
    lock: int | None = None

    @classmethod
    def of(cls, text: str) -> Inherited:
        """As `str` wrote it. Raises ValueError."""
        report, comma, lock = text.partition(",")
        return cls(int(report), int(lock) if comma else None)

    def __str__(self) -> str:
        return str(self.report) if self.lock is None else f"{self.report},{self.lock}"


class Tidings:
    """Says to whoever started this process how it goes; to nobody when nobody asked, or is gone."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._said: set[bytes] = set()
        if fd is not None:
            os.set_inheritable(fd, False)  # the pipe's end is to mean the end of this process

    def say(self, word: bytes) -> None:
        """Once."""
        if self._fd is not None and word not in self._said:
            self._said.add(word)
            with suppress(BrokenPipeError):
                os.write(self._fd, word)


@dataclass
class Child:
    """A fresh process, and the end of the pipe through which it reports."""

    process: subprocess.Popen[bytes]
    report: int

    def close(self) -> None:
        """Hear no more of it."""
        os.close(self.report)


def start(words: list[str], *, out: Path | None = None, lock: int | None = None) -> Child:
    """`llama WORDS` in a fresh process.

    Args:
        words: of the command, which understands OPTION.
        out: where its screen is written to, what no log knows how to take; it then leads a session of its own, away
            from this terminal. None: it shares the terminal.
        lock: the open file of a lock that it is to hold, too.
    """
    ours, theirs = os.pipe()
    inherited = (theirs,) if lock is None else (theirs, lock)
    # -P: what lies about in this folder is none of its modules
    command = [sys.executable, "-P", "-m", "llama", *words, OPTION, str(Inherited(*inherited))]
    streams = _Streams(out)
    try:
        process = subprocess.Popen(
            command,
            stdin=None if out is None else subprocess.DEVNULL,
            stdout=streams.fd,
            stderr=streams.fd,
            start_new_session=out is not None,
            pass_fds=inherited,
        )
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
        streams.close()
    return Child(process, ours)


class _Streams:
    """Where a daemon's screen goes. On a full disk, nowhere: it works all the same."""

    def __init__(self, out: Path | None) -> None:
        self.fd: int | None = None
        if out is not None:
            try:
                out.parent.mkdir(parents=True, exist_ok=True)
                self.fd = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except OSError:
                self.fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)


def launch(words: list[str], out: Path) -> int:
    """Start a daemon, and come back with its pid once it works. Raises NotUp with its own words when it does not."""
    before = _size(out)
    child = start(words, out=out)
    heard = b""
    try:
        while UP not in heard and (data := os.read(child.report, 64)):
            heard += data
    except BaseException:  # whoever waits has changed their mind
        child.process.send_signal(signal.SIGTERM)
        raise
    finally:
        child.close()
    if UP in heard:
        return child.process.pid
    status = child.process.wait()
    said = _said(out, before).removeprefix("llama: ")
    raise NotUp(f"it did not come up: {said or f'it {how_it_ended(status)} and said nothing'}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _said(out: Path, since: int) -> str:
    """What was written there since, the end of it."""
    if not out.is_file():  # a device has no end
        return ""
    try:
        with open(out, "rb") as file:
            file.seek(max(since, _size(out) - _LAST_BYTES))
            text = file.read(_LAST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-_LAST_LINES:])


def how_it_ended(status: int) -> str:
    """In words."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
