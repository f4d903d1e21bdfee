"""What the engine needs of a file system, and plain words for when it does not get it."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from llama.advice import CHECK
from llama.engine.errors import NotAFile, StorageError, UnsupportedFileSystem

_REMOTE = {"nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "9p", "ncpfs"}
_REMOTE_FUSE = {"sshfs", "davfs2", "s3fs", "rclone", "gcsfuse", "glusterfs", "curlftpfs", "smbnetfs", "gvfsd-fuse"}

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "your disk quota is used up; free some space and run again",
    errno.EFBIG: "the file would be larger than allowed; raise the limit (`ulimit -f`) and run again",
    errno.EROFS: "the file system is read-only; mount it for writing, or copy the event elsewhere",
    errno.EACCES: "no permission to write; check the owner and mode of the folder",
    errno.EPERM: "no permission to write; check the owner and mode of the folder",
    errno.EIO: f"the disk reports an error; check its health and run {CHECK}",
}

_FULL = (errno.ENOSPC, errno.EDQUOT)

MOST_BYTES = 2_000_000_000
"""A file of an event is at most so large: larger ones cannot be hashed and copied while alerts wait."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def objection(status: os.stat_result, most: int | None = MOST_BYTES) -> str | None:
    """Why this is not to be read as a file of an event; None when it may be."""
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "something else")
        return f"is {kind}, not a file"
    if most is not None and status.st_size > most:
        return f"holds {status.st_size / 1e9:.1f} GB, and a file of an event at most {most / 1e9:g} GB"
    return None


@contextmanager
def open_regular(path: Path, most: int | None = MOST_BYTES) -> Iterator[BufferedReader]:
    """A file opened to be read, which never blocks and has an end. Raises NotAFile for anything else.

    Judged after it is opened, so that nobody can put a pipe in its place between the look and the reading.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):  # a socket, or a device that is not there
            raise NotAFile(f"{path} is a socket or a device, not a file: move it away") from error
        raise
    try:
        if why := objection(os.fstat(fd), most):
            raise NotAFile(f"{path} {why}: move it away")
    except BaseException:
        os.close(fd)
        raise
    with open(fd, "rb") as file:
        yield file


def copy_regular(source: Path, target: Path) -> None:
    """Copy the bytes of a file to one that does not exist yet; raises NotAFile as `open_regular` does."""
    with open_regular(source) as old, open(target, "xb") as new:
        shutil.copyfileobj(old, new, 1 << 20)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Translates a full, read-only or failing disk into one clear StorageError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _ADVICE:
            raise
        where = error.filename if isinstance(error.filename, str) else path
        raise StorageError(f"{where}: {_ADVICE[error.errno]}. What was there before is unharmed.") from error


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Translates a full disk, met by code that knows nothing of disks, into a StorageError: not that code's fault.

    It may have made an error of its own of it, so what caused an error counts too.
    """
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and getattr(cause, "errno", None) not in _FULL:
            cause = cause.__cause__ or cause.__context__
        if not isinstance(cause, OSError) or cause.errno is None:
            raise
        raise StorageError(f"{path}: {_ADVICE[cause.errno]}. What was there before is unharmed.") from error


def require_local(path: Path) -> None:
    """Raises UnsupportedFileSystem where locks, renames and file events cannot be relied on."""
    kind = filesystem_of(path)
    family, _, fuse = kind.partition(".")
    if family in _REMOTE or (family in {"fuse", "fuseblk"} and fuse in _REMOTE_FUSE):
        raise UnsupportedFileSystem(
            f"{path} is on a network file system ({kind}), where file locks cannot be relied on; "
            "use a local disk (the setting data_dir moves everything)"
        )


def filesystem_of(path: Path) -> str:
    """The type of the file system that holds (or would hold) `path`, e.g. `ext4`; empty if unknown."""
    import psutil  # only needed once per run

    real = path.resolve()
    best, kind = "", ""
    for mount in psutil.disk_partitions(all=True):
        inside = real == Path(mount.mountpoint) or Path(mount.mountpoint) in real.parents
        if inside and len(mount.mountpoint) >= len(best):
            best, kind = mount.mountpoint, mount.fstype
    return kind.lower()


def fsync_folder(path: Path) -> None:
    """Makes renames inside `path` last."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def append_line(path: Path, line: bytes) -> None:
    """A line more in a file of lines, on disk when this returns; many programs may do so at once.

    A line that a crash or a full disk left unfinished swallows none that comes after it.
    """
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        size = os.fstat(fd).st_size
        torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        write_whole(fd, b"\n" * torn + line + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(fd: int, data: bytes) -> None:
    """All of it in one write, or OSError: a short write to a regular file is a full disk."""
    if os.write(fd, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
