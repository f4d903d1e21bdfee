"""Where things are put together: pipelines, services, shared files and settings become one environment."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama.engine.errors import EngineError, PipelineError
from llama.ports import GRACEDB
from llama.settings import Settings, read_settings

if TYPE_CHECKING:
    from llama.engine.event import Event
    from llama.engine.pipeline import Pipeline
    from llama.engine.product import ServiceKey, Shared
    from llama.messengers import Messenger
    from llama.ports import GraceDB, GRBSource, NeutrinoSource
    from llama.science.detector import SeasonTable
    from llama.science.search import Search
    from llama.science.significance import Searches, TableKind
    from llama.studies.review import Ranking
    from llama.studies.validation.check import Check
    from llama.studies.validation.inputs import CheckInputs, Pool

S = TypeVar("S")
T = TypeVar("T")

ENVIRONMENT = "llama.app:environment"
"""Where a step's process finds its environment; only this name travels to it."""

DEFAULT_PIPELINE_NAME = "GW_NEUTRINO"
EXCERPT = "demo/icecube_excerpt.csv"
DEMO_ALERT = "demo/igwn_alert.json"

PRELOAD = (
    "llama.app",
    "llama.analyses.pipelines",
    "llama.formats.skymap",
    "llama.services.icecube",
    "llama.plots.skymap",
    "astropy.time",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "typst",
)
"""Heavy imports that step processes inherit instead of repeating."""


class ServiceUnavailable(EngineError):
    """A service that a step needs is not set up here; the message says what to do."""


@dataclass(frozen=True)
class Application:
    """The environment of every step: what `llama.engine.step.Environment` asks for."""

    settings: Settings

    def pipeline(self, name: str) -> Pipeline:
        """A named pipeline, with or without `_PIPELINE`, or by an alias."""
        from llama.analyses.pipelines import PIPELINES

        wanted = name.removesuffix("_PIPELINE")
        # Ours first: to look for those of other packages would cost every step some milliseconds
        if (ours := _called(wanted, PIPELINES)) is not None:
            return ours
        known = pipelines()
        if (added := _called(wanted, known)) is not None:
            return added
        raise PipelineError(f"no pipeline {name!r}; there are {', '.join(known)}")

    def service(self, key: ServiceKey[S]) -> S:
        """The adapter behind a key, built on first use."""
        try:
            build = _SERVICES[key.name]
        except KeyError:
            raise ServiceUnavailable(f"this version has no connection to {key.name}") from None
        return cast("S", build(self.settings))

    def gracedb(self) -> GraceDB:
        """GraceDB; ServiceUnavailable says what to do without it."""
        return self.service(GRACEDB)

    def shared_path(self, shared: Shared[Any]) -> Path:
        """The packaged file, or the one the settings name in its place."""
        override = getattr(self.settings, shared.name.split("/")[0].split(".")[0], None)
        return override if isinstance(override, Path) else packaged(shared.name)


def _called(name: str, known: Mapping[str, Pipeline]) -> Pipeline | None:
    return next((pipeline for pipeline in known.values() if name in (pipeline.name, *pipeline.aliases)), None)


def environment() -> Application:
    """The environment of this process, from its settings."""
    return Application(read_settings())


def packaged(name: str) -> Path:
    """A file that ships with the package."""
    return Path(str(files("llama.data"))) / name


def default_run() -> Path:
    """The folder of this observing run's events."""
    return read_settings().current_run


def preload() -> list[str]:
    """Modules that step processes should inherit."""
    return list(PRELOAD)


def workers() -> int:
    """How many steps run at once."""
    from llama.engine.processes import default_workers

    return read_settings().workers or default_workers()


def pipelines() -> Mapping[str, Pipeline]:
    """Every named pipeline: ours, and those that other packages bring by the entry points `llama.pipelines`."""
    from llama.analyses.pipelines import PIPELINES

    found = dict(PIPELINES)
    for entry in entry_points(group="llama.pipelines"):
        where = f"the pipeline {entry.value} of the entry point {entry.name}"
        try:
            pipeline: Pipeline = entry.load()
        except Exception as error:
            raise PipelineError(f"{where} cannot be loaded: {error}; mend or uninstall its package") from error
        if found.setdefault(pipeline.name, pipeline) is not pipeline:
            raise PipelineError(f"{where} is called {pipeline.name}, as another is; rename it")
    return found


def messengers() -> Mapping[str, Messenger]:
    """Every messenger that is installed, ours and others', by name: the entry points `llama.messengers`."""
    found = {entry.name: entry.load() for entry in entry_points(group="llama.messengers")}
    return {name: found[name] for name in sorted(found)}


def neutrino_source() -> NeutrinoSource:
    """Where neutrinos come from, by the settings."""
    return _neutrino_source(read_settings())


def _neutrino_source(settings: Settings) -> NeutrinoSource:
    return _source(settings.neutrinos, settings.archives, settings.cache_dir, settings.simulated_season)


