"""What the engine needs of a file system, and plain words for when it does not get it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llama.engine.errors import StorageError, UnsupportedFileSystem

_REMOTE = {"nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "9p", "ncpfs"}
_REMOTE_FUSE = {"sshfs", "davfs2", "s3fs", "rclone", "gcsfuse", "glusterfs", "curlftpfs", "smbnetfs", "gvfsd-fuse"}

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "your disk quota is used up; free some space and run again",
    errno.EFBIG: "the file would be larger than allowed; raise the limit (`ulimit -f`) and run again",
    errno.EROFS: "the file system is read-only; mount it for writing, or copy the event elsewhere",
    errno.EACCES: "no permission to write; check the owner and mode of the folder",
    errno.EPERM: "no permission to write; check the owner and mode of the folder",
    errno.EIO: "the disk reports an error; check its health and run `llama event check`",
}

_FULL = (errno.ENOSPC, errno.EDQUOT)


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
