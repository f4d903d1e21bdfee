"""What is in a data set, here or in a store: its files by name and size, read only where it is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from llama.formats.errors import FormatError
from llama.ports import Storage

T = TypeVar("T")
_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One line of what was found: of which file or folder, what, and whether it keeps a study from its work."""

    where: str
    said: str
    wrong: bool = False


@dataclass(frozen=True)
class SetContents:
    """All files of a set.

    Attributes:
        root: its address or path, with a slash at its end. files: bytes by name below that.
    """

    storage: Storage
    root: str
    files: Mapping[str, int]

    @classmethod
    def of(cls, storage: Storage, place: str) -> SetContents:
        """List it; FormatError for one that has nothing in it."""
        here = "://" not in place
        root = f"{Path(place).expanduser()}/" if here else f"{place.rstrip('/')}/"
        files = {one.url.removeprefix(root): one.size for one in storage.list(root)}
        if here and root == "./":
            files = {name.removeprefix("./"): size for name, size in files.items()}
        if not files:
            raise FormatError(f"{place} holds no files")
        return cls(storage, root, files)

    def below(self, folder: str) -> list[str]:
        """Names of the files below a folder, in order."""
        return sorted(name for name in self.files if name.startswith(f"{folder}/") and not name.endswith("/"))

    def has(self, folder: str) -> bool:
        """Whether there is such a folder."""
        return any(name.startswith(f"{folder}/") for name in self.files)

    @contextmanager
    def here(self, name: str) -> Iterator[Path]:
        """One of them as a file with that name."""
        with tempfile.TemporaryDirectory(prefix="llama-dataset-") as folder:
            path = Path(folder, name.rpartition("/")[2])
            self.storage.get(f"{self.root}{name}", path)
            yield path

    def read(self, name: str, reader: Callable[[Path], T]) -> T | Finding:
        """What a reader makes of one of them, or what is wrong with it."""
        with self.here(name) as path:
            try:
                return reader(path)
            except (ValueError, OSError) as error:
                text = str(error).replace(str(path), path.name)
                return Finding(name, f"it cannot be read: {text}", wrong=True)


def absent(where: str, what: str, names: Iterable[str]) -> list[Finding]:
    """That some are missing, in one line; nothing when none is."""
    found = list(names)
    return [Finding(where, f"{len(found)} {what}: {some(found)}", wrong=True)] if found else []


def some(names: Sequence[str]) -> str:
    """The first few."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def spread(names: Sequence[str], number: int) -> list[str]:
    """So many of them, evenly."""
    step = max(1, len(names) / number) if number else 0
    return [names[int(i * step)] for i in range(min(number, len(names)))]
