"""The text tables that background is collated into: one row per event, what is known about them in comment lines.

The layout is the one people know: a header, a rule of `=`, then rows, odds right-aligned with sign and eleven digits.
What the table was made with follows as `# key: value`, so that the first lines of a file are its first rows, and the
last line counts them: a table that was cut has none. Comments may also come first, or be missing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_TABLES_BYTES, read_text
from llama.formats.whole import put_whole

COLUMNS = ("EVENT-ODDS-RATIO", "N", "SOURCE-DIRECTORY", "SKYMAP-FILENAME")
SINGLES = "NEUTRINO-ODDS-RATIO"
"""First word of a table of single neutrinos, from which no p-value of an event is read."""
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BACKGROUND = "background"
KIND_PARTS = ("search", "population", "run", "detectors", "season")
UNKNOWN = "unknown"
_RUN = re.compile(r"[oO]\d[a-z]?|er\d+")
_BLANK = re.compile(r"\s")
_END, _LEFT_OUT, _MAP = "end", "left_out", "map"

Of = tuple[float, float]
"""Of a sky map: area of the 90 % region (deg²) and mean distance (Mpc), NaN for what is not known."""


class BackgroundRow(NamedTuple):
    """One background event: its odds, how many neutrinos it had, where they came from, which sky map.

    A tuple, for there are millions: a dataclass that is frozen takes three times as long to make.
    """

    odds_ratio: float
    n: int
    source: str
    skymap: str


@dataclass(frozen=True, eq=False)
class TextTable:
    """A background table as its file holds it.

    Attributes:
        rows: background events. comments: by key, without those that are below.
        maps: of each sky map, where it is known. left_out: how many of what, by the reason.
        damaged: what is wrong with lines that were left out. whole: whether the last line was there and counts right;
            None where the file has no such line.
    """

    rows: Sequence[BackgroundRow]
    comments: Mapping[str, str]
    maps: Mapping[str, Of] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()
    whole: bool | None = True

    @property
    def told_damaged(self) -> tuple[str, ...]:
        """One sentence about all damaged lines, none where there are none."""
        more = f" and {len(self.damaged) - 1} more damaged rows" if len(self.damaged) > 1 else ""
        return tuple(f"left out: {first}{more}" for first in self.damaged[:1])

    @property
    def kind(self) -> str:
        """background, signal or doublet; a table that does not say it is of background."""
        return self.comments.get("kind") or BACKGROUND

    @cached_property
    def used_maps(self) -> frozenset[str]:
        """Those that its rows have."""
        return frozenset([row.skymap for row in self.rows])

    @property
    def map_quantiles(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """`QUANTILES` over its sky maps of area and of distance; empty unless known for all of them."""
        mine = self.used_maps
        values = np.array([self.maps[one] for one in sorted(mine)]) if mine and mine <= self.maps.keys() else None
        if values is None:
            return (), ()
        return _quantiles(values[:, 0]), _quantiles(values[:, 1])


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    if not np.isfinite(values).all():
        return ()
    return tuple(float(f"{one:.6g}") for one in np.quantile(values, QUANTILES).tolist())


def write_table(path: Path, table: TextTable) -> None:
    """The whole table or nothing of it."""
    put_whole(path, table_text(table))


def table_text(table: TextTable) -> str:
    """As its file holds it."""
    rows = table.rows
    cells = (
        [f"{row[0]:+.11g}" for row in rows],
        [str(row[1]) for row in rows],
        [_quoted(row[2]) for row in rows],
        [row[3] for row in rows],
    )
    return "\n".join([*aligned(COLUMNS, cells, ">><>"), *told(table), ended(len(rows))]) + "\n"


def aligned(columns: Sequence[str], cells: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Header, rule and rows of the columns' cells, each as wide as its widest cell and on the side given."""
    widths = [max(len(name), max(map(len, of), default=0)) for name, of in zip(columns, cells, strict=True)]
    form = "  ".join(f"%{'-' * (side == '<')}{width}s" for side, width in zip(sides, widths, strict=True))
    header = "  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip()
    return [header, "=" * (sum(widths) + 2 * (len(widths) - 1)), *(form % row for row in zip(*cells, strict=True))]


def _quoted(source: str) -> str:
    """Without blanks: they part the columns."""
    return source if not _BLANK.search(source) else re.sub(r"\s", lambda blank: f"%{ord(blank[0]):02X}", source)


def told(table: TextTable) -> Iterable[str]:
    """What is known of a table, a comment line each."""
    yield from (f"# {key}: {value}" for key, value in table.comments.items())
    if table.left_out:
        yield f"# {_LEFT_OUT}: " + "; ".join(f"{many} {why}" for why, many in sorted(table.left_out.items()))
    for key, quantiles in zip(("map_area_deg2", "map_distance_mpc"), table.map_quantiles, strict=True):
        if quantiles:
            yield f"# {key}: " + " ".join(f"{one:.6g}" for one in quantiles)
    used = sorted(table.used_maps & table.maps.keys())
    yield from (f"# {_MAP}: {table.maps[name][0]:.6g} {table.maps[name][1]:.6g} {name}" for name in used)


