"""Files from here to servers, each sent to those that have not got it, and checked there."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from llama.fleet.errors import NotToBeDone, ServerFailed
from llama.fleet.pulling import digests
from llama.fleet.remote import Remote, checked
from llama.fleet.ssh import Link, Output

_AT_ONCE = 1 << 18


@dataclass
class Parcel:
    """What is pushed: files by their path there, with digests, and tars of those that some servers lack."""

    files: Mapping[str, Path]
    digests: Mapping[str, str]
    _tars: dict[frozenset[str], IO[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, places: Sequence[Path]) -> Parcel:
        """Files, and folders with all that is in them, by their own names. NotToBeDone for one that is not there."""
        files: dict[str, Path] = {}
        for place in places:
            if not place.exists():
                raise NotToBeDone(f"there is no {place} to push")
            root = place.resolve()
            for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
                if path.is_file():
                    files[path.relative_to(root.parent).as_posix()] = path
        if not files:
            raise NotToBeDone(f"there is no file in {', '.join(map(str, places))} to push")
        return cls(files, {name: _digest(path) for name, path in files.items()})

    def size(self, names: Sequence[str]) -> int:
        """Bytes of some of them."""
        return sum(self.files[name].stat().st_size for name in names)

    def tar(self, names: frozenset[str]) -> IO[bytes]:
        """Some of them as one tar, made once."""
        if names not in self._tars:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - it lasts as long as the parcel
            with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
                for name in sorted(names):
                    tar.add(self.files[name], f"./{name}", recursive=False)
            self._tars[names] = file
        return self._tars[names]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def send(link: Link, remote: Remote, parcel: Parcel, folder: str) -> str:
    """Send what the server lacks; what was done, in words. ServerFailed for a full disk, or a file that is wrong."""
    names = list(parcel.files)
    there = await digests(link, remote, names, folder)
    lacking = [name for name in names if there.get(name) != parcel.digests[name]]
    if not lacking:
        return f"{len(names)} files, all there already"
    size = parcel.size(lacking)
    tar = parcel.tar(frozenset(lacking))
    checked(await _stream(link, remote.command("unpack", folder, str(size // 1024 + 4 * len(lacking))), tar))
    there = await digests(link, remote, lacking, folder)
    if wrong := [name for name in lacking if there.get(name) != parcel.digests[name]]:
        raise ServerFailed(f"{len(wrong)} files are not there as they were sent, {wrong[0]} for one; push again")
    return f"{len(lacking)} files sent, {size / 1e6:.1f} MB; {len(names) - len(lacking)} were there"


async def _stream(link: Link, command: str, tar: IO[bytes]) -> Output:
    """Feed a tar to a command; other servers read the same file meanwhile, so every read says where."""
    async with link.process(command) as process:
        at = 0
        try:
            while True:
                tar.seek(at)
                data = tar.read(_AT_ONCE)
                at += len(data)
                if not data:
                    break
                process.stdin.write(data)
                await process.stdin.drain()
            process.stdin.write_eof()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended, and says why
        out, err = await process.stdout.read(), await process.stderr.read()
        return Output(await process.wait(), out, err)
