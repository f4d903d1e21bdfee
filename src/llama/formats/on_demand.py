"""Parts of a file that are read when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class OnDemand(Mapping[str, T], Generic[T]):
    """Names that are known, and what belongs to each, read once.

    Of a background table for every search, population, run, set of detectors and season an event needs one, and an
    alert does not wait for the others.
    """

    def __init__(self, names: Sequence[str], read: Callable[[str], T]) -> None:
        self._names, self._read = frozenset(names), read
        self._found: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._found:
            self._found[name] = self._read(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)
