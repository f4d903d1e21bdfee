"""A Slurm of this machine alone: munge, a controller, a node."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.components.clusters_here import until
from tests.needs import absent, program

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Slurm:
    """One that runs, with the partition `all`. Its programs find it by `variables`."""

    variables: dict[str, str]

    def jobs(self) -> list[str]:
        """Numbers of those that run."""
        return self._said("squeue", "-h", "-t", "R", "-o", "%i").split()

    def all_jobs(self) -> list[str]:
        """Numbers of those that run or wait."""
        return self._said("squeue", "-h", "-o", "%i").split()

    def cancel(self, job: str) -> None:
        """As somebody does who wants the machine."""
        self._said("scancel", job)

    def _said(self, *words: str) -> str:
        return subprocess.run(
            words, env=os.environ | self.variables, check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def slurm_here(folder: Path) -> Iterator[Slurm]:
    """Start it; a node of 16 cores, whatever this machine has."""
    if os.geteuid() != 0:
        absent("a Slurm of one's own is started as root")
    names = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client"}
    programs = {name: program(name, package) for name, package in names.items()}
    slurm = None
    started: list[subprocess.Popen[bytes]] = []
    config = folder / "slurm.conf"
    config.write_text(_CONFIG.format(host=socket.gethostname().partition(".")[0], folder=folder, ports=_ports()))
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir()
    try:
        started.append(_munge(programs["munged"], folder / "munge"))
        for name in ("slurmctld", "slurmd"):
            with (folder / f"{name}.out").open("wb") as out:
                started.append(subprocess.Popen([programs[name], "-D", "-f", config], stdout=out, stderr=out))
        slurm = Slurm({"SLURM_CONF": str(config)})
        until(partial(_is_idle, slurm))
        yield slurm
    finally:
        for job in slurm.all_jobs() if slurm else ():
            slurm.cancel(job)
        for one in reversed(started):
            one.kill()  # slurmd would wait for its jobs to be cleared away
            one.wait(PATIENCE_S)


def _munge(munged: Path, folder: Path) -> subprocess.Popen[bytes]:
    """What Slurm's programs know each other by, with a key and a socket of its own."""
    key = folder / "key"
    key.touch(mode=0o400)
    key.write_bytes(secrets.token_bytes(128))
    words = [f"--{name}-file={folder / name}" for name in ("key", "log", "pid", "seed")]
    with (folder / "out").open("wb") as out:
        started = subprocess.Popen(
            [munged, "--foreground", "--force", f"--socket={folder / 'socket'}", *words], stdout=out, stderr=out
        )
    until((folder / "socket").exists)
    return started


def _ports() -> list[int]:
    """Two that are free."""
    with socket.socket() as one, socket.socket() as two:
        for found in (one, two):
            found.bind(("127.0.0.1", 0))
        return [found.getsockname()[1] for found in (one, two)]


def _is_idle(slurm: Slurm) -> bool:
    """Whether its node takes jobs."""
    said = subprocess.run(
        ["sinfo", "-h", "-o", "%t"], env=os.environ | slurm.variables, capture_output=True, text=True
    )
    return said.stdout.strip() == "idle"


_CONFIG = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
KillWait=2
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=20000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
