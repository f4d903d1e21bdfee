"""What a manifest lists comes here: each file checked by its digest before it is in place, archives unpacked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from llama.formats.manifest import Manifest, ManifestFile, read_manifest
from llama.operate.errors import StoreError
from llama.operate.stores.transfers import Carried, FileTransfer, carry, digest
from llama.operate.stores.unpacking import is_archive, is_unpacked
from llama.ports import Storage


@dataclass(frozen=True)
class Installation:
    """What is to come where.

    Attributes:
        folder: that paths of the manifest are below. at: the address or folder that keys, or paths, are below.
        opened: whether archives are unpacked.
    """

    manifest: Manifest
    folder: Path
    at: str
    opened: bool = True

    @cached_property
    def files(self) -> Mapping[Path, ManifestFile]:
        """By its path here, what each file is to be."""
        return {self.folder / one.path: one for one in self.manifest.files}

    @property
    def transfers(self) -> Iterator[FileTransfer]:
        """What comes from where."""
        local = Path(self.at).expanduser() if "://" not in self.at else None
        for here, one in self.files.items():
            below = one.path if local and not (local / one.key).is_file() else one.key
            yield FileTransfer(here, f"{str(local) if local else self.at.rstrip('/')}/{below}", one.size)

    @property
    def archives(self) -> list[Path]:
        """What is to be unpacked."""
        return [here for here in self.files if self.opened and is_archive(here.name)]


def fetched_manifest(storage: Storage, source: str, scratch: Path) -> Manifest:
    """A manifest by its path or address."""
    here = scratch / "manifest.json"
    storage.get(source, here)
    return read_manifest(here, source)


def refuse_without_room(install: Installation) -> None:
    """StoreError where the disk cannot hold what is missing."""
    install.folder.mkdir(parents=True, exist_ok=True)
    missing = sum(one.size for here, one in install.files.items() if not here.is_file())
    free = shutil.disk_usage(install.folder).free
    if missing > free:
        raise StoreError(f"{install.folder} would need {missing} bytes more, and its disk has {free} free; make room")


def fetch_all(storage: Storage, install: Installation, *, force: bool) -> Iterator[Carried]:
    """Fetch what is not here; what is here and is something else is refused."""
    yield from carry(install.transfers, partial(_fetch_one, storage, install, force))


def _fetch_one(storage: Storage, install: Installation, force: bool, one: FileTransfer) -> bool:
    wanted = install.files[one.here]
    if install.opened and is_archive(one.here.name) and is_unpacked(one.here, wanted.sha256):
        return False
    if one.here.exists():
        if one.here.is_file() and one.here.stat().st_size == wanted.size and digest(one.here) == wanted.sha256:
            return False
        if not force:
            raise StoreError(f"{one.here} is here already and is not what the manifest says; -f overwrites it")
    one.here.parent.mkdir(parents=True, exist_ok=True)
    came = one.here.with_name(f".{one.here.name[:80]}.{wanted.sha256[:8]}.fetched")
    storage.get(one.there, came)
    if (found := digest(came)) != wanted.sha256:
        came.unlink(missing_ok=True)
        raise StoreError(
            f"{one.there} has SHA-256 {found}, and the manifest says {wanted.sha256}; it was thrown away"
        )
    came.replace(one.here)
    return True
