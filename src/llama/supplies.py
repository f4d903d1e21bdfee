"""What studies and batches take from the application, in this process and in others.

What travels to other processes is the text of settings: each of them builds the application once, of that.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from llama.app import FACTORY, App
from llama.ports import STORAGE
from llama.settings import SettingsText

if TYPE_CHECKING:
    from llama.studies.batch.combination import Connect, Workshop
    from llama.studies.pool import Pool
    from llama.studies.trials import Inputs
    from llama.studies.validation.observed import ObservedSeason

T = TypeVar("T")


@dataclass(frozen=True)
class _AtHand(Generic[T]):
    """What this process has at hand; another one, which this reaches by pickle, gets its own."""

    found: T
    own: Callable[[], T]

    def __call__(self) -> T:
        return self.found

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Callable[[], T]]]:
        return _itself, (self.own,)


def _itself(own: Callable[[], T]) -> Callable[[], T]:
    return own


def elsewhere(app: App) -> Callable[[], App]:
    """Gives a process of a study this application."""
    return _AtHand(app, functools.partial(_app, app.settings.to_text()))


@functools.lru_cache(maxsize=1)  # asked for each block of a study, in a process that ends with the study
def _app(settings: SettingsText) -> App:
    return App.from_text(settings)


def trial_inputs(app: App, season: str) -> Callable[[], Inputs]:
    """Gives a process of a study what its trials are made from; FormatError when there is no such season."""
    return _AtHand(_inputs(app, season), functools.partial(_trial_inputs, app.settings.to_text(), season))


@functools.lru_cache(maxsize=1)
def _trial_inputs(settings: SettingsText, season: str) -> Inputs:
    return _inputs(_app(settings), season)


def _inputs(app: App, season: str) -> Inputs:
    from llama.formats.errors import FormatError
    from llama.studies.trials import Inputs

    try:
        return Inputs(app.season(season), app.season_events(season), app.searches())
    except ValueError as error:
        raise FormatError(str(error)) from error


def workshop(app: App, log: str | None = None) -> Connect:
    """Connects the processes of a batch, with the log they join; without one, this process."""
    if log is None:
        found = _at_work(app)
        return lambda: found
    return functools.partial(_workshop, app.to_text(), log)


@functools.lru_cache(maxsize=1)  # asked for each combination, in a process that ends with the batch
def _workshop(settings: SettingsText, log: str) -> Workshop:
    from llama.engine.running import Recipe

    return _at_work(cast("App", Recipe(FACTORY, settings, log).environment()))


def _at_work(app: App) -> Workshop:
    from llama.studies.batch.combination import Workshop

    return Workshop(app, app.service(STORAGE), os.environ)


def observed_season(app: App, season: str) -> ObservedSeason | None:
    """What a season's good runs saw, where and when it was; None when no archive is installed."""
    import numpy as np

    from llama.science.statistic import Neutrinos
    from llama.services.errors import ArchiveError
    from llama.services.icecube import installed_archive, open_archive
    from llama.studies.validation.observed import ObservedSeason

    try:
        archive = open_archive(installed_archive(app.settings.archives), app.settings.cache_dir)
    except ArchiveError:
        return None
    sample = archive.season(season)
    good = sample.in_good_run()
    ra, dec, sigma = (np.radians(sample.column(f"{name}_deg")[good]) for name in ("ra", "dec", "sigma"))
    neutrinos = Neutrinos(sample.column("gps")[good], ra, dec, sigma, sample.column("energy_gev")[good])
    return ObservedSeason(neutrinos, sample.runs_gps, f"real events of {archive.name} {season}")


def neutrino_pool(app: App, season: str) -> Pool | None:
    """Every neutrino of a season's good runs; None when no archive is installed."""
    from llama.studies.pool import Pool

    if (found := observed_season(app, season)) is None:
        return None
    seen = found.neutrinos
    return Pool(seen.dec_rad, seen.sigma_rad, seen.energy_gev, f"{found.source}, scrambled")
