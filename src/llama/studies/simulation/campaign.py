"""A simulation from options to a folder of sky maps: blocks of sources, each searched and localised on its own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from llama.formats.errors import FormatError
from llama.formats.skymap import MultiOrderFits
from llama.formats.whole import naming
from llama.science.arrays import Rows
from llama.science.sky import SkyMap, credible_area_deg2, credible_level, lookup
from llama.studies.blocks import Arrays, Blocks, Form, generator
from llama.studies.simulation.curves import NoiseCurve
from llama.studies.simulation.localiser import localise
from llama.studies.simulation.measurement import BETA, LUCK, Measurement, SearchConditions, Spectra, measure
from llama.studies.simulation.populations import Mergers, draw_sources, loudest, redshift_of

FAST, BAYESTAR = "fast", "bayestar"
LOCALISERS = (FAST, BAYESTAR)

MAP = np.dtype(
    [
        ("ifos", "U24"),
        ("snr", "f8"),
        ("single_snr", "U64"),
        ("area50", "f8"),
        ("area90", "f8"),
        ("distmean", "f8"),
        ("diststd", "f8"),
        ("level", "f8"),
    ]
)
_PATIENCE = 400  # blocks in a row in which nothing is found
_FIRST_BLOCKS = 4
_RESERVE = 1.05


@dataclass(frozen=True, eq=False)
class Work:
    """All that a block needs.

    Attributes:
        label: of the study, which its seeds depend on. sources: a table to go through, or a population to draw from.
        tries: sources in a block. max_redshift: of a population; further away nothing can be found.
        maps: the folder that sky maps go to.
    """

    label: str
    seed: int
    sources: Rows | Mergers
    tries: int
    max_redshift: float
    curves: tuple[NoiseCurve, ...]
    conditions: SearchConditions
    localiser: str
    maps: Path

    @property
    def blocks(self) -> int | None:
        """How many there are; None for a population, which has no end."""
        return None if isinstance(self.sources, Mergers) else -(-len(self.sources) // self.tries)


@dataclass(frozen=True, eq=False)
class Searched:
    """What came of one block.

    Attributes:
        sources, maps: (n,) of those found, with the fields of `SOURCE` and `MAP`. tried: sources in the block.
        loudest: largest network SNR in it without noise.
    """

    sources: Rows
    maps: Rows
    tried: int
    loudest: float


FORM = Form(
    lambda one: {"sources": one.sources, "maps": one.maps, "about": np.array([one.tried, one.loudest])},
    lambda found: _searched(found),
)


def _searched(found: Arrays) -> Searched:
    return Searched(found["sources"], found["maps"], int(found["about"][0]), float(found["about"][1]))


def reach(kind: Mergers, curves: tuple[NoiseCurve, ...], conditions: SearchConditions) -> float:
    """Redshift beyond which no source of a population reaches the threshold, even with luck."""
    needed = max(conditions.network_snr - LUCK / BETA, 1.0)
    redshift = 0.0
    for _ in range(50):
        horizon = float(np.linalg.norm(Spectra.of(loudest(kind, redshift), curves, conditions.band_hz).horizon_mpc))
        redshift = (redshift + redshift_of(horizon / needed)) / 2
    return redshift * 1.1


def search_block(work: Work, block: int) -> Searched:
    """Draw or take the sources of a block, look for them, and write the sky map of each found."""
    rng = generator(work.seed, work.label, block)
    first = block * work.tries
    if isinstance(work.sources, Mergers):
        sources = draw_sources(work.sources, work.tries, first, work.max_redshift, rng)
    else:
        sources = work.sources[first : first + work.tries]
    heard, loudest = measure(sources, work.curves, work.conditions, rng)
    rows = list(heard)
    maps = np.zeros(len(rows), MAP)
    for k, row in enumerate(rows):
        maps[k] = _one(work, sources[row], heard[row])
    return Searched(sources[rows], maps, len(sources), loudest)


def _one(work: Work, source: Any, heard: Measurement) -> tuple[Any, ...]:
    """Write a sky map, whole or not at all, and describe it; one of BAYESTAR's that is there already is kept."""
    from llama.formats.skymap import read_skymap

    path = work.maps / f"{source['simulation_id']}.multiorder.fits"
    if work.localiser == BAYESTAR:
        from llama.studies.simulation.bayestar import write_bayestar

        if not path.exists():
            _whole(path, partial(write_bayestar, heard, source, work.curves, work.conditions.band_hz))
        skymap = read_skymap(path)
    else:
        skymap = localise(heard, path.name.split(".")[0])
        _whole(path, partial(MultiOrderFits().write, skymap))
    return _described(skymap, source, heard)


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    partial_path = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with naming(path):
            write(partial_path)
        partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)


