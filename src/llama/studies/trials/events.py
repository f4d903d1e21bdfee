"""Pipeline depth: every trial an event folder, its files made by the engine from the list as it was written.

An event is made whole in a workshop in memory, by the products of the default pipeline and the engine's own rules of
inputs, claims and commits, but for two things. Its sky map is in the study's list already and is not kept once more.
What unrelated neutrinos would look like beside its map (`background_lvc-i3.h5`), which takes a second for one event,
is drawn once for all events of a map, as whole lists of the same background; so the p-values of its own map are
counted, and none is below one in so many lists. Kept are the files that people and tables read.
"""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from llama.analyses.gw_neutrino import (
    BACKGROUND,
    NEUTRINOS,
    SIGNIFICANCE,
    SIGNIFICANCE_SUBTHRESHOLD,
    STATISTIC,
)
from llama.analyses.result import Statistic, asked_of_background
from llama.engine.errors import ClaimLost, EventError
from llama.engine.folder import Claimed, Delivery, Event, Owner, Run, SharedDigests, process_start, storage_errors
from llama.engine.graph import Codec, Environment, Pipeline, Product, Shared, Step, read
from llama.engine.running import Maker, statuses, utc_now
from llama.flags import Flags
from llama.formats.own_background import OwnBackgroundFile
from llama.formats.records import to_json
from llama.formats.skymap import MultiOrderFits
from llama.intake import deliver
from llama.messengers.gw.products import GW_SKYMAP, P_ASTRO, SKYMAP_INFO
from llama.messengers.gw.record import SkymapInfo
from llama.science.arrays import Float
from llama.science.significance import OwnBackground, OwnMapP
from llama.science.statistic import list_statistics, rate_hz
from llama.science.times import utc_from_gps
from llama.studies.blocks import generator
from llama.studies.listed import Listed
from llama.studies.trials.drawing import Supply, TrialMap
from llama.studies.trials.kernel import Task
from llama.studies.trials.study import CLASSES, EVENT_FOLDERS
from llama.studies.truth import scrambled

PIPELINE = Pipeline("TRIAL", (NEUTRINOS, SKYMAP_INFO, GW_SKYMAP, P_ASTRO, STATISTIC, BACKGROUND, SIGNIFICANCE,
                              SIGNIFICANCE_SUBTHRESHOLD))  # fmt: skip
MADE = (SIGNIFICANCE, SIGNIFICANCE_SUBTHRESHOLD)
KEPT = tuple(product.filename for product in (SKYMAP_INFO, P_ASTRO, NEUTRINOS, STATISTIC, *MADE))
"""Files that stay of an event."""
OWN_LISTS = 200
_MEMORY = Path("/dev/shm")
_WHY = "trial of a study"


@dataclass(frozen=True, eq=False)
class OwnLists:
    """Background lists beside one sky map: ln B̃ of each, (lists,), in both statistics."""

    statistics: Mapping[str, Float]
    digest: str
    season: str
    expected: float
    terms: int

    @classmethod
    def draw(cls, rng: np.random.Generator, host: TrialMap, supply: Supply, digest: str, lists: int) -> OwnLists:
        """Whole lists, each through the exact terms."""
        season, search = supply.season, supply.search
        drawn = scrambled(rng, supply.pool, rate_hz(season, search), search, lists)
        every = Listed.of(drawn, host.trigger.gps_s, season.name).as_kernel()
        found = list_statistics(host.prepared, host.trigger, every, season, search, quick=True)
        less = host.prepared.log_complement
        return cls(
            {"event": found.event + less, "ensemble": found.ensemble + less},
            digest,
            season.name,
            len(drawn.neutrinos) / lists,
            len(drawn.neutrinos),
        )

    def background(self, label: str, statistic: Statistic) -> OwnBackground:
        """The p-values of one event."""
        asked, lists = asked_of_background(statistic), self.statistics["event"].size
        counted = {
            name: tuple(OwnMapP.counted(int((self.statistics[name] >= one).sum()), lists) for one in values)
            for name, values in asked.items()
        }
        return OwnBackground(
            label, self.digest, (self.season,), self.expected, self.terms, asked, counted, self.statistics,
            np.ones(lists),
        )  # fmt: skip


@dataclass(frozen=True)
class AsEvents:
    """Judges trials by making an event of each.

    Attributes:
        study: its folder. environment: gives a process the application. own_lists: background lists of each map.
    """

    study: Path
    environment: Callable[[], Environment]
    own_lists: int = OWN_LISTS

    def __call__(self, host: TrialMap, supply: Supply, listed: Listed, task: Task, block: int) -> dict[str, Float]:
        """ln of the odds of every trial, read from its files. EventError for one that cannot be made."""
        events = self.study / EVENT_FOLDERS[task.kind]
        with storage_errors(events):
            events.mkdir(parents=True, exist_ok=True)
        found: dict[str, list[float]] = {"opa": [], "subthreshold": []}
        maker = _maker(self.environment)
        rng = generator(task.study.seed, f"own lists {task.study.digest}", block)
        digest = task.connect().events.digest
        own = functools.cache(lambda: OwnLists.draw(rng, host, supply, digest, self.own_lists))
        received = _received(host, task, block)
        with _workshop() as workshop:
            for i in range(len(listed)):
                name = f"injection-{block * task.size + i}"
                files = {**received, **_files_of(name, host, listed, task, block, i)}
                if not _is_made(events / name, files):
                    _make(maker, Run(workshop), name, files, own)
                    _keep(workshop / name, events / name)
                kept = STATISTIC.codec.read(events / name / STATISTIC.filename)
                for search_type, sums in (("opa", kept.event), ("subthreshold", kept.ensemble)):
                    found[search_type].append(sums.as_numbers().log_b - kept.log_complement)
        return {name: np.array(values, dtype=np.float64) for name, values in found.items()}


