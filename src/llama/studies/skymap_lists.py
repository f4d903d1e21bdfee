"""Sky maps of a population as a study takes them: lists per detector combination, and compressed copies."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from llama.formats.coincs import Coinc, detectors_in, read_coincs
from llama.formats.errors import FormatError, SkyMapError
from llama.formats.skymap import read_origin
from llama.formats.skymap_list import MAP_ENDINGS, MAP_FOLDERS, name_of, read_list
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
        source: which detectors heard each map; or a folder of maps, whose headers say it.
        prefix: before each map's name: the folder where the maps are on the machine that will read the list.
        maps: a folder of them here: each must be there, with whichever ending. None takes the names on trust.
        ending: of the maps, when there is no folder to see it in.

    Nothing is written unless all can be. Raises FormatError for a map that is not there, and for a list that is.
    """
    coincs = by_headers(source) if source.is_dir() else read_coincs(source)
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


def maps_beside(source: Path) -> Path | None:
    """The folder of the sky maps that a file names: that beside it, or its own, which has most of them; None where
    there are none. A folder is its own.
    """
    if source.is_dir():
        return source
    names = [f"{one.skymap}{ending}" for one in read_coincs(source) for ending in MAP_ENDINGS]
    places = [source.parent / name for name in MAP_FOLDERS] + [source.parent]
    there = {place: sum((place / name).is_file() for name in names) for place in places}
    best = max(places, key=lambda place: there[place])
    return best if there[best] else None


def by_headers(folder: Path) -> list[Coinc]:
    """Which detectors heard each sky map of a folder, as its header says; FormatError for maps that do not say it."""
    found, silent = list[Coinc](), list[str]()
    for path in map(Path, read_list(folder)):
        try:
            detectors = detectors_in(read_origin(path).get("INSTRUME", ""))
        except (OSError, SkyMapError) as error:
            raise FormatError(f"{path} cannot be read: {error}") from error
        if detectors:
            found.append(Coinc(detectors, name_of(path.name)))
        else:
            silent.append(path.name)
    if silent:
        raise FormatError(
            f"{len(silent)} sky maps of {folder} do not say which detectors heard them (INSTRUME), the first of them "
            f"{silent[0]}; give a file that does, as coincs.dat"
        )
    if not found:
        raise FormatError(f"{folder} has no sky maps")
    return found


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


@dataclass(frozen=True)
class ToCompress:
    """The maps below a folder, where the copy of each goes, and how many there are that are compressed already."""

    maps: tuple[Path, ...]
    copies: tuple[Path, ...]
    already: int

    @classmethod
    def below(cls, source: Path, target: Path) -> ToCompress:
        """FormatError for a folder without `.fits` files, and for copies that would lie among their maps."""
        if not source.is_dir():
            raise FormatError(f"{source} is no folder of sky maps")
        if target.resolve().is_relative_to(source.resolve()):
            raise FormatError(f"{target} is among the maps; choose another folder for their copies")
        maps = sorted(path for path in source.rglob("*.fits") if path.is_file() or path.is_symlink())
        already = sum(1 for _ in source.rglob("*.fits.gz"))
        if not maps:
            others = f"; it has {already} that are compressed already" if already else ""
            raise FormatError(f"{source} has no file that ends with .fits{others}")
        copies = (target / path.relative_to(source).with_name(f"{path.name}.gz") for path in maps)
        return cls(tuple(maps), tuple(copies), already)


def compress(asked: ToCompress, executor: Executor) -> Iterator[Compressed]:
    """A gzip copy of each map, whose folder need not be writable, each as it is done.

    A copy is put in place whole, with the time of its map, so a run that was cut goes on where it was; a map that
    changed since is compressed again. A file that is no FITS file is told and left out; a disk that is full raises
    OSError.
    """
    yield from executor.map(_compress, asked.maps, asked.copies)


def _compress(source: Path, copy: Path) -> Compressed:
    try:
        status = source.stat()
    except OSError as error:
        link = f"it links to {source.readlink()}: " if source.is_symlink() else ""
        return Compressed(source, why=f"{link}{error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Compressed(source, why="it is no file")
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
