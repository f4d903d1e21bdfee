"""Files that are put in place whole or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole(target: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which becomes `target` at the end if all went well; else nothing is left of it.

    What is left by a process that was killed is written over the next time.
    """
    partial = target.with_name(f".{target.name[:100]}.partial")
    with ExitStack() as ends, naming(target):
        file = ends.enter_context(held(partial))
        if file is None:  # somebody else writes the same
            partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.partial")
            file = ends.enter_context(partial.open("xb"))
        ends.callback(partial.unlink, missing_ok=True)
        file.truncate(0)
        yield file
        file.flush()
        os.fsync(file.fileno())
        partial.replace(target)


@contextmanager
def held(path: Path) -> Iterator[IO[bytes] | None]:
    """A file to go on with, made where there is none, held for this process; None while another one holds it."""
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = path.stat().st_ino == os.fstat(file.fileno()).st_ino  # else it was put in place meanwhile
        except (BlockingIOError, FileNotFoundError):
            ours = False
        yield file if ours else None


def put_whole(path: Path, data: bytes | str) -> None:
    """The file with all of it (text as UTF-8), in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A disk that is full does not say by itself which file it was."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
