"""One folder per messenger: how its messages are read, its products, its likelihood terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llama.engine.folder import Delivery
from llama.engine.graph import Product, Selection, Shared, Step
from llama.ports import Message, Stretch
from llama.science.companions import Listening

__all__ = ["Candidates", "Follower", "Message", "Messenger", "Subject"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Candidates(Generic[T]):
    """What a messenger adds to the joint statistic.

    Attributes:
        product: the file of an event that holds its candidates.
        read: the value of that file, and of the shared ones, as the statistic takes it.
        shared: tables and models that `read` needs besides.
    """

    product: Product[T]
    read: Callable[..., Listening]
    shared: tuple[Shared[Any], ...] = ()

    def listen(self, step: Step) -> Listening | None:
        """What the messenger says in a step that declares `product` and `shared`; None when the file is absent."""
        found = step.get(self.product)
        return None if found is None else self.read(found, *(step[table] for table in self.shared))


@dataclass(frozen=True)
class Subject:
    """What a message, or a file made of messages, is about: times, and names as all write them."""

    times: tuple[Stretch, ...]
    names: frozenset[str] = frozenset()

    def meets(self, other: Subject) -> bool:
        """Whether both may be about the same."""
        return bool(self.names & other.names) or any(
            one.start_gps <= two.stop_gps and one.stop_gps >= two.start_gps
            for one in self.times
            for two in other.times
        )


@dataclass(frozen=True, eq=False)
class Follower:
    """How messages reach a product that asked its source before they came: it asks again.

    Attributes:
        filename: of the product, in whichever pipeline it is.
        asked: what a file of it is about. Raises FormatError for what is no such file.
        about: what a message is about; None when it is no news to any event. Raises FormatError for what it cannot
            read.
    """

    filename: str
    asked: Callable[[bytes], Subject]
    about: Callable[[Message], Subject | None]


@dataclass(frozen=True, eq=False)
class Messenger:
    """What a messenger brings; found through the entry point group `llama.messengers`.

    Attributes:
        name: one word, `gw`.
        help: one line for people.
        products: its products, in the order in which they should be made where the graph leaves a choice.
        candidates: of a messenger with candidates around a trigger: what it adds to the joint statistic, given what
            tells the trigger's `gps_time`. Its product belongs in the pipelines that use it.
        topics: which it hears, by name or pattern (`gcn.notices.fermi.*`). All that is heard is archived.
        read: what an event gets of a message on such a topic; None when no event gets anything. Raises FormatError
            for what it cannot read. Without it, messages are only archived, for a source to look them up.
        follower: whose product asks that source again when there is a message about its window.
    """

    name: str
    help: str
    products: tuple[Product[Any], ...]
    candidates: Callable[[Selection[Any]], Candidates[Any]] | None = None
    topics: tuple[str, ...] = ()
    read: Callable[[Message], Delivery | None] | None = None
    follower: Follower | None = None
