"""What names something outside, and how it is opened: a typed key, its provider, and what that may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from llama.sections import Section

C = TypeVar("C")
S = TypeVar("S")


@dataclass(frozen=True)
class Service(Generic[S]):
    """A typed key for something outside; `writes` when using it changes the outside.

    `requires`: by name of a flag the value, or the values, that an event must have for the service to be used, on top
    of `online`, and of `upload` where it writes.
    """

    name: str
    writes: bool = False
    requires: Mapping[str, bool | str | tuple[bool | str, ...]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        always = {"online": True, "upload": True} if self.writes else {"online": True}
        object.__setattr__(self, "requires", {**always, **self.requires})


class Places(Protocol):
    """Where things are on this machine."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def cache_dir(self) -> Path: ...
    @property
    def notices(self) -> Path: ...
    @property
    def archives(self) -> Path: ...


class Opener(Protocol):
    """What a service may ask of the application that opens it."""

    @property
    def folders(self) -> Places:
        """Where things are on this machine."""
        ...

    def section(self, section: Section[C]) -> C:
        """The settings of a section that the service declares."""
        ...

    def service(self, key: Service[S]) -> S:
        """Another service, to build on it."""
        ...


@dataclass(frozen=True)
class Provider(Generic[S]):
    """How a service is opened: the value that an entry point of the group `llama.services` names.

    The entry point has the name of the key.

    Attributes:
        key: what it serves.
        open: makes the adapter, which has a `close` for the end; called at most once per command, on first use.
        sections: of the settings, that it reads. Fields without a default must be set before it is opened.
        lacks: what else is to be set up before it can be used, as a sentence for people; None when nothing.
    """

    key: Service[S]
    open: Callable[[Opener], S]
    sections: tuple[Section[Any], ...] = ()
    lacks: Callable[[Opener], str | None] | None = None
