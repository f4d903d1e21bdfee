"""Whether a server is the one it was: host keys, in files of the form that OpenSSH writes.

We trust what stands in our own file and in `~/.ssh/known_hosts`, and add to ours only, which may be that file.
"""

from __future__ import annotations

import base64
import fcntl
import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama.fleet.errors import NotToBeDone

if TYPE_CHECKING:
    from asyncssh import SSHKey, SSHKnownHosts

_SSH_PORT = 22


@dataclass
class KnownKeys:
    """The host keys that are known, read once.

    Attributes:
        ours: the file we add to. others: what else is trusted.
    """

    ours: Path
    others: Sequence[Path] = ()
    _parsed: dict[Path, SSHKnownHosts] = field(default_factory=dict)

    def match(self, host: str, addr: str, port: int | None) -> Any:
        """What asyncssh asks of a file of known hosts: keys and certificates of this host, from all files."""
        found: list[list[Any]] = [[], [], [], [], [], [], []]
        for path in self._files():
            for kinds, more in zip(found, self._read(path).match(host, addr, port), strict=True):
                kinds += dict.fromkeys(one for one in more if one not in kinds)
        return tuple(found)

    def holding(self, host: str, port: int) -> Path | None:
        """The file in which a key of this very host and port stands; None where it is not known at all."""
        wanted = label(host, port)
        for path in self._files():
            if any(_means(line, wanted) for line in path.read_text(encoding="utf-8").splitlines()):
                return path
        return None

    def add(self, keys: Iterable[tuple[str, int, SSHKey]]) -> None:
        """Write down keys of hosts, all at once."""
        lines = [f"{label(host, port)} {_as_text(key)}\n" for host, port, key in keys]
        if not lines:
            return
        with self._locked():
            old = self.ours.read_bytes() if self.ours.is_file() else b""
            end = b"" if not old or old.endswith(b"\n") else b"\n"
            with self.ours.open("ab") as file:
                file.write(end + "".join(lines).encode())
                file.flush()
                os.fsync(file.fileno())
        self._parsed.clear()

    def forget(self, hosts: Iterable[tuple[str, int]]) -> int:
        """Take out of our file all that stands there of these hosts; how many lines that were."""
        wanted = [label(host, port) for host, port in hosts]
        if not self.ours.is_file():
            return 0
        with self._locked():
            lines = self.ours.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if not any(_means(line, one) for one in wanted)]
            fresh = self.ours.with_name(f".{self.ours.name}.{os.getpid()}")
            fresh.write_text("".join(kept), encoding="utf-8")
            fresh.chmod(self.ours.stat().st_mode & 0o777)
            fresh.replace(self.ours)
        self._parsed.clear()
        return len(lines) - len(kept)

    def _files(self) -> list[Path]:
        return [path for path in dict.fromkeys((self.ours, *self.others)) if path.is_file()]

    def _read(self, path: Path) -> SSHKnownHosts:
        from asyncssh import import_known_hosts

        if path not in self._parsed:
            try:
                self._parsed[path] = import_known_hosts(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise NotToBeDone(f"{path} is no file of host keys: {error}; mend it") from error
        return self._parsed[path]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.ours.parent.mkdir(parents=True, exist_ok=True)
        if not self.ours.exists():
            self.ours.touch(mode=0o600)
        with self.ours.with_name(f".{self.ours.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def label(host: str, port: int) -> str:
    """How a host stands in such files."""
    return host if port == _SSH_PORT else f"[{host}]:{port}"


def _means(line: str, wanted: str) -> bool:
    """Whether a line is of this host: in plain text, or hashed as `HashKnownHosts yes` has it."""
    words = line.split()
    if not words or words[0].startswith(("#", "@")):
        return False
    if words[0].startswith("|1|"):
        salt, digest = (base64.b64decode(part) for part in words[0].split("|")[2:4])
        return hmac.digest(salt, wanted.encode(), "sha1") == digest
    return wanted in words[0].split(",")


def fingerprint(key: SSHKey) -> str:
    """A key as people compare it."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def _as_text(key: SSHKey) -> str:
    algorithm, data = key.export_public_key("openssh").decode().split()[:2]
    return f"{algorithm} {data}"