@functools.lru_cache(maxsize=4)
def _source(kind: str, archives: Path, cache: Path, season: str) -> NeutrinoSource:
    """One source per process and setting: an archive is opened once."""
    from llama.services.errors import ArchiveError
    from llama.services.icecube import IceCubeSimulated, installed_archive, open_archive, read_excerpt

    try:
        path = installed_archive(archives)
    except ArchiveError:
        if kind == "simulated":
            raise
        # Nothing is installed: the excerpt packaged for the demo answers for its quarter of an hour, and says so
        return read_excerpt(packaged(EXCERPT))
    archive = open_archive(path, cache)
    return IceCubeSimulated(archive, season) if kind == "simulated" else archive


def grb_source() -> GRBSource:
    """Where gamma-ray bursts come from, by the settings."""
    return _grb_source(read_settings())


def _grb_source(settings: Settings) -> GRBSource:
    """The catalogue when one is named, else the archived notices."""
    if settings.grb_catalogue is not None:
        return _catalogue(settings.grb_catalogue)
    from llama.messengers.fermi.notices import parse
    from llama.services.fermi import NoticeFolder

    return NoticeFolder(settings.grb_notices or settings.notices, parse)


@functools.lru_cache(maxsize=4)
def _catalogue(path: Path) -> GRBSource:
    """One per process and file: it is read once."""
    from llama.services.fermi import read_catalogue

    return read_catalogue(path)


_SERVICES: Mapping[str, Callable[[Settings], object]] = {
    "neutrino_source": _neutrino_source,
    "grb_source": _grb_source,
}


def bring_up_to_date(events: Iterable[Event], *, only: Sequence[str] = (), isolated: bool = True) -> None:
    """Make everything of the default pipeline that is ready (or `only` some products and their ancestors).

    Each step in a process of its own if `isolated`, else all of them in this one.
    """
    from llama.engine.making import Maker
    from llama.engine.processes import Here, Processes
    from llama.engine.runner import Runner
    from llama.engine.store import SharedDigests

    application = environment()
    pipeline = application.pipeline(DEFAULT_PIPELINE_NAME)
    if only:
        pipeline = pipeline.only(only, ancestors=True)
    maker = Maker(pipeline, application, SharedDigests(application))
    executor = Processes(ENVIRONMENT, DEFAULT_PIPELINE_NAME, workers(), PRELOAD) if isolated else Here(maker)
    Runner(maker, executor).once(events)


def demo() -> Event:
    """The packaged alert as an event of the current run, brought up to date. Doing it again makes nothing anew."""
    from llama.engine.flags import Flags
    from llama.engine.run import Delivery, Run
    from llama.messengers.gw.start import Given, start

    begun = start(Given(alert=packaged(DEMO_ALERT).read_bytes()), environment().gracedb)
    event = Run(default_run()).accept(Delivery(begun.event_id, begun.files, Flags(), "llama demo"))
    bring_up_to_date([event])
    return event


def review(folder: Path | None) -> Ranking:
    """Run the five review cases through the engine, in `folder` or a temporary one."""
    from llama.analyses.gw_neutrino import SIGNIFICANCE
    from llama.engine.run import Run
    from llama.studies.review import CASES, delivery, judge

    with tempfile.TemporaryDirectory(prefix="llama-review-") as temporary:
        run = Run(folder or Path(temporary))
        events = {case.name: run.accept(delivery(case)) for case in CASES}
        bring_up_to_date(events.values(), only=[SIGNIFICANCE.name], isolated=False)
        results = {name: event.path / SIGNIFICANCE.filename for name, event in events.items()}
        if missing := [name for name, path in results.items() if not path.exists()]:
            raise EngineError(f"case {missing[0]} has no result: keep the events with -d and see `llama event`")
        return judge({name: SIGNIFICANCE.codec.read(path)["log_odds_ratio"] for name, path in results.items()})


def searches() -> Searches:
    """The search of each population, packaged or as the settings say."""
    from llama.analyses.gw_neutrino import SEARCHES

    return _shared(SEARCHES)


def _season_table(season: str) -> SeasonTable:
    """IceCube's response and background in a season."""
    from llama.analyses.gw_neutrino import ICECUBE_TABLES

    return _shared(ICECUBE_TABLES).season(season)


def _shared(shared: Shared[T]) -> T:
    from llama.engine.step import read

    return cast("T", read(shared.codec, environment().shared_path(shared)))


def _search_of_table(out: Path, kind: TableKind, season: str) -> Search:
    """The search of the population in a table's name; FormatError when the name contradicts it or the season."""
    from llama.formats.errors import FormatError

    try:
        search = searches()[kind.population].search
    except ValueError as error:
        raise FormatError(f"{out.name}: {error}") from error
    for what, said, meant in (("season", kind.season, season), ("run", kind.run, search.run)):
        if said != meant:
            raise FormatError(f"{out.name} is named for {what} {said}, but would be of {meant}; rename it")
    return search


