"""What only one program at a time may do: a lock in a folder, which says who holds it.

The lock is the kernel's (`flock`), so whoever dies does not hold it, whatever stands in the file.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from llama.engine.folder import Owner, lives, storage_errors
from llama.operate.errors import AlreadyRunning

_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.0)  # somebody may only be looking, or has not yet written who he is


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock: a process of a program, since when."""

    program: str
    pid: int
    host: str
    boot: str
    process_started: float
    since: datetime

    @property
    def owner(self) -> Owner:
        """The process."""
        return Owner(self.host, self.boot, self.pid, self.process_started)


def myself(program: str, now: datetime) -> Holder:
    """This process as a holder."""
    me = Owner.myself()
    return Holder(program=program, pid=me.pid, host=me.host, boot=me.boot, process_started=me.started, since=now)


class Sole:
    """A folder held for one kind of program: `FOLDER/.llama/KIND.lock`. The file stays when the program is gone.

    The folder may vanish while it is held, and come back as another one: `keep` sees to that.
    """

    def __init__(self, folder: Path, kind: str, holder: Holder, inherited: int | None = None) -> None:
        """Take it. Raises AlreadyRunning, with the pid of the other, when it is held.

        `inherited`: the lock of whoever started this process, as `fileno` gave it. It is held as long as one of the
        two lives, and by the name of the other until that is gone.
        """
        self.folder = folder.absolute()
        self._kind = kind
        self._holder = holder
        self._fd = -1
        if inherited is None:
            self._take()
        else:
            os.set_inheritable(inherited, False)
            self._fd = inherited
            self.keep()

    @property
    def path(self) -> Path:
        """The lock's file."""
        return lock_path(self.folder, self._kind)

    def keep(self) -> None:
        """Take it again if its folder was replaced. Raises AlreadyRunning when another program was faster.

        While there is no folder there is nothing to hold.
        """
        if not self.folder.is_dir():
            return
        if not _same(self._fd, self.path):
            self.release()
            self._take()
        elif _read(self.path) is None:  # whoever it was inherited from is gone
            self._sign()

    def fileno(self) -> int:
        """The open lock, to hand on to a process."""
        return self._fd

    def release(self) -> None:
        """Let others have it."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _take(self) -> None:
        for pause_s in _PAUSES_S:
            with storage_errors(self.path):
                self.path.parent.mkdir(exist_ok=True)
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same(fd, self.path):  # nobody has taken the folder away meanwhile
                    self._fd = fd
                    self._sign()
                    return
            os.close(fd)
            time.sleep(pause_s)
        raise _refusal(self.folder, _read(self.path))

    def _sign(self) -> None:
        """Write who holds it; on a full disk it is held all the same, by somebody who is not named."""
        line = msgspec.json.encode(self._holder) + b"\n"
        with suppress(OSError):
            os.pwrite(self._fd, line, 0)
            os.ftruncate(self._fd, len(line))


def lock_path(folder: Path, kind: str) -> Path:
    """Where the lock of a folder for a kind of program is."""
    return folder / ".llama" / f"{kind}.lock"


def held(folder: Path, kind: str) -> tuple[bool, Holder | None]:
    """Whether a program holds the folder now, and which one as far as that is written."""
    path = lock_path(folder, kind)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False, None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True, _read(path)
    finally:
        os.close(fd)
    return False, None


def refuse_if_held(folder: Path, kind: str) -> None:
    """Raise AlreadyRunning if a program holds the folder now."""
    taken, holder = held(folder, kind)
    if taken:
        raise _refusal(folder, holder)


def _read(path: Path) -> Holder | None:
    """Who has signed; None for one that is gone, who cannot be who holds it now."""
    try:
        holder = msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None
    return None if lives(holder.owner, Owner.myself()) is False else holder


def _same(fd: int, path: Path) -> bool:
    if fd < 0:
        return False
    try:
        there = path.stat()
    except OSError:
        return False
    ours = os.fstat(fd)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _refusal(folder: Path, holder: Holder | None) -> AlreadyRunning:
    if holder is None:
        return AlreadyRunning(f"another program works on {folder} already; which one is not known", None)
    since = holder.since.strftime("%Y-%m-%d %H:%M:%SZ")
    here = "" if holder.host == Owner.myself().host else f" on {holder.host}"
    return AlreadyRunning(
        f"{holder.program} works on {folder} already: process {holder.pid}{here}, since {since}", holder.pid
    )
