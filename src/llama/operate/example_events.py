"""Events of past runs to look at, made of public notices, which are packaged, and public sky maps, which are fetched.

Maps come from repositories at fixed commits, and what comes is known by its SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from llama.engine.folder import Run, is_event
from llama.engine.running import utc_now
from llama.flags import PRESETS
from llama.intake import deliver
from llama.messengers.gw.start import Given, start
from llama.operate.errors import StoreError
from llama.operate.stores.transfers import digest
from llama.ports import GraceDB, Storage, TransferError

NAME = "example-events"
_GITHUB = "https://raw.githubusercontent.com"
_FLAGS = "RERUN"


@dataclass(frozen=True)
class ExampleEvent:
    """One of them.

    Attributes:
        run: its folder in past_runs. about: what it is, for people.
        skymap: the map's name. url, size, sha256: where it is, and what it must be.
    """

    run: str
    graceid: str
    about: str
    skymap: str
    url: str
    size: int
    sha256: str


EXAMPLES = (
    ExampleEvent(
        "events-o2",
        "G298048",
        "GW170817, two neutron stars, with the map of GWTC-1",
        "GW170817_skymap.fits.gz",
        f"{_GITHUB}/lpsinger/observing-scenarios-simulations/213c0f4375ebdf8d45a15d367a59ab649a48159e/historical/"
        "GW170817_skymap.fits.gz",
        1440471,
        "0adce7566d79321891c44be71fc970785527483516fde5de626cf8de773ae1f6",
    ),
    ExampleEvent(
        "events-o3",
        "S190425z",
        "GW190425, two neutron stars seen by two detectors: a very wide map",
        "S190425z_2_LALInference.fits.gz",
        f"{_GITHUB}/skyportal/gwemopt/68532f5d42c26758e4e76404f86971a091f42254/gwemopt/data/skymaps/"
        "S190425z_2_LALInference.fits.gz",
        616095,
        "eaa2afdeabe2c22195977a24cf77b3276cf4e19df00e615de1fcf327150461fb",
    ),
    ExampleEvent(
        "events-o3",
        "S190814bv",
        "GW190814, seen by three detectors: a sharp map",
        "LALInference.v1.fits.gz",
        f"{_GITHUB}/skyportal/skyportal/2a9fea85341ba78531e129fa09d9bc6b76faaec1/data/LALInference.v1.fits.gz",
        1534606,
        "b7c324c784aa64d62d2cd81220338d948aa78a91b51bfc7143e317d09d9fb8fe",
    ),
)


@dataclass(frozen=True)
class ExampleMade:
    """What became of one: its folder, whether it was there before, and why it is not there."""

    event: ExampleEvent
    path: Path
    before: bool = False
    why: str = ""


@dataclass(frozen=True)
class ExampleSources:
    """Where examples are made from.

    Attributes:
        notices: the folder of packaged notices. cache: where maps are kept. copies: a folder of maps at hand.
    """

    storage: Storage
    notices: Path
    cache: Path
    copies: Path | None = None

    def skymap(self, one: ExampleEvent) -> Path:
        """The map of one, checked; StoreError where it cannot be had."""
        kept = self.cache / "examples" / f"{one.graceid}-{one.skymap}"
        if kept.is_file() and digest(kept) == one.sha256:
            return kept
        if self.copies is not None:
            return self._at_hand(one, self.copies)
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.storage.get(one.url, kept)
        except TransferError as error:
            advice = "fetch it by hand and name its folder with --from"
            raise StoreError(f"the sky map of {one.graceid} could not be fetched: {error}; {advice}") from error
        if (found := digest(kept)) != one.sha256:
            kept.unlink()
            raise StoreError(f"{one.url} has SHA-256 {found}, not {one.sha256}; it was thrown away")
        return kept

    def _at_hand(self, one: ExampleEvent, folder: Path) -> Path:
        if not folder.is_dir():
            raise StoreError(f"--from {folder} is no folder of sky maps")
        for path in sorted(folder.rglob("*.fits*")):
            if path.is_file() and path.stat().st_size == one.size and digest(path) == one.sha256:
                return path
        raise StoreError(f"{folder} has no file with SHA-256 {one.sha256}, {one.skymap} of {one.graceid}")


def make_examples(sources: ExampleSources, past_runs: Path) -> Iterator[ExampleMade]:
    """Each event in its past run, unless it is there; one that cannot be made stops no other."""
    for one in EXAMPLES:
        path = past_runs / one.run / one.graceid
        if is_event(path):
            yield ExampleMade(one, path, before=True)
            continue
        try:
            _make(one, sources, past_runs / one.run)
            yield ExampleMade(one, path)
        except StoreError as error:
            yield ExampleMade(one, path, why=str(error))


def _make(one: ExampleEvent, sources: ExampleSources, run: Path) -> None:
    skymap = sources.skymap(one)
    notice = (sources.notices / f"{one.graceid}.xml").read_bytes()
    found = start(Given(voevent=notice, skymap=str(skymap)), _no_gracedb)
    run.mkdir(parents=True, exist_ok=True)
    deliver(replace(found, flags=PRESETS[_FLAGS], why=f"an example, of {one.url}"), Run(run), now=utc_now())


def _no_gracedb() -> GraceDB:
    raise StoreError("an example needs GraceDB, which no example should; please report it")
