"""The rehearsal from end to end, as a newcomer types it; and what is left when it ends or is ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import environment

from llama.testing.droplets.state import Machine
from llama.testing.rehearsal import RehearsalStage, Scene, play

pytestmark = pytest.mark.component


def running_in(folder: Path) -> list[int]:
    """Processes whose home is below this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME", "").startswith(str(folder)):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def test_the_whole_way(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = subprocess.run(
        [LLAMA, "dev", "rehearse", "-n", "2", "-d", kept],
        env=environment(tmp_path / "mine", DIGITALOCEAN="dop_planted", LLAMA_SSH_USER="somebody"),
        capture_output=True,
        text=True,
        timeout=600.0,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "29 commands did what they were to do" in done.stdout and done.stderr == ""
    assert "planted" not in done.stdout
    assert running_in(kept) == []
    assert {path.name for path in (kept / "home" / "results").iterdir()} == {
        "llama-parallel-bns-o4-00",
        "llama-parallel-bns-o4-01",
    }
    assert (kept / "home" / "tables" / "populations.hdf5").is_file()
    assert not (tmp_path / "mine").exists() or not list((tmp_path / "mine").rglob("known_hosts"))
    again = subprocess.run(
        [LLAMA, "dev", "rehearse", "-d", kept], env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 1 and "begins in an empty folder" in again.stderr


def listens(stage: RehearsalStage, machine: Machine) -> bool:
    address = stage.cloud.habits.addresses(machine.name, machine.id)
    with socket.socket() as found:
        return found.connect_ex((address, int(stage.environment["LLAMA_SSH_PORT"]))) == 0


def test_servers_begin_with_their_images_disk_and_answer_while_they_are_active(tmp_path: Path) -> None:
    how = {"size": "s-1vcpu-1gb", "region": "nyc3", "keys": [], "tags": [], "user_data": ""}
    with RehearsalStage(tmp_path / "stage") as stage:
        stage.cloud.habits.boot_s = stage.cloud.habits.snapshot_s = 0.0
        rented, homes = stage.cloud.state, stage.folder / "servers" / "home"
        (first,) = rented.order(["llama-0"], image=next(iter(rented.disks)), **how)
        rented.settle()
        assert listens(stage, first)
        (homes / "llama-0" / "study").mkdir()
        (homes / "llama-0" / "study" / "maps").write_text("whole")
        rented.act(first, "snapshot", "kept")
        rented.settle()
        image = next(one.id for one in rented.disks.values() if one.name == "kept")
        (homes / "llama-0" / "study" / "maps").write_text("changed since")
        (second,) = rented.order(["llama-1"], image=image, **how)
        rented.settle()
        assert (homes / "llama-1" / "study" / "maps").read_text() == "whole" and listens(stage, second)
        rented.act(second, "power_off", "")
        rented.settle()
        assert not listens(stage, second) and listens(stage, first)
        rented.destroy(second)
        assert not (homes / "llama-1").exists()
        (again,) = rented.order(["llama-1"], image=image, **how)
        rented.settle()
        assert listens(stage, again) and (homes / "llama-1" / "study" / "maps").read_text() == "whole"


def test_the_first_that_fails_ends_it(tmp_path: Path) -> None:
    script = [
        Scene("none yet", ("com", "do", "-D", "-n"), shows=r"\A\Z"),
        Scene("nobody", ("com", "do", "-d", "nobody", "--yes")),
        Scene("never typed", ("com", "do", "-D")),
    ]
    with RehearsalStage(tmp_path / "stage") as stage:
        played = list(play(stage, script))
    assert [one.why_not for one in played] == [None, "it ended with 1"]
    assert "no server is called nobody" in played[-1].said and played[-1].typed == "llama com do -d nobody --yes"


def test_stopped_it_leaves_nothing_running(tmp_path: Path) -> None:
    kept, shell = tmp_path / "kept", tmp_path / "shell"
    shell.write_text(
        "#!/bin/sh -e\n"
        "llama com do -c llama-0 -i debian-12-x64 --wait --yes\n"
        "llama dev dv init\n"
        "llama dev dv eval 'setsid sleep 600 >/dev/null 2>&1 &'\n"
        "echo ready\n"
        "exec sleep 600\n"
    )
    shell.chmod(0o755)
    with subprocess.Popen(
        [LLAMA, "dev", "rehearse", "--shell", "-d", kept],
        env=environment(tmp_path, SHELL=str(shell)),
        stdout=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None and "ready\n" in process.stdout
        assert len(running_in(kept)) == 2, "one on the server, and whoever types"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(120) == 128 + signal.SIGTERM
    assert running_in(kept) == []


def test_a_shell_in_which_the_commands_work(tmp_path: Path) -> None:
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\nllama com do -K -n\nexit 7\n")
    shell.chmod(0o755)
    done = subprocess.run(
        [LLAMA, "dev", "rehearse", "--shell"],
        env=environment(tmp_path, SHELL=str(shell)),
        capture_output=True,
        text=True,
        timeout=240.0,
    )
    assert done.returncode == 7 and "\nlaptop  " in done.stdout, done.stdout + done.stderr
