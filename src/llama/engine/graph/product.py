"""A product: one file of an event, all that decides how it comes about, and what its making may see (`Step`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, overload, runtime_checkable

from llama.engine.errors import DecodeError, UndeclaredInput
from llama.engine.graph.rules import FlagValues

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PACKAGE = "llama.data"


Requirements = Mapping[str, bool | str | tuple[bool | str, ...]]
"""By name of a flag the value, or the values, that an event's flag must have."""


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


@runtime_checkable
class Completes(Protocol):
    """A codec whose files may lack what follows from the rest."""

    def completed(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The decoded JSON object with all that follows; ValueError when nothing can be made of it."""
        ...


class ServiceKey(Protocol[T_co]):
    """Names something outside the event that a step may use; `writes` if it changes the outside.

    `requires`: by name of a flag the value, or the values, that the event must have for it to be used. `T_co` is the
    service's protocol; the keys themselves are values of `llama.ports`.
    """

    @property
    def name(self) -> str: ...

    @property
    def writes(self) -> bool: ...

    @property
    def requires(self) -> Requirements: ...


SHARED = "shared:"
"""How the journal's name of a shared file begins."""
FLAG = "flag:"
"""How the journal's name of a flag begins."""


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
    show: Callable[[T, str, FlagValues], T]


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
        reference: shared files that `make` may read, whose change makes nothing stale.
        services: what `make` may ask of the outside.
        flags: names of flags whose value `make` reads; a change of one makes the product stale.
        requires: by name of a flag the value, or the values, without which it is held; its services have their own.
        fresh_for: a receipt of an event that received nothing for longer is held until somebody asks for it.
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
    reference: tuple[Shared[Any], ...] = ()
    services: tuple[ServiceKey[Any], ...] = ()
    flags: tuple[str, ...] = ()
    requires: Requirements = field(default_factory=dict)
    fresh_for: timedelta = timedelta(days=1)
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
    def tables(self) -> tuple[Shared[Any], ...]:
        """Every shared file that its step may read."""
        return self.shared + self.reference

    @property
    def receipt(self) -> bool:
        """Whether making it changes the outside, so that its file is the receipt of that."""
        return any(service.writes for service in self.services)

    @property
    def declared(self) -> tuple[str, ...]:
        """Keys of all whose change makes it stale."""
        keys = [item.key for item in (*self.all_inputs, *self.shared)]
        return (*keys, *(f"{FLAG}{name}" for name in self.decided_by))

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
        if isinstance(self.product.codec, Completes):
            record = self.product.codec.completed(record)
        return {name: record.get(name) for name in self.fields}


Input = Product[Any] | Selection[Any]


@dataclass(frozen=True)
class Step:
    """One making of one product, and all that its `make` may see.

    Flags and services are private: they are asked for by `flag` and `service`, which give what is declared only.

    Attributes:
        product: what is being made.
        event_id: the event's id (its folder's name); seeds anything random.
        now: the time of this step (UTC, aware).
        scratch: an empty folder for temporary files.
        inputs: by input key, the file in the scratch folder that holds it; absent optional inputs are missing.
        parts: by selection key, the selected fields.
        seen: by input key, values that a guard has decoded already.
        key: the same for the same product, event and content of inputs, another for any other, so that what was sent
            outside under it can be looked up before it is sent again.
    """

    product: Product[Any]
    event_id: str
    _flags: FlagValues
    now: datetime
    scratch: Path
    _connect: Callable[[ServiceKey[Any]], Any]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    _before: Callable[[], Path | None] = lambda: None

    @overload
    def __getitem__(self, item: Product[T]) -> T: ...
    @overload
    def __getitem__(self, item: Shared[T]) -> T: ...
    @overload
    def __getitem__(self, item: Selection[Any]) -> Mapping[str, Any]: ...
    def __getitem__(self, item: Product[Any] | Shared[Any] | Selection[Any]) -> Any:
        """The value of a declared input; KeyError when it is an optional one that is absent."""
        if isinstance(item, Selection):
            self._declared(item, self.product.all_inputs)
            return self.parts[item.key]
        path = self.path(item)
        return self.seen[item.key] if item.key in self.seen else read(item.codec, path)

    @overload
    def get(self, item: Product[T]) -> T | None: ...
    @overload
    def get(self, item: Selection[Any]) -> Mapping[str, Any] | None: ...
    def get(self, item: Product[Any] | Selection[Any]) -> Any:
        """The value of a declared input, None when it is absent."""
        return self[item] if self.has(item) else None

    def has(self, item: Product[Any] | Selection[Any]) -> bool:
        """Whether a declared input is there."""
        self._declared(item, self.product.all_inputs)
        return item.key in (self.parts if isinstance(item, Selection) else self.inputs)

    def previous(self) -> Any:
        """The product's own value as it was before this making, None the first time; no input, so declared nowhere.

        A receipt reads here what it has published, to follow it up.
        """
        path = self._before()
        return None if path is None else read(self.product.codec, path)

    def path(self, item: Product[Any] | Shared[Any]) -> Path:
        """The file of a declared input, to be read only."""
        self._declared(item, self.product.tables if isinstance(item, Shared) else self.product.all_inputs)
        return self.inputs[item.key]

    def service(self, key: ServiceKey[S]) -> S:
        """A declared service."""
        self._declared(key, self.product.services)
        service: S = self._connect(key)
        return service

    def flag(self, name: str) -> bool | str:
        """The value of a declared flag."""
        self._declared(name, self.product.decided_by)
        return self._flags[name]

    def _declared(self, item: object, declared: tuple[object, ...]) -> None:
        if item not in declared:
            name = getattr(item, "key", getattr(item, "name", item))
            raise UndeclaredInput(f"{self.product.name} uses {name} without declaring it")


def read(codec: Any, path: Path) -> Any:
    """Decode a file; whatever the codec trips over becomes one DecodeError that names the file."""
    try:
        return codec.read(path)
    except DecodeError:
        raise
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DecodeError(f"{path.name} cannot be read: {error}") from error
