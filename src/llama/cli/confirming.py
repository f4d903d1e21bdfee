"""Questions whose answer is no unless somebody says yes, and progress of what takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

_EVERY_S = 60.0


def confirmed(question: str, *, yes: bool, otherwise: str) -> bool:
    """Whether it is to be done: only `y` is a yes. `yes` says so beforehand.

    Args:
        question: without its question mark.
        yes: whether it was said on the command line.
        otherwise: what is told when it is not to be done, `nothing was created`.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"nobody is there to say y, so {otherwise}; --yes does it without asking", file=sys.stderr)
        return False
    try:
        answer = input(f"{question}? y or N: ").strip()
    except EOFError:
        print()
        answer = ""
    if answer != "y":
        print(f"that is no y, so {otherwise}", file=sys.stderr)
    return answer == "y"


def files_among(words: Iterable[str]) -> list[str]:
    """Words that are also names of files or folders here: a shell may have put them in place of a glob."""
    return [word for word in words if word and Path(word).exists()]


class StatusLine:
    """One line that is written over on a terminal; elsewhere a new line when a minute is over, on standard error."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._width = 0
        self._last = 0.0

    def __call__(self, text: str) -> None:
        if self._terminal:
            print(f"\r{text:<{self._width}}", end="", file=sys.stderr, flush=True)
            self._width = len(text)
        elif not self._last or time.monotonic() - self._last >= _EVERY_S:
            print(text, file=sys.stderr, flush=True)
            self._last = time.monotonic()

    def end(self) -> None:
        """What comes now begins on a line of its own."""
        if self._width:
            print(file=sys.stderr, flush=True)
            self._width = 0
