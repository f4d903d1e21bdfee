"""Who sends us messages, and is told which of them are safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from llama.ports.service import Service

BrokerFault = Literal["unknown topic", "not authorised", "credentials", "unreachable", "other"]


@dataclass(frozen=True)
class Message:
    """What a broker sent, or somebody gave in its place.

    Attributes:
        data: as it was received.
        topic: where it was heard; empty when nowhere, and then it is offered to all who read messages.
        id: the broker's unique name for it, if it has one.
    """

    data: bytes = field(repr=False)
    topic: str = ""
    id: str = ""


@dataclass(frozen=True)
class Incoming:
    """A message of a broker.

    Attributes:
        message: itself.
        mark: what the broker is told when it is safe; it means something to its broker only.
        sent: when the broker got it; None when it does not say.
    """

    message: Message
    mark: object = field(repr=False)
    sent: datetime | None = None


class BrokerError(Exception):
    """A broker did not do what we asked. The message says what to do.

    Attributes:
        kind: of trouble. With the first two only one topic is not heard (`topic` names it), and all else goes on.
        topic: which, where it is one topic's.
    """

    def __init__(self, kind: BrokerFault, text: str, topic: str = "") -> None:
        super().__init__(text)
        self.kind: BrokerFault = kind
        self.topic = topic

    @property
    def of_topic(self) -> bool:
        """Whether only one topic is not heard."""
        return bool(self.topic) and self.kind in ("unknown topic", "not authorised")


class Broker(Protocol):
    """One connection to a broker, made at the first `receive`, and again at the next one after `drop`."""

    @property
    def name(self) -> str:
        """What people call it, `GCN`."""
        ...

    @property
    def heartbeat(self) -> str:
        """The topic whose messages say only that it is alive; empty when there is none."""
        ...

    @property
    def group(self) -> str:
        """The name under which it keeps our place; listeners of one group share its messages."""
        ...

    @property
    def silence_s(self) -> float:
        """Without a heartbeat for so long its connection is dead, whatever it says; 0 is never."""
        ...

    @property
    def caught_up(self) -> bool:
        """Whether all that it had was received."""
        ...

    def subscribe(self, topics: Sequence[str]) -> tuple[str, ...]:
        """Hear these, by name or pattern, as its settings have it; before the first `receive`. Gives those heard."""
        ...

    def receive(self, timeout_s: float) -> Incoming | None:
        """The next message, in the order of its topic; None when there is none in that time.

        Raises BrokerError; one that is of a topic only needs no new connection.
        """
        ...

    def safe(self, mark: object) -> None:
        """The message of this mark, and all before it on its topic, need not be sent again."""
        ...

    def drop(self) -> None:
        """Let go of the connection; what is not safe comes again with the next."""
        ...

    def close(self) -> None:
        """Tell the broker what is safe, and let go; it is not asked again."""


GCN: Service[Broker] = Service("gcn")
SCIMMA: Service[Broker] = Service("scimma")
LVALERT: Service[Broker] = Service("lvalert")
