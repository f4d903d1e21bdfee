"""Which detectors heard each source of a simulated population: `coincs.dat`, `participating-detectors-*.txt`.

A header line, then a line per sky map: the detectors joined by commas (`H1,L1`) and the map's name without extension.
What BAYESTAR's tools write has more columns, whose header names them; there the network may be letters (`HLV`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_RECORD_BYTES, read_text

_DETECTORS = re.compile(r"[A-Z][0-9](,[A-Z][0-9])*")
_PAIRS = re.compile(r"([A-Z][0-9])+")
_LETTERS = re.compile(r"[HLVKI]+")
_OF_DETECTORS = ("ifos", "instruments", "detectors", "network")
_OF_MAPS = ("skymap", "filename", "coinc_event_id", "simulation_id")


@dataclass(frozen=True, slots=True)
class Coinc:
    """One source that was heard.

    Attributes:
        detectors: their names, sorted: (`H1`, `L1`).
        skymap: the map's name without extension, possibly below a folder: `bns-o3/1`.
    """

    detectors: tuple[str, ...]
    skymap: str


def read_coincs(path: Path) -> list[Coinc]:
    """All sources in the order of the file. FormatError names the line that cannot be read, or is there twice."""
    try:
        text = read_text(path, MAX_RECORD_BYTES, "a list of coincidences")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no list of coincidences, since it is no text: {error.reason}") from error
    lines = [line.split() for line in text.splitlines()]
    rows = [(number, words) for number, words in enumerate(lines, 1) if words]
    if len(rows) < 2:
        raise FormatError(f"{path} has no line below its header")
    (_, header), *rows = rows
    of_detectors, of_map = _columns(path, header, rows[0][1])
    found: dict[str, Coinc] = {}
    for number, words in rows:
        if len(words) <= max(of_detectors, of_map):
            raise FormatError(f"{path}: line {number} has {len(words)} columns; its header has {len(header)}")
        detectors, name = detectors_in(words[of_detectors]), words[of_map]
        if detectors is None:
            said = words[of_detectors]
            raise FormatError(f"{path}: line {number} has {said!r} where detectors joined by commas should be")
        if name in found:
            raise FormatError(f"{path}: line {number} names the sky map {name} a second time")
        found[name] = Coinc(detectors, name)
    return list(found.values())


def _columns(path: Path, header: list[str], first: list[str]) -> tuple[int, int]:
    """Where detectors and map names stand: as the header says, else as two columns do."""
    if detectors_in(header[0]) is not None and _DETECTORS.fullmatch(header[0]):
        raise FormatError(f"{path} begins with {' '.join(header)!r}; its first line must be a header")
    names = [name.lower().lstrip("#") for name in header]
    of_detectors = next((names.index(name) for name in _OF_DETECTORS if name in names), None)
    of_map = next((names.index(name) for name in _OF_MAPS if name in names), None)
    if of_detectors is None:
        of_detectors = next((i for i, word in enumerate(first) if _DETECTORS.fullmatch(word)), None)
    if of_map is None and of_detectors in (0, 1) and len(first) == 2:
        of_map = 1 - of_detectors
    if of_detectors is None or of_map is None:
        what = "detectors" if of_detectors is None else "names of sky maps"
        raise FormatError(
            f"{path}: no column of {what} in {' '.join(header)!r}; call it {_OF_DETECTORS[0]} or {_OF_MAPS[0]}"
        )
    return of_detectors, of_map


def detectors_in(word: str) -> tuple[str, ...] | None:
    """`H1,L1`, `H1L1` and `HL` alike, sorted; None for anything else, and for one that is there twice."""
    word = word.replace(" ", "")
    if _DETECTORS.fullmatch(word):
        names = word.split(",")
    elif _PAIRS.fullmatch(word):
        names = re.findall("..", word)
    elif _LETTERS.fullmatch(word):
        names = [f"{letter}1" for letter in word]
    else:
        return None
    return tuple(sorted(names)) if len(set(names)) == len(names) else None
