"""Copies of what is in stores, in the cache of this machine: a study reads files, wherever they are kept.

A copy is fetched again only where the store has something else today, so a study that is typed again costs a look.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.formats.skymap_list import addresses_file, below_set, lines_of
from llama.formats.whole import put_whole
from llama.operate.errors import StoreError
from llama.operate.stores.transfers import FileTransfer, carry, find_file, safe_below
from llama.ports import Storage, StoredObject

_FEW = 20
"""So many files of a folder are looked up one by one; for more the folder is listed."""


class Copies:
    """Of addresses `s3://…` and `https://…`, below one folder."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage, self._folder = storage, folder

    def of(self, url: str, beside: Sequence[str] = ()) -> Path:
        """A file or a folder here as it is there now; StoreError, TransferError where there is none.

        Args:
            beside: names of files in the same folder that are wanted with it, where they are there.
        """
        one = find_file(self._storage, url)
        if one is None:
            return self._folder_of(f"{url.rstrip('/')}/")
        near = [self._storage.find(f"{url.rpartition('/')[0]}/{name}") for name in beside]
        self._bring([one, *(other for other in near if other is not None)])
        return self._place(url)

    def of_list(self, word: str) -> Path:
        """A list of sky maps, one a line: where lines are addresses, a list of their copies.

        Of a list in a store, lines that name maps of the same set by their paths on another machine
        (`/home/…/skymaps/bns-o3/1.fits.gz`) stand for those in the store.
        """
        here = self.of(word) if "://" in word else Path(word)
        if not here.is_file():
            return here  # whoever reads it says so
        try:
            text = read_text(here, MAX_RECORD_BYTES, "a list of sky maps")
        except UnicodeDecodeError as error:
            raise StoreError(f"{word} is no list of sky maps, since it is no text: {error.reason}") from error
        urls = {line: _address(line, word) for line in lines_of(text)}
        there = {line: url for line, url in urls.items() if url is not None}
        if not there:
            return here
        self._bring(self._found(sorted(set(there.values()))))
        lines = [str(self._place(there[line])) if line in there else line for line in lines_of(text)]
        path = self._written("".join(f"{line}\n" for line in lines), Path(word).name)
        put_whole(addresses_file(path), "".join(f"{there.get(line, line)}\n" for line in lines_of(text)))
        return path

    def _place(self, url: str) -> Path:
        scheme, _, rest = url.partition("://")
        return safe_below(self._folder / scheme, rest, url)

    def _written(self, text: str, name: str) -> Path:
        path = self._folder / "lists" / hashlib.sha256(text.encode()).hexdigest()[:16] / name
        if not path.is_file():
            put_whole(path, text)
        return path

    def _found(self, urls: Sequence[str]) -> Iterator[StoredObject]:
        """What is there under each; StoreError names the first that is not."""
        many = {folder for folder, number in Counter(map(_parent, urls)).items() if number > _FEW}
        listed: Mapping[str, StoredObject] = {
            one.url: one
            for folder in sorted(many)
            if folder.startswith("s3://")
            for one in self._storage.list(folder, recursive=False)
        }
        for url in urls:
            one = listed.get(url) or self._storage.find(url)
            if one is None:
                raise StoreError(f"there is no {url}, which a list names")
            yield one

    def _folder_of(self, url: str) -> Path:
        top = self._place(url.rstrip("/"))
        found = [one for one in self._storage.list(url) if not one.url.endswith("/")]
        if not found:
            raise StoreError(f"there is neither a file nor a folder {url.rstrip('/')}")
        self._bring(found)
        known = {self._place(one.url) for one in found}
        for path in top.rglob("*"):
            if path.is_file() and path not in known and not path.name.startswith("."):
                path.unlink()  # of what is no longer there
        return top

    def _bring(self, found: Sequence[StoredObject] | Iterator[StoredObject]) -> None:
        by_place = {self._place(one.url): one for one in found}
        wanted = (FileTransfer(here, one.url, one.size, one) for here, one in by_place.items())
        failed = [one.why for one in carry(wanted, partial(_fetch_one, self._storage)) if one.why]
        if failed:
            more = f" (and {len(failed) - 1} more files)" if len(failed) > 1 else ""
            raise StoreError(f"{failed[0]}{more}; type the same again to go on")


def _fetch_one(storage: Storage, one: FileTransfer) -> bool:
    stored = one.stored
    when = datetime.fromisoformat(stored.modified).timestamp() if stored is not None and stored.modified else None
    if when is not None and one.here.is_file():
        status = one.here.stat()
        if status.st_size == one.size and int(status.st_mtime) == int(when):
            return False
    one.here.parent.mkdir(parents=True, exist_ok=True)
    storage.get(one.there, one.here)
    if when is not None:
        os.utime(one.here, (when, when))
    return True


def _parent(url: str) -> str:
    return f"{url.rpartition('/')[0]}/"


def _address(line: str, source: str) -> str | None:
    """Where a line of a list is kept, if it is in a store."""
    if line.startswith(("s3://", "https://", "http://")):
        return line
    root, lists, _ = source.partition("/skymap-lists/")
    inside = below_set(line)
    if "://" not in source or not lists or inside is None or Path(line).exists():
        return None
    return f"{root}/{inside}"
