"""Lines of a list of sky maps: paths on the machine that is to read it."""

from __future__ import annotations

from pathlib import PurePosixPath

MAP_FOLDERS = ("skymaps", "allsky")
"""Where a set keeps its maps."""


def below_set(line: str) -> str | None:
    """The part of a path that is in the set, as `skymaps/bns-o3/1.fits.gz`, wherever that lies; None without one."""
    parts = PurePosixPath(line).parts
    at = next((place for place, part in enumerate(parts[:-1]) if part in MAP_FOLDERS), None)
    return None if at is None else "/".join(parts[at:])
