"""What a study of trials is: `study.json`, which every run in its folder must agree with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

import llama
from llama.advice import TRIALS
from llama.analyses.result import response_digest, search_digest
from llama.formats.errors import FormatError
from llama.formats.records import Record, to_json
from llama.formats.skymap_list import as_addresses, read_list
from llama.formats.whole import put_whole
from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.search import Search
from llama.science.significance import Searches
from llama.studies.blocks import generator

STUDY_FILE = "study.json"
SIGNAL_NEUTRINOS: Mapping[str, int] = {"background": 0, "signal": 1, "doublet": 2}
"""How many neutrinos of a source a trial of each kind holds, besides background."""
EVENT_FOLDERS = {"background": "events", "signal": "signal-events", "doublet": "signal-doublet-events"}
DEPTHS = ("kernel", "pipeline")
CLASSES = {"bns": "BNS", "nsbh": "NSBH", "bbh": "BBH"}
"""What an alert of each population says that it is."""


@dataclass(frozen=True)
class Inputs:
    """What every trial needs besides its sky map, as it is on this machine."""

    season: SeasonTable
    events: SeasonEvents
    searches: Searches


Connect = Callable[[], Inputs]
"""Gives a process what trials are made from; small enough to travel to it."""


@dataclass(frozen=True)
class TrialStudy:
    """One study.

    Attributes:
        seed: of all random numbers, with `population` and what is drawn.
        population: which decides the search. detectors: that heard all of it, `H1L1V1`; empty when not said.
        season: whose neutrinos. maps: the list of sky maps; list_digest: of its lines, by address.
        injections: file of where the sources are; empty when they are drawn from the maps' posteriors.
        injections_digest: of its bytes and of those of `coincs.dat` beside it.
        search_digest, response_digest, events_digest: of all numbers that a result depends on.
        version: of the software that began it. run: of the search, empty when whoever began it did not say.
    """

    seed: int
    population: str
    detectors: str
    season: str
    maps: str
    list_digest: str
    injections: str
    injections_digest: str
    search_digest: str
    response_digest: str
    events_digest: str
    version: str
    run: str = ""

    @classmethod
    def of(cls, inputs: Inputs, options: Options) -> TrialStudy:
        """FormatError for a population that there is not, and for a list that is empty."""
        known = sorted({*CLASSES, *inputs.searches.records})
        if options.population not in known:
            raise FormatError(f"there is no population {options.population!r}; there are {', '.join(known)}")
        search = inputs.searches.choose(options.population).search
        lines = listed(options.maps)
        return cls(
            seed=options.seed,
            population=options.population,
            detectors=options.detectors,
            season=inputs.season.name,
            maps=str(options.maps.absolute()),
            list_digest=sha256("\n".join(as_addresses(options.maps, lines)).encode()).hexdigest()[:16],
            injections="" if options.injections is None else str(options.injections.absolute()),
            injections_digest="" if options.injections is None else digest_of_sources(options.injections),
            search_digest=search_digest(search),
            response_digest=response_digest(inputs.season),
            events_digest=inputs.events.digest[:16],
            version=llama.__version__,
            run=search.run,
        )

    def search(self, inputs: Inputs) -> Search:
        """Of its population."""
        return inputs.searches.choose(self.population).search

    @property
    def digest(self) -> str:
        """Of all that a trial depends on besides its kind, its depth and its block; not of where things are."""
        said = asdict(self)
        numbers = {name: value for name, value in said.items() if name not in _WHERE}
        return sha256(to_json(numbers)).hexdigest()[:32]


def digest_of_sources(path: Path) -> str:
    """Of all that says where sources are; OSError when the file is not there."""
    found, beside = sha256(path.read_bytes()), path.with_name("coincs.dat")
    if beside.is_file():
        found.update(beside.read_bytes())
    return found.hexdigest()[:16]


_UNCHECKED = ("version", "run")  # what follows from the rest, or may differ
_WHERE = ("maps", "injections", *_UNCHECKED)


@dataclass(frozen=True)
class Options:
    """What somebody asks for."""

    maps: Path
    population: str
    season: str
    seed: int = 1
    detectors: str = ""
    injections: Path | None = None


def open_study(folder: Path, asked: TrialStudy) -> TrialStudy:
    """The study in the folder, begun if there is none; FormatError when that is another one than is asked for."""
    path = folder / STUDY_FILE
    if not path.exists():
        put_whole(path, to_json(asked))
        return asked
    there = read_study(folder)
    differ = [
        name for name in asdict(asked) if name not in _UNCHECKED and getattr(there, name) != getattr(asked, name)
    ]
    if differ:
        told = ", ".join(f"{name} {getattr(there, name)!r}, not {getattr(asked, name)!r}" for name in differ)
        raise FormatError(f"{path} is another study: its {told}; give what it was begun with, or another folder")
    return there


def read_study(folder: Path) -> TrialStudy:
    """The study of a folder; FormatError when there is none."""
    path = folder / STUDY_FILE
    if not path.is_file():
        raise FormatError(f"{folder} is no study of trials: it has no {STUDY_FILE}; {TRIALS} begins one")
    try:
        return Record(TrialStudy).read(path)
    except FormatError as error:
        raise FormatError(f"{path} cannot be read: {error}; begin the study in another folder") from error


def listed(maps: Path) -> list[str]:
    """The lines of a list of sky maps; FormatError when there is none. Whether they are there is seen map by map."""
    lines = read_list(maps)
    if not lines:
        raise FormatError(f"{maps} lists no sky maps")
    return lines


def in_turn(lines: list[str], seed: int) -> list[str]:
    """The maps in the order in which blocks take them: any number of blocks is a fair sample of the list."""
    by = generator(seed, "trials: order of sky maps", 0).permutation(len(lines))
    return [lines[i] for i in np.asarray(by).tolist()]
