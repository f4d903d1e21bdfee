"""Servers as one Dask cluster: a scheduler on the first, workers on all, which speak TLS with one certificate.

Whoever holds that certificate can run what they like on the servers, and nobody else can: it is made anew for each
cluster, kept here and there in files that only their owner reads, and never shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llama.fleet.errors import NotToBeDone
from llama.fleet.pushing import Parcel, send
from llama.fleet.remote import Remote, script
from llama.fleet.ssh import Crowd, Link, LogIn, Reply, SshServer

PORT = 8786
EXTRA = "pip install 'llama-astro[studies]'"
_FOLDER = ".local/share/llama-fleet/dask"
_UP_S = 8
_TLS = "DASK_DISTRIBUTED__COMM__TLS__"


@dataclass(frozen=True)
class DaskCluster:
    """Where it is.

    Attributes:
        scheduler: address of the server on which its scheduler is. certificate: folder with cert.pem and key.pem.
    """

    scheduler: str
    certificate: Path

    @property
    def address(self) -> str:
        """As `--cluster` takes it."""
        return f"tls://{self.scheduler}:{PORT}"

    @property
    def variables(self) -> dict[str, str]:
        """Of the environment, by which Dask lets a study in."""
        cert, key = self.certificate / "cert.pem", self.certificate / "key.pem"
        return {f"{_TLS}CA_FILE": str(cert), f"{_TLS}CLIENT__CERT": str(cert), f"{_TLS}CLIENT__KEY": str(key)}


def make_certificate(folder: Path) -> None:
    """A certificate that signs itself, and its key. NotToBeDone without Dask."""
    try:
        from distributed.security import Security
    except ImportError as error:
        raise NotToBeDone(f"a Dask cluster needs a library that is not installed: {EXTRA}") from error
    made = Security.temporary()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in (("cert.pem", made.tls_client_cert), ("key.pem", made.tls_client_key)):
        path = folder / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)


def launch_cluster(
    crowd: Crowd,
    servers: Sequence[SshServer],
    remote: Remote,
    folder: Path,
    workers: int,
    line: str,
    now: datetime,
    heard: Callable[[Reply[str]], None],
) -> tuple[DaskCluster, list[Reply[str]]]:
    """Start scheduler and workers, `workers` on each server, 0 for one per core; who runs something is refused."""
    if not isinstance(crowd.way, LogIn):
        raise NotToBeDone("a cluster of this machine needs no launch: processes of -j are the same")
    places = {server.name: crowd.way.place(server)[0] for server in servers}
    cluster = DaskCluster(places[servers[0].name], folder)
    make_certificate(folder)
    parcel = Parcel.of([folder / "cert.pem", folder / "key.pem"])
    program = Remote(remote.study, "sh")

    async def start(link: Link) -> str:
        await send(link, remote, parcel, f"~/{_FOLDER}")
        place = places[link.server.name]
        label = "Dask scheduler and workers" if place == cluster.scheduler else "Dask workers"
        words = ("-c", script("dask"), "dask", remote.study, remote.program, place, cluster.scheduler, str(PORT))
        said = await program.do(
            link, "launch", str(int(now.timestamp())), label, "", line, "", str(_UP_S), "",
            *words, _FOLDER, str(workers),
        )  # fmt: skip
        return f"{label}: {said.strip()}"

    return cluster, crowd.all(servers, start, heard)
