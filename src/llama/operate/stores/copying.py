"""What `s3cmd get` and `s3cmd put` did: which file goes where, and what is there already."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from llama.operate.errors import StoreError
from llama.operate.stores.transfers import Carried, FileTransfer, carry, find_file, is_same, safe_below
from llama.ports import Storage

_OF_A_KEY = 3  # slashes in an address that names more than a bucket
_FEW = 20  # so many files are looked up one by one; for more their folder is listed


def to_fetch(
    storage: Storage, urls: Sequence[str], dest: Path, *, recursive: bool, named: bool
) -> list[FileTransfer]:
    """What is to be fetched, and where it goes.

    Args:
        dest: a folder, or where there is but one file its name (`named`).

    A folder's name stays (`s3://b/maps` goes to `DEST/maps`), unless a slash follows it. StoreError for what is not
    there, for a folder without `recursive`, and for two files of one name.
    """
    found: list[FileTransfer] = []
    for url in urls:
        one = find_file(storage, url)
        if one is not None:
            target = dest if named and len(urls) == 1 and not dest.is_dir() else dest / url.rpartition("/")[2]
            found.append(FileTransfer(target, url, one.size, one))
        elif recursive:
            found += _below(storage, url, dest)
        else:
            inside = next(iter(storage.list(url)), None)
            why = f"{url} is a folder; -r fetches all in it" if inside else f"there is no {url}"
            raise StoreError(why)
    seen: dict[Path, str] = {}
    for transfer in found:
        if seen.setdefault(transfer.here, transfer.there) != transfer.there:
            raise StoreError(f"{transfer.there} and {seen[transfer.here]} would both be {transfer.here}")
    return found


def _below(storage: Storage, url: str, dest: Path) -> list[FileTransfer]:
    folder = f"{url.rstrip('/')}/"
    top = dest if url.endswith("/") else dest / folder[:-1].rpartition("/")[2]
    found = []
    for one in storage.list(folder):
        name = one.url.removeprefix(folder)
        if name and not name.endswith("/"):  # some programs put an empty object in a folder's place
            found.append(FileTransfer(safe_below(top, name, folder), one.url, one.size, one))
    if not found:
        raise StoreError(f"there is nothing below {folder}")
    return found


def fetch(storage: Storage, transfers: Sequence[FileTransfer], *, force: bool = False) -> Iterator[Carried]:
    """Fetch them; what is here already is left as it is, and what is here and is something else is refused."""
    yield from carry(transfers, partial(_fetch_one, storage, force))


def _fetch_one(storage: Storage, force: bool, one: FileTransfer) -> bool:
    if one.here.exists() and one.stored is not None:
        if is_same(one.here, one.stored, storage):
            return False
        if not force:
            raise StoreError(
                f"{one.here} is here already, and is not known to be what {one.there} is; -f overwrites it"
            )
    one.here.parent.mkdir(parents=True, exist_ok=True)
    storage.get(one.there, one.here)
    return True


def to_put(storage: Storage, sources: Sequence[str], url: str, *, recursive: bool) -> list[FileTransfer]:
    """What is to be put, and where, with what is there already.

    An address with a slash at its end is a folder, and so is one that several files go to. A folder's name stays
    unless a slash follows it, or it is the folder we are in. StoreError for a folder without `recursive`.
    """
    found: list[FileTransfer] = []
    folder = f"{url.rstrip('/')}/"
    into = url.endswith("/") or len(sources) > 1 or url.count("/") < _OF_A_KEY
    many = len(sources) > _FEW
    listed = {one.url: one for one in storage.list(folder, recursive=False)} if many else {}
    for word in sources:
        source = Path(word)
        if source.is_dir():
            if not recursive:
                raise StoreError(f"{word} is a folder; -r puts all in it")
            stays = not word.endswith("/") and source.name not in ("", "..")
            found += _inside(storage, source, f"{folder}{source.name}/" if stays else folder)
        else:
            if not source.is_file():
                raise StoreError(f"there is no file {word}")
            target = f"{folder}{source.name}" if into else url
            there = listed.get(target) if many else storage.find(target)
            found.append(FileTransfer(source, target, source.stat().st_size, there))
    return found


def _inside(storage: Storage, source: Path, folder: str) -> list[FileTransfer]:
    """Every file below a folder; of what is there one list tells."""
    there = {one.url: one for one in storage.list(folder)}
    found = []
    for path in files_below(source):
        address = f"{folder}{path.relative_to(source).as_posix()}"
        found.append(FileTransfer(path, address, path.stat().st_size, there.get(address)))
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order; StoreError for what is neither a file nor a folder."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(here, name)
            if not path.is_file():
                raise StoreError(f"{path} is no file that could be put; take it away, or name the files")
            yield path


def put(storage: Storage, transfers: Sequence[FileTransfer], *, public: bool = False) -> Iterator[Carried]:
    """Put them; what is there already is not put again."""
    yield from carry(transfers, partial(_put_one, storage, public))


def _put_one(storage: Storage, public: bool, one: FileTransfer) -> bool:
    if one.stored is not None and is_same(one.here, one.stored, storage):
        return False
    storage.put(one.here, one.there, public=public)
    return True