def ended(rows: int) -> str:
    """The last line of a table that is whole."""
    return f"# {_END}: {rows} rows"


def read_table(path: Path) -> TextTable:
    """A table with all rows that can be read; FormatError for a file that is no such table."""
    try:
        lines = read_text(path, MAX_TABLES_BYTES, "a background table").splitlines()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name} is no text: {error}") from error
    header = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if header.lstrip().startswith(SINGLES):
        raise FormatError(f"{path.name} is a table of single neutrinos, not of events")
    rows, damaged, told = _rows(path.name, lines)
    comments = dict(one for one in told if one[0] not in (_MAP, _END, _LEFT_OUT, "map_area_deg2", "map_distance_mpc"))
    if not rows and not header.lstrip().startswith(COLUMNS[0]):
        raise FormatError(f"{path.name} is no background table: it has no row {' '.join(COLUMNS)}")
    every = dict(told)
    end = every.get(_END)
    return TextTable(
        rows,
        comments,
        dict(filter(None, (_map(value) for key, value in told if key == _MAP))),
        _left_out(every.get(_LEFT_OUT, "")),
        tuple(damaged),
        None if end is None else end == f"{len(rows) + len(damaged)} rows",
    )


def _rows(name: str, lines: list[str]) -> tuple[list[BackgroundRow], list[str], list[tuple[str, str]]]:
    rows, damaged, told = list[BackgroundRow](), list[str](), list[tuple[str, str]]()
    for number, line in enumerate(lines, start=1):
        words = line.split(None, 3)
        if not words or words[0] == COLUMNS[0] or line.startswith(("--", "==")):
            continue
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            told.append((key.strip(), value.strip()))
            continue
        try:
            rows.append(_row(words))
        except (ValueError, IndexError) as error:
            damaged.append(f"{name}, line {number}: expected {' '.join(COLUMNS)}: {error}")
    return rows, damaged, told


def _row(words: list[str]) -> BackgroundRow:
    odds, n = float(words[0]), int(words[1])
    if not 0 <= odds < float("inf"):  # which NaN is not either
        raise ValueError(f"an odds ratio of {words[0]}")
    if n < 0:
        raise ValueError(f"{n} neutrinos")
    return BackgroundRow(odds, n, words[2], words[3].rstrip())


def _map(value: str) -> tuple[str, Of] | None:
    words = value.split(None, 2)
    try:
        return words[2], (float(words[0]), float(words[1]))
    except (ValueError, IndexError):
        return None  # then the quantiles are not known, which is said


def _left_out(value: str) -> Counter[str]:
    found = (re.fullmatch(r"(\d+) (.+)", part.strip()) for part in value.split(";"))
    return Counter({one[2]: int(one[1]) for one in found if one})


def name_parts(path: Path) -> dict[str, str]:
    """What the name of a table's file says: [SEARCH-]POPULATION-RUN[-DETECTORS[-SEASON]].

    A season may hold hyphens. Raises FormatError for any other name.
    """
    parts = path.stem.split("-")
    without = len(parts) == 3 or (len(parts) > 1 and _RUN.fullmatch(parts[1]) is not None)
    keys = KIND_PARTS[1:] if without else KIND_PARTS
    parts = path.stem.split("-", len(keys) - 1)
    if not all(parts) or len(parts) < (2 if without else 3):
        raise FormatError(f"{path.name}: a background table is called SEARCH-POPULATION-RUN-DETECTORS-SEASON.txt")
    return dict(zip(keys, parts, strict=False))


def table_name(
    path: Path,
    comments: Mapping[str, str],
    otherwise: Mapping[str, str] | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> str:
    """The table's name, its five parts joined by "/": from its file's, else from its comments, else what is said
    otherwise, else `unknown`, and `opa` for the search.

    `notice` hears what the name does not say. FormatError where it contradicts the comments.
    """
    parts = name_parts(path)
    for key, value in parts.items():
        if comments.get(key) not in (None, "", UNKNOWN, value):
            raise FormatError(f"{path.name} is named for {key} {value}, but is of {comments[key]}; rename it")
    for key in (key for key in KIND_PARTS if key not in parts):
        default = "opa" if key == "search" else UNKNOWN
        parts[key] = comments.get(key) or (otherwise or {}).get(key) or default
        notice(f"{path.name} does not name its {key}: taken for {parts[key]}")
    return "/".join(parts[key] for key in KIND_PARTS)
