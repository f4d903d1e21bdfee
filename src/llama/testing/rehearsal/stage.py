"""What a rehearsal is played on: a cloud whose servers are SSH servers of this machine, and a store."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from llama.testing.droplets import DropletsServer, Habits
from llama.testing.ssh import USER, SshFarm

if TYPE_CHECKING:
    from llama.testing.droplets.state import Machine

BUCKET = "llama"
MOST_SERVERS = 100
_GATE = "llama-gate"
"""The first of the SSH servers, of nobody: with it they have a port."""
_NEEDS = ("pydo", "boto3", "asyncssh", "lalsimulation", "moto", "flask", "flask_cors")
_EXTRA = "pip install 'llama-astro[rehearse]'"
_PASSED_ON = ("LANG", "LC_ALL", "TERM", "TMPDIR", "TZ", "PYTHONPATH", "COLUMNS", "LLAMA_TEST_REFUSED")
_NO_SECRET = "no-s3cret-at-all"


def lacks() -> list[str]:
    """What is to be done before a rehearsal can be played; nothing when it can."""
    if not sys.platform.startswith("linux"):
        return ["use Linux, where all of 127.0.0.0/8 is this machine"]
    missing = [name for name in _NEEDS if find_spec(name) is None]
    return [f"{_EXTRA} ({', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing)"] if missing else []


class RehearsalStage:
    """Cloud, servers and store, from `with` to its end; nothing of the user's own is read or written.

    A server begins with a copy of what the image's server had on its disk, answers while it is active, and ends with
    all that runs on it. It runs no user data: there is no machine to set up.

    Attributes:
        folder: holds everything: `home` of the operator, `servers`, `images`.
        cloud: the cloud, to look into.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.home = self.folder / "home"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        self._farm = SshFarm(
            self.folder / "servers", [_GATE], {"PATH": path, "OPENBLAS_NUM_THREADS": "1"} | _passed()
        )
        habits = Habits(boot_s=1.0, shutdown_s=0.5, snapshot_s=1.0, limit=MOST_SERVERS)
        habits.addresses, habits.happened = self._address, self._happened
        self.cloud = DropletsServer(habits)
        self._path = path
        self._new: set[str] = set()
        self._up: set[str] = set()
        self._store = ""
        self._ends = ExitStack()

    def __enter__(self) -> RehearsalStage:
        for name in ("home", "images", "servers"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        with ExitStack() as ends:
            ends.enter_context(self._farm)
            ends.callback(self._end_all)
            self.cloud.state.add_key("laptop")
            ends.enter_context(self.cloud)
            self._store = ends.enter_context(_Store()).address
            self._ends = ends.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    @property
    def environment(self) -> dict[str, str]:
        """Of whoever plays the operator."""
        return {
            **_passed(),
            "PATH": self._path,
            "HOME": str(self.home),
            "PWD": str(self.home),
            "USER": USER,
            "OPENBLAS_NUM_THREADS": "1",
            **self.cloud.variables,
            "LLAMA_DROPLETS_POLL_S": "0.2",
            "LLAMA_SSH_USER": USER,
            "LLAMA_SSH_PORT": str(self._farm.port),
            "LLAMA_SSH_KEY": str(self._farm.key),
            "LLAMA_STORAGE_ENDPOINT": self._store,
            "LLAMA_STORAGE_KEY_ID": _NO_SECRET,
            "LLAMA_STORAGE_SECRET": _NO_SECRET,
        }

    def _address(self, name: str, number: int) -> str:
        return self._farm.address(name) if name in self._farm.names else ""

    def _happened(self, what: str, machine: Machine, image: int) -> None:
        home = self._farm.home(machine.name)
        if what == "ordered":
            if (kept := self.folder / "images" / str(image)).is_dir():
                shutil.copytree(kept, home, symlinks=True)
            if machine.name not in self._farm.names:
                self._farm.names.append(machine.name)
            self._new.add(machine.name)
        elif what == "active":
            # One that was made anew has another host key
            self._farm.start(machine.name, fresh_key=machine.name in self._new)
            self._new.discard(machine.name)
            self._up.add(machine.name)
        elif what == "off":
            self._off(machine.name)
        elif what == "imaged":
            shutil.copytree(home, self.folder / "images" / str(image), symlinks=True)
        elif what == "destroyed":
            self._off(machine.name)
            shutil.rmtree(home, ignore_errors=True)

    def _off(self, name: str) -> None:
        if name in self._up:
            self._farm.stop(name)
            self._up.discard(name)
        _end_processes_of(self._farm.home(name))

    def _end_all(self) -> None:
        _end_processes_of(self.home, *map(self._farm.home, self._farm.names))


class _Store:
    """A store that speaks S3, with one bucket."""

    def __enter__(self) -> _Store:
        import logging

        import boto3
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.address = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=self.address,
            aws_access_key_id=_NO_SECRET,
            aws_secret_access_key=_NO_SECRET,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=BUCKET)
        client.close()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop()


def _passed() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _end_processes_of(*homes: Path) -> None:
    """End what runs on servers: the processes of ours whose homes these are."""
    import psutil

    ended, ours = [], set(map(str, homes))
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.environ().get("HOME") in ours:
                process.kill()
                ended.append(process)
    psutil.wait_procs(ended, timeout=10)
