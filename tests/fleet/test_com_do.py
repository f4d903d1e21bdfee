"""`llama com do` as it is typed, on a cloud of this machine: what it says, asks and leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from tests.cli.forked import LLAMA

from llama.app import packaged
from llama.cli.com_do_text import COLUMNS
from llama.cli.main import main
from llama.testing import DropletsServer

pytestmark = pytest.mark.slow
Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DropletsServer]:
    with DropletsServer() as found:
        found.habits.boot_s = found.habits.shutdown_s = found.habits.snapshot_s = 0.0
        found.state.add_key("laptop")
        found.state.add_image("bns")
        for name, value in (found.variables | {"LLAMA_DROPLETS_POLL_S": "0.001"}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("LLAMA_DROPLETS_PAUSE_S", "0.001")
        monkeypatch.chdir(tmp_path)
        yield found


@pytest.fixture
def do(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Type:
    """Type words after `llama com do`; with `answer` at a terminal, else with nobody there."""

    def typed(*words: str, answer: str | None = None) -> tuple[int, str, str]:
        ours, theirs = os.openpty()
        try:
            with open(os.devnull if answer is None else os.ttyname(theirs), encoding="utf-8") as keyboard:
                if answer is not None:
                    os.write(ours, answer.encode())
                monkeypatch.setattr(sys, "stdin", keyboard)
                try:
                    status = main(["com", "do", *words])
                except SystemExit as error:
                    status = int(str(error.code))
        finally:
            os.close(ours)
            os.close(theirs)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return typed


def at_a_terminal(*words: str, answer: bytes) -> tuple[int, str, str]:
    """Type words after `llama com do` where standard output is the terminal too: status, that, standard error."""
    ours, theirs = os.openpty()
    os.write(ours, answer)
    done = subprocess.run(
        [LLAMA, "com", "do", *words], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=240
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return done.returncode, shown, done.stderr


def names(server: DropletsServer) -> list[str]:
    return sorted(one.name for one in server.state.machines.values())


def test_lists_count_and_pipe(server: DropletsServer, do: Type) -> None:
    assert do("-D") == (0, "", "NAME  IP  STATUS  TAGS\n")
    for name in ("llama-01", "llama-00", "web"):
        server.state.add_server(name, tags=["bns"] if name == "web" else [])
    status, out, err = do("-D")
    assert (status, len(out.splitlines())) == (0, 3) and err.split() == ["NAME", "IP", "STATUS", "TAGS"]
    assert [line.split()[0] for line in out.splitlines()] == ["llama-00", "llama-01", "web"]
    assert [line.split()[2:] for line in out.splitlines()] == [["active", "-"], ["active", "-"], ["active", "bns"]]
    status, out, err = do("-n", "-D", "llama-*", "-C", "ip")
    assert (status, err) == (0, "") and all(line.startswith("203.0.113.") for line in out.splitlines())
    assert do("-D", "llama-{00..01}", "-C", "name", "-n") == (0, "llama-00\nllama-01\n", "")
    found = json.loads(do("-D", "web", "--json")[1])
    assert (found[0]["name"], found[0]["tags"], found[0]["per_hour_usd"]) == ("web", ["bns"], 0.03571)
    every = do("-D", "web", "-C", *COLUMNS)
    assert every[1].split()[6:8] == ["nyc3", "s-2vcpu-4gb"] and every[1].split()[-5:] == [
        *("4GB", "2", "80GB", "$0.03571/h", "-")
    ]


def test_other_lists(server: DropletsServer, do: Type) -> None:
    server.state.add_server("llama-00", tags=["bns"])
    assert do("-S", "-n")[1].split()[:1] == ["bns"] and do("-K", "-n")[1].split()[:1] == ["laptop"]
    assert do("-T") == (0, "bns  1\n", "TAG  SERVERS\n")
    assert [one["name"] for one in json.loads(do("-S", "--json")[1])] == ["bns"]


@pytest.mark.parametrize("answer", ["\n", "\x04", "n\n", "Y\n", "yes\n", "yy\n", None])
def test_only_y_is_a_yes(server: DropletsServer, do: Type, answer: str | None) -> None:
    server.state.add_server("llama-00")
    status, _, err = do("-c", "llama-01", "-i", "bns", answer=answer)
    assert (status, names(server)) == (1, ["llama-00"]) and "nothing was created" in err
    status, _, err = do("-d", "llama-*", answer=answer)
    assert (status, names(server)) == (1, ["llama-00"]) and "nothing was destroyed" in err
    status, _, err = do("--snapshot", "x", "llama-00", answer=answer)
    assert status == 1 and not server.state.deeds and "nothing was done" in err


def test_what_is_to_be_created_is_said_first(server: DropletsServer, do: Type) -> None:
    server.state.add_server("web")
    status, out, err = do("-c", "llama-{01..94}", "-i", "bns", "-t", "o3", "--ttl", "12h", "--wait", answer="y\n")
    assert status == 0 and len(server.state.machines) == 95
    said, _, made = out.partition("create them?")
    for line in (
        "to create: 94 servers: llama-01, llama-02 … llama-94",
        "in nyc3",
        "80 GB, of which the image needs 25",
        "laptop",
        "o3, llama-until:",
        "$3.36 per hour, $80.56 per day",
        "95 of 100 servers with these",
    ):
        assert line in said, line
    assert "94 of 94 servers were created; `llama com do -D` lists them" in made
    assert "llama-94  203.0.113." in made
    assert server.token not in out + err


def test_quota_reached_half_way(server: DropletsServer, do: Type) -> None:
    server.habits.enforced = 12
    status, out, err = do("-c", "llama-{00..29}", "-i", "bns", "--yes")
    assert (status, len(names(server))) == (1, 10)
    assert "llama-09 was created" in out and "10 of 30 servers were created" in out
    assert err.startswith("llama: creating llama-10 to llama-19") and "exceed your droplet limit" in err
    server.habits.enforced = None
    status, out, err = do("-c", "llama-{00..29}", "-i", "bns", "--yes", "--missing")
    assert status == 0 and "20 of 20 servers were created" in out and len(names(server)) == 30
    assert do("-c", "llama-{00..29}", "-i", "bns", "--yes", "--missing")[1].startswith("all of them are there")


def test_one_that_never_becomes_active_is_named(
    server: DropletsServer, do: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_DROPLETS_ACTIVE_WITHIN_S", "0.1")
    server.habits.never_active = {"llama-1"}
    status, out, err = do("-c", "llama-{0..1}", "-i", "bns", "--yes", "--wait")
    assert status == 1 and "llama-1 is still new after 0 s" in err and "llama-0  203" in out


def test_user_data_of_a_file_and_the_packaged_one(server: DropletsServer, do: Type, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("#!/bin/sh\necho hello\n")
    assert do("-c", "llama-0", "-i", "debian-12-x64", "--user-data", "own", "--yes")[0] == 0
    assert do("-c", "llama-1", "-i", "debian-12-x64", "--user-data", "--yes")[0] == 0
    told = {one.name: one.user_data for one in server.state.machines.values()}
    assert told["llama-0"] == "#!/bin/sh\necho hello\n" and told["llama-1"].startswith("#cloud-config\n")
    status, _, err = do("-c", "llama-2", "-i", "bns", "--user-data", "absent", "--yes")
    assert status == 1 and "absent" in err and len(names(server)) == 2


def test_the_packaged_start_is_as_cloud_init_reads_it(tmp_path: Path) -> None:
    """Top-level keys of its schema, a user without a password, and lines that a shell can read."""
    told = yaml.safe_load(packaged("fleet/cloud-init.yaml").read_text())
    assert set(told) == {"package_update", "packages", "users", "runcmd"}
    assert {"python3", "python3-venv"} <= set(told["packages"])
    (user,) = (one for one in told["users"] if one != "default")
    assert user["name"] == "llama" and user["lock_passwd"] is True
    lines = tmp_path / "runcmd.sh"
    lines.write_text("\n".join(told["runcmd"]))
    subprocess.run(["sh", "-n", str(lines)], check=True)


def test_destroying(server: DropletsServer, do: Type) -> None:
    for name in ("llama-00", "llama-01", "llama-02"):
        server.state.add_server(name)
    server.state.add_server("llama-web", tags=["llama-protected"])
    status, out, err = do("-d", "llama-*", "--yes")
    assert status == 1 and "llama-web has the tag llama-protected; nothing was destroyed" in err
    status, out, err = do("-d", "llama-{00..01}", answer="y\n")
    assert status == 0 and names(server) == ["llama-02", "llama-web"]
    assert "2 of 2 servers were destroyed; they cost $0.07 per hour" in out
    server.fail(403, where="DELETE")
    status, out, err = do("-d", "llama-02", "--yes")
    assert status == 1 and "0 of 1 servers were destroyed" in out and "may only read" in err
    status, out, err = do("-d", "llama-*", "--really", "--yes")
    assert status == 0 and "2 server(s), which are all of this account" in out and names(server) == []


def test_reaping(server: DropletsServer, do: Type) -> None:
    assert do("--reap", "--yes")[1] == "no server has outlived its time; nothing was destroyed\n"
    server.state.add_server("llama-00", tags=["llama-until:2020-01-01T00Z"])
    server.state.add_server("web", tags=["llama-until:2020-01-01T00Z"])
    status, _, err = do("--reap", "--yes")
    assert (status, names(server)) == (0, ["web"])
    assert "web is not called llama-*, so it stays though its time is over" in err


def test_a_snapshot(server: DropletsServer, do: Type) -> None:
    server.state.add_server("llama-00")
    status, out, err = do("--snapshot", "bns", "llama-00", "--yes")
    assert status == 1 and "there is an image bns already" in err
    status, out, err = do("--snapshot", "bns", "llama-00", "--replace", "--start", answer="y\n")
    assert status == 0 and "llama-00 is active and will be powered off" in out
    assert "bns is complete" in out and "was deleted" in out and "llama-00 is active again" in out
    assert sum(one.name == "bns" for one in server.state.disks.values()) == 1


def test_words_that_a_shell_may_have_put_there(server: DropletsServer, do: Type, tmp_path: Path) -> None:
    (tmp_path / "llama-00").mkdir()
    server.state.add_server("llama-00")
    for words in (["-D", "llama-00"], ["-d", "llama-00"]):
        err = do(*words)[2]
        assert "note: llama-00: there is a file or folder of that name here, so the shell may have put it" in err
    assert "note:" not in do("-D", "llama-*")[2] and names(server) == ["llama-00"]
    for answer, status in ((b"n\n", 1), (b"\n", 1), (b"y\n", 0)):
        ended, shown, told = at_a_terminal("-D", "llama-00", "-C", "name", answer=answer)
        assert ended == status and "note: llama-00: there is a file" in told
        assert "list the servers of these names? y or N: " in shown + told
        assert shown.splitlines()[-1:] == ["llama-00"] if status == 0 else "nothing was listed" in told
    assert at_a_terminal("-D", "llama-00", "-n", "-C", "name", "--yes", answer=b"")[:2] == (0, "llama-00\r\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say what: -D, -S, -K, -T"),
        (["-c", "llama-0"], "servers are made from an image: -i IMAGE"),
        (["-D", "-i", "bns"], "-i is for servers that are created"),
        (["-d", "llama-0", "--wait"], "--wait is for servers that are created"),
        (["-D", "--replace"], "--replace and --start are for --snapshot"),
        (["-D", "--really"], "--really is for -d and --reap"),
        (["-c", "llama-0", "-d", "llama-0"], "not allowed with argument"),
        (["-D", "-C", "colour"], "invalid choice: 'colour'"),
        (["-c", "llama-0", "-i", "bns", "--ttl", "soon"], "'soon' is no lifetime"),
        (["-c", "llama-0", "-i", "bns", "--ttl", "9999d"], "'9999d' is no lifetime"),
    ],
)
def test_words_that_make_no_sense(server: DropletsServer, do: Type, words: list[str], says: str) -> None:
    status, _, err = do(*words)
    assert status == 2 and says in err and server.asked == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"DIGITALOCEAN": ""}, "DigitalOcean lets nobody in without a token; set $DIGITALOCEAN"),
        ({"DIGITALOCEAN": "dop_planted"}, "the token is not accepted (401)"),
        ({"DIGITALOCEAN": "dop_v1_read"}, "the token may not do this (403)"),
        ({"LLAMA_DROPLETS_ENDPOINT": "http://127.0.0.1:9"}, "the token is sent over https only"),
        ({"LLAMA_DROPLETS_ENDPOINT": "https://127.0.0.1:9", "LLAMA_DROPLETS_TRIES": "1"}, "no connection"),
        ({"REQUESTS_CA_BUNDLE": ""}, "its certificate is not accepted"),
    ],
)
def test_who_is_not_let_in(
    server: DropletsServer, do: Type, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], says: str
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    status, out, err = do("-c", "llama-0", "-i", "bns", "--yes")
    assert status == 1 and says in err and len(err.splitlines()) == 1 and names(server) == []
    assert "planted" not in out + err
