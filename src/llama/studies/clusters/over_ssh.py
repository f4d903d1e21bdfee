"""Workers on hosts that are reached by SSH: Dask's `SSHCluster`, whose scheduler is on the first of them.

Every host is asked first, all at once, what software it has: a host that refuses, or has another llama, is named
before anything is started.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama.studies.clusters.alike import build
from llama.studies.clusters.deployed import Deployed, all_loopback
from llama.studies.clusters.errors import ClusterError

if TYPE_CHECKING:
    from llama.studies.clusters.starting import Workforce

_ASK = f"from {build.__module__} import build; print(build())"


@contextmanager
def over_ssh(wanted: Workforce) -> Iterator[Deployed]:
    """Workers on every host, spread evenly. ClusterError names the first host that cannot take part."""
    from distributed import SSHCluster

    options, hosts = wanted.options, wanted.cluster.where
    python = options.python or sys.executable
    connections = [_connection(host, wanted) for host in hosts]
    asyncio.run(_ask_all(hosts, connections, python, options.timeout_s))
    names = [str(one.pop("host")) for one in connections]
    here = {"host": "127.0.0.1"} if all_loopback(names) else {}
    each = -(-wanted.workers // len(hosts))
    try:
        cluster = SSHCluster(
            [names[0], *names],
            connect_options=[connections[0], *connections],
            worker_options={"nthreads": 1, "n_workers": each, "dashboard": False, **here},
            scheduler_options={
                "host": names[0],
                "port": 0,
                "dashboard_address": f"{names[0]}:{options.dashboard_port}",
            },
            remote_python=python,
        )
    except Exception as error:
        raise ClusterError(f"workers cannot be started on {wanted.cluster}: {error}") from error
    with cluster:
        yield Deployed(cluster, patience_s=options.patience_s)


def _connection(host: str, wanted: Workforce) -> dict[str, Any]:
    """As asyncssh takes it; what is not said here it finds in ~/.ssh."""
    user, _, place = host.rpartition("@")
    bracketed = place.startswith("[")
    name, _, port = place[1:].partition("]:") if bracketed else place.partition(":")
    found: dict[str, Any] = {"host": name.rstrip("]"), "connect_timeout": wanted.options.timeout_s}
    found |= {"username": user} if user else {}
    found |= {"port": int(port)} if port else {}
    found |= {"client_keys": [str(wanted.key.expanduser())]} if wanted.key else {}
    if wanted.known_hosts:
        found["known_hosts"] = [*map(str, wanted.known_hosts), *_configured(found)]
    return found


def _configured(connection: Mapping[str, Any]) -> list[str]:
    """Files of host keys that ~/.ssh/config names: asyncssh reads none of them beside those it is given."""
    import asyncssh

    asked: dict[str, Any] = {**connection, "config": (), "client_keys": None, "agent_path": None}
    try:
        named = asyncssh.SSHClientConnectionOptions(**asked).known_hosts
    except (asyncssh.ConfigParseError, OSError, ValueError) as error:
        raise ClusterError(f"~/.ssh/config cannot be read: {error}; mend it") from error
    files = [str(one) for one in named] if isinstance(named, list) else []
    return [one for one in files if Path(one).expanduser().is_file()]


async def _ask_all(
    hosts: Sequence[str], connections: Sequence[Mapping[str, Any]], python: str, limit_s: float
) -> None:
    """Raise the first ClusterError of all hosts."""
    asked = (_ask(*one, python, limit_s) for one in zip(hosts, connections, strict=True))
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer


async def _ask(host: str, connection: Mapping[str, Any], python: str, limit_s: float) -> None:
    import asyncssh

    try:
        async with asyncssh.connect(**connection) as reached:
            told = await reached.run(f"{shlex.quote(python)} -c {shlex.quote(_ASK)}", timeout=4 * limit_s)
    except (OSError, asyncssh.Error) as error:
        raise ClusterError(f"{host} cannot be reached over SSH: {error or type(error).__name__}") from error
    said = str(told.stdout).strip().splitlines()
    if told.exit_status != 0:
        why = (str(told.stderr).strip().splitlines() or ["it said nothing"])[-1]
        raise ClusterError(f"{host} has no llama behind {python}: {why}; install it there, or set [cluster] python")
    if not said or said[-1] != build():
        raise ClusterError(
            f"{host} has {said[-1] if said else 'no answer'}, this machine {build()}: install the same"
        )
