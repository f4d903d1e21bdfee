"""Lines of a list of sky maps: paths on the machine that is to read it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from llama.formats.limits import MAX_RECORD_BYTES, read_text

MAP_FOLDERS = ("skymaps", "allsky")
"""Where a set keeps its maps."""


def below_set(line: str) -> str | None:
    """The part of a path that is in the set, as `skymaps/bns-o3/1.fits.gz`, wherever that lies; None without one."""
    parts = PurePosixPath(line).parts
    at = next((place for place, part in enumerate(parts[:-1]) if part in MAP_FOLDERS), None)
    return None if at is None else "/".join(parts[at:])


def addresses_file(maps: Path) -> Path:
    """Beside a list of copies: the same lines as addresses of what was copied."""
    return maps.with_name(f"{maps.name}.addresses")


def as_addresses(maps: Path, lines: list[str]) -> list[str]:
    """The lines of a list by what they are copies of: the same on machines that keep their copies elsewhere."""
    beside = addresses_file(maps)
    if not beside.is_file():
        return lines
    return read_text(beside, MAX_RECORD_BYTES, "a list of sky maps").split()
