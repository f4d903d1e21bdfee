"""Simulated mergers: the columns that describe one, and tables of them as `injections.dat` has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.science.arrays import Float, Rows

COLUMNS = (
    *("simulation_id", "longitude", "latitude", "inclination", "distance", "mass1", "mass2", "spin1z", "spin2z"),
    *("polarization", "coa_phase", "geocent_end_time", "geocent_end_time_ns"),
)
"""As the lists of Kiendrebeogo et al. (2023) have them: angles in rad, Mpc, detector-frame solar masses, GPS."""

_WHOLE = {"simulation_id", "geocent_end_time", "geocent_end_time_ns"}
SOURCE = np.dtype([(name, "i8" if name in _WHOLE else "f8") for name in COLUMNS])


_BOUNDS = {
    "latitude": (-np.pi / 2, np.pi / 2),
    "inclination": (0.0, np.pi),
    "distance": (1e-3, 1e6),
    "mass1": (0.1, 1e4),
    "mass2": (0.1, 1e4),
    "spin1z": (-1.0, 1.0),
    "spin2z": (-1.0, 1.0),
    "simulation_id": (0, 2**62),
}
_SLACK = 1e-6  # rounding of angles in the lists


def times(sources: Rows) -> Float:
    """GPS seconds at the Earth's centre."""
    return np.asarray(sources["geocent_end_time"] + 1e-9 * sources["geocent_end_time_ns"])


def read_injections(path: Path) -> Rows:
    """The rows of an injection table; FormatError names the file and the line of one that is none."""
    try:
        lines = read_text(path, MAX_RECORD_BYTES, "an injection table").splitlines()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text: {error}") from error
    header = lines[0].split() if lines else []
    if missing := [name for name in COLUMNS if name not in header]:
        raise FormatError(f"{path}: line 1 names no column {', '.join(missing)}; an injection table has a header")
    places = [header.index(name) for name in COLUMNS]
    rows = [_row(path, number, line.split(), places) for number, line in enumerate(lines[1:], 2) if line.strip()]
    if not rows:
        raise FormatError(f"{path} has no line below its header")
    found = np.array(rows, dtype=SOURCE)
    names, counts = np.unique(found["simulation_id"], return_counts=True)
    if (counts > 1).any():
        raise FormatError(f"{path} has simulation_id {names[counts > 1][0]} more than once")
    return found


def _row(path: Path, number: int, words: list[str], places: list[int]) -> tuple[Any, ...]:
    if len(words) <= max(places):
        raise FormatError(f"{path}: line {number} has {len(words)} columns; its header has {max(places) + 1} or more")
    values: list[Any] = []
    for name, place in zip(COLUMNS, places, strict=True):
        try:
            value = int(words[place]) if name in _WHOLE else float(words[place])
        except ValueError:
            raise FormatError(f"{path}: line {number} has {words[place]!r} as {name}") from None
        low, high = _BOUNDS.get(name, (-np.inf, np.inf))
        if not (np.isfinite(value) and low - _SLACK <= value <= high + _SLACK):
            raise FormatError(f"{path}: line {number} has {words[place]} as {name}, outside of {low:g} to {high:g}")
        values.append(value)
    return tuple(values)


def injection_lines(sources: Rows) -> list[str]:
    """Lines of `injections.dat`, without header; floats with all their digits."""
    lines = []
    for row in sources.tolist():
        time = f"{row[-2] + 1e-9 * row[-1]:.6f}"
        lines.append("\t".join([*(repr(value) for value in row), time]))
    return lines


INJECTION_HEADER = "\t".join([*COLUMNS, "gps_time"])
