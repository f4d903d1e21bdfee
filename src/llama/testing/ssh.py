"""SSH servers on this machine, for tests and rehearsals: many in one process, each with a home and a host key of its
own, at addresses 127.0.x.y. They run what they are asked to in real shells, as whoever started them, without root.

    with SshFarm(folder, names=["llama-00", "llama-01"]) as farm:
        farm.servers_file      # for [ssh] servers
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncssh import SSHAcceptor, SSHKey, SSHServerProcess

_AT_ONCE = 1 << 16
USER = "llama"


class SshFarm:
    """Servers from `with` to its end, each at an address of its own and one port.

    Attributes:
        folder: holds the home of each, `HOME/NAME`, the client's key and what the settings name.
        names: of the servers. environ: what commands there find besides, such as a PATH with the program.
        mute: names of servers that take a connection and never say anything.
        hung: names of servers that let us in, and whose commands never begin.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        environ: Mapping[str, str] | None = None,
        mute: Sequence[str] = (),
        hung: Sequence[str] = (),
    ) -> None:
        self.folder, self.names, self.environ = folder, list(names), dict(environ or {})
        self.mute, self.hung = frozenset(mute), frozenset(hung)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ssh farm", daemon=True)
        self._open: dict[str, SSHAcceptor | asyncio.Server] = {}
        self._keys: dict[str, SSHKey] = {}

    def __enter__(self) -> SshFarm:
        import asyncssh

        (self.folder / "home").mkdir(parents=True, exist_ok=True)
        ours = asyncssh.generate_private_key("ssh-ed25519", comment="farm")
        ours.write_private_key(str(self.key))
        self.key.chmod(0o600)
        ours.write_public_key(str(self.authorized))
        self._thread.start()
        for name in self.names:
            self.start(name)
        lines = [f"{name} {USER}@{self.address(name)}:{self.port}\n" for name in self.names]
        self.servers_file.write_text("".join(lines), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._open):
            self.stop(name)
        self._call(_end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def key(self) -> Path:
        """The private key that all of them let in."""
        return self.folder / "id_ed25519"

    @property
    def authorized(self) -> Path:
        """Its public half."""
        return self.folder / "id_ed25519.pub"

    @property
    def servers_file(self) -> Path:
        """The list of all of them."""
        return self.folder / "servers.txt"

    @property
    def settings(self) -> dict[str, str]:
        """Variables with which commands reach them."""
        return {
            "LLAMA_SSH_SERVERS": str(self.servers_file),
            "LLAMA_SSH_KEY": str(self.key),
            "LLAMA_SSH_KNOWN_HOSTS": str(self.folder / "known_hosts"),
        }

    def home(self, name: str) -> Path:
        """The home of a server."""
        return self.folder / "home" / name

    def address(self, name: str) -> str:
        """127.0.1.0 and up, one for each."""
        number = self.names.index(name) + 256
        return f"127.0.{number // 256}.{number % 256}"

    def start(self, name: str, fresh_key: bool = False) -> None:
        """Start one, a new one perhaps; with another host key than before if so asked."""
        import asyncssh

        if name not in self.names:
            self.names.append(name)

        self.home(name).mkdir(exist_ok=True)
        if fresh_key or name not in self._keys:
            self._keys[name] = asyncssh.generate_private_key("ssh-ed25519")
        self._open[name] = self._call(self._serve(name))
        self.port = self.port or self._open[name].sockets[0].getsockname()[1]

    def stop(self, name: str) -> None:
        """End one, with its connections."""
        self._call(self._end(self._open.pop(name)))

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _end(self, server: SSHAcceptor | asyncio.Server) -> None:
        server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)

    async def _serve(self, name: str) -> SSHAcceptor | asyncio.Server:
        import asyncssh

        host = self.address(name)
        if name in self.mute:
            return await asyncio.start_server(lambda reader, writer: None, host, self.port)
        return await asyncssh.listen(
            host,
            self.port,
            server_host_keys=[self._keys[name]],
            authorized_client_keys=str(self.authorized),
            process_factory=lambda process: self._answer(name, process),
            encoding=None,
            gss_host=None,
            allow_scp=False,
        )

    async def _answer(self, name: str, process: SSHServerProcess[bytes]) -> None:
        """One command, as sshd runs it: by a shell, in the home, with pipes; what it left behind outlives it."""
        if name in self.hung:
            await asyncio.Event().wait()
        home = self.home(name)
        environ = {"PATH": os.environ.get("PATH", os.defpath), "USER": USER, "SHELL": "/bin/sh", **self.environ}
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", process.command or "exit 1", stdin=pipe, stdout=pipe, stderr=pipe, cwd=home,
            env={**environ, "HOME": str(home)}, start_new_session=True, limit=_AT_ONCE,
        )  # fmt: skip
        assert child.stdin and child.stdout and child.stderr
        given = asyncio.ensure_future(_pump(process.stdin, child.stdin))
        try:
            await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
            status = await child.wait()
            process.exit(status) if status >= 0 else process.exit_with_signal("TERM")
        except (OSError, asyncio.CancelledError):
            with suppress(ProcessLookupError, TimeoutError):
                child.terminate()
                await asyncio.wait_for(child.wait(), 1)
            child._transport.close()  # type: ignore[attr-defined]  # or its pipes would be when their loop is over
        finally:
            given.cancel()


async def _end_all() -> None:
    """Whatever is still being answered."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _pump(source: Any, sink: Any) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        while data := await source.read(_AT_ONCE):
            sink.write(data)
            await sink.drain()
        if hasattr(sink, "close") and isinstance(sink, asyncio.StreamWriter):
            sink.close()
