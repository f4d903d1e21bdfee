"""The section `[storage]`, and how the service is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from llama.ports import STORAGE, Opener, Provider, Storage
from llama.sections import About, Secret, Section

EXTRA = "pip install 'llama-astro[cloud]'"


@dataclass(frozen=True)
class StorageSettings:
    """Which S3 store, how it lets us in, and how patient we are.

    Where `key_id` is not set here, variables `AWS_…` say who we are, else `~/.s3cfg`, else what else boto3 finds.
    """

    endpoint: Annotated[
        str | None,
        About("address of a store that speaks S3, https://nyc3.digitaloceanspaces.com; unset: as AWS_… say"),
    ] = None
    region: Annotated[str | None, About("its region; unset: as AWS_… say, else us-east-1")] = None
    key_id: Annotated[str | None, About("who we are to it; unset: as AWS_… say")] = None
    secret: Annotated[Secret | None, About("proves it; to be set with key_id")] = None
    s3cfg: Annotated[Path | None, About("the file of s3cmd; unset: ~/.s3cfg, unless AWS_… say who we are")] = None
    timeout_s: Annotated[float, About("how long it may be silent, s", least=0.1)] = 30.0
    tries: Annotated[int, About("how often something is asked before it fails", least=1)] = 6
    pause_s: Annotated[float, About("before the second time, s; it doubles each time, up to 60 s", least=0)] = 1.0

    def __post_init__(self) -> None:
        if (self.key_id is None) != (self.secret is None):
            raise ValueError("key_id and secret belong together; set both, or neither")
        if self.endpoint is not None and not self.endpoint.startswith(("https://", "http://")):
            raise ValueError(f"endpoint is {self.endpoint!r}; it must begin with https://")


SETTINGS = Section("storage", StorageSettings)


def open_storage(host: Opener) -> Storage:
    """The adapter. It reaches nobody before it is asked."""
    from llama.services.storage.by_address import ByAddress

    return ByAddress(host.section(SETTINGS))


PROVIDER: Provider[Storage] = Provider(STORAGE, open_storage, (SETTINGS,))
