"""What a file of an event, or its folder, may be called."""

from __future__ import annotations

import os


def name_fault(name: str) -> str | None:
    """Why this cannot be the name of a file in an event's folder, or of the folder; None when it can."""
    if not name or name.startswith(".") or "/" in name:
        return "must not be empty, start with a dot or hold a slash"
    return None if readable(name) is not None else "must be readable text (UTF-8, without control characters)"


def readable(name: str) -> str | None:
    """The name of a file or folder as text, the same in every locale; None when it is none that fits on a line.

    Where the locale is not UTF-8, Python hands us names with their bytes in disguise.
    """
    try:
        text = os.fsencode(name).decode()
    except UnicodeEncodeError:  # it came from a file, not from the file system
        text = name
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
