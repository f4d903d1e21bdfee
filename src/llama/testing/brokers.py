"""A broker in this process, for tests of what listens: it keeps its log, knows what is safe, and fails when told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from llama.ports import BrokerError, Incoming, Message


class FakeBroker:
    """Messages in order. What is not safe comes again after `drop`, and to the next listener.

    Attributes:
        log: messages, and errors that are raised once when their turn comes. Add to it at any time.
        sent: when all were sent; None when the broker does not say.
        committed: how many of the log are safe.
        topics: those subscribed to.
        connections: how often there was a new one.
    """

    name = "Fake"
    group = "fake"
    silence_s = 30.0

    def __init__(
        self, log: Iterable[Message | BrokerError] = (), heartbeat: str = "", sent: datetime | None = None
    ) -> None:
        self.log = list(log)
        self.heartbeat = heartbeat
        self.sent = sent
        self.committed = 0
        self.topics: tuple[str, ...] = ()
        self.connections = 1
        self._next = 0

    @property
    def caught_up(self) -> bool:
        """Whether all was received."""
        return self._next >= len(self.log)

    def subscribe(self, topics: Sequence[str]) -> tuple[str, ...]:
        """All of them."""
        self.topics = tuple(topics)
        return self.topics

    def receive(self, timeout_s: float) -> Incoming | None:
        """The next of the log; an error in it is raised, and is gone."""
        if self.caught_up:
            return None
        found = self.log[self._next]
        if isinstance(found, BrokerError):
            del self.log[self._next]
            raise found
        self._next += 1
        return Incoming(found, self._next, self.sent)

    def safe(self, mark: object) -> None:
        """Up to this one."""
        if not isinstance(mark, int) or mark != self.committed + 1:
            raise AssertionError(f"{mark} is safe, but of {self.committed + 1} nothing was said")
        self.committed = mark

    def drop(self) -> None:
        """Back to the first that is not safe."""
        self._next = self.committed
        self.connections += 1

    def close(self) -> None:
        """Back to the first that is not safe, for the next listener."""
        self._next = self.committed


class FakeProgram:
    """A program that ends when a broker has nothing more, or after so many beats."""

    def __init__(self, beats: int = 10_000) -> None:
        self.beats: list[dict[str, object]] = []
        self.most = beats

    @property
    def stopping(self) -> bool:
        """Whether it beat often enough."""
        return len(self.beats) >= self.most

    def beat(self, **said: object) -> None:
        """Remember it."""
        self.beats.append({name: value for name, value in said.items() if value is not None})
