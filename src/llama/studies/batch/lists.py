"""Lists of values: text, one a line; JSON; NumPy arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from llama.formats.limits import MAX_RECORD_BYTES, read_text, require_regular
from llama.studies.batch.errors import BatchError


@dataclass(frozen=True)
class Parameter:
    """A name, and the values that it takes.

    Attributes:
        source: where they were listed.
        values: all that were listed, in their order.
        skipped: those of them that are left out.
        unmet: how many were to be left out that are not listed.
    """

    name: str
    source: str
    values: tuple[str, ...]
    skipped: frozenset[str] = frozenset()
    unmet: int = 0

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Where in the list those stand that are taken."""
        return tuple(place for place, value in enumerate(self.values) if value not in self.skipped)

    def without(self, left_out: tuple[str, ...]) -> Parameter:
        """The same with these left out."""
        known = set(self.values) & set(left_out)
        return Parameter(self.name, self.source, self.values, frozenset(known), len(set(left_out) - known))


def read_values(path: Path, source: str) -> tuple[str, ...]:
    """The values of a list file, by the ending of its name: `.json` an array, `.npy` an array, else one a line.

    BatchError, which names `source`, for a file that is none, is empty, or lists a value twice.
    """
    ending = Path(source).suffix.lower()
    found = _READERS.get(ending, _lines)(path, source)
    values = tuple(value for value in found if value)
    if not values:
        raise BatchError(f"{source} lists nothing")
    seen: dict[str, int] = {}
    for place, value in enumerate(values, 1):
        if not value.isprintable():
            raise BatchError(f"{source}: value {place} is {value!r}, which is no plain text")
        if seen.setdefault(value, place) != place:
            raise BatchError(f"{source} lists {value} twice, as value {seen[value]} and {place}; take one out")
    return values


def _lines(path: Path, source: str) -> list[str]:
    try:
        return [line.strip() for line in read_text(path, MAX_RECORD_BYTES, "a list").splitlines()]
    except UnicodeDecodeError as error:
        raise BatchError(f"{source} is no text: {error}") from error


def _json(path: Path, source: str) -> list[str]:
    try:
        found = json.loads(read_text(path, MAX_RECORD_BYTES, "a list"))
    except (ValueError, RecursionError) as error:
        raise BatchError(f"{source} is no JSON: {error}") from error
    if not isinstance(found, list):
        raise BatchError(f'{source} is no list; write ["a", "b"]')
    return [_plain(value, source) for value in found]


def _npy(path: Path, source: str) -> list[str]:
    require_regular(path)
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BatchError(
            f"{source} is no array of texts or numbers ({error}); one of Python objects is not read, since that "
            "would run what is in it: save it with .astype(str)"
        ) from error
    if not isinstance(array, np.ndarray) or array.ndim != 1:
        raise BatchError(f"{source} must be an array of one dimension")
    return [_plain(value, source) for value in array.tolist()]


def _plain(value: Any, source: str) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BatchError(f"{source} lists {value!r}; a value is text or a number")
    return str(value).strip()


_READERS = {".json": _json, ".npy": _npy}
