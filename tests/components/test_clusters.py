"""Studies on clusters: the same bytes as in one process, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import environment, typed
from tests.components.cluster_tasks import deadly, drawn, failing, greedy
from tests.components.clusters_here import local_cluster, processes_named, python_with_tests, until
from tests.components.slurm_here import Slurm, slurm_here
from tests.components.ssh_hosts import ssh_hosts
from tests.studies.test_skymap_lists import a_map

from llama.sections_own import ClusterSettings
from llama.studies.batch.crew import Crew
from llama.studies.blocks import Blocks, Form
from llama.studies.clusters import BlockLost, ClusterError, Workforce, jobs, read_cluster
from llama.studies.clusters.executor import ClusterExecutor

pytestmark = pytest.mark.component

BYTES: Form[bytes] = Form(lambda data: {"data": np.frombuffer(data, "u1")}, lambda arrays: arrays["data"].tobytes())
QUICK = ClusterSettings(timeout_s=5.0, patience_s=3.0)
TABLE = "opa-bns-o4-H1L1V1-IC86-2011.txt"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a scheduler with two workers."""
    with local_cluster(2) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A folder with a list of five sky maps."""
    folder = tmp_path_factory.mktemp("study")
    maps = data / "skymaps/mock_and_sim/local_bayestar"
    (folder / "H1L1V1.csv").write_text("".join(f"{(maps / f'{k}.fits').resolve()}\n" for k in range(5)))
    return folder


def table(home: Path, folder: str, *words: str, **more: str) -> bytes:
    """The table of a study of trials."""
    study = ("dev", "trials", "background", str(home / "H1L1V1.csv"), "-p", "bns", "-n", "128", "--per-map", "4")
    typed(*study, "-d", home / folder, *words, home=home, **more)
    return (home / folder / "trials" / "background-kernel.csv").read_bytes()


@pytest.fixture(scope="module")
def one(home: Path) -> bytes:
    """The table that one process draws."""
    return table(home, "one", "-j", "1")


def test_tables_are_the_same_on_one_two_and_eight_workers(home: Path, one: bytes) -> None:
    assert one.count(b"\n") == 129
    assert table(home, "two", "-j", "2") == one
    with local_cluster(8) as cluster:
        assert table(home, "eight", "--cluster", cluster.scheduler_address) == one


def test_blocks_of_killed_workers_are_drawn_again(tmp_path: Path) -> None:
    whole = [drawn(block) for block in range(200)]
    with local_cluster(2) as cluster, Workforce(read_cluster(cluster.scheduler_address))() as executor:
        found = []
        for data in Blocks(executor, tmp_path, "kept").draw("a study", drawn, range(200), BYTES):
            found.append(data)
            if len(found) in (40, 80):
                os.kill(cluster.workers[len(found) // 80].pid, signal.SIGKILL)
    assert found == whole
    assert len(list(tmp_path.glob("*.npz"))) == 200


def test_a_block_that_kills_its_workers_is_named_and_the_others_are_kept(tmp_path: Path, address: str) -> None:
    with Workforce(read_cluster(address))() as executor, pytest.raises(BlockLost) as told:
        for _ in Blocks(executor, tmp_path, "kept").draw("a study", deadly, range(20), INTEGER):
            pass
    assert "block (3,) was lost with its worker 4 times" in str(
        told.value
    ) and "from the blocks that were kept" in str(told.value)
    assert len(list(tmp_path.glob("*.npz"))) == 19


INTEGER: Form[int] = Form(lambda one: {"one": np.array(one)}, lambda arrays: int(arrays["one"]))


def test_a_block_that_needs_too_much_memory_is_named() -> None:
    with (
        local_cluster(2, memory_limit="400MB") as cluster,
        Workforce(read_cluster(cluster.scheduler_address))() as executor,
        pytest.raises(BlockLost, match=r"block \(3,\) was lost .* out of memory"),
    ):
        list(executor.map(greedy, range(6)))


def test_an_error_of_a_block_is_its_own(address: str) -> None:
    with Workforce(read_cluster(address))() as executor, pytest.raises(ValueError, match="block 3 has a map"):
        list(executor.map(failing, range(10)))


def test_a_scheduler_that_goes_away_is_told(tmp_path: Path) -> None:
    with local_cluster(2) as cluster, Workforce(read_cluster(cluster.scheduler_address))() as executor:
        results = Blocks(executor, tmp_path, "kept").draw("a study", drawn, range(2000), BYTES)
        next(results), next(results)
        cluster.close()
        with pytest.raises(
            ClusterError, match=r"the scheduler at tcp://127\.0\.0\.1:\d+ went away; the same command goes on"
        ):
            list(results)
    assert len(list(tmp_path.glob("*.npz"))) >= 2


def test_hosts_over_ssh_draw_the_same(home: Path, one: bytes, tmp_path: Path) -> None:
    with ssh_hosts(2, tmp_path) as hosts:
        asked = ("--cluster", f"ssh:{','.join(hosts.names)}", "-j", "2")
        assert table(home, "ssh", *asked, **hosts.settings) == one
    until(lambda: not processes_named(str(tmp_path).encode()))


def test_a_worker_killed_on_a_host_loses_nothing(tmp_path: Path) -> None:
    whole = [drawn(block) for block in range(100)]
    with ssh_hosts(2, tmp_path) as hosts, hosts.workforce(2, str(python_with_tests(tmp_path)))() as executor:
        results = executor.map(drawn, range(100))
        found = [next(results) for _ in range(10)]
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
        found.extend(results)
    assert found == whole


def test_a_host_that_refuses_is_named(tmp_path: Path) -> None:
    with ssh_hosts(1, tmp_path) as hosts:
        (host,) = hosts.names
        (tmp_path / "authorized").write_text("")
        with pytest.raises(ClusterError, match=rf"{host} cannot be reached over SSH: Permission denied"):
            hosts.workforce(1)().__enter__()
    with pytest.raises(ClusterError, match=rf"{host} cannot be reached over SSH: .*Connect call failed"):
        hosts.workforce(1)().__enter__()


def test_a_host_without_this_llama_is_named(tmp_path: Path) -> None:
    with ssh_hosts(1, tmp_path) as hosts:
        named = pytest.raises(ClusterError, match=rf"{hosts.names[0]} has no llama behind /usr/bin/python3: .*llama")
        with named:
            hosts.workforce(1, "/usr/bin/python3")().__enter__()


def test_host_keys_in_files_that_the_config_of_ssh_names_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, ours = tmp_path / "mine" / ".ssh" / "config", tmp_path / "ours"
    config.parent.mkdir(parents=True)
    ours.write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "mine"))
    with ssh_hosts(1, tmp_path) as hosts:
        wanted = replace(hosts.workforce(1, "/usr/bin/python3"), known_hosts=(ours,))
        with pytest.raises(ClusterError, match="cannot be reached over SSH: Host key is not trusted"):
            wanted().__enter__()
        for option in ("UserKnownHostsFile", "GlobalKnownHostsFile"):
            config.write_text(f"Host 127.0.0.1\n  {option} {tmp_path}/none {tmp_path}/known_hosts\n")
            with pytest.raises(ClusterError, match="has no llama behind /usr/bin/python3"):
                wanted().__enter__()


def test_the_dashboard_is_where_it_is_told(address: str) -> None:
    said: list[str] = []
    with Workforce(read_cluster(address), tell=said.append)():
        where = said[0].partition("dashboard at ")[2]
        assert where.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(where, timeout=60) as page:  # without bokeh it says that this is missing
            assert page.status == 200 and b"bokeh" in page.read().lower()


def test_a_study_that_is_interrupted_leaves_the_workers_to_others(home: Path, address: str) -> None:
    study = ("dev", "trials", "background", home / "H1L1V1.csv", "-p", "bns", "-n", "100000", "--per-map", "4")
    words = [LLAMA, *map(str, study), "-d", str(home / "cut"), "--cluster", address]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True}
    cut = subprocess.Popen(words, env=environment(home), text=True, **quiet)  # type: ignore[call-overload]
    until(lambda: len(list((home / "cut").rglob("*.npz"))) > 3)
    os.killpg(cut.pid, signal.SIGINT)
    said, _ = cut.communicate(timeout=60)
    assert cut.returncode == 130 and "Traceback" not in said
    with Workforce(read_cluster(address))() as executor:
        assert list(executor.map(abs, range(20))) == list(range(20))


def test_a_batch_on_a_cluster_loses_only_the_event_that_kills_its_worker(address: str) -> None:
    crew = Crew(deadly, 2, lambda block: -block, Workforce(read_cluster(address)))
    assert sorted(crew.through(range(20))) == sorted(-3 if block == 3 else block for block in range(20))


def test_a_batch_makes_the_same_events(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        a_map(tmp_path / "maps" / f"{name}.fits")
    Path("maps.txt").write_text("a\nb\nc\n")
    get = ("map=maps.txt", "--get", "lvc_skymap.fits.gz=maps/{map}.fits", "-f", "GW_SKYMAP", "SKYMAP_DISTANCES")
    for folder, where in (("here", ("-j", "1")), ("there", ("--cluster", address))):
        put = ("--put", f"lvc_skymap_distances.json={folder}/{{map}}.json", "--eventdir", f"{folder}/{{map}}")
        assert "3 done, 0 had been put before, 0 failed" in typed("batch", *get, *put, *where, home=tmp_path / "home")
    for name in ("a", "b", "c"):
        assert Path("here", f"{name}.json").read_bytes() == Path("there", f"{name}.json").read_bytes()
        assert (tmp_path / "there" / name / "lvc_skymap_distances.json").is_file()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with slurm_here(tmp_path_factory.mktemp("slurm")) as found:
        yield found


def test_jobs_in_a_queue_draw_the_same(home: Path, one: bytes, slurm: Slurm) -> None:
    asked = {"LLAMA_CLUSTER_QUEUE": "all", "LLAMA_CLUSTER_CORES": "2", **slurm.variables}
    assert table(home, "slurm", "--cluster", "slurm", "-j", "2", **asked) == one
    until(lambda: not slurm.all_jobs())


@pytest.fixture
def queue(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> ClusterSettings:
    """How jobs are that tests submit themselves; nobody waits long for those that ended."""
    for name, value in slurm.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(jobs, "ASK_S", 0.5)
    return ClusterSettings(queue="all", memory="500MB", python=str(python_with_tests(tmp_path)))


@pytest.mark.parametrize("cores", [1, 2])
def test_jobs_that_end_too_soon_or_are_cancelled_are_submitted_again(
    tmp_path: Path, slurm: Slurm, queue: ClusterSettings, cores: int
) -> None:
    import dask
    import distributed  # noqa: F401 - its settings are lost with ours where it is loaded meanwhile

    said: list[str] = []
    first = f"mkdir {tmp_path / 'first'} 2>/dev/null && exit 1"  # of all, before its worker has come
    jobs_like = replace(queue, prologue=(first,), cores=cores, memory=f"{500 * cores}MB")
    wanted = Workforce(read_cluster("slurm"), 2, jobs_like, said.append)
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}), wanted() as executor:
        assert isinstance(executor, ClusterExecutor)
        results = executor.map(drawn, range(200))
        found = [next(results) for _ in range(20)]
        until(lambda: executor.workers == 2)
        assert "1 jobs ended before their workers came, or were refused, and are submitted again" in said
        cancelled = slurm.jobs()
        for job in cancelled:  # all: for a while there is nobody
            slurm.cancel(job)
        found.extend(results)
        until(lambda: len(slurm.jobs()) == 2 // cores)
        assert not set(slurm.jobs()) & set(cancelled)
    assert found == [drawn(block) for block in range(200)]
    until(lambda: not slurm.all_jobs())


def test_jobs_of_which_no_worker_comes_are_given_up(slurm: Slurm, queue: ClusterSettings) -> None:
    wanted = Workforce(read_cluster("slurm"), 1, replace(queue, prologue=("exit 1",)))
    with (
        wanted() as executor,
        pytest.raises(ClusterError, match="1 ended before theirs came or were refused"),
    ):
        list(executor.map(drawn, range(9)))
    assert not slurm.all_jobs()


def test_a_job_that_the_queue_refuses_is_told(home: Path, slurm: Slurm) -> None:
    words = ("dev", "trials", "background", home / "H1L1V1.csv", "-p", "bns", "-n", "9", "-d", home / "refused")
    asked = {"LLAMA_CLUSTER_QUEUE": "none", **slurm.variables}
    said = typed(*words, "--cluster", "slurm", home=home, status=1, **asked)
    assert "llama: slurm does not take the job: " in said and "Invalid partition" in said
    assert not slurm.all_jobs()


def test_a_scheduler_without_workers_is_waited_for_only_so_long() -> None:
    said: list[str] = []
    with local_cluster(0) as cluster:
        wanted = Workforce(read_cluster(cluster.scheduler_address), options=QUICK, tell=said.append)
        with wanted() as executor, pytest.raises(ClusterError, match="has had no worker for 3 s"):
            list(executor.map(abs, range(3)))
    assert any("there is no worker yet; waiting" in text for text in said)


def test_workers_of_several_threads_are_refused() -> None:
    with local_cluster(1, threads_per_worker=2) as cluster:
        wanted = Workforce(read_cluster(cluster.scheduler_address), options=QUICK)
        with wanted() as executor, pytest.raises(ClusterError, match="has 2 threads; give each --nthreads 1"):
            list(executor.map(drawn, range(300)))


def test_an_address_at_which_nobody_listens_is_told(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        words = ("dev", "background", "draw", home / "H1L1V1.csv", "-o", home / TABLE, "-n", "10")
        said = typed(*words, "--cluster", address, home=home, status=1, LLAMA_CLUSTER_TIMEOUT_S="1")
    assert f"llama: nobody answers at {address}" in said
