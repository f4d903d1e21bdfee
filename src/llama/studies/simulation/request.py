"""One simulation, as the command asks for it: checked options in, a folder of sky maps out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import llama
from llama.formats.errors import FormatError
from llama.science.arrays import Rows
from llama.studies.clusters import Start
from llama.studies.simulation.campaign import BAYESTAR, Searched, Wanted, Work, reach, search
from llama.studies.simulation.curves import EXTRA, NAMES, NoiseCurve, curves
from llama.studies.simulation.folder import Provenance, settle, write_tables
from llama.studies.simulation.measurement import SearchConditions
from llama.studies.simulation.populations import Mergers, population
from llama.studies.simulation.sources import read_injections

if TYPE_CHECKING:
    from tqdm import tqdm

TRIES = {"bns": 256, "nsbh": 256, "bbh": 512}
"""Rows in a block: a handful of them is found."""
_ROWS = 16  # of an injection table in a block: nearly all of them are found

_REFRESH_S, _LOOK_S = 5.0, 1.0
_CODE = (
    "studies/simulation",
    "studies/blocks.py",
    "science/sky",
    "science/detector/antenna.py",
    "formats/skymap_multiorder.py",
)


@dataclass(frozen=True)
class Request:
    """What somebody asks for.

    Attributes:
        population: bns, nsbh or bbh; with `injections`, only a name for the lists, by default the table's.
        start: starts whoever draws.
        maps, each: how many maps in all and of each detector combination; None for both takes a whole table.
    """

    out: Path
    population: str | None
    injections: Path | None
    run: str
    detectors: tuple[str, ...]
    curves: Path | None
    asd: Mapping[str, str]
    conditions: SearchConditions
    seed: int
    localiser: str
    maps: int | None
    each: int | None
    start: Start


@dataclass(frozen=True)
class SimulatedMaps:
    """What came of it: how many maps each list has, and how many sources were tried."""

    lists: Mapping[Path, int]
    tried: int

    @property
    def total(self) -> int:
        """All maps."""
        return sum(self.lists.values())


def simulate(request: Request) -> SimulatedMaps:
    """Make or go on making the sky maps of a population; the caller holds the folder for itself.

    Raises FormatError for options that cannot be, and OSError when the disk is full; what was made is kept.
    """
    if request.localiser == BAYESTAR and find_spec("ligo.skymap" if find_spec("ligo") else "ligo") is None:
        raise FormatError(f"BAYESTAR comes with ligo.skymap, which is not installed: {EXTRA}; or --localiser fast")
    conditions = request.conditions
    noise = curves(request.run, request.detectors, request.curves, request.asd, conditions.band_hz)
    sources, name, digest = _sources(request)
    provenance = _provenance(request, noise, name, digest)
    settle(request.out, provenance)
    furthest = reach(sources, noise, conditions) if isinstance(sources, Mergers) else 0.0
    work = Work(
        provenance.label,
        request.seed,
        sources,
        provenance.tries,
        furthest,
        noise,
        conditions,
        request.localiser,
        (request.out / "allsky").absolute(),
    )
    whole_table = request.maps is None and request.each is None
    wanted = Wanted(2**62 if whole_table else request.maps, request.each, request.detectors)
    return _run(request, work, wanted, provenance)


def _sources(request: Request) -> tuple[Rows | Mergers, str, str]:
    """What to go through, its name in lists, and the digest of a table."""
    if request.injections is None:
        if request.population is None:
            raise FormatError("say which population, bns, nsbh or bbh, or give a table with --injections")
        kind = population(request.population)
        if request.maps is None and request.each is None:
            raise FormatError("a population has no end: say how many maps with -n or --each")
        return kind, kind.name, ""
    table = read_injections(request.injections)
    digest = sha256(request.injections.read_bytes()).hexdigest()
    return table, request.population or request.injections.stem, digest


def _provenance(request: Request, noise: tuple[NoiseCurve, ...], name: str, digest: str) -> Provenance:
    conditions = request.conditions
    return Provenance(
        name,
        request.run,
        digest,
        request.detectors,
        {one.detector: f"{one.source} {one.digest[:12]}" for one in noise},
        conditions.duty_cycle,
        conditions.network_snr,
        conditions.single_snr,
        conditions.keep_subthreshold,
        *conditions.band_hz,
        request.seed,
        _ROWS if digest else TRIES[name],
        request.localiser,
        _software(request.localiser),
    )


def _software(localiser: str) -> str:
    """Versions and code that the bytes of a map depend on."""
    package = Path(llama.__file__).parent
    found = sha256()
    for place in _CODE:
        paths = sorted((package / place).rglob("*.py")) if (package / place).is_dir() else [package / place]
        for path in paths:
            found.update(path.read_bytes())
    with_bayestar = f", ligo.skymap {version('ligo.skymap')}" if localiser == BAYESTAR else ""
    return f"llama {llama.__version__}, code {found.hexdigest()[:12]}{with_bayestar}"


def _run(request: Request, work: Work, wanted: Wanted, provenance: Provenance) -> SimulatedMaps:
    found: list[Searched] = []
    written = time.monotonic()
    keep = request.out / ".llama" / "blocks"
    try:
        with request.start() as executor, _counted(work.maps) as bar:
            for one in search(work, wanted, executor, keep, repr(provenance)):
                found.append(one)
                bar.total = _expected(work, wanted, found)
                if time.monotonic() - written > _REFRESH_S:
                    write_tables(request.out, provenance.label, request.localiser, found)
                    written = time.monotonic()
    finally:
        lists = write_tables(request.out, provenance.label, request.localiser, found)
    return SimulatedMaps(lists, sum(one.tried for one in found))


@contextmanager
def _counted(maps: Path) -> Iterator[tqdm[NoReturn]]:
    """A progress bar of the sky maps in a folder as they come: blocks of BAYESTAR's take minutes."""
    from tqdm import tqdm

    over, before = threading.Event(), maps_in(maps)
    with tqdm(initial=before, unit="map", leave=False, disable=None, smoothing=0.1) as bar:

        def look() -> None:
            while not over.wait(_LOOK_S):
                bar.n = maps_in(maps)
                bar.refresh()

        thread = threading.Thread(target=look, name="llama maps", daemon=True)
        thread.start()
        try:
            yield bar
        finally:
            over.set()
            thread.join()


def maps_in(folder: Path) -> int:
    """How many sky maps of a simulation there are, those of blocks that are not done too."""
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as found:
        return sum(one.name.endswith(".multiorder.fits") and not one.name.startswith(".") for one in found)


def _expected(work: Work, wanted: Wanted, found: Sequence[Searched]) -> int | None:
    """How many maps it will have in the end, at the rate at which they came; None as long as there is none."""
    maps, tried = sum(len(one.maps) for one in found), sum(one.tried for one in found)
    if not maps:
        return None
    more = wanted.missing(found)
    if work.blocks is not None:
        assert not isinstance(work.sources, Mergers)
        more = min(more, round(maps * (len(work.sources) - tried) / tried))
    return maps + more


RUNS = tuple(NAMES)