@dataclass(frozen=True)
class _MakerOfMany(Maker):
    """Makes many events that share their tables and their map, which it reads once, by digest, and copies never."""

    memory: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def _step(self, event: Event, product: Product[Any], claim: Claimed, scratch: Path, now: datetime) -> Step:
        step = super()._step(event, product, claim, scratch, now)
        digests = {**claim.inputs, **claim.sources}
        shared: tuple[Shared[Any] | Product[Any], ...] = (*product.tables, GW_SKYMAP)
        known = {
            item.key: self._known(item.key, digests[item.key], item.codec, step.inputs[item.key])
            for item in shared
            if item.key in step.inputs
        }
        return replace(step, seen={**step.seen, **known})

    def _known(self, key: str, digest: str, codec: Codec[Any], path: Path) -> Any:
        if key not in self.memory or self.memory[key][0] != digest:
            self.memory[key] = (digest, read(codec, path))
        return self.memory[key][1]

    def _shared(self, item: Any, claim: Claimed, folder: Path) -> Path:
        if self.shared(item) != claim.inputs[item.key]:
            raise ClaimLost(f"{item.name} changed just now")
        return self.environment.shared_path(item)


@functools.lru_cache(maxsize=1)
def _maker(environment: Callable[[], Environment]) -> Maker:
    """One for each process."""
    outside = environment()
    return _MakerOfMany(PIPELINE, outside, SharedDigests(outside))


def _received(host: TrialMap, task: Task, block: int) -> dict[str, bytes]:
    """What all events of a map are given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GW_SKYMAP.filename
        MultiOrderFits().write(host.skymap, path)
        written = path.read_bytes()
    one = CLASSES[task.study.population]
    classes = {name: float(name == one) for name in (*CLASSES.values(), "Terrestrial")}
    return {GW_SKYMAP.filename: written, P_ASTRO.filename: to_json(classes)}


def _files_of(name: str, host: TrialMap, listed: Listed, task: Task, block: int, i: int) -> dict[str, bytes]:
    """What one event is given besides."""
    when = utc_from_gps(host.trigger.gps_s)
    info = SkymapInfo(
        graceid=name,
        event_id=name,
        event_time=when,
        gps_time=host.trigger.gps_s,
        notice_time=when,
        far=None,
        pipeline="",
        group="CBC",
        search=f"{_WHY}: {task.kind}, seed {task.study.seed}, block {block}",
        instruments=host.trigger.instruments,
        alert_type="",
        significant=True,
        skymap_filename=task.map_of(block),
        gracedb_service_url="",
        role="test",
    )
    return {SKYMAP_INFO.filename: to_json(info), NEUTRINOS.filename: to_json(listed.record(i))}


def _is_made(event: Path, files: Mapping[str, bytes]) -> bool:
    """Whether an earlier run made this event, of these very files."""
    given = (SKYMAP_INFO.filename, NEUTRINOS.filename)
    with suppress(OSError):
        return all((event / name).read_bytes() == files[name] for name in given) and all(
            (event / name).is_file() for name in KEPT
        )
    return False


def _make(maker: Maker, run: Run, name: str, files: Mapping[str, bytes], own: Callable[[], OwnLists]) -> None:
    """One event in the workshop, up to both significance files."""
    delivery = Delivery(name, files, flags=Flags(), why=_WHY)
    (event,) = deliver(delivery, run, now=utc_now()).events
    _make_product(maker, event, STATISTIC)
    statistic = STATISTIC.codec.read(event.path / STATISTIC.filename)
    path = event.path.parent / f".{name}.h5"
    OwnBackgroundFile().write(own().background(name, statistic), path)
    event.receive({BACKGROUND.filename: path.read_bytes()}, why="lists drawn once for this map", now=utc_now())
    path.unlink()
    for product in MADE:
        _make_product(maker, event, product)


def _make_product(maker: Maker, event: Event, product: Product[Any]) -> None:
    now = utc_now()
    claim = maker.claim(event, product, now=now, owner=Owner.myself())
    if claim is None or not maker.make(event, product, claim, now=now):
        state = event.look(maker.pipeline, maker.shared)
        why = statuses(maker.pipeline, state, utc_now())[product.filename].why
        raise EventError(f"{event.id}: {product.filename} cannot be made: {why}")


def _keep(made: Path, place: Path) -> None:
    """Show what stays of a finished event by one rename, and clear the workshop."""
    hidden = place.with_name(f".new-{secrets.token_hex(6)}-{place.name}")
    with storage_errors(place):
        try:
            hidden.mkdir()
            for name in KEPT:
                (hidden / name).write_bytes((made / name).read_bytes())
            if place.exists():  # of another study, or half made by earlier versions
                shutil.rmtree(place)
            hidden.rename(place)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
    shutil.rmtree(made)


@contextmanager
def _workshop() -> Iterator[Path]:
    """A folder in memory where there is one, gone afterwards; those of processes that died are cleared away."""
    base = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    root = base / f"llama-trials-{os.getuid()}"
    root.mkdir(exist_ok=True, mode=0o700)
    for left in root.iterdir():
        pid, _, started = left.name.partition("-")
        if pid.isdigit() and f"{process_start(int(pid)) or 0:.6f}" != started:
            shutil.rmtree(left, ignore_errors=True)
    me = Owner.myself()
    folder = root / f"{me.pid}-{me.started:.6f}"
    shutil.rmtree(folder, ignore_errors=True)
    with storage_errors(folder):
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
