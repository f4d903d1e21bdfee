"""A folder goes to a store under keys that say what is in each file, and a manifest says which file that was.

A content that is there is not put again, whoever put it and from whichever folder, so an upload that was stopped
goes on where it was, and a set of which a few files changed costs those few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from llama.formats.manifest import Manifest, ManifestFile, key_of, split_name
from llama.formats.whole import put_whole
from llama.operate.errors import StoreError
from llama.operate.stores.copying import files_below
from llama.operate.stores.transfers import Carried, FileTransfer, carry, digest
from llama.ports import Storage, StoredObject

_FEW = 20
"""So many are looked up one by one; of more the folder is listed."""


@dataclass(frozen=True)
class AsFound:
    """A file that is to go, as it was when it was chosen."""

    path: Path
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> AsFound:
        """The file as it is now."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Upload:
    """What goes where.

    Attributes:
        transfers: one of each content. chosen: by path, each file as it was when its digest was taken.
    """

    manifest: Manifest
    transfers: tuple[FileTransfer, ...]
    chosen: Mapping[Path, AsFound]

    @property
    def missing(self) -> int:
        """How many are not there yet."""
        return sum(not _is_there(one) for one in self.transfers)


def choose(root: Path, pattern: str, *, recursive: bool, but: Path | None = None) -> list[AsFound]:
    """The files of a folder that a glob means, in order; StoreError when there is none.

    Args:
        recursive: look in all folders below, too. but: a file that does not go.
    """
    if not root.is_dir():
        raise StoreError(f"there is no folder {root}")
    try:
        found = sorted((root.rglob if recursive else root.glob)(pattern))
    except (ValueError, NotImplementedError) as error:
        raise StoreError(f"-g {pattern}: {error}; write a pattern below ROOT, as '*.fits.gz'") from error
    paths: dict[Path, None] = {}
    for path in found:
        inside = files_below(path) if path.is_dir() and not recursive else [path] if path.is_file() else []
        paths.update(dict.fromkeys(inside))
    chosen = [AsFound.of(path) for path in paths if but is None or path.resolve() != but.resolve()]
    if not chosen:
        raise StoreError(f"no file in {root} is meant by {pattern}; -R looks in all folders below")
    return chosen


def digests(chosen: Sequence[AsFound]) -> Iterator[tuple[AsFound, str]]:
    """The SHA-256 of each, as it is done."""
    for one in chosen:
        yield one, digest(one.path)


def plan_upload(
    storage: Storage, root: Path, found: Sequence[tuple[AsFound, str]], bucket: str, prefix: str
) -> Upload:
    """Which contents go under which keys, and which are there already."""
    at = f"s3://{bucket}"
    files = tuple(
        ManifestFile(one.path.relative_to(root).as_posix(), one.size, sha256, key_of(one.path.name, sha256, prefix))
        for one, sha256 in found
    )
    here = {file.key: one for file, (one, _) in zip(files, found, strict=True)}
    there = _there(storage, [f"{at}/{key}" for key in here], f"{at}/{prefix.strip('/')}")
    transfers = tuple(
        FileTransfer(one.path, f"{at}/{key}", one.size, there.get(f"{at}/{key}")) for key, one in here.items()
    )
    return Upload(Manifest(at, files), transfers, {one.path: one for one in here.values()})


def _there(storage: Storage, addresses: Sequence[str], folder: str) -> Mapping[str, StoredObject]:
    if len(addresses) > _FEW and folder.count("/") > 2:
        return {one.url: one for one in storage.list(folder)}
    return {url: found for url in addresses if (found := storage.find(url)) is not None}


def _is_there(one: FileTransfer) -> bool:
    """The key says the content; one of another length was cut by whoever put it."""
    return one.stored is not None and one.stored.size == one.size


def upload(storage: Storage, planned: Upload, *, public: bool) -> Iterator[Carried]:
    """Put what is missing."""
    yield from carry(planned.transfers, partial(_put_one, storage, planned.chosen, public))


def _put_one(storage: Storage, chosen: Mapping[Path, AsFound], public: bool, one: FileTransfer) -> bool:
    if _is_there(one):
        return False
    if AsFound.of(one.here) != chosen[one.here]:
        raise StoreError(f"{one.here} changed while it was looked at; type the same again")
    storage.put(one.here, one.there, public=public)
    if AsFound.of(one.here) != chosen[one.here]:
        raise StoreError(f"{one.here} changed while it was put, so {one.there} is not what its name says; type again")
    return True


def keep_manifest(storage: Storage, manifest: Manifest, path: Path, prefix: str, *, public: bool) -> str:
    """Write it here and put it there; returns its address."""
    put_whole(path, manifest.text())
    url = f"{manifest.at}/{key_of(path.name, digest(path), prefix)}"
    if storage.find(url) is None:
        storage.put(path, url, public=public)
    return url


def manifest_name(root: Path) -> str:
    """What it is called where nobody says."""
    return f"{split_name(root.resolve().name)[0] or 'files'}-manifest.json"
