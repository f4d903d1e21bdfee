"""Where the sources of a population are: `injections.dat`, and which of them each sky map is of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_TABLES_BYTES, read_text
from llama.formats.skymap_list import name_of
from llama.science.arrays import Float
from llama.science.sky import unit_vectors

_OF_MAP = ("coinc_event_id", "coinc_id", "skymap", "filename", "file")
_NEEDED = ("simulation_id", "longitude", "latitude", "distance")


@dataclass(frozen=True, slots=True)
class Source:
    """One source: direction in rad (ICRS), distance in Mpc."""

    ra_rad: float
    dec_rad: float
    distance_mpc: float

    @property
    def direction(self) -> Float:
        """Unit vector (3,)."""
        found = unit_vectors(np.array([self.ra_rad]), np.array([self.dec_rad]))
        return np.asarray(found).reshape(3)


def read_sources(path: Path) -> dict[str, Source]:
    """By name of the sky map: through `coincs.dat` beside the injections where it names both, else the number of
    the injection is the name of its map.

    FormatError for a file without the columns simulation_id, longitude, latitude (rad) and distance (Mpc).
    """
    header, rows = _table(path)
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise FormatError(f"{path} has no column {missing[0]}; its columns are {' '.join(header)}")
    at = [header.index(name) for name in _NEEDED]
    found: dict[str, Source] = {}
    for number, words in rows:
        try:
            name, *values = (words[i] for i in at)
            found[name] = Source(*map(float, values))
        except (IndexError, ValueError) as error:
            raise FormatError(f"{path}: line {number} is no injection: {error}") from error
    return _by_map(path.with_name("coincs.dat"), found)


def _by_map(coincs: Path, by_number: dict[str, Source]) -> dict[str, Source]:
    if not coincs.is_file():
        return by_number
    header, rows = _table(coincs)
    of_map = next((header.index(name) for name in _OF_MAP if name in header), None)
    if of_map is None or "simulation_id" not in header:
        return by_number
    of_number = header.index("simulation_id")
    long_enough = [words for _, words in rows if len(words) > max(of_map, of_number)]
    pairs = {name_of(words[of_map]): words[of_number] for words in long_enough}
    return {name: by_number[number] for name, number in pairs.items() if number in by_number}


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    lines = read_text(path, MAX_TABLES_BYTES, "a table of injections").splitlines()
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise FormatError(f"{path} is empty")
    (_, header), *rest = rows
    return [word.lstrip("#") for word in header if word != "#"], rest
