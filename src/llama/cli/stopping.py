"""What Ctrl-C says where a command keeps what it has done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def goes_on(kept: Callable[[], str]) -> Iterator[None]:
    """Work that may be interrupted: then people are told what is `kept`, and that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"llama: stopped; {kept()}; the same command goes on from there", file=sys.stderr)
        raise


def some(folder: str, many: int, of: str) -> str:
    """`12 maps are kept in FOLDER`."""
    return f"{many} {of} {'is' if many == 1 else 'are'} kept in {folder}"
