"""One connection to one server, and what may be asked of it. asyncssh's errors become ours here, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama.advice import DV_INIT, Advice
from llama.fleet.errors import KeyChanged, NotToBeDone, ServerFailed
from llama.fleet.ssh.host_keys import KnownKeys, fingerprint
from llama.fleet.ssh.servers import SshServer

if TYPE_CHECKING:
    from asyncssh import SSHClient, SSHClientConnection, SSHClientProcess, SSHKey

EXTRA = "pip install 'llama-astro[fleet]'"
_FORGET = Advice(("dev", "dv", "forget"))
_SSH_PORT = 22
_KEEPALIVE_S, _CLOSING_S = 15.0, 1.0
_SAID = ("User", "Port", "Hostname", "HostKeyAlias")
_AT_ONCE = 1 << 16
MOST_BYTES = 64 << 20
"""What one command may say."""


@dataclass(frozen=True)
class Output:
    """What a command said, and how it ended; `status` is None when it was ended by a signal."""

    status: int | None
    out: bytes
    err: bytes


@dataclass
class Stage:
    """How far a connection has come, to say what is missing when it comes no further."""

    reached: str = "it cannot be reached"
    offered: SSHKey | None = None


@dataclass(frozen=True)
class Streams:
    """Of a command that runs: each reads, or writes, bytes. `wait` gives its exit status, None for a signal."""

    stdin: Any
    stdout: Any
    stderr: Any
    wait: Callable[[], Awaitable[int | None]]


@dataclass
class LogIn:
    """How we log in everywhere.

    Attributes:
        known: host keys. trusting: whether a host that is not known at all is taken in (its key is put into
            `fresh`, and at the end written down); taken_in: how many were.
        config: `~/.ssh/config`, where there is one.
    """

    known: KnownKeys
    user: str | None = None
    port: int | None = None
    key: Path | None = None
    config: Path | None = None
    trusting: bool = False
    fresh: dict[tuple[str, int], SSHKey] = field(default_factory=dict)
    taken_in: int = 0
    _keys: list[Any] = field(default_factory=list)

    def prepare(self) -> None:
        """Read what all connections share. NotToBeDone for a missing library, or a key that cannot be used."""
        try:
            import asyncssh
        except ImportError as error:
            raise NotToBeDone(f"SSH needs a library that is not installed: {EXTRA}") from error
        asyncssh.set_log_level("CRITICAL")  # what goes wrong is told by us, once
        if self.key is None:
            return
        try:
            self._keys = list(asyncssh.load_keypairs([str(self.key)]))
        except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise NotToBeDone(
                f"the key {self.key} cannot be used ({why}); an agent can hold one that is encrypted"
            ) from None

    def finish(self) -> None:
        """Write down the keys of hosts that were taken in."""
        self.known.add((host, port, key) for (host, port), key in self.fresh.items())
        self.taken_in += len(self.fresh)
        self.fresh.clear()

    @asynccontextmanager
    async def connected(self, server: SshServer, stage: Stage) -> AsyncIterator[Link]:
        """A connection, closed at the end. ServerFailed says what kept it from being made.

        It may wait for ever: whoever sets a time finds in `stage` what was missing when it was over.
        """
        import asyncssh

        with _translated(stage, server, self):
            connection = await asyncssh.connect(client_factory=lambda: _watcher(self, stage), **self.options(server))
        stage.reached = "what was asked of it does not end"
        try:
            yield SshLink(server, connection)
        finally:
            connection.close()
            with suppress(asyncio.TimeoutError, OSError, asyncssh.Error):
                await asyncio.wait_for(connection.wait_closed(), _CLOSING_S)

    def options(self, server: SshServer) -> dict[str, Any]:
        """As asyncssh takes them: what the server's line says, then `~/.ssh/config`, then the settings."""
        said = self._said_of(server.host)
        found: dict[str, Any] = {
            "host": server.host,
            "known_hosts": self.known.match,
            "config": [str(self.config)] if said else None,
            "keepalive_interval": _KEEPALIVE_S,
        }
        if self._keys:
            found["client_keys"] = self._keys
        if (user := server.user or (None if "User" in said else self.user)) is not None:
            found["username"] = user
        if (port := server.port or (None if "Port" in said else self.port)) is not None:
            found["port"] = port
        return found

    def place(self, server: SshServer) -> tuple[str, int]:
        """Host and port of a server, as they stand in files of host keys."""
        said = self._said_of(server.host)
        host = said.get("HostKeyAlias") or said.get("Hostname") or server.host
        return str(host), int(server.port or said.get("Port") or self.port or _SSH_PORT)

    def _said_of(self, host: str) -> dict[str, Any]:
        """What `~/.ssh/config` says of a host; nothing where there is none."""
        if self.config is None or not self.config.is_file():
            return {}
        import asyncssh

        try:
            asked: dict[str, Any] = {"config": [str(self.config)], "client_keys": None, "agent_path": None}
            read = asyncssh.SSHClientConnectionOptions(host=host, known_hosts=None, **asked)
        except (asyncssh.ConfigParseError, OSError, ValueError) as error:
            raise NotToBeDone(f"{self.config} cannot be read: {error}; mend it") from error
        return {"file": self.config} | {name: value for name in _SAID if (value := read.config.get(name)) is not None}


