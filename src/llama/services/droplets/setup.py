"""The section `[droplets]`, and how the service is opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated
from urllib.parse import urlsplit

from llama.ports import DROPLETS, Cloud, Opener, Provider
from llama.sections import About, Secret, Section

EXTRA = "pip install 'llama-astro[cloud]'"
TOKEN = "$DIGITALOCEAN, or token_file of [droplets]"


@dataclass(frozen=True)
class DropletsSettings:
    """Which account of DigitalOcean, what servers are unless it is said, and how patient we are."""

    token: Annotated[
        Secret | None,
        About("lets us in; with read and write access to make servers", variable="DIGITALOCEAN"),
    ] = None
    endpoint: Annotated[str, About("which cloud is asked; https only")] = "https://api.digitalocean.com"
    size: Annotated[str, About("what a new server is, unless --size says")] = "s-2vcpu-4gb"
    region: Annotated[str, About("where a new server stands, unless --region says")] = "nyc3"
    lifetime_h: Annotated[
        float, About("hours after which a new server may be reaped, unless --ttl says", least=1)
    ] = 168.0
    active_within_s: Annotated[float, About("how long --wait gives new servers to become active, s", least=0.1)] = (
        900.0
    )
    timeout_s: Annotated[float, About("how long the cloud may be silent, s", least=0.1)] = 30.0
    tries: Annotated[int, About("how often something is asked before it fails", least=1)] = 6
    pause_s: Annotated[float, About("before the second time, s; it doubles each time, up to 60 s", least=0)] = 1.0
    poll_s: Annotated[float, About("between two looks at what is on its way, s", least=0.001)] = 5.0


SETTINGS = Section("droplets", DropletsSettings)


def lacks(host: Opener) -> str | None:
    """A token; an address that it may be sent to; the library, which is an extra."""
    asked = host.section(SETTINGS)
    parts = urlsplit(asked.endpoint)
    if parts.scheme != "https" or not parts.hostname:
        return f"the token is sent over https only, and [droplets] endpoint is {asked.endpoint!r}; correct it"
    if find_spec("pydo") is None:
        return f"DigitalOcean needs a library that is not installed: {EXTRA}"
    if asked.token is None:
        return f"DigitalOcean lets nobody in without a token; set {TOKEN}"
    return None


def open_droplets(host: Opener) -> Cloud:
    """The adapter. It reaches nobody before it is asked."""
    from llama.services.droplets.adapter import open_adapter

    return open_adapter(host.section(SETTINGS))


PROVIDER: Provider[Cloud] = Provider(DROPLETS, open_droplets, (SETTINGS,), lacks)
