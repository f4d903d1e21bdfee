"""The section `[gracedb]`, and how the service is opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from llama.ports import GRACEDB, GraceDB, Opener, Provider
from llama.sections import About, Secret, Section

EXTRA = "pip install 'llama-astro[gracedb]'"


@dataclass(frozen=True)
class GraceDBSettings:
    """Which GraceDB, how we are let in, and how patient we are."""

    service_url: Annotated[str, About("which GraceDB is asked")] = "https://gracedb.ligo.org/api/"
    token: Annotated[
        Secret | None, About("a SciToken for what is not public (token_file for one that is renewed)")
    ] = None
    certificate: Annotated[
        Path | None, About("an X.509 proxy for what is not public", instead="none, what is public is seen")
    ] = None
    find_credentials: Annotated[
        bool, About("take the SciToken or certificate that IGWN's own tools left on this machine")
    ] = False
    timeout_s: Annotated[float, About("how long GraceDB may be silent, s", least=0.1)] = 30.0
    tries: Annotated[int, About("how often a question is asked before it fails", least=1)] = 6
    pause_s: Annotated[float, About("before the second time; it doubles each time, up to 60 s", least=0)] = 1.0

    @property
    def lets_us_in(self) -> bool:
        """Whether there are credentials to see what is not public."""
        return self.token is not None or self.certificate is not None or self.find_credentials


SETTINGS = Section("gracedb", GraceDBSettings)


def lacks(host: Opener) -> str | None:
    """The library, which is an extra; and an address to which no credentials may go."""
    asked = host.section(SETTINGS)
    parts = urlsplit(asked.service_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{asked.service_url!r} is no address of a GraceDB; set service_url of [gracedb] to one with https://"
    if asked.lets_us_in and parts.scheme == "http" and not _is_here(parts.hostname):
        return f"credentials are sent over https only, and [gracedb] service_url is {asked.service_url}; correct it"
    try:
        found = find_spec("ligo.gracedb")
    except ModuleNotFoundError:
        found = None
    return None if found else f"GraceDB needs a library that is not installed: {EXTRA}"


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def open_gracedb(host: Opener) -> GraceDB:
    """The adapter. It reaches nobody before it is asked."""
    from llama.services.gracedb.adapter import open_adapter

    return open_adapter(host.section(SETTINGS))


PROVIDER: Provider[GraceDB] = Provider(GRACEDB, open_gracedb, (SETTINGS,), lacks)
