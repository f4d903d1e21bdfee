"""What is typed after --cluster, as a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.studies.clusters.errors import ClusterError

Kind = Literal["local", "scheduler", "ssh", "slurm", "htcondor"]
FORMS = "local, tcp://HOST:PORT, ssh:HOST,HOST, ssh:FILE, slurm or htcondor"
_HOST = re.compile(r"(?:[\w.-]+@)?[\w.-]+(?::\d{1,5})?|(?:[\w.-]+@)?\[[0-9a-fA-F:]+\](?::\d{1,5})?")


@dataclass(frozen=True)
class Cluster:
    """Where workers are.

    Attributes:
        where: of a scheduler its address, over SSH the hosts, each as `USER@HOST:PORT` with or without user and port.
    """

    kind: Kind
    where: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = {"scheduler": "the scheduler at ", "ssh": "the hosts "}
        return names.get(self.kind, self.kind) + ", ".join(self.where)


LOCAL = Cluster("local")


def read_cluster(text: str) -> Cluster:
    """`local`, `tcp://HOST:PORT` (or `tls://`), `ssh:HOST,…`, `ssh:FILE` with a host per line, `slurm`, `htcondor`.

    ClusterError for anything else.
    """
    if text in ("local", "slurm", "htcondor"):
        return Cluster(text)  # type: ignore[arg-type]
    if re.fullmatch(r"(tcp|tls)://[^\s/]+:\d{1,5}", text):
        return Cluster("scheduler", (text,))
    if text.startswith("ssh:"):
        return Cluster("ssh", _hosts(text.removeprefix("ssh:")))
    raise ClusterError(f"{text!r} is no cluster; write {FORMS}")


def _hosts(text: str) -> tuple[str, ...]:
    """The hosts of a list, or of the file of that name."""
    path = Path(text)
    if text and path.is_file():
        lines = read_text(path, MAX_RECORD_BYTES, "a list of hosts").splitlines()
        named = [line.partition("#")[0].strip() for line in lines]
    else:
        named = text.split(",")
    hosts = tuple(filter(None, named))
    if wrong := [host for host in hosts if not _HOST.fullmatch(host)]:
        raise ClusterError(f"{wrong[0]!r} is no host as USER@HOST:PORT, nor a file that is there")
    if not hosts:
        raise ClusterError(f"there is no host in ssh:{text}; write ssh:HOST,HOST or ssh:FILE with a host per line")
    return hosts
