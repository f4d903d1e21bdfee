"""The only place where things are put together: `App(settings)` is built once and handed down.

It is the environment of every step, and holds what is open outside until the end of the command.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama.engine.errors import PipelineError
from llama.installed import Providers, ServiceUnavailable
from llama.ports import (
    GRACEDB,
    GRB_SOURCE,
    NEUTRINO_ALERTS,
    SWIFT_SOURCE,
    Opener,
    Provider,
)
from llama.sections import Secret, SecretError, hide, hiding
from llama.services.sources import GRB, ICECUBE, open_alerts, open_bursts, open_swift
from llama.settings import RUN, Settings, SettingsError, SettingsText, read_settings

if TYPE_CHECKING:
    from types import TracebackType

    from llama.engine.graph import FlagRules, Pipeline, ServiceKey, Shared
    from llama.engine.running import Processes
    from llama.messengers import Messenger
    from llama.ports import GraceDB, GRBSource, NeutrinoSource
    from llama.science.detector import SeasonEvents, SeasonTable
    from llama.science.significance import Searches
    from llama.sections import Section

__all__ = ["App", "ServiceUnavailable", "environment", "messengers", "packaged", "pipelines", "preload"]

S = TypeVar("S")
T = TypeVar("T")
C = TypeVar("C")

FACTORY = "llama.app:App.from_text"
"""What builds the application in a step's process, of the text of its settings."""

DEFAULT_PIPELINE_NAME = "GW_NEUTRINO"
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


class App:
    """The application: settings, services, pipelines and shared files as one value with an end.

    What a step may see of it is `llama.engine.graph.Environment`; what a service may, `llama.ports.Opener`.
    Services are opened on first use, once, and closed in reverse order when the `with` block ends, however it ends.
    """

    def __init__(self, settings: Settings, providers: Providers | None = None) -> None:
        self.settings = settings
        self.providers = providers or Providers()
        self._ends = ExitStack()
        self._open: dict[str, object] = {}
        self._opening: list[str] = []
        self._over = False

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, providers: Providers | None = None) -> App:
        """With the settings in force. Raises SettingsError when one of them cannot be used."""
        providers = providers or Providers()
        absent = "".join(f"\n  {sentence}" for sentence in providers.broken)
        return cls(read_settings(environ, providers.sections, absent), providers)

    @classmethod
    def from_text(cls, text: str) -> App:
        """In another process: the application that `to_text` told of."""
        return cls(Settings.from_text(text))

    def to_text(self) -> SettingsText:
        """All that another process needs to build the same."""
        return self.settings.to_text()

    def __enter__(self) -> App:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every service that was opened, the last one first. Doing it again does nothing."""
        self._over = True
        self._ends.close()

    @property
    def folders(self) -> Settings:
        """Where things are on this machine."""
        return self.settings

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What nobody is to see."""
        return self.settings.secrets

    @property
    def workers(self) -> int:
        """How many steps run at once."""
        from llama.engine.running import default_workers

        return self.settings[RUN].workers or default_workers()

    @property
    def flags(self) -> FlagRules:
        """How flags of events are read, and which veto an event."""
        from llama.flags import RULES

        return RULES

    def hide(self, text: str) -> str:
        """The text with every secret hidden."""
        return hide(text, self.secrets)

    def section(self, section: Section[C]) -> C:
        """One section of the settings."""
        return self.settings[section]

    def pipeline(self, name: str = DEFAULT_PIPELINE_NAME) -> Pipeline:
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

    def processes(
        self, pipeline: str = DEFAULT_PIPELINE_NAME, workers: int | None = None, log: str = ""
    ) -> Processes:
        """Where the steps of a pipeline run, each in a process of its own; `log` as in `Recipe`."""
        from llama.engine.running import Processes, Recipe

        return Processes(Recipe(FACTORY, self.to_text(), log), pipeline, workers or self.workers, PRELOAD)

    def lacks(self, key: ServiceKey[Any]) -> str | None:
        """Why a service cannot be used here, and what to set; None when it can."""
        try:
            provider = self.providers.find(key.name)
            for section in provider.sections:
                if why := self.settings.lacks(section):
                    return f"{key.name} is {why}"
            return provider.lacks(self) if provider.lacks else None
        except (ServiceUnavailable, SettingsError, SecretError) as error:
            return self.hide(str(error))
        except Exception as error:  # noqa: BLE001 - a package's own check must not end those who ask
            said = f"whether {key.name} can be used is not known: {type(error).__name__}: {error}"
            return self.hide(f"{said}; mend or uninstall its package")

    def service(self, key: ServiceKey[S]) -> S:
        """The adapter behind a key, opened on first use. ServiceUnavailable says what is to be set up."""
        if self._over:
            raise RuntimeError(f"{key.name} is asked for after everything was closed")
        if key.name not in self._open:
            self._open[key.name] = self._opened(key)
        return cast("S", self._open[key.name])

    def _opened(self, key: ServiceKey[Any]) -> object:
        if key.name in self._opening:
            raise ServiceUnavailable(f"{' needs '.join([*self._opening, key.name])}: a service cannot need itself")
        if why := self.lacks(key):
            raise ServiceUnavailable(why)
        self._opening.append(key.name)
        try:
            with hiding(self.secrets):
                adapter = self.providers.find(key.name).open(self)
        finally:
            self._opening.pop()
        if not callable(getattr(adapter, "close", None)):
            raise ServiceUnavailable(f"the adapter of {key.name} has no close(); its package must give it one")
        self._ends.callback(self._end, key.name, adapter)
        return adapter

    def _end(self, name: str, adapter: Any) -> None:
        """Close one; what goes wrong then must neither keep others open nor hide why the command failed."""
        try:
            adapter.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            said = self.hide(f"{type(error).__name__}: {error}")
            logging.getLogger("llama").error("%s could not be closed: %s", name, said)

    def gracedb(self) -> GraceDB:
        """GraceDB; ServiceUnavailable says what to do without it."""
        return self.service(GRACEDB)

    def shared_path(self, shared: Shared[Any]) -> Path:
        """The packaged file, or the one the settings name in its place."""
        return (self.settings.path(shared.setting) if shared.setting else None) or packaged(
            shared.name, shared.package
        )

    def shared(self, shared: Shared[T]) -> T:
        """What is in a shared file."""
        from llama.engine.graph import read

        return cast("T", read(shared.codec, self.shared_path(shared)))

    def searches(self) -> Searches:
        """The search of each population, packaged or as the settings say."""
        from llama.analyses.tables import SEARCHES

        return self.shared(SEARCHES)

    def season(self, name: str) -> SeasonTable:
        """IceCube's response and background in a season."""
        from llama.analyses.tables import ICECUBE_TABLES

        return self.shared(ICECUBE_TABLES).season(name)

    def season_events(self, name: str) -> SeasonEvents:
        """Real events of IceCube in a season, that own-map p-values are drawn from."""
        from llama.analyses.tables import ICECUBE_EVENTS

        return self.shared(ICECUBE_EVENTS).season(name)


