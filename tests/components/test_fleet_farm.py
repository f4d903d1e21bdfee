"""A hundred SSH servers in one process, and a cloud: one command to all of them, and what is wrong with some."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import typed
from tests.plugins import packed

from llama.testing import DropletsServer, Habits, SshFarm

pytestmark = pytest.mark.component

NAMES = [f"llama-{number:02}" for number in range(100)]
LIST = "~/pre-er14-background//skymap-lists/bns-o3/H1L1.csv"
PATH = {"PATH": f"{Path(LLAMA).parent}:/usr/bin:/bin"}


class Operator:
    """Somebody with a home of their own who knows the servers of a farm."""

    def __init__(self, farm: SshFarm, home: Path, **more: str) -> None:
        self.home, self.more = home, {**farm.settings, "HOME": str(home), **more}

    def dv(self, *words: str | Path, status: int = 0) -> str:
        return typed("dev", "dv", *words, home=self.home, status=status, **self.more)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshFarm]:
    """All of them, of which those that answer are known."""
    folder = tmp_path_factory.mktemp("farm")
    with SshFarm(folder, NAMES, PATH, mute=NAMES[95:98], hung=NAMES[98:]) as found:
        Operator(found, tmp_path_factory.mktemp("first")).dv("-p", "llama-{00..94}", "init")
        yield found


@pytest.fixture
def operator(farm: SshFarm, tmp_path: Path) -> Operator:
    return Operator(farm, tmp_path)


def failures(said: str) -> dict[str, str]:
    """The table at the end."""
    table = said.partition("failed at ")[2]
    return dict(re.findall(r"^  (\S+)  +(.*)$", table, re.MULTILINE))


def test_those_that_answer_do_so_whatever_the_others_do(operator: Operator) -> None:
    said = operator.dv("init", "-t", "12", status=1)
    failed = failures(said)
    assert list(failed) == NAMES[95:] and "failed at 5 of 100 servers" in said
    assert {failed[name] for name in NAMES[95:98]} == {
        "it takes the connection and sends no SSH greeting, after 12 s"
    }
    assert {failed[name] for name in NAMES[98:]} == {"what was asked of it does not end, after 12 s"}
    said = operator.dv("-p", "llama-{00..94}", "eval", "basename $HOME", "-f", "raw")
    assert said.split() == NAMES[:95]
    assert operator.dv("ls-procs", "-p", "llama-0?").splitlines()[-1] == "total 0"
    assert operator.dv("-p", "llama-{00..94}", "-r", "sum", "eval", "echo 2").endswith("total 190\n")


def test_a_server_that_was_made_anew_is_refused_until_it_is_forgotten(farm: SshFarm, operator: Operator) -> None:
    farm.stop("llama-07")
    assert "refuses connections" in failures(operator.dv("-p", "llama-0[78]", "tail", status=1))["llama-07"]
    farm.start("llama-07", fresh_key=True)
    for word in ("init", "ls-procs"):
        said = operator.dv("-p", "llama-0[78]", word, status=1)
        assert list(failures(said)) == ["llama-07"] and "its host key changed" in said and "dv forget" in said
    assert "1 host keys of 1 servers forgotten" in operator.dv("-p", "llama-07", "forget")
    assert "its host key" in operator.dv("-p", "llama-07", "ls-procs", status=1)
    operator.dv("-p", "llama-07", "init")


def test_a_study_is_launched_counted_fetched_and_ended(farm: SshFarm, operator: Operator, data: Path) -> None:
    names = NAMES[10:12]
    pattern = ("-p", "llama-1[01]")
    maps = (data / "skymaps/mock_and_sim/local_bayestar").resolve()
    for name in names:
        study = farm.home(name) / "pre-er14-background"
        for folder in ("skymap-lists/bns-o3", "LOCKDIR", "scratchevents"):
            (study / folder).mkdir(parents=True)
        (study / "skymap-lists/bns-o3/H1L1.csv").write_text("".join(f"{maps}/{number}.fits\n" for number in range(3)))
    size = ("--depth", "kernel", "--per-map", "20", "--each", "2", "-j", "1")
    said = operator.dv(*pattern, "launch", "bg", LIST, *size)
    assert "population bns, as bns-o3/H1L1.csv says" in said and "detectors H1L1, as bns-o3/H1L1.csv says" in said
    assert re.findall(r"blocks (\d+:\d+)", said) == ["0:1", "2:3"]
    operator.dv(
        *pattern, "eval", "while [ ! -f pre-er14-background/trials/background-kernel.csv ]; do sleep 0.1; done"
    )
    assert operator.dv(*pattern, "done", "bg").splitlines()[-1] == "total 80"
    assert operator.dv(*pattern, "killall").endswith("total 0\n")
    again = operator.dv(*pattern, "launch", "bg", LIST, *size)
    assert re.findall(r"blocks (\d+:\d+)", again) == ["0:1", "2:3"], "they go on with their own"
    operator.dv(*pattern, "killall")
    endless = (*size[:4], "--each", "90000", "-j", "1", "--more")
    said = operator.dv("-p", "llama-10", "launch", "bg", LIST, *endless)
    assert "blocks 4:90003" in said
    refused = operator.dv(*pattern, "launch", "bg", LIST, *endless, status=1)
    assert list(failures(refused)) == ["llama-10"] and "it runs already: background blocks 4:90003" in refused
    listed = operator.dv("-p", "llama-10", "ls-procs")
    assert "background blocks 4:90003" in listed and listed.endswith("total 1\n")
    assert "running there; killall first" in operator.dv("-p", "llama-10", "clean", "--yes", status=1)
    assert operator.dv(*pattern, "killall").endswith("total 0\n")
    assert operator.dv(*pattern, "ls-procs") == "total 0\n"
    into = operator.home / "pulled"
    operator.dv(*pattern, "pull", "-o", into)
    counts = [len(list((into / name / "trials").rglob("*.npz"))) for name in names]
    assert min(counts) >= 2
    blocks = [{path.name for path in (into / name / "trials").rglob("*.npz")} for name in names]
    assert len(set.union(*blocks)) == sum(counts), "no block is there twice"
    given = [json.loads(line) for line in (operator.home / "fleet" / "blocks.jsonl").read_text().splitlines()]
    assert sorted((one["first"], one["last"]) for one in given)[:2] == [(0, 1), (2, 3)]


def test_the_servers_of_a_cloud_are_found_and_destroyed(farm: SshFarm, tmp_path: Path) -> None:
    addresses = Habits(boot_s=0.1, addresses=lambda name, number: farm.address(name))
    with DropletsServer(addresses) as cloud:
        for name in NAMES[20:23]:
            cloud.state.add_server(name)
        listed = {"LLAMA_DROPLETS_POLL_S": "0.05", "LLAMA_SSH_PORT": str(farm.port), **cloud.variables}
        operator = Operator(farm, tmp_path, **listed)
        del operator.more["LLAMA_SSH_SERVERS"]
        said = operator.dv("init")
        assert "of the cloud" in operator.dv("-p", "bns-*", "init", status=1)
        assert [line.split()[0] for line in said.splitlines() if " at " in line] == NAMES[20:23]
        assert "nobody is there to say y" in operator.dv("-p", "llama-20", "destroy", status=1)
        operator.dv("-p", "llama-2[01]", "destroy", "--yes")
        assert [one.name for one in cloud.state.machines.values()] == ["llama-22"]
        known = (farm.folder / "known_hosts").read_text()
        assert farm.address("llama-20") not in known and farm.address("llama-22") in known
        assert cloud.token not in said


def wheel(folder: Path, name: str, code: str) -> Path:
    """A package of one module whose `main` is the program llama."""
    project = folder / name
    (project / name).mkdir(parents=True)
    (project / name / "__init__.py").write_text(code)
    scripts = f'[project.entry-points.console_scripts]\nllama = "{name}:main"\n' if "main" in code else ""
    about = f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = []\n'
    (project / "pyproject.toml").write_text(about + (scripts or "[project.entry-points.none]\n"))
    return packed(project, folder)


def test_init_installs_a_wheel_by_its_lock(farm: SshFarm, operator: Operator) -> None:
    """The wheel is of a small package called as ours is: what ours needs is not to be had without a network."""
    folder = operator.home / "wheels"
    need = wheel(folder, "needed", "VALUE = 41\n")
    ours = wheel(folder, "llama_astro", "from needed import VALUE\ndef main(): print(f'llama 9.{VALUE}')\n")
    digest = hashlib.sha256(need.read_bytes()).hexdigest()
    lock = folder / "requirements.lock"
    lock.write_text(f"--no-index\n--find-links {folder}\nneeded==1.0 --hash=sha256:{digest}\n")
    said = operator.dv("-p", "llama-30", "init", "--wheel", ours)
    assert f"llama 9.41 at {farm.home('llama-30')}/.local/share/llama-fleet/venv/bin/llama; here it is " in said
    assert operator.dv("-p", "llama-30", "eval", "~/.local/bin/llama") == "llama-30  llama 9.41\n"
    lock.write_text(f"--no-index\n--find-links {folder}\nneeded==2.0 --hash=sha256:{digest}\n")
    said = operator.dv("-p", "llama-30", "init", "--wheel", ours, status=1)
    assert "pip failed: " in said and "install.log has it all" in said
    assert "is no wheel" in operator.dv("-p", "llama-30", "init", "--wheel", lock, status=1)


def test_servers_are_one_cluster_for_a_study(farm: SshFarm, operator: Operator, data: Path) -> None:
    pattern = ("-p", "llama-4[01]")
    said = operator.dv(*pattern, "launch", "dask", "-j", "1")
    assert said.count("Dask scheduler and workers: process") == said.count("Dask workers: process") == 1
    where = said.splitlines()[-1].removeprefix("--cluster ")
    assert where == f"tls://{farm.address('llama-40')}:8786"
    lets_in = dict(re.findall(r"^export (\w+)=(.*)$", said, re.MULTILINE))
    key = Path(lets_in["DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"])
    assert key.stat().st_mode & 0o777 == 0o600 and key.read_text() not in said
    there = farm.home("llama-41") / ".local/share/llama-fleet/dask/key.pem"
    assert there.stat().st_mode & 0o777 == 0o600
    maps = (data / "skymaps/mock_and_sim/local_bayestar").resolve()
    listing = operator.home / "maps.csv"
    listing.write_text("".join(f"{maps}/{number}.fits\n" for number in range(3)))
    study = ("dev", "trials", "background", listing, "-p", "bns", "-n", "30", "--per-map", "10", "-d")
    here, elsewhere = operator.home / "here", operator.home / "elsewhere"
    typed(*study, here, "-j", "1", home=operator.home)
    typed(*study, elsewhere, "--cluster", where, home=operator.home, **lets_in)
    table = "trials/background-kernel.csv"
    assert (here / table).read_bytes() == (elsewhere / table).read_bytes()
    assert operator.dv(*pattern, "killall").endswith("total 0\n")
    assert operator.dv(*pattern, "ls-procs") == "total 0\n"
