"""Places that keep whole files under addresses: folders of this machine, the web, stores that speak S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from llama.ports.service import Service


class TransferError(Exception):
    """Nothing was listed, fetched or put; the message says what to do. Another time it may go well."""


class TransferRefused(TransferError):
    """It will be the same another time: no credentials or wrong ones, no such bucket, an address of no known kind."""


class NoSuchObject(TransferRefused):
    """There is nothing under this address."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What is kept under an address, whole as it was put.

    Attributes:
        url: its address, `s3://BUCKET/KEY`, `https://…` or a path; of a folder it ends with a slash.
        size: bytes; 0 for a folder.
        modified: when it was put, ISO 8601 UTC with Z; empty where the place does not say.
        sha256, md5: of its content, hexadecimal, where the place says it without sending it.
        folder: whether it stands for all below it (only where a list is not recursive).
    """

    url: str
    size: int
    modified: str = ""
    sha256: str | None = None
    folder: bool = False
    md5: str | None = None


class Storage(Protocol):
    """Whole files by address. What is fetched or put is there whole or not at all, and whole is checked.

    All raise TransferError; TransferRefused where another time is no use; OSError for this machine's disk.
    """

    def list(self, url: str, *, recursive: bool = True, prefix: bool = False) -> Iterator[StoredObject]:
        """All whose address begins with this folder's, in order of address.

        Without `recursive` those right in it, and its folders. With `prefix` the last word of the address is how
        names begin, and not a folder. Not of the web.
        """
        ...

    def find(self, url: str) -> StoredObject | None:
        """What is there; None when nothing is."""
        ...

    def digest(self, url: str) -> str | None:
        """SHA-256 of the content, hexadecimal, where it can be told without fetching it; None where it cannot."""
        ...

    def get(self, url: str, target: Path) -> None:
        """Fetch to a file, whose folder is there; NoSuchObject when there is nothing."""
        ...

    def put(self, source: Path, url: str, *, public: bool = False) -> None:
        """Put a file there, in place of what was there; `public`: whoever knows the address may read it."""
        ...

    def close(self) -> None:
        """Let go of connections; it is not asked again."""


STORAGE: Service[Storage] = Service("storage", writes=True)
