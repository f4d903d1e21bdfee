"""What is typed after --cluster, and what is said before anything is started."""

from __future__ import annotations

import functools
import operator
import pickle
from pathlib import Path

import pytest
from tests.cli.typed import typed

from llama.studies.clusters import LOCAL, Cluster, ClusterError, Workforce, read_cluster
from llama.studies.clusters.alike import build
from llama.studies.clusters.executor import do


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
    assert do(build(), task, (4,)) == 12
    with pytest.raises(ClusterError, match=r"numbers could differ; install the same on all"):
        do("Python 2.7, llama 0.1", task, (4,))
