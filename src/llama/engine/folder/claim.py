"""Who makes a product: enough about a process to tell, on the same machine, whether it still lives."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llama.engine.folder.journal import Claimed

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # Linux: PROC_PID_INIT_INO


@dataclass(frozen=True, slots=True)
class Owner:
    """One process on one machine since one boot. `started` tells it from a later one with the same pid."""

    host: str
    boot: str
    pid: int
    started: float

    @classmethod
    def myself(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(socket.gethostname(), boot_id(), pid, process_start(pid) or 0.0)


def person() -> str:
    """Who runs this process, as `user@host`: who gives the orders it writes."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def is_dead(claim: Claimed, me: Owner) -> bool:
    """Whether the claimant is known to be gone. Of another machine nothing is known: its claim must expire."""
    return lives(claim, me) is False


def is_mine(claim: Claimed, me: Owner) -> bool:
    """Whether this very process is the claimant."""
    return Owner(claim.host, claim.boot, claim.pid, claim.started) == me


def lives(claim: Claimed | Owner, me: Owner) -> bool | None:
    """Whether the claimant (or any process) still runs; None when that cannot be known from here."""
    if claim.host != me.host:
        return None
    boot, namespace = claim.boot.partition("/")[::2]
    if boot != me.boot.partition("/")[0]:
        return False
    if namespace != me.boot.partition("/")[2]:  # a container on this machine, whose process numbers mean nothing here
        return None
    return process_start(claim.pid) == claim.started


def is_expired(claim: Claimed, now: datetime) -> bool:
    """Whether the claim has run out, alive or not."""
    return now >= claim.expires


def boot_id() -> str:
    """Differs after every boot; in a container, followed by a slash and the namespace of its process numbers."""
    if _BOOT_ID.exists():
        namespace = _PID_NAMESPACE.stat().st_ino
        container = "" if namespace == _FIRST_PID_NAMESPACE else f"/{namespace}"
        return _BOOT_ID.read_text().strip() + container
    import psutil  # macOS

    return f"{psutil.boot_time():.0f}"


def process_start(pid: int) -> float | None:
    """When the process started, on a scale of its own; None when there is no such living process.

    On Linux in clock ticks since boot: the time of day would shift when the clock is set.
    """
    if not _BOOT_ID.exists():
        return _process_start_elsewhere(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else float(fields[19])


def _process_start_elsewhere(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
