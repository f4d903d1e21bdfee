"""What is typed after --cluster, and what is said before anything is started."""

from __future__ import annotations

import functools
import operator
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.typed import typed

from llama.studies.clusters import LOCAL, Cluster, ClusterError, Workforce, read_cluster
from llama.studies.clusters.executor import Place, do


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("local", LOCAL),
        ("slurm", Cluster("slurm")),
        ("htcondor", Cluster("htcondor")),
        ("tcp://127.0.0.1:8786", Cluster("scheduler", ("tcp://127.0.0.1:8786",))),
        ("tls://login.example:8786", Cluster("scheduler", ("tls://login.example:8786",))),
        ("ssh:one,me@two:2222,[::1]:22", Cluster("ssh", ("one", "me@two:2222", "[::1]:22"))),
    ],
)
def test_a_cluster_is_what_is_typed(text: str, cluster: Cluster) -> None:
    assert read_cluster(text) == cluster


def test_hosts_may_stand_in_a_file(tmp_path: Path) -> None:
    listed = tmp_path / "hosts"
    listed.write_text("# ours\none\n\nme@two:2222  # the large one\n")
    assert read_cluster(f"ssh:{listed}").where == ("one", "me@two:2222")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pbs", "'pbs' is no cluster; write local, tcp://HOST:PORT"),
        ("127.0.0.1:8786", "is no cluster"),
        ("tcp://127.0.0.1", "is no cluster"),
        ("ssh:", "there is no host in ssh:"),
        ("ssh:one,-oProxyCommand=x", "'-oProxyCommand=x' is no host"),
        ("ssh:/no/such/file", "'/no/such/file' is no host as USER@HOST:PORT, nor a file that is there"),
    ],
)
def test_what_is_no_cluster_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ClusterError, match=r"write|host"):
        read_cluster(text)
    words = ("dev", "skymaps", "compress", tmp_path, tmp_path / "to", "--cluster", text)
    assert said in typed(*words, home=tmp_path, status=2)


def test_without_a_cluster_the_processes_are_here() -> None:
    with Workforce()() as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]


def test_a_worker_with_other_software_draws_nothing() -> None:
    task = pickle.dumps(functools.partial(operator.mul, 3))
    here = Place.here()
    assert do(here, task, (4,)) == 12
    with pytest.raises(ClusterError, match=r"numbers could differ; install the same on all"):
        do(replace(here, build="Python 2.7, llama 0.1"), task, (4,))
    with pytest.raises(ClusterError, match=r"cannot go to /no/such/place: .*; start the study in a folder that all"):
        do(replace(here, folder="/no/such/place"), task, (4,))


def test_a_job_of_slurm_is_what_the_settings_say(tmp_path: Path) -> None:
    asked = {"QUEUE": "normal", "ACCOUNT": "gw", "CORES": "4", "MEMORY": "8GB", "DIRECTIVES": "--qos=low"}
    asked |= {"PYTHON": "/opt/llama/bin/python", "PROLOGUE": "module load gcc", "WALLTIME": "08:00:00"}
    words = ("dev", "cluster", "slurm", "--script")
    said = typed(*words, home=tmp_path, **{f"LLAMA_CLUSTER_{key}": value for key, value in asked.items()})
    directives = [line.removeprefix("#SBATCH ") for line in said.splitlines() if line.startswith("#SBATCH")]
    assert set(directives) == {
        "-J llama", "-p normal", "-A gw", "-n 1", "--cpus-per-task=4", "--mem=8G", "-t 08:00:00", "--qos=low",
        "-o /dev/null", "-e /dev/null",
    }  # fmt: skip
    *_, prologue, command = said.strip().splitlines()
    assert prologue == "module load gcc"
    assert command.startswith("/opt/llama/bin/python -m distributed.cli.dask_worker tcp://SCHEDULER:PORT ")
    assert "--nthreads 1 " in command and "--nworkers 4 " in command and "--memory-limit 1.86GiB" in command
    assert "--host 127.0.0.1" in command


def test_a_job_of_htcondor_is_what_the_settings_say(tmp_path: Path) -> None:
    asked = {"MEMORY": "2GB", "DISK": "3GB", "DIRECTIVES": '+Group="LIGO",accounting_group = ligo.dev.o4'}
    words = ("dev", "cluster", "htcondor", "--script")
    said = typed(*words, home=tmp_path, **{f"LLAMA_CLUSTER_{key}": value for key, value in asked.items()})
    lines = dict(line.split(" = ", 1) for line in said.splitlines() if " = " in line)
    assert lines["MY.DaskWorkerMemory"] == "2000000000" and lines["MY.DaskWorkerDisk"] == "3000000000"
    assert lines["RequestCpus"] == "MY.DaskWorkerCores" and lines["MY.DaskWorkerCores"] == "1"
    assert lines["+Group"] == '"LIGO"' and lines["accounting_group"] == "ligo.dev.o4"
    assert lines["Executable"] == "/bin/sh" and "-m distributed.cli.dask_worker" in lines["Arguments"]
    assert said.strip().endswith("Queue")


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (("tcp://127.0.0.1:1",), {}, "nothing is submitted for the scheduler at tcp://127.0.0.1:1"),
        (("slurm",), {"INTERFACE": "none0"}, "[cluster] interface: there is no none0 on this machine; there are"),
        (("htcondor",), {"DIRECTIVES": "noval"}, "[cluster] directives: 'noval' is no line of HTCondor"),
        (("slurm",), {"CORES": "0"}, "cores"),
        (("slurm",), {"MEMORY": "much"}, "[cluster] memory: 'much' is no size as 2GB"),
    ],
)
def test_settings_that_cannot_be_are_told(
    tmp_path: Path, words: tuple[str], settings: dict[str, str], said: str
) -> None:
    named = {f"LLAMA_CLUSTER_{key}": value for key, value in settings.items()}
    assert said in typed("dev", "cluster", *words, "--script", home=tmp_path, status=1, **named)


def test_a_machine_without_the_queue_is_told(tmp_path: Path) -> None:
    said = typed("dev", "cluster", "htcondor", home=tmp_path, status=1)
    assert "there is no condor_submit on this machine; start the study where jobs are submitted" in said


def test_a_file_of_host_keys_that_is_not_there_is_told(tmp_path: Path) -> None:
    words = ("dev", "skymaps", "compress", tmp_path, tmp_path / "to", "--cluster", "ssh:127.0.0.1:1")
    named = tmp_path / "known"
    said = typed(*words, home=tmp_path, status=1, LLAMA_SSH_KNOWN_HOSTS=str(named))
    assert f"llama: [ssh] known_hosts: there is no file {named}" in said
