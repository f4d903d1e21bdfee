"""The sources of neutrinos and bursts as services: which settings they read, and how they are opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from llama.formats.packed import Kept
from llama.ports import NEUTRINO_SOURCE, Burst, GRBSource, NeutrinoSource, Opener, Provider, Retraction
from llama.sections import About, Section

EXCERPT = "demo/icecube_excerpt.csv"


@dataclass(frozen=True)
class IceCubeSettings:
    """Where neutrinos come from."""

    neutrinos: Annotated[
        Literal["archive", "simulated"],
        About("where neutrinos come from: archive or simulated", variable="LLAMA_NEUTRINOS", was="neutrinos"),
    ] = "archive"
    simulated_season: Annotated[
        str,
        About(
            "whose events the simulated source draws from", variable="LLAMA_SIMULATED_SEASON", was="simulated_season"
        ),
    ] = "IC86-2011"


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
GRB = Section("grb", GRBSettings)


def open_neutrinos(host: Opener) -> NeutrinoSource:
    """The installed release, or what is drawn from it; without one the excerpt packaged for the demo."""
    from llama.services.errors import ArchiveError
    from llama.services.icecube import IceCubeSimulated, installed_archive, open_archive, read_excerpt

    asked = host.section(ICECUBE)
    try:
        path = installed_archive(host.folders.archives)
    except ArchiveError:
        if asked.neutrinos == "simulated":
            raise
        # Nothing is installed: the excerpt answers for its quarter of an hour, and says so
        return read_excerpt(Path(str(files("llama.data"))) / EXCERPT)
    archive = open_archive(path, host.folders.cache_dir)
    return IceCubeSimulated(archive, asked.simulated_season) if asked.neutrinos == "simulated" else archive


def neutrinos_lack(host: Opener) -> str | None:
    """The simulated source draws from an installed release."""
    from llama.services.errors import ArchiveError
    from llama.services.icecube import installed_archive

    if host.section(ICECUBE).neutrinos != "simulated":
        return None
    try:
        installed_archive(host.folders.archives)
    except ArchiveError as error:
        return str(error)
    return None


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


NEUTRINOS: Provider[NeutrinoSource] = Provider(NEUTRINO_SOURCE, open_neutrinos, (ICECUBE,), neutrinos_lack)
