"""The same of many servers at once: each in a time of its own, and no failure hides what the others say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from llama.fleet.errors import FleetError, ServerFailed
from llama.fleet.ssh.connecting import Link, Stage
from llama.fleet.ssh.servers import SshServer

T = TypeVar("T")


class Way(Protocol):
    """How servers are reached."""

    def prepare(self) -> None:
        """Before the first; NotToBeDone for what none of them could be reached with."""

    def connected(self, server: SshServer, stage: Stage) -> AbstractAsyncContextManager[Link]:
        """A connection; ServerFailed for one that cannot be made."""

    def finish(self) -> None:
        """After the last, however it ended."""


Worked = Callable[[Link], Awaitable[T]]
"""What is done at each server, over one connection."""


@dataclass(frozen=True)
class Reply(Generic[T]):
    """What became of it at one server.

    Attributes:
        value: what the work returned, None when it failed. why: it failed; empty when it did not.
        seconds: it took.
    """

    server: SshServer
    value: T | None
    why: str
    seconds: float


@dataclass(frozen=True)
class Crowd:
    """How many servers are spoken to.

    Attributes:
        connections: at once. timeout_s: for each server, from the moment its turn comes.
    """

    way: Way
    connections: int = 50
    timeout_s: float | None = 60.0

    def all(
        self, servers: Sequence[SshServer], work: Worked[T], heard: Callable[[Reply[T]], None] = lambda reply: None
    ) -> list[Reply[T]]:
        """Do the work everywhere, and come back when all is done or out of time; replies are in the servers' order.

        `heard` gets each as it comes. Ctrl-C ends it: whoever has not answered until then has failed. FleetErrors
        other than ServerFailed are ours, and end it.
        """
        self.way.prepare()
        replies: dict[str, Reply[T]] = {}

        def keep(reply: Reply[T]) -> None:
            replies[reply.server.name] = reply
            heard(reply)

        try:
            asyncio.run(self._all(servers, work, keep))
        except KeyboardInterrupt:
            for server in servers:
                if server.name not in replies:
                    keep(Reply(server, None, "you stopped before it answered", 0.0))
        finally:
            self.way.finish()
        return [replies[server.name] for server in servers]

    async def _all(self, servers: Iterable[SshServer], work: Worked[T], keep: Callable[[Reply[T]], None]) -> None:
        turns = asyncio.Semaphore(self.connections)

        async def one(server: SshServer) -> None:
            async with turns:
                keep(await self._one(server, work))

        try:
            async with asyncio.TaskGroup() as group:
                for server in servers:
                    group.create_task(one(server))
        except* FleetError as errors:
            raise errors.exceptions[0] from None

    async def _one(self, server: SshServer, work: Worked[T]) -> Reply[T]:
        start, stage = time.monotonic(), Stage()
        value, why = None, ""
        try:
            async with asyncio.timeout(self.timeout_s), self.way.connected(server, stage) as link:
                value = await work(link)
        except ServerFailed as error:
            why = str(error)
        except TimeoutError:
            why = f"{stage.reached}, after {self.timeout_s:g} s"
        return Reply(server, value, why, time.monotonic() - start)
