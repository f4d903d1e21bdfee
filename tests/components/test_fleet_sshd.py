"""Twenty servers of OpenSSH, each with a host key of its own and a user with the plainest of shells."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import typed
from tests.components.clusters_here import until
from tests.components.ssh_hosts import Hosts, ssh_hosts
from tests.needs import absent
from tests.studies.test_skymap_lists import a_map

from llama.formats.background_table import read_table

pytestmark = pytest.mark.component

COUNT, USER = 20, "llama-fleet-test"


@dataclass(frozen=True)
class Servers:
    """Servers of this machine, each with a home of its own."""

    hosts: Hosts
    user: str

    @property
    def ports(self) -> dict[str, str]:
        """By their names."""
        return {f"llama-{number:02}": name.rpartition(":")[2] for number, name in enumerate(self.hosts.names)}

    def write(self) -> None:
        """The list of them."""
        lines = [f"{name} {self.user}@127.0.0.1:{port}\n" for name, port in self.ports.items()]
        (self.hosts.folder / "servers.txt").write_text("".join(lines))

    def home(self, name: str) -> Path:
        return self.hosts.home(int(name.rpartition("-")[2]))

    def dv(self, *words: str | Path, home: Path, status: int = 0) -> str:
        more = {"LLAMA_SSH_SERVERS": "servers.txt", "LLAMA_SSH_KEY": "key", "LLAMA_SSH_KNOWN_HOSTS": "taken_in"}
        paths = {name: str(self.hosts.folder / file) for name, file in more.items()}
        return typed("dev", "dv", *words, home=home, status=status, HOME=str(home), **paths)


@pytest.fixture(scope="module")
def user() -> Iterator[str]:
    """Who is logged in: as root one made for it, else whoever runs the tests, as sshd lets in nobody else."""
    if os.geteuid() != 0:
        yield getpass.getuser()
        return
    made = subprocess.run(["useradd", "-M", "-d", "/tmp", "-s", "/bin/sh", USER], capture_output=True, text=True)
    if made.returncode not in (0, 9):  # 9: a run before was killed
        absent(f"no user can be made on this machine: {made.stderr}")
    # It was made locked, which lets nobody in
    subprocess.run(["usermod", "-p", "*", "-d", "/tmp", USER], check=True, capture_output=True)
    yield USER
    subprocess.run(["userdel", "-f", USER], check=True, capture_output=True)


@pytest.fixture(scope="module")
def servers(user: str) -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(
        prefix="llama-fleet-"
    ) as made:  # which other users may enter, as not pytest's own
        folder = Path(made)
        folder.chmod(0o755)
        with ssh_hosts(COUNT, folder, user) as hosts:
            found = Servers(hosts, user)
            found.write()
            yield found


def test_a_command_reaches_all_of_them_as_it_was_typed(servers: Servers, tmp_path: Path) -> None:
    said = servers.dv("ls-procs", home=tmp_path, status=1)
    assert (
        "failed at 20 of 20 servers" in said and said.count("is not known yet; `llama dev dv init` takes it in") == 20
    )
    said = servers.dv("init", home=tmp_path, status=1)
    assert (
        "20 host keys taken into" in said and said.count("there is no llama on it; --wheel FILE installs one") == 20
    )
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[127.0.0.1]:{servers.ports['llama-03']}", "-f", servers.hosts.folder / "taken_in"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert (servers.hosts.folder / "host-3.pub").read_text().split()[1] in found
    line = """printf '%s|' "$HOME" 'a  b' "it's" '\\t' | tr a-z A-Z; echo "$0" >&2; exit 7"""
    said = servers.dv("-p", "llama-0[12]", "eval", line, home=tmp_path, status=1)
    for name in ("llama-01", "llama-02"):
        home = str(servers.home(name)).upper()
        assert f"{name}  {home}|A  B|IT'S|\\T|" in said and f"{name}  exit status 7" in said
    said = servers.dv("eval", "printf", "%s,", "$HOME", "a  b", "it's; exit 3", "-p", home=tmp_path)
    assert said.splitlines()[0] == "llama-00  $HOME,a  b,it's; exit 3,-p,"
    assert servers.dv("-r", "linecount", "eval", "seq 3", home=tmp_path).endswith("total 60\n")
    assert servers.dv("eval", "id -un", "-f", "{out}", home=tmp_path).split() == [servers.user] * COUNT


def test_what_is_launched_outlives_the_connection_and_is_ended(servers: Servers, tmp_path: Path) -> None:
    """A batch of a program that is there: what launch starts is the settings' program, whatever it is."""
    servers.dv("init", "-p", "llama-1?", home=tmp_path, status=1)
    slow = servers.hosts.folder / "slow"
    slow.write_text('#!/bin/sh\necho "$@"\nsleep 300 &\nwait\n')
    slow.chmod(0o755)
    pattern = ("-p", "llama-1[0-4]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLAMA_SSH_PROGRAM", str(slow))
        said = servers.dv(*pattern, "batch", "-P", "export A='b c'", home=tmp_path)
        assert re.findall(r"part (\d/\d)", said) == [f"{number}/5" for number in range(1, 6)]
        said = servers.dv(*pattern, "batch", home=tmp_path, status=1)
        assert said.count("it runs already: batch part") == 5
        assert servers.dv(*pattern, "ls-procs", home=tmp_path).endswith("total 10\n")
        assert "batch --part 3/5" in servers.dv("-p", "llama-12", "tail", home=tmp_path)
        said = servers.dv(*pattern, "killall", home=tmp_path)
        assert said.count("2 ended, left 0") == 5 and said.endswith("total 0\n")
        assert servers.dv(*pattern, "ls-procs", home=tmp_path) == "total 0\n"
        missing = servers.dv(*pattern, "launch", "bg", "/nowhere//bns-o3/H1.csv", home=tmp_path, status=1)
        assert missing.count("there is no list /nowhere//bns-o3/H1.csv on it") == 5


