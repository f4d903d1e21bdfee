"""How loops become machine code, and where that is kept."""

from __future__ import annotations

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: F) -> F:
    """The same function as machine code, for others of its file that are `kept`."""
    found: F = numba.njit(**_OPTIONS)(function)
    return found


def kept(function: F) -> F:
    """The same function as machine code: made when it is first called, and kept for the next process.

    It is kept in $NUMBA_CACHE_DIR, beside the source or among the user's caches, the first of them that can be
    written; where none can, each process makes its own. What is kept is renewed when the file of the function
    changes, so that it must call none of another file.
    """
    try:
        found: F = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # nowhere to keep it
        return compiled(function)
    return found


def first_call(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function that is `kept` gives; one that another version kept, or that was damaged, is made again."""
    try:
        return function(*arguments)
    except (AttributeError, EOFError, ImportError, UnpicklingError):
        function.recompile()  # type: ignore[attr-defined]
        return function(*arguments)
