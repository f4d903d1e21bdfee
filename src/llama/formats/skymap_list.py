"""Lines of a list of sky maps: paths on the machine that is to read it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_RECORD_BYTES, read_text

MAP_ENDINGS = (".fits.gz", ".multiorder.fits", ".multiorder.fits.gz", ".fits")
"""How names of sky maps end."""

MAP_FOLDERS = ("skymaps", "allsky")
"""Where a set keeps its maps."""


def lines_of(text: str) -> list[str]:
    """One path per line, with whatever spaces are in it; empty lines are none."""
    return [stripped for line in text.splitlines() if (stripped := line.strip())]


def read_list(path: Path) -> list[str]:
    """The lines of a list of sky maps, or the maps in a folder, by name. FormatError for what is no text."""
    if path.is_dir():
        return sorted(str(one) for one in path.resolve().iterdir() if one.name.endswith(MAP_ENDINGS))
    try:
        return lines_of(read_text(path, MAX_RECORD_BYTES, "a list of sky maps"))
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no list of sky maps, since it is no text: {error.reason}") from error


def name_of(skymap: str) -> str:
    """A map's name without folder and extension."""
    name = Path(skymap).name
    ending = next((one for one in sorted(MAP_ENDINGS, key=len, reverse=True) if name.endswith(one)), "")
    return name.removesuffix(ending)


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
    return read_list(beside)
