"""The log of a program and of all its processes: on the screen, and in a file."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Protocol

from llama.sections import HidingFormatter, Secret


class Secretive(Protocol):
    """What knows the secrets that nobody is to see, such as the application."""

    @property
    def secrets(self) -> tuple[Secret, ...]: ...


def open_log(level: str, file: Path | None, secrets: tuple[Secret, ...]) -> str:
    """Log to the screen from `level` on, and everything to `file`, secrets hidden.

    Returns how the processes of steps write there too, as `llama.engine.running.recipe.Recipe` takes it.
    """
    logger = logging.getLogger("llama")
    logger.setLevel(logging.DEBUG)
    to_screen = logging.StreamHandler()
    to_screen.setLevel(level)
    handlers: list[logging.Handler] = [to_screen]
    if file is not None:
        file = file.absolute()
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(_LogFile(file, encoding="utf-8", errors="backslashreplace"))
    form = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
    formatter = HidingFormatter(form, "%Y-%m-%d %H:%M:%S", secrets)
    formatter.converter = time.gmtime
    for handler in handlers:
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    return f"{__name__}:join_log {json.dumps([level, None if file is None else str(file)])}"


def join_log(text: str, application: Secretive) -> None:
    """In another process: write to the log that `open_log` opened."""
    level, file = json.loads(text)
    open_log(level, None if file is None else Path(file), application.secrets)


class _LogFile(logging.FileHandler):
    """A log file that, when the disk does not take it, says so once and lets the events go on."""

    _silent = False

    def handleError(self, record: logging.LogRecord) -> None:
        if not self._silent:
            self._silent = True
            print(f"llama run: the log {self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)
