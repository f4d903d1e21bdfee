"""This machine in a server's place: the same questions, asked without SSH."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from llama.fleet.ssh.connecting import MOST_BYTES, Link, Output, Stage, Streams, all_of
from llama.fleet.ssh.servers import SshServer

THIS = SshServer("local", "127.0.0.1")


class ThisMachine:
    """Commands run on this machine, in the home of whoever asks, as a server would run them."""

    def prepare(self) -> None:
        """Nothing is shared."""

    def finish(self) -> None:
        """Nothing is left."""

    @asynccontextmanager
    async def connected(self, server: SshServer, stage: Stage) -> AsyncIterator[Link]:
        """Nobody to connect to."""
        stage.reached = "what was asked of it does not end"
        yield _OwnLink(server)


class _OwnLink(Link):
    async def run(self, command: str, given: bytes = b"", most: int = MOST_BYTES) -> Output:
        async with self._process(command) as process:
            assert process.stdin and process.stdout and process.stderr
            with suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(given)
                await process.stdin.drain()
            process.stdin.close()
            out, err = await asyncio.gather(all_of(process.stdout, most), all_of(process.stderr, most))
            status = await process.wait()
            return Output(status if status >= 0 else None, out, err)

    @asynccontextmanager
    async def process(self, command: str) -> AsyncIterator[Streams]:
        async with self._process(command) as process:

            async def wait() -> int | None:
                status = await process.wait()
                return status if status >= 0 else None

            yield Streams(process.stdin, process.stdout, process.stderr, wait)

    @asynccontextmanager
    async def _process(self, command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        pipe = asyncio.subprocess.PIPE
        shell = os.environ.get("SHELL") or "/bin/sh"
        process = await asyncio.create_subprocess_exec(
            shell, "-c", command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=Path.home()
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()
