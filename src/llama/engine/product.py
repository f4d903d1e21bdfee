"""A product: one file of an event, and everything that decides how it comes about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from llama.engine.flags import Flags
    from llama.engine.step import Step

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PACKAGE = "llama.data"


class Codec(Protocol[T]):
    """How a value becomes a file and back.

    `read` raises `llama.engine.errors.DecodeError` (or a subclass, or a ValueError) when the file does not
    hold such a value.
    """

    def write(self, value: T, path: Path) -> None:
        """Write `value` to `path`, which does not exist yet. The same value always gives the same bytes."""

    def read(self, path: Path) -> T:
        """The value in the file at `path`."""
        ...


class ServiceKey(Protocol[T_co]):
    """Names something outside the event that a step may use; `writes` if it changes the outside.

    `T_co` is the service's protocol; the keys themselves are values of `llama.ports`.
    """

    @property
    def name(self) -> str: ...

    @property
    def writes(self) -> bool: ...


SHARED = "shared:"
"""How the journal's name of a shared file begins."""


@dataclass(frozen=True, eq=False)
class Shared(Generic[T]):
    """A file that many events use (a table, a search record): an input like any other, by digest.

    Which file it is, is decided where things are put together, not here.

    Attributes:
        package: the package whose folder holds it.
        setting: `section.key` of the setting that may name another file in its place; empty when none does.
    """

    name: str
    codec: Codec[T]
    package: str = _PACKAGE
    setting: str = ""

    @property
    def key(self) -> str:
        """How the journal names this input: two packages may have a file of the same name."""
        return f"{SHARED}{self.name}" if self.package == _PACKAGE else f"{SHARED}{self.package}:{self.name}"


@dataclass(frozen=True)
class Guard(Generic[T]):
    """What the steps of other products are given of a file, however it came into the event.

    Attributes:
        flags: names of flags that decide it; a change of one makes stale whatever is made from the product.
        show: from the value, the event's id and its flags to what is given: the same object where nothing is
            withheld. Raises NotYet, which says how to go on, to give nothing.
    """

    flags: tuple[str, ...]
    show: Callable[[T, str, Flags], T]


@dataclass(frozen=True, eq=False)
class Product(Generic[T]):
    """One file of an event.

    Attributes:
        name: the constant it is bound to, `NEUTRINOS`.
        filename: its file in the event folder, which never changes.
        codec: how its value is written and read.
        make: how it is made; None when it comes from outside.
        inputs: what `make` needs, all of it.
        any_of: alternatives, of which at least one must be there; those that are there are given.
        optional: waited for while being made, ignored when absent, and a reason to remake when they appear.
        shared: tables and records outside the event, inputs by digest.
        services: what `make` may ask of the outside.
        flags: names of flags whose value `make` reads; a change of one makes the product stale.
        for_collaborators: what it does reaches people outside, so it also needs `role = observation`.
        guard: what those that are made from it see of it; None: all.
        due: from the value and the time it was made, when to make it again (None: never).
        timeout_s: a step that runs longer is killed.
        cooldown_s, cooldown_max_s: after the n-th failure in a row wait n x cooldown_s, at most the maximum.
        aliases: other names people know it by.
        help: one line for people.
    """

    name: str
    filename: str
    codec: Codec[T]
    make: Callable[[Step], T] | None = None
    inputs: tuple[Product[Any] | Selection[Any], ...] = ()
    any_of: tuple[Product[Any] | Selection[Any], ...] = ()
    optional: tuple[Product[Any] | Selection[Any], ...] = ()
    shared: tuple[Shared[Any], ...] = ()
    services: tuple[ServiceKey[Any], ...] = ()
    flags: tuple[str, ...] = ()
    for_collaborators: bool = False
    guard: Guard[T] | None = None
    due: Callable[[T, datetime], datetime | None] | None = None
    timeout_s: float = 300.0
    cooldown_s: float = 60.0
    cooldown_max_s: float = 4 * 3600.0
    aliases: tuple[str, ...] = ()
    help: str = ""

    @property
    def key(self) -> str:
        """How the journal names this product as an input."""
        return self.filename

    @property
    def product(self) -> Product[T]:
        """Itself; a selection answers with the product it selects from."""
        return self

    @property
    def all_inputs(self) -> tuple[Product[Any] | Selection[Any], ...]:
        """Every declared input that is a file of the event."""
        return self.inputs + self.any_of + self.optional

    @property
    def decided_by(self) -> tuple[str, ...]:
        """Names of the flags that decide its content: its own, and those that decide what it sees of its inputs."""
        guards = (item.product.guard for item in self.all_inputs)
        return tuple(dict.fromkeys([*self.flags, *(name for guard in guards if guard for name in guard.flags)]))

    def select(self, *fields: str) -> Selection[T]:
        """Only these top-level fields of the file (it must be a JSON object) as an input."""
        return Selection(self, tuple(sorted(fields)))

    def __repr__(self) -> str:
        return f"<Product {self.name} {self.filename}>"


@dataclass(frozen=True, eq=False)
class Selection(Generic[T]):
    """Part of a product's JSON file as an input: the step sees that part, and only its change matters."""

    product: Product[T]
    fields: tuple[str, ...] = field(default=())

    @property
    def key(self) -> str:
        """How the journal names this input."""
        return f"{self.product.filename}#{','.join(self.fields)}"

    def pick(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The selected fields of the decoded JSON object; a field that is absent is None."""
        return {name: record.get(name) for name in self.fields}


Input = Product[Any] | Selection[Any]
