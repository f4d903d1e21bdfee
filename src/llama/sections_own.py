"""The sections of the settings that belong to no service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from llama.sections import About, Section


@dataclass(frozen=True)
class RunSettings:
    """How steps are run."""

    workers: Annotated[
        int, About("how many steps run at once, 0 for one per core", variable="LLAMA_WORKERS", was="workers", least=0)
    ] = 0


@dataclass(frozen=True)
class ScienceSettings:
    """Files that stand in for packaged ones."""

    search: Annotated[
        Path | None,
        About(
            "search records (JSON) in place of the packaged ones",
            variable="LLAMA_SEARCH",
            was="search",
            instead="the packaged one",
        ),
    ] = None
    populations: Annotated[
        Path | None,
        About(
            "p-value tables in place of the packaged populations.hdf5",
            variable="LLAMA_POPULATIONS",
            was="populations",
            instead="the packaged one",
        ),
    ] = None
    icecube_tables: Annotated[
        Path | None,
        About("response tables of IceCube's seasons in place of the packaged ones", instead="the packaged ones"),
    ] = None
    icecube_events: Annotated[
        Path | None,
        About("events of IceCube's seasons to draw from in place of the packaged ones", instead="the packaged ones"),
    ] = None


@dataclass(frozen=True)
class ListenSettings:
    """What is made of what is heard."""

    preset_observation: Annotated[
        Literal["TRIGGERED_PUBLIC", "TRIGGERED_INTERNAL", "TRIGGERED_TEST", "RERUN", "DEFAULT"],
        About("the preset of flags with which events of real, public alerts start"),
    ] = "TRIGGERED_PUBLIC"


@dataclass(frozen=True)
class ArchiveSettings:
    """How the archive of notices is kept."""

    plain_days: Annotated[
        int, About("the last so many days of notices stay files; older ones may be packed, one ZIP a day", least=2)
    ] = 30


@dataclass(frozen=True)
class ClusterSettings:
    """How workers on other machines are started, for studies with --cluster."""

    interface: Annotated[
        str, About("address or network interface of this machine that workers in a queue reach the scheduler at")
    ] = "127.0.0.1"
    dashboard_port: Annotated[int, About("where the dashboard of a cluster that a study starts is", least=0)] = 8787
    python: Annotated[
        str | None, About("the Python of workers with this llama; without it, the path of the one that is running")
    ] = None
    queue: Annotated[str | None, About("the partition of Slurm's jobs")] = None
    account: Annotated[str | None, About("whom Slurm's jobs are charged to")] = None
    walltime: Annotated[str, About("how long a job of Slurm may take")] = "01:00:00"
    cores: Annotated[int, About("cores of a job, each with a worker", least=1)] = 1
    memory: Annotated[str, About("of a job")] = "2GB"
    disk: Annotated[str, About("of a job of HTCondor")] = "1GB"
    directives: Annotated[
        tuple[str, ...], About("further directives for Slurm, lines for HTCondor as name=value")
    ] = ()
    prologue: Annotated[tuple[str, ...], About("shell commands that a job begins with, such as module load")] = ()
    logs: Annotated[Path | None, About("a folder for what jobs print; without it, nowhere")] = None
    timeout_s: Annotated[float, About("how long a scheduler or host may take to answer, in seconds", least=0)] = 15.0
    patience_s: Annotated[
        float,
        About("a study ends when there has been no worker for so many seconds; queues may take longer", least=0),
    ] = 60.0


@dataclass(frozen=True)
class SshSettings:
    """How servers of a fleet are reached, and where things are on them."""

    servers: Annotated[
        Path | None,
        About(
            "a file of servers, a line each: NAME [USER@]HOST[:PORT]",
            instead="those of the cloud or of ~/.ssh/config",
        ),
    ] = None
    user: Annotated[
        str | None, About("as whom we log in, where neither the server's line nor ~/.ssh/config says")
    ] = None
    port: Annotated[int | None, About("at which port, where neither of them says; 22 without it", least=1)] = None
    key: Annotated[Path | None, About("our private key", instead="those of ~/.ssh and of the agent")] = None
    known_hosts: Annotated[
        Path | None,
        About(
            "the file of host keys we add to, ~/.ssh/known_hosts for one; default: fleet/known_hosts "
            "in the data folder"
        ),
    ] = None
    study_dir: Annotated[
        str,
        About("the study's folder on servers; default: ~/pre-er14-background where that exists, else ~/llama-study"),
    ] = ""
    program: Annotated[str, About("llama on servers: a name on their PATH, or a path")] = "llama"
    connections: Annotated[int, About("to how many servers we are connected at once", least=1)] = 50


ARCHIVE = Section("archive", ArchiveSettings)
CLUSTER = Section("cluster", ClusterSettings)
LISTEN = Section("listen", ListenSettings)
RUN = Section("run", RunSettings)
SCIENCE = Section("science", ScienceSettings)
SSH = Section("ssh", SshSettings)