class Link(ABC):
    """What may be asked of a server while we are connected to it."""

    def __init__(self, server: SshServer) -> None:
        self.server = server

    @abstractmethod
    async def run(self, command: str, given: bytes = b"", most: int = MOST_BYTES) -> Output:
        """A command, as the server's shell understands it; ServerFailed for one that says more than `most` bytes."""

    @abstractmethod
    def process(self, command: str) -> AbstractAsyncContextManager[Streams]:
        """A command whose streams are read and written as it goes, from its start to its end."""


class SshLink(Link):
    """Over SSH."""

    def __init__(self, server: SshServer, connection: SSHClientConnection) -> None:
        super().__init__(server)
        self.connection = connection

    async def run(self, command: str, given: bytes = b"", most: int = MOST_BYTES) -> Output:
        async with self._process(command) as process:
            if given:
                process.stdin.write(given)
            process.stdin.write_eof()
            out, err = await asyncio.gather(all_of(process.stdout, most), all_of(process.stderr, most))
            await process.wait_closed()
            return Output(process.exit_status if process.exit_signal is None else None, out, err)

    @asynccontextmanager
    async def process(self, command: str) -> AsyncIterator[Streams]:
        async with self._process(command) as process:

            async def wait() -> int | None:
                await process.wait_closed()
                return process.exit_status if process.exit_signal is None else None

            yield Streams(process.stdin, process.stdout, process.stderr, wait)

    @asynccontextmanager
    async def _process(self, command: str) -> AsyncIterator[SSHClientProcess[bytes]]:
        with _translated(Stage()):
            async with self.connection.create_process(command, encoding=None) as process:
                yield process


async def all_of(stream: Any, most: int) -> bytes:
    """What a stream says; ServerFailed for more than `most` bytes."""
    found = bytearray()
    while data := await stream.read(_AT_ONCE):
        found += data
        if len(found) > most:
            raise ServerFailed(f"it says more than {most / 1e6:.0f} MB; ask for less, or send it to a file there")
    return bytes(found)


def _watcher(login: LogIn, stage: Stage) -> SSHClient:
    """Watches how far a connection comes, and decides about host keys that are not known."""
    import asyncssh

    class Watcher(asyncssh.SSHClient):
        def connection_made(self, conn: SSHClientConnection) -> None:
            stage.reached = "it takes the connection and sends no SSH greeting"

        def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
            stage.offered = key
            if not login.trusting or login.known.holding(host, port) is not None:
                return False
            login.fresh[(host, port)] = key
            return True

        def begin_auth(self, username: str) -> None:
            stage.reached = "it does not say whether it lets us in"

    return Watcher()


@contextmanager
def _translated(stage: Stage, server: SshServer | None = None, login: LogIn | None = None) -> Iterator[None]:
    """What goes wrong at one server becomes a ServerFailed that says it in a sentence."""
    import asyncssh

    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise _about_key(stage, server, login, error) from error
    except asyncssh.PermissionDenied as error:
        raise ServerFailed("it does not let us in: no key of ours is taken; is the user right?") from error
    except asyncssh.ChannelOpenError as error:
        raise ServerFailed(f"it starts no command: {error.reason}") from error
    except asyncssh.ConnectionLost as error:
        raise ServerFailed("the connection broke off") from error
    except asyncssh.Error as error:
        raise ServerFailed(f"SSH failed: {error.reason or type(error).__name__}") from error
    except TimeoutError as error:
        raise ServerFailed(stage.reached) from error
    except OSError as error:
        raise ServerFailed(_of_network(error)) from error
    except ValueError as error:  # asyncssh's word for options and addresses that cannot be
        raise ServerFailed(str(error)) from error


def _of_network(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "it refuses connections: no SSH server answers there (yet)"
    if isinstance(error, socket.gaierror):
        return f"its name is not known to the network: {error.strerror}"
    return error.strerror or str(error)


def _about_key(stage: Stage, server: SshServer | None, login: LogIn | None, error: Exception) -> ServerFailed:
    if server is None or login is None or stage.offered is None:
        return ServerFailed(f"its host key cannot be trusted: {error}")
    shown, (host, port) = fingerprint(stage.offered), login.place(server)
    where = login.known.holding(host, port)
    if where is None:
        return ServerFailed(f"its host key ({shown}) is not known yet; {DV_INIT} takes it in")
    ours = where == login.known.ours
    mend = f"{_FORGET} forgets the old one" if ours else f"take the old one out of {where}"
    return KeyChanged(
        f"its host key changed: it shows {shown}, not the key in {where}. If it was made anew, {mend}; if not, "
        "somebody may be listening"
    )
