"""Which place an address means."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

from llama.ports import Storage, StoredObject, TransferRefused
from llama.services.storage.local import Local
from llama.services.storage.setup import StorageSettings
from llama.services.storage.web import Web

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


class ByAddress:
    """Each address to the place it is of: `s3://…`, `https://…` (to read only), and paths of this machine."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._places: dict[str, Storage] = {"": Local(), "file": Local(), "https": Web(), "http": Web()}
        self._opening = threading.Lock()

    def list(self, url: str, *, recursive: bool = True, prefix: bool = False) -> Iterator[StoredObject]:
        return self._of(url).list(url, recursive=recursive, prefix=prefix)

    def find(self, url: str) -> StoredObject | None:
        return self._of(url).find(url)

    def digest(self, url: str) -> str | None:
        return self._of(url).digest(url)

    def get(self, url: str, target: Path) -> None:
        self._of(url).get(url, target)

    def put(self, source: Path, url: str, *, public: bool = False) -> None:
        self._of(url).put(source, url, public=public)

    def close(self) -> None:
        """All that were opened."""
        for place in self._places.values():
            place.close()

    def _of(self, url: str) -> Storage:
        found = _SCHEME.match(url)
        scheme = found[1].lower() if found else ""
        with self._opening:
            if scheme == "s3" and scheme not in self._places:
                from llama.services.storage.s3 import S3

                self._places[scheme] = S3(self._settings)
        if scheme not in self._places:
            raise TransferRefused(f"{url}: there are no addresses {scheme}://; write a path, https:// or s3://")
        return self._places[scheme]
