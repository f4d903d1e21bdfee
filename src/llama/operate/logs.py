"""The log of a program and of all its processes: on the screen, and in files.

A program's own log is `logs/NAME.log`, lines for people, and beside it `logs/NAME.jsonl`, the same as JSON for
programs. Both are rotated when they are large (`NAME.log.1` is the last one before); a rotated file keeps its time.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from llama.sections import HidingFormatter, Secret, hide

LARGEST_BYTES = 20_000_000
KEPT = 9
"""So many rotated files of each log are kept."""
FILES_ONLY = {"files_only": True}
"""As `extra` of a line: for the files, since whoever watches the screen knows it."""
QUIET = "QUIET"
"""The level of a screen that shows nothing: there is nobody in front of it."""
_LOGGER = "llama"


class Secretive(Protocol):
    """What knows the secrets that nobody is to see, such as the application."""

    @property
    def secrets(self) -> tuple[Secret, ...]: ...


def open_log(level: str, file: Path | None, secrets: tuple[Secret, ...], program: Path | None = None) -> str:
    """Log to the screen from `level` on, and everything to files, secrets hidden.

    Args:
        level: of the screen, or QUIET; files have all.
        file: a further file, never rotated. Raises OSError when its folder cannot be made.
        secrets: what nobody is to see.
        program: the program's own log, without its ending: `logs/llamad` is `logs/llamad.log` and
            `logs/llamad.jsonl`. When these cannot be written that is told once, and stops nothing.

    Returns how the processes of steps write there too, as `llama.engine.running.recipe.Recipe` takes it.
    """
    form = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
    lines = HidingFormatter(form, "%Y-%m-%d %H:%M:%S", secrets)
    lines.converter = time.gmtime
    found: list[tuple[logging.Handler, logging.Formatter]] = []
    if level != QUIET:
        screen = logging.StreamHandler()
        screen.setLevel(level)
        screen.addFilter(lambda record: not getattr(record, "files_only", False))
        found.append((screen, lines))
    if file is not None:
        file = file.absolute()
        file.parent.mkdir(parents=True, exist_ok=True)
        found.append((LogFile(file, largest=None), lines))
    if program is not None:
        program = program.absolute()
        found.append((LogFile(program.with_name(f"{program.name}.log")), lines))
        found.append((LogFile(program.with_name(f"{program.name}.jsonl")), _JsonLines(secrets)))
    logger = logging.getLogger(_LOGGER)
    logger.setLevel(logging.DEBUG)
    for handler, formatter in found:
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    words = [level, *(None if path is None else str(path) for path in (file, program))]
    return f"{__name__}:join_log {json.dumps(words)}"


def join_log(text: str, application: Secretive) -> None:
    """In another process: write to the log that `open_log` opened."""
    level, file, program = json.loads(text)
    open_log(level, _path(file), application.secrets, _path(program))


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


@contextmanager
def closing_log() -> Iterator[None]:
    """What is opened of logs inside is closed at the end."""
    logger = logging.getLogger(_LOGGER)
    before, level = list(logger.handlers), logger.level
    try:
        yield
    finally:
        for handler in [one for one in logger.handlers if one not in before]:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)


class LogFile(logging.Handler):
    """A file that many processes append whole lines to; any of them rotates it when it is larger than `largest`.

    When the disk does not take a line, this is said once on standard error and the program goes on; once the disk
    takes lines again, one tells how many are missing.
    """

    def __init__(self, path: Path, *, largest: int | None = LARGEST_BYTES, kept: int = KEPT) -> None:
        super().__init__(logging.DEBUG)
        self.path = path
        self._largest, self._kept = largest, kept
        self._fd = -1
        self._file: tuple[int, int] | None = None
        self._torn = False
        self._lost = 0
        self._why = ""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if self._lost:
                self._append(self.format(_missing(self._lost, self._why)))
                self._lost, self._why = 0, ""
            self._append(line)
        except OSError as error:
            self._lost += 1
            self._tell(error)
        except Exception:  # noqa: BLE001 - a line that cannot be formatted is told as logging tells it
            self.handleError(record)

    def close(self) -> None:
        self.acquire()
        try:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = -1
        finally:
            self.release()
        super().close()

    def _append(self, text: str) -> None:
        status = self._open()
        if self._largest is not None and stat.S_ISREG(status.st_mode) and status.st_size > self._largest:
            self._rotate(self._largest)
            self._open()
        rest = text.encode("utf-8", "backslashreplace") + b"\n"
        if self._torn:
            rest = b"\n" + rest
        while rest:  # one call unless the disk is full: a line is never mixed with that of another process
            written = os.write(self._fd, rest)
            rest = rest[written:]
            self._torn = bool(rest)

    def _open(self) -> os.stat_result:
        """The file of that name, which may be another one than the last time."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        else:
            if self._fd >= 0 and (status.st_dev, status.st_ino) == self._file:
                return status
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._torn = fd, False
        status = os.fstat(fd)
        self._file = status.st_dev, status.st_ino
        return status

    def _rotate(self, largest: int) -> None:
        """Give the file another name, unless another process does so just now. A file that is renamed keeps its time.

        A disk that does not allow it makes the file grow; what is logged matters more.
        """
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.path.stat().st_size <= largest:
                return
            for number in range(self._kept, 0, -1):
                newer = self._rotated(number - 1)
                if newer.exists():
                    newer.replace(self._rotated(number))
        except BlockingIOError:
            return
        except OSError as error:
            self._tell(error)
        finally:
            os.close(folder)

    def _rotated(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path

    def _tell(self, error: OSError) -> None:
        why = str(error)
        if why != self._why:
            self._why = why
            with suppress(OSError, ValueError):  # there may be nobody to tell
                print(f"llama: the log {self.path} cannot be written: {why}", file=sys.stderr)


def _missing(count: int, why: str) -> logging.LogRecord:
    text = "%d lines are missing here, which could not be written: %s"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (count, why), None)


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, pid, message and, with an error, its traceback."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        time_ = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": time_.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "message": hide(record.getMessage(), self._secrets),
        }
        if record.exc_info:
            line["traceback"] = hide(self.formatException(record.exc_info), self._secrets)
        return json.dumps(line, ensure_ascii=False)
