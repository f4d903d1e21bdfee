"""The archive's budget: days that are old enough become one ZIP each, `YEAR-MONTH/DAY.zip`, read like the folder was.

The ZIP is whole, on disk and compared with every file in it before the first file goes. Killed at any moment the day
is there, as files, as a ZIP or as both, and the next time finishes it. Files that are no messages, folders and links
stay where they are.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llama.engine.folder import Journal, Stat, fsync_folder, storage_errors, utc
from llama.formats.errors import InputError
from llama.formats.packed import Packed, members
from llama.intake.archive import MESSAGES, days_in, packed_day

_FIRST_YEAR = 1980  # of a ZIP


@dataclass(frozen=True)
class PackedDay:
    """What became of a day, or would.

    Attributes:
        folder: the day's.
        archive: its ZIP.
        files: how many were packed into it.
        before, after: bytes of those files, and by how much the ZIP grew (0 when nothing is done).
        why: what was wrong, so that its files stay; empty when all went well.
    """

    folder: Path
    archive: Path
    files: int = 0
    before: int = 0
    after: int = 0
    why: str = ""


def pack_days(root: Path, *, plain_days: int, now: datetime, dry_run: bool = False) -> Iterator[PackedDay]:
    """Pack all days of an archive but the last `plain_days`, the oldest first. A full disk raises StorageError."""
    first_plain = utc(now).date() - timedelta(days=plain_days)
    for day, folder in days_in(root):
        if day >= first_plain:
            continue
        if dry_run:
            found: PackedDay | None = _found(folder, _messages(folder))
        else:
            with _alone(root):
                found = _packed(folder)
        if found is not None:
            yield found


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One at a time: of two, the slower would put back a ZIP without what the other packed and removed."""
    with storage_errors(root):
        (root / ".llama").mkdir(exist_ok=True)
        with Journal(root / ".llama").lock():
            yield


def _found(folder: Path, files: list[Path]) -> PackedDay | None:
    size = sum(path.stat().st_size for path in files)
    return PackedDay(folder, packed_day(folder), len(files), size) if files else None


def _packed(folder: Path) -> PackedDay | None:
    files = _messages(folder)
    if (found := _found(folder, files)) is None:
        return None
    try:
        return _pack(found, files)
    except InputError as error:
        return PackedDay(folder, found.archive, why=str(error))


def _messages(folder: Path) -> list[Path]:
    """None where another has packed all and taken the folder away."""
    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.suffix.lower() in MESSAGES and not path.name.startswith(".") and _is_plain(path)
    )


def _is_plain(path: Path) -> bool:
    """Whether it is a file of its own, whose name can be written into a ZIP."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        return False
    return path.is_file() and not path.is_symlink()


def _pack(day: PackedDay, files: list[Path]) -> PackedDay:
    """Write the ZIP, compare it, put it in place, and only then remove the files that are as they were packed."""
    before = day.archive.stat().st_size if day.archive.exists() else 0
    seen = {path: Stat.of(path.stat()) for path in files}
    temporary = day.archive.with_name(f".{day.archive.name}-{secrets.token_hex(8)}")
    with storage_errors(day.archive):
        try:
            named = _write(temporary, day, files)
            _compare(temporary, named)
            temporary.replace(day.archive)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_folder(day.archive.parent)
        for path in files:
            if Stat.of(path.stat()) == seen[path]:
                path.unlink()
        _remove_if_empty(day.folder)
        fsync_folder(day.archive.parent)
    return PackedDay(day.folder, day.archive, day.files, day.before, day.archive.stat().st_size - before)


def _remove_if_empty(folder: Path) -> None:
    """A message that comes this moment, or what is none, keeps it."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _write(target: Path, day: PackedDay, files: list[Path]) -> Mapping[str, Path | Packed]:
    """A ZIP of what was packed before and of these files; what each of its names stands for."""
    earlier = {one.name: one for one in members(day.archive)} if day.archive.exists() else {}
    named: dict[str, Path | Packed] = dict(earlier)
    with open(target, "xb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for one in earlier.values():
                archive.writestr(one.name, one.read_bytes())
            for path in files:
                data = path.read_bytes()
                name = _free_name(path, data, earlier)
                if name not in named:
                    archive.writestr(_info(name, path), data)
                named[name] = path
        file.flush()
        os.fsync(file.fileno())
    return named


def _free_name(path: Path, data: bytes, earlier: Mapping[str, Packed]) -> str:
    """Its own; a longer one where another content of that name was packed before, as the archive itself does."""
    if path.name not in earlier or earlier[path.name].read_bytes() == data:
        return path.name
    return f"{path.stem}-{hashlib.sha256(data).hexdigest()[:12]}{path.suffix}"


def _info(name: str, path: Path) -> zipfile.ZipInfo:
    """With the time at which the message was archived."""
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    info = zipfile.ZipInfo(name, max(written, datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)).timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _compare(archive: Path, named: Mapping[str, Path | Packed]) -> None:
    """InputError unless the ZIP holds exactly what its names stand for."""
    found = {one.name: one for one in members(archive)}
    for name, original in named.items():
        if name not in found or found[name].read_bytes() != original.read_bytes():
            raise InputError(f"{original}: it does not come out of the ZIP as it went in, so nothing was packed")
    if len(found) != len(named):
        raise InputError(f"{archive}: it holds more than was packed, so nothing was packed")