def draw_background(
    maps: Path, tables: Sequence[Path], *, season: str, events: int, workers: int, overwrite: bool = False
) -> int:
    """Write background tables, one per search type, from a list of sky maps; returns how many events each has."""
    from tqdm import tqdm

    from llama.formats.errors import FormatError
    from llama.studies.background import Study, draw, in_order, listed_maps, tables_by_type, write_tables
    from llama.studies.blocks import processes

    paths = listed_maps(maps)
    kind, by_type = tables_by_type(tables, season, overwrite=overwrite)
    settings = read_settings()
    search = _search_of_table(tables[0], kind, season)
    # Not the search type: events are the same for all
    label = f"{kind.population}-{kind.run}-{kind.detectors}-{season}"
    study = Study(paths, events, label, _season_table(season), search)
    connect = functools.partial(_source, "simulated", settings.archives, settings.cache_dir, season)
    try:
        with processes(workers) as executor:
            drawn = draw(study, connect, executor)
            blocks = list(tqdm(drawn, total=len(study.blocks), unit="map", leave=False))
    except ValueError as error:
        raise FormatError(str(error)) from error
    write_tables(study, in_order(study, blocks), by_type)
    return events


def validate(
    out: Path,
    *,
    size: str,
    only: Sequence[str],
    maps: Path | None,
    season: str,
    seed: int,
    workers: int,
    keep: Path | None = None,
) -> Iterator[Check]:
    """Checks of the statistic as they are done; after each the report at `out` and its twin hold those there are."""
    import llama
    from llama.formats.errors import FormatError
    from llama.formats.records import to_json
    from llama.studies.blocks import Blocks, code_digest, processes
    from llama.studies.validation.campaign import NAMES, SIZES, run
    from llama.studies.validation.page import Header, as_html, as_json

    if unknown := [name for name in only if name not in NAMES]:
        raise FormatError(f"no check {unknown[0]!r}; there are {', '.join(NAMES)}")
    if not out.parent.is_dir():
        raise FormatError(f"there is no folder {out.parent}")
    inputs = _validation_inputs(maps, season)
    command = f"llama dev validate --size {size} --seed {seed} -s {season}"
    command += (" --maps DIR" if maps else "") + "".join(f" --check {name}" for name in only)
    drawn = ("size and seed", f"{size}, {seed}; block k draws from SeedSequence(seed, study, spawn_key=(k,))")
    asked = ("checks asked for", ", ".join(only or NAMES))
    header = Header(llama.__version__, command, (*_facts(inputs), drawn, asked))
    digest = f"{seed} {inputs.digest()} {code_digest()}" if keep else ""
    done: list[Check] = []
    with processes(workers) as executor:
        for check in run(inputs, SIZES[size], seed, Blocks(executor, keep, digest), only):
            done.append(check)
            out.write_text(as_html(header, done), encoding="utf-8")
            out.with_suffix(".json").write_bytes(to_json(as_json(header, done)))
            yield check


def _facts(inputs: CheckInputs) -> tuple[tuple[str, str], ...]:
    """What checks draw from, for people."""
    return (
        ("sky maps", "; ".join(f"{p.name}: {p.source}" for p in inputs.populations)),
        ("neutrinos", f"{len(inputs.pool)} {inputs.pool.source}"),
        ("searches", ", ".join(f"{p.search.name} for {p.name}" for p in inputs.populations)),
        ("season", f"{inputs.season.name}, {1e3 * inputs.season.rate_hz:.2f} mHz"),
    )


def _validation_inputs(maps: Path | None, season: str) -> CheckInputs:
    """What checks draw from: what is at hand in the data folder, else synthetic."""
    from llama.formats.errors import FormatError
    from llama.studies.validation.inputs import CheckInputs, populations_in, synthetic_pool, synthetic_populations

    settings, table = read_settings(), _season_table(season)
    found = populations_in(maps or settings.data_dir / "simulated", searches())
    if maps and not found:
        raise FormatError(f"{maps} holds no sky maps (*.fits, *.fits.gz), nor do the folders in it")
    pool = _neutrino_pool(settings, season) or synthetic_pool(table)
    return CheckInputs(found or synthetic_populations(searches()), pool, table)


def _neutrino_pool(settings: Settings, season: str) -> Pool | None:
    """Every neutrino of a season's good runs; None when no archive is installed."""
    import numpy as np

    from llama.services.errors import ArchiveError
    from llama.services.icecube import installed_archive, open_archive
    from llama.studies.validation.inputs import Pool

    try:
        archive = open_archive(installed_archive(settings.archives), settings.cache_dir)
    except ArchiveError:
        return None
    sample = archive.season(season)
    good = sample.in_good_run()
    dec, sigma, energy = (sample.column(name)[good] for name in ("dec_deg", "sigma_deg", "energy_gev"))
    return Pool(np.radians(dec), np.radians(sigma), energy, f"real events of {archive.name} {season}, scrambled")