def _described(skymap: SkyMap, source: Any, heard: Measurement) -> tuple[Any, ...]:
    where = int(lookup(skymap, source["longitude"], source["latitude"]))
    return (
        ",".join(heard.network.names),
        heard.network_snr,
        ",".join(f"{one:.4f}" for one in heard.snr),
        credible_area_deg2(skymap, 0.5),
        credible_area_deg2(skymap, 0.9),
        skymap.distmean_mpc,
        skymap.diststd_mpc,
        float(credible_level(skymap)[where]) if where >= 0 else 1.0,
    )


@dataclass(frozen=True)
class Wanted:
    """When it is enough: so many maps in all, and so many of each detector combination. None asks for nothing."""

    maps: int | None
    each: int | None
    detectors: tuple[str, ...]

    def missing(self, found: Sequence[Searched]) -> int:
        """How many maps more, at the rate at which they came, to have enough; 0 when there are."""
        combination = Counter(one for block in found for one in block.maps["ifos"].tolist())
        total = sum(combination.values())
        more = max((self.maps or 0) - total, 0)
        for name in self._combinations() if self.each else ():
            lacking = (self.each or 0) - combination[name]
            if lacking > 0:
                more = max(more, round(lacking * total / max(combination[name], 1)), 1)
        return more

    def _combinations(self) -> list[str]:
        sizes = range(2, len(self.detectors) + 1)
        return [",".join(names) for size in sizes for names in combinations(self.detectors, size)]


def search(work: Work, wanted: Wanted, executor: Executor, keep: Path, digest: str) -> Iterator[Searched]:
    """Blocks in their order, each as it is done, until there is enough or the table of injections ends.

    How many are searched depends on what was found alone, not on who searched. Raises FormatError when nothing is
    found for long.
    """
    blocks = Blocks(executor, keep, digest)
    found: list[Searched] = []
    size = _FIRST_BLOCKS
    while size:
        first = len(found)
        last = first + size if work.blocks is None else min(first + size, work.blocks)
        again = _with_all_maps(work, blocks, range(first, last))
        for one in again.draw(work.label, partial(search_block, work), range(first, last), FORM):
            found.append(one)
            yield one
        size = 0 if last == work.blocks else _next(found, wanted)
    if not any(len(one.maps) for one in found):
        raise nothing_found(work, found)


def _with_all_maps(work: Work, blocks: Blocks, numbers: Sequence[int]) -> Blocks:
    """Forget kept blocks that are damaged or whose sky maps somebody has taken away, so that they are made again."""
    for number in numbers:
        path = blocks.kept(work.label, number)
        if path is not None and path.exists():
            kept = blocks.result(path, FORM)
            if kept is None or not _has_all_maps(work, kept):
                path.unlink()
    return blocks


def _has_all_maps(work: Work, kept: Searched) -> bool:
    return all((work.maps / f"{name}.multiorder.fits").exists() for name in kept.sources["simulation_id"])


def _next(found: Sequence[Searched], wanted: Wanted) -> int:
    """How many blocks to search next."""
    total = sum(len(one.maps) for one in found)
    missing = wanted.missing(found)
    if not total:
        return len(found) if len(found) < _PATIENCE else 0
    return min(int(np.ceil(_RESERVE * missing * len(found) / total)), 4 * len(found))


def nothing_found(work: Work, found: Sequence[Searched]) -> FormatError:
    """The error of a search in which no source passes."""
    tried, loudest = sum(one.tried for one in found), max((one.loudest for one in found), default=0.0)
    conditions = work.conditions
    return FormatError(
        f"none of {tried} sources is found with network SNR {conditions.network_snr:g} and {conditions.single_snr:g} "
        f"in two detectors; the loudest has {loudest:.2f}. Lower --min-snr or --min-single-snr"
    )
