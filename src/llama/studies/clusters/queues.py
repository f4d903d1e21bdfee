"""Workers as jobs in a queue, Slurm's or HTCondor's: `dask-jobqueue` writes, submits and ends the jobs.

Dask's scheduler runs in this process. A job that ends, cancelled or out of time, is submitted again as long as the
study goes on.
"""

from __future__ import annotations

import functools
import logging
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from llama.studies.clusters.deployed import MEMORY, QUIET_WORKERS, Deployed, all_loopback
from llama.studies.clusters.errors import ClusterError
from llama.studies.clusters.jobs import Jobs, listed_by_nobody, listed_by_slurm

if TYPE_CHECKING:
    from llama.sections_own import ClusterSettings
    from llama.studies.clusters.starting import Workforce

_INHERITED = (
    *(f"export DASK_{key.upper().replace('.', '__').replace('-', '_')}={of}" for key, of in QUIET_WORKERS.items()),
    *(f"export {name}={value}" for name, value in MEMORY.items()),
)
"""How Dask's workers are to be: hosts over SSH inherit it, jobs do not."""
_PROGRAMS = {"slurm": "sbatch", "htcondor": "condor_submit"}


@contextmanager
def in_queue(wanted: Workforce) -> Iterator[Deployed]:
    """Jobs for so many workers. ClusterError where the queue's programs are missing or refuse the job."""
    kind = wanted.cluster.kind
    if shutil.which(_PROGRAMS[kind]) is None:
        raise ClusterError(f"there is no {_PROGRAMS[kind]} on this machine; start the study where jobs are submitted")
    host = address_of(wanted.options.interface)
    if all_loopback([host]):
        wanted.tell(f"{kind}: only jobs on this machine reach {host}; for others set [cluster] interface")
    with _cluster(wanted, host) as cluster:
        where = _other_slurm(wanted.options)
        listed = functools.partial(listed_by_slurm, where) if kind == "slurm" else listed_by_nobody
        jobs = Jobs(cluster, wanted.workers, listed, wanted.tell)
        try:
            while len(cluster.worker_spec) * wanted.options.cores < wanted.workers:
                cluster.worker_spec.update(cluster.new_worker_spec())
            cluster.sync(cluster._correct_state)  # `scale` would not say that a job is refused
        except RuntimeError as error:
            for every in (cluster.worker_spec, cluster.workers, cluster._created):
                every.clear()  # Dask cannot end what has not begun
            raise ClusterError(f"{kind} does not take the job: {_reason(error)}") from error
        yield Deployed(cluster, jobs.grow)


def submit_file(wanted: Workforce) -> str:
    """What would be submitted for each job; its scheduler's address is filled in later."""
    job: Any = _classes(wanted)[1]
    options = _job(wanted, address_of(wanted.options.interface))
    text: str = job("tcp://SCHEDULER:PORT", name="llama", **options).job_script()
    return text


def address_of(interface: str) -> str:
    """The address of an interface of this machine, by its name or as it is; ClusterError for one there is not."""
    import psutil

    try:
        return str(ip_address(interface))
    except ValueError:
        found = {
            name: [one.address for one in all_ if one.family.name == "AF_INET"]
            for name, all_ in psutil.net_if_addrs().items()
        }
    if not found.get(interface):
        there = ", ".join(sorted(name for name, addresses in found.items() if addresses))
        raise ClusterError(f"[cluster] interface: there is no {interface} on this machine; there are {there}")
    return found[interface][0]


def _cluster(wanted: Workforce, host: str) -> Any:
    scheduler = {"host": host, "dashboard_address": f"{host}:{wanted.options.dashboard_port}"}
    try:
        cluster, job = _classes(wanted)
        options = _job(wanted, host)
        return cluster(job_cls=job, scheduler_options=scheduler, silence_logs=logging.CRITICAL, **options)
    except (RuntimeError, ValueError, OSError) as error:
        raise ClusterError(f"{wanted.cluster.kind}: {_reason(error)}") from error


def _classes(wanted: Workforce) -> tuple[Any, Any]:
    if wanted.cluster.kind == "slurm":
        from dask_jobqueue.slurm import SLURMCluster, SLURMJob

        cancel = " ".join(["scancel", *_other_slurm(wanted.options)])
        return SLURMCluster, type("SLURMJob", (SLURMJob,), {"cancel_command": cancel})
    from dask_jobqueue.htcondor import HTCondorCluster, HTCondorJob

    return HTCondorCluster, HTCondorJob


def _job(wanted: Workforce, host: str) -> dict[str, Any]:
    """What jobs are like; on this machine alone, workers listen to it alone."""
    options = wanted.options
    _check_size("memory", options.memory)
    loopback = ["--host", host, "--dashboard-address", f"{host}:0"] if all_loopback([host]) else []
    found: dict[str, Any] = {
        "cores": options.cores,
        "processes": options.cores,
        "memory": options.memory,
        "python": options.python or sys.executable,
        "job_name": "llama",
        "job_script_prologue": [*_INHERITED, *options.prologue],
        "worker_extra_args": [*loopback, "--no-dashboard"],
        "log_directory": str(options.logs.expanduser().absolute()) if options.logs else None,
    }
    return found | (_slurm(options) if wanted.cluster.kind == "slurm" else _htcondor(options))


def _slurm(options: ClusterSettings) -> dict[str, Any]:
    nowhere = [] if options.logs else ["-o /dev/null", "-e /dev/null"]
    return {
        "queue": options.queue,
        "account": options.account,
        "walltime": options.walltime,
        "job_extra_directives": [*nowhere, *options.directives],
    }


def _other_slurm(options: ClusterSettings) -> list[str]:
    """Words for Slurm's programs, where the directives name another of its clusters: numbers of jobs are of each."""
    found = re.search(r"(?:^|\s)(?:-M\s*|--clusters?[=\s]\s*)([\w.,-]+)", "\n".join(options.directives))
    return ["-M", found[1]] if found else []


def _htcondor(options: ClusterSettings) -> dict[str, Any]:
    pairs = [line.partition("=") for line in options.directives]
    if wrong := [name for name, equals, _ in pairs if not (name.strip() and equals)]:
        raise ClusterError(f"[cluster] directives: {wrong[0]!r} is no line of HTCondor as name=value")
    lines = {name.strip(): value.strip() for name, _, value in pairs}
    _check_size("disk", options.disk)
    return {"disk": options.disk, "job_extra_directives": lines}


def _check_size(key: str, text: str) -> None:
    from dask.utils import parse_bytes

    try:
        parse_bytes(text)
    except ValueError as error:
        raise ClusterError(f"[cluster] {key}: {text!r} is no size as 2GB") from error


def _reason(error: Exception) -> str:
    """What the queue's own program said: the last line of a long account."""
    return ([line for line in str(error).splitlines() if line.strip()] or [type(error).__name__])[-1]
