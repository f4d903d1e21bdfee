"""What a `make` may see: its declared inputs and services, the event's id and flags, the time, a scratch folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

from llama.engine.errors import DecodeError, UndeclaredInput
from llama.engine.flags import Flags
from llama.engine.pipeline import Pipeline
from llama.engine.product import Product, Selection, ServiceKey, Shared

T = TypeVar("T")
S = TypeVar("S")


class Environment(Protocol):
    """What a maker needs that is not in the event: pipelines, services, shared files. Built by the application."""

    def pipeline(self, name: str) -> Pipeline:
        """The pipeline of that name; raises PipelineError naming those there are."""
        ...

    def service(self, key: ServiceKey[S]) -> S:
        """The adapter behind a service key."""
        ...

    def shared_path(self, shared: Shared[Any]) -> Path:
        """Where the shared file is on this machine."""
        ...

    def hide(self, text: str) -> str:
        """The text with every secret of this environment hidden, before it is written down."""
        ...

    def close(self) -> None:
        """Let go of the services that were asked for."""


@dataclass(frozen=True)
class Step:
    """One making of one product.

    Attributes:
        product: what is being made.
        event_id: the event's id (its folder's name); seeds anything random.
        flags: the event's flags; only those the product declares may be asked for with `flag`.
        now: the time of this step (UTC, aware).
        scratch: an empty folder for temporary files.
        inputs: by input key, the file in the scratch folder that holds it; absent optional inputs are missing.
        parts: by selection key, the selected fields.
        seen: by input key, values that a guard has decoded already.
    """

    product: Product[Any]
    event_id: str
    flags: Flags
    now: datetime
    scratch: Path
    environment: Environment
    inputs: Mapping[str, Path] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)

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
        self._declared(item, self.product.all_inputs)
        present = self.parts if isinstance(item, Selection) else self.inputs
        return self[item] if item.key in present else None

    def path(self, item: Product[Any] | Shared[Any]) -> Path:
        """The file of a declared input, to be read only."""
        self._declared(item, self.product.shared if isinstance(item, Shared) else self.product.all_inputs)
        return self.inputs[item.key]

    def service(self, key: ServiceKey[S]) -> S:
        """A declared service."""
        self._declared(key, self.product.services)
        return self.environment.service(key)

    def flag(self, name: str) -> bool | str:
        """The value of a declared flag."""
        self._declared(name, self.product.decided_by)
        return self.flags.as_dict()[name]

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
