"""One loop for every broker: receive, take in, and only then tell the broker that the message is safe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from llama.engine.errors import StorageError
from llama.engine.running import utc_now
from llama.intake import Intake
from llama.ports import Broker, BrokerError, Incoming

_LOG = logging.getLogger("llama.listen")
CLOCK_OFF_S = 60.0
"""So far behind its broker a clock may be before somebody is told."""
_ONCE_TRIES = 3


class Watched(Protocol):
    """The program that listens, as others see it."""

    @property
    def stopping(self) -> bool:
        """Whether it is to end."""
        ...

    def beat(
        self,
        *,
        last_message: str | None = None,
        lag_s: float | None = None,
        queue: int | None = None,
        failures: int | None = None,
    ) -> None:
        """Say that it lives, and how it does."""


@dataclass(frozen=True)
class Pauses:
    """How long is waited before something is tried again, and for a message.

    Attributes:
        first_s, most_s: before the first next try, and at most; it doubles from try to try.
        poll_s: for a message, before it is asked whether to end.
    """

    first_s: float = 1.0
    most_s: float = 60.0
    poll_s: float = 0.5

    def waits(self) -> Iterator[float]:
        """Before each try."""
        wait = self.first_s
        while True:
            yield wait
            wait = min(2 * wait, self.most_s)


@dataclass
class HeardSoFar:
    """What was heard in one go of the loop."""

    messages: int = 0
    heartbeats: int = 0
    dead: int = 0
    connections: int = 1
    failures: int = 0


@dataclass
class Listener:
    """A broker, and the door that its messages come in by; `listen` until told to end.

    Attributes:
        once: end when all that the broker had was heard.
        now: what time it is. tick, pause: seconds that pass.
    """

    broker: Broker
    intake: Intake
    program: Watched
    pauses: Pauses = field(default_factory=Pauses)
    once: bool = False
    now: Callable[[], datetime] = utc_now
    tick: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.so_far = HeardSoFar()
        self._told: set[tuple[str, str]] = set()
        self._heartbeats = False
        self._heard_at = self.tick()
        self._silent_from: float | None = None

    def listen(self) -> HeardSoFar:
        """Hear what comes until the program is to end. BrokerError only with `once`, when there is no getting on."""
        waits = self.pauses.waits()
        tries = 0
        while not self.program.stopping:
            try:
                came = self.broker.receive(self.pauses.poll_s)
            except BrokerError as error:
                if error.of_topic:
                    self._tell_once(error)
                    continue
                tries += 1
                self._lost(error)
                if self.once and (error.kind != "unreachable" or tries >= _ONCE_TRIES):
                    raise
                self._wait(next(waits))
                continue
            if came is None:
                if self.once and self.broker.caught_up:
                    break
                self.program.beat(failures=self.so_far.failures)
                self._watch()
                continue
            waits, tries = self.pauses.waits(), 0
            self._back()
            self._heard_at = self.tick()
            if self._take_in(came):
                self.broker.safe(came.mark)
        return self.so_far

    def _take_in(self, came: Incoming) -> bool:
        """Whether it is on disk; False only when the program is to end before the disk takes it."""
        topic = came.message.topic
        lag_s = None if came.sent is None else (self.now() - came.sent).total_seconds()
        if lag_s is not None and lag_s < -CLOCK_OFF_S:
            self._tell_clock(-lag_s)
        alive = bool(topic) and topic == self.broker.heartbeat
        self._heartbeats = self._heartbeats or alive
        if not self._kept(came, alive):
            return False
        self.so_far.heartbeats += alive
        self.so_far.messages += not alive
        last = None if alive else f"{came.message.id or topic} at {self.now():%Y-%m-%dT%H:%M:%SZ}"
        self.program.beat(last_message=last, lag_s=lag_s, failures=self.so_far.failures)
        return True

    def _kept(self, came: Incoming, alive: bool) -> bool:
        """Take it in until the disk does: the same message, again and again, and nothing after it."""
        for tried, wait in enumerate(self.pauses.waits()):
            try:
                if alive:
                    self.intake.archive.keep_heartbeat(came.message, now=self.now())
                else:
                    self.so_far.dead += self.intake.hear(came.message, now=self.now()).dead is not None
            except (StorageError, OSError) as error:
                self.so_far.failures += 1
                self.program.beat(failures=self.so_far.failures)
                if not tried:
                    _LOG.error(
                        "%s cannot be kept: %s. It stays with %s and is tried again until it can be",
                        came.message.id or "a message",
                        error,
                        self.broker.name,
                    )
                self._wait(wait)
                if self.program.stopping:
                    return False
            else:
                if tried:
                    _LOG.warning("the disk takes messages again, after %d tries", tried + 1)
                return True
        return False

    def _lost(self, error: BrokerError) -> None:
        """The connection is of no use any more. Said once for each stretch of trouble, and when it changes."""
        self.so_far.failures += 1
        self.so_far.connections += 1
        self._silent_from = self.tick() if self._silent_from is None else self._silent_from
        if (error.kind, str(error)) not in self._told:
            self._told.add((error.kind, str(error)))
            _LOG.error("%s", error)
        self.program.beat(failures=self.so_far.failures)
        self.broker.drop()

    def _back(self) -> None:
        if self._silent_from is not None:
            _LOG.warning("%s is heard again, after %.0f s", self.broker.name, self.tick() - self._silent_from)
            self._silent_from = None
            self._told = {known for known in self._told if known[0] == "topic"}

    def _tell_once(self, error: BrokerError) -> None:
        if ("topic", str(error)) not in self._told:
            self._told.add(("topic", str(error)))
            _LOG.warning("%s", error)

    def _tell_clock(self, behind_s: float) -> None:
        if ("topic", "clock") not in self._told:
            self._told.add(("topic", "clock"))
            _LOG.warning(
                "this machine's clock is %.0f s behind that of %s: set it, or times in the archive are wrong",
                behind_s,
                self.broker.name,
            )

    def _watch(self) -> None:
        """A connection on which no heartbeat comes any more is dead, whatever it says."""
        silent = self.tick() - self._heard_at
        if self._heartbeats and 0 < self.broker.silence_s < silent:
            text = f"nothing was heard of {self.broker.name} for {silent:.0f} s, not even {self.broker.heartbeat}"
            self._lost(BrokerError("unreachable", f"{text}; connecting anew"))
            self._heard_at = self.tick()

    def _wait(self, seconds: float) -> None:
        until = self.tick() + seconds
        while not self.program.stopping and (left := until - self.tick()) > 0:
            self.pause(min(left, 0.2))
