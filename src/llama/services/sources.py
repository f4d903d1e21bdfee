"""The sources of neutrinos and bursts as services: which settings they read, and how they are opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from llama.formats.packed import Kept
from llama.ports import (
    NEUTRINO_ALERTS,
    NEUTRINO_SOURCE,
    Burst,
    GRBSource,
    NeutrinoAlert,
    NeutrinoSource,
    Opener,
    Provider,
    Retraction,
)
from llama.sections import About, Secret, Section

EXCERPT = "demo/icecube_excerpt.csv"


@dataclass(frozen=True)
class IceCubeSettings:
    """Where neutrinos come from."""

    neutrinos: Annotated[
        Literal["archive", "simulated", "service", "alerts"],
        About(
            "where neutrinos come from: archive, simulated, service or alerts",
            variable="LLAMA_NEUTRINOS",
            was="neutrinos",
        ),
    ] = "archive"
    simulated_season: Annotated[
        str,
        About(
            "whose events the simulated source draws from", variable="LLAMA_SIMULATED_SEASON", was="simulated_season"
        ),
    ] = "IC86-2011"
    notices: Annotated[Path | None, About("archived notices with gold and bronze tracks, else gcn in data_dir")] = (
        None
    )


@dataclass(frozen=True)
class NeutrinoServiceSettings:
    """The service that is asked with `[icecube] neutrinos = "service"`."""

    url: Annotated[str | None, About("its address, https:// (on this machine also http://)")] = None
    token: Annotated[Secret | None, About("lets us in, where the service wants one")] = None
    timeout_s: Annotated[float, About("how many seconds one answer may take", least=0.1)] = 20.0
    patience_s: Annotated[
        float, About("how many seconds to go on trying within one step while it is busy or out of reach", least=0)
    ] = 60.0


@dataclass(frozen=True)
class GRBSettings:
    """Where gamma-ray bursts come from, and what is assumed of them."""

    notices: Annotated[
        Path | None, About("archived notices with gamma-ray bursts, else gcn in data_dir", was="grb_notices")
    ] = None
    catalogue: Annotated[
        Path | None,
        About(
            "a GBM burst catalogue (CSV) in place of the notices",
            was="grb_catalogue",
            instead="the archived notices (LLAMA_GRB_NOTICES)",
        ),
    ] = None
    model: Annotated[
        Path | None,
        About(
            "a gamma-ray burst model (JSON) in place of the packaged one",
            variable="LLAMA_GRB",
            was="grb",
            instead="the packaged one",
        ),
    ] = None


ICECUBE = Section("icecube", IceCubeSettings)
NEUTRINO_SERVICE = Section("neutrino_service", NeutrinoServiceSettings)
GRB = Section("grb", GRBSettings)


def open_neutrinos(host: Opener) -> NeutrinoSource:
    """A service, notices, the installed release, or what is drawn from it; without one the excerpt of the demo."""
    from llama.services.errors import ArchiveError
    from llama.services.icecube import IceCubeSimulated, installed_archive, open_archive, read_excerpt

    asked = host.section(ICECUBE)
    if asked.neutrinos == "service":
        return _open_service(host.section(NEUTRINO_SERVICE))
    if asked.neutrinos == "alerts":
        return host.service(NEUTRINO_ALERTS)
    try:
        path = installed_archive(host.folders.archives)
    except ArchiveError:
        if asked.neutrinos == "simulated":
            raise
        # Nothing is installed: the excerpt answers for its quarter of an hour, and says so
        return read_excerpt(Path(str(files("llama.data"))) / EXCERPT)
    archive = open_archive(path, host.folders.cache_dir)
    return IceCubeSimulated(archive, asked.simulated_season) if asked.neutrinos == "simulated" else archive


def _open_service(asked: NeutrinoServiceSettings) -> NeutrinoSource:
    from llama.services.neutrinos import Asking, NeutrinoService

    return NeutrinoService(
        Asking(asked.url or "", asked.token, timeout_s=asked.timeout_s, patience_s=asked.patience_s)
    )


def neutrinos_lack(host: Opener) -> str | None:
    """The simulated source draws from an installed release, and a service has an address."""
    from llama.services.errors import ArchiveError
    from llama.services.icecube import installed_archive

    if host.section(ICECUBE).neutrinos == "service":
        return _service_lacks(host.section(NEUTRINO_SERVICE))
    if host.section(ICECUBE).neutrinos != "simulated":
        return None
    try:
        installed_archive(host.folders.archives)
    except ArchiveError as error:
        return str(error)
    return None


def _service_lacks(asked: NeutrinoServiceSettings) -> str | None:
    from llama.services.neutrinos import wrong_address

    if not asked.url:
        return (
            "neutrino_source is not set up: set url of [neutrino_service] in settings.toml, or "
            "LLAMA_NEUTRINO_SERVICE_URL"
        )
    why = wrong_address(asked.url)
    return None if why is None else f"neutrino_source is not set up: url of [neutrino_service]: {why}"


def open_alerts(
    host: Opener,
    parse: Callable[[bytes], NeutrinoAlert],
    files_between: Callable[[Path, datetime, datetime], list[Kept]],
) -> NeutrinoSource:
    """The archived notices of gold and bronze tracks, each read by `parse`."""
    from llama.services.neutrinos import NeutrinoAlerts

    return NeutrinoAlerts(host.section(ICECUBE).notices or host.folders.notices, parse, files_between)


def open_bursts(
    host: Opener,
    parse: Callable[[bytes], Burst | Retraction],
    files_between: Callable[[Path, datetime, datetime], list[Kept]],
) -> GRBSource:
    """The catalogue when one is named, else the archived notices of some days, each read by `parse`."""
    asked = host.section(GRB)
    if asked.catalogue is not None:
        from llama.services.fermi import read_catalogue

        return read_catalogue(asked.catalogue)
    from llama.services.fermi import NoticeFolder

    return NoticeFolder(asked.notices or host.folders.notices, parse, files_between)


def open_swift(
    host: Opener,
    parse: Callable[[bytes], Burst | Retraction],
    files_between: Callable[[Path, datetime, datetime], list[Kept]],
) -> GRBSource:
    """Swift's bursts in the same archive of notices."""
    from llama.services.fermi import SWIFT_AGAIN, NoticeFolder

    folder = host.section(GRB).notices or host.folders.notices
    return NoticeFolder(folder, parse, files_between, "Swift BAT", SWIFT_AGAIN)


NEUTRINOS: Provider[NeutrinoSource] = Provider(
    NEUTRINO_SOURCE, open_neutrinos, (ICECUBE, NEUTRINO_SERVICE), neutrinos_lack
)