def test_files_go_and_come(servers: Servers, tmp_path: Path) -> None:
    servers.dv("init", home=tmp_path, status=1)
    pattern = ("-p", "llama-{05..09}")
    (tmp_path / "events" / "injection-1").mkdir(parents=True)
    (tmp_path / "events" / "injection-1" / "a b.json").write_bytes(b"\0" * 5000)
    (tmp_path / "events" / "large").write_bytes(os.urandom(5 << 20))
    assert servers.dv(*pattern, "push", tmp_path / "events", home=tmp_path).count("2 files sent") == 5
    assert "10 files, 26.2 MB from 5 servers" in servers.dv(*pattern, "pull", "-o", tmp_path / "got", home=tmp_path)
    for name in servers.ports:
        if "llama-05" <= name <= "llama-09":
            assert (tmp_path / "got" / name / "events" / "large").read_bytes() == (
                tmp_path / "events/large"
            ).read_bytes()


def test_a_server_whose_disk_is_full_says_so(servers: Servers, tmp_path: Path) -> None:
    servers.dv("init", home=tmp_path, status=1)
    small = servers.home("llama-15") / "llama-study"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "none", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here: a full disk needs one")
    try:
        (tmp_path / "large").write_bytes(bytes(200_000))
        said = servers.dv("-p", "llama-1[56]", "push", tmp_path / "large", home=tmp_path, status=1)
        assert "failed at 1 of 2 servers" in said and "its disk is full: 64 kB are free" in said
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LLAMA_SSH_PROGRAM", "true")
            said = servers.dv("-p", "llama-15", "batch", home=tmp_path, status=1)
        assert "its disk is full: 64 kB are free in " in said
    finally:
        subprocess.run(["umount", small], check=True)


MADE = """\
eventdir = "made/{map}-{word}"
only = ["GW_SKYMAP", "SKYMAP_DISTANCES"]
[parameters]
map = "inputs/maps.txt"
word = "inputs/words.txt"
[get]
"lvc_skymap.fits.gz" = "inputs/{map}.fits"
[put]
"lvc_skymap_distances.json" = "results/{eventid}.json"
"""


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """Two that let in who runs the tests, and so have the llama that is tested."""
    with ssh_hosts(2, tmp_path) as hosts:
        found = Servers(hosts, getpass.getuser())
        found.write()
        monkeypatch.setenv("LLAMA_SSH_PROGRAM", str(LLAMA))
        found.dv("init", home=tmp_path)
        yield found


def test_signals_doublets_and_a_batch_come_back_whole(ours: Servers, data: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    for name in "abc":
        a_map(inputs / f"{name}.fits")
    (inputs / "maps.txt").write_text("a\nb\nc\n")
    (inputs / "words.txt").write_text("x\ny\n")
    (inputs / "small.toml").write_text(MADE)
    real = [(data / f"skymaps/mock_and_sim/local_bayestar/{number}.fits").resolve() for number in range(2)]
    (inputs / "H1L1.csv").write_text("".join(f"{path}\n" for path in real))
    ours.dv("push", inputs, home=tmp_path)

    def over() -> bool:
        return ours.dv("ls-procs", home=tmp_path) == "total 0\n"

    listing = (
        "~/llama-study//inputs/H1L1.csv",
        "--population",
        "bns",
        "--detectors",
        "H1L1V1",
        "--per-map",
        "2",
        "--each",
        "1",
        "-j",
        "1",
    )
    for name, kind, depth in (("llama-00", "signal", "pipeline"), ("llama-01", "doublet", "kernel")):
        said = ours.dv("-p", name, "launch", kind, *listing, "--depth", depth, home=tmp_path)
        assert f"{name}  {kind} blocks 0:0: process " in said
    until(over)
    assert ours.dv("done", "signal", home=tmp_path) == "llama-00  2\nllama-01  0\ntotal 2\n"
    assert ours.dv("done", "doublet", home=tmp_path) == "llama-00  0\nllama-01  2\ntotal 2\n"
    said = ours.dv("batch", "inputs/small.toml", "-j", "1", "--", "--random", "5", "--seed", "1", home=tmp_path)
    assert re.findall(r"part (\d/\d)", said) == ["1/2", "2/2"]
    until(over)
    got = tmp_path / "got"
    ours.dv("pull", "-o", got, home=tmp_path)
    ours.dv("pull", "results", "-o", got, home=tmp_path)
    drawn = [{path.name for path in (got / name / "results").iterdir()} for name in ours.ports]
    assert sorted(map(len, drawn)) == [2, 3] and not drawn[0] & drawn[1], "disjoint, and together all"
    assert json.loads((got / "llama-00" / "study.json").read_text())["detectors"] == "H1L1V1", (
        "not as the list is called"
    )
    tables = {kind: tmp_path / "tables" / f"{kind}.txt" for kind in ("signal", "doublet")}
    for kind, table in tables.items():
        said = typed("dev", "background", "table", table, got, "--kind", kind, home=tmp_path)
        assert f"2 {kind} events in" in said and read_table(table).kind == kind
    refused = typed("dev", "background", "pvalue", tmp_path / "tables", home=tmp_path, status=1)
    assert "is a table of signal trials, not of background" in refused
