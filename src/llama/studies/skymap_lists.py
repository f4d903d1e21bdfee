"""Sky maps of a population as a study takes them: lists per detector combination, and compressed copies."""

from __future__ import annotations

import gzip
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from llama.formats.coincs import Coinc, read_coincs
from llama.formats.errors import FormatError
from llama.formats.skymap_list import MAP_ENDINGS
from llama.formats.whole import naming, put_whole

_NAMED = re.compile(r"(?:coincs|participating-detectors)-(?P<population>.+)")
_BLOCK = 2880
_LEVEL = 6


@dataclass(frozen=True)
class Split:
    """The lists of one population.

    Attributes:
        source: what they were split from. header: its header line counted.
        lists: how many maps each list has.
    """

    source: Path
    lists: Mapping[Path, int]

    @property
    def total(self) -> int:
        """All maps, each in one list."""
        return sum(self.lists.values())


def population_of(path: Path) -> str | None:
    """`bns-o3` of `coincs-bns-o3.dat` and `participating-detectors-bns-o3.txt`; None when the name says none."""
    found = _NAMED.fullmatch(path.stem)
    return found["population"] if found else None


def split(source: Path, folder: Path, *, prefix: str, maps: Path | None, ending: str, overwrite: bool) -> Split:
    """Write a list per detector combination, `H1L1.csv`, with one path per line.

    Args:
        prefix: before each map's name: the folder where the maps are on the machine that will read the list.
        maps: a folder of them here: each must be there, with whichever ending. None takes the names on trust.
        ending: of the maps, when there is no folder to see it in.

    Nothing is written unless all can be. Raises FormatError for a map that is not there, and for a list that is.
    """
    coincs = read_coincs(source)
    endings = _endings(coincs, maps) if maps else {}
    lists: defaultdict[str, list[str]] = defaultdict(list)
    for one in coincs:
        path = PurePosixPath(prefix) / f"{one.skymap}{endings.get(one.skymap, ending)}"
        lists["".join(one.detectors)].append(str(path))
    written = {folder / f"{name}.csv": lines for name, lines in sorted(lists.items())}
    there = [out for out in written if out.exists()]
    if there and not overwrite:
        raise FormatError(f"{there[0]} exists already and was left as it is; -c overwrites the lists")
    folder.mkdir(parents=True, exist_ok=True)
    for out, lines in written.items():
        put_whole(out, "".join(f"{line}\n" for line in lines).encode())
    return Split(source, {out: len(lines) for out, lines in written.items()})


def _endings(coincs: Iterable[Coinc], maps: Path) -> dict[str, str]:
    """With which ending each map is in the folder; FormatError when one is not, or with several."""
    if not maps.is_dir():
        raise FormatError(f"{maps} is no folder of sky maps")
    found: dict[str, str] = {}
    missing = []
    for one in coincs:
        there = [ending for ending in MAP_ENDINGS if (maps / f"{one.skymap}{ending}").is_file()]
        if len(there) > 1:
            raise FormatError(f"{maps / one.skymap} is there as {' and as '.join(there)}; keep one of them")
        if there:
            found[one.skymap] = there[0]
        else:
            missing.append(one.skymap)
    if missing:
        raise FormatError(f"{len(missing)} sky maps are not in {maps}, the first of them {missing[0]}")
    return found


@dataclass(frozen=True)
class Compressed:
    """What came of one map.

    Attributes:
        source: the map as it was. size: of its copy in bytes, 0 when there is none.
        was_there: whether an earlier run had made the copy.
        why: what is wrong with it, empty when nothing is.
    """

    source: Path
    size: int = 0
    was_there: bool = False
    why: str = ""


def compress(source: Path, target: Path, executor: Executor) -> Iterator[Compressed]:
    """A gzip copy of every `.fits` file below a folder that need not be writable, each as it is done.

    A copy is put in place whole, with the time of its map, so a run that was cut goes on where it was; a map that
    changed since is compressed again. A file that is no FITS file is told and left out; a disk that is full raises
    OSError.
    """
    if not source.is_dir():
        raise FormatError(f"{source} is no folder of sky maps")
    paths = sorted(path for path in source.rglob("*.fits") if path.is_file())
    if not paths:
        raise FormatError(f"{source} has no file that ends with .fits")
    copies = [target / path.relative_to(source).with_name(f"{path.name}.gz") for path in paths]
    yield from executor.map(_compress, paths, copies)


def _compress(source: Path, copy: Path) -> Compressed:
    status = source.stat()
    if copy.is_file() and copy.stat().st_mtime_ns == status.st_mtime_ns:
        return Compressed(source, copy.stat().st_size, was_there=True)
    with open(source, "rb") as file:
        if not file.read(_BLOCK).startswith(b"SIMPLE  ="):
            return Compressed(source, why="it is no FITS file")
        if status.st_size % _BLOCK:
            return Compressed(source, why=f"it ends in the middle of a block of {_BLOCK} bytes, so it was cut")
        file.seek(0)
        copy.parent.mkdir(parents=True, exist_ok=True)
        partial = copy.with_name(f".{copy.name}.{os.getpid()}")
        try:
            # Neither name nor time inside: the same map gives the same bytes
            with naming(copy), open(partial, "wb") as out, gzip.GzipFile("", "wb", _LEVEL, out, mtime=0) as packed:
                shutil.copyfileobj(file, packed, 1 << 20)
            os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
            partial.replace(copy)
        finally:
            partial.unlink(missing_ok=True)
    return Compressed(source, copy.stat().st_size)