def _called(name: str, known: Mapping[str, Pipeline]) -> Pipeline | None:
    return next((pipeline for pipeline in known.values() if name in (pipeline.name, *pipeline.aliases)), None)


def environment() -> App:
    """The application of this process, from the settings in force."""
    return App.read()


def packaged(name: str, package: str = "llama.data") -> Path:
    """A file that ships with a package."""
    try:
        return Path(str(files(package))) / name
    except ModuleNotFoundError as error:
        raise PipelineError(f"{name} is in the package {package}, which is not installed") from error


def _bursts(host: Opener) -> GRBSource:
    """Joined here, since neither knows the others: the source reads notices as fermi does, where intake put them."""
    from llama.intake import files_between
    from llama.messengers.fermi.notices import parse

    return open_bursts(host, parse, files_between)


def _alerts(host: Opener) -> NeutrinoSource:
    """Announced neutrinos, joined in the same way."""
    from llama.intake import files_between
    from llama.messengers.icecube.notices import parse

    return open_alerts(host, parse, files_between)


def _swift(host: Opener) -> GRBSource:
    """The same of Swift's notices."""
    from llama.intake import files_between
    from llama.messengers.swift.notices import parse

    return open_swift(host, parse, files_between)


BURSTS: Provider[GRBSource] = Provider(GRB_SOURCE, _bursts, (GRB,))
ALERTS: Provider[NeutrinoSource] = Provider(NEUTRINO_ALERTS, _alerts, (ICECUBE,))
SWIFT: Provider[GRBSource] = Provider(SWIFT_SOURCE, _swift, (GRB,))


def preload() -> list[str]:
    """Modules that step processes should inherit."""
    return list(PRELOAD)


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
    found: dict[str, Messenger] = {}
    for entry in entry_points(group="llama.messengers"):
        where = f"the messenger {entry.value} of the entry point {entry.name}"
        try:
            messenger: Messenger = entry.load()
        except Exception as error:
            raise PipelineError(f"{where} cannot be loaded: {error}; mend or uninstall its package") from error
        if messenger.name != entry.name:
            raise PipelineError(f"{where} calls itself {messenger.name}; its entry point must have that name")
        if found.setdefault(messenger.name, messenger) is not messenger:
            raise PipelineError(f"{where} is called {messenger.name}, as another is; rename it")
    return {name: found[name] for name in sorted(found)}
