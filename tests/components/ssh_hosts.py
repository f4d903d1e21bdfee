"""Servers for SSH on this machine, as many hosts as a test wants."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.components.clusters_here import until
from tests.needs import program

from llama.sections_own import ClusterSettings
from llama.studies.clusters import Workforce, read_cluster

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Hosts:
    """Servers that let in whoever has the key.

    Attributes:
        folder: of all that is theirs: `key`, `authorized`, `known_hosts`, `host-N.pub`. names: of the hosts, as
            USER@HOST:PORT.
    """

    folder: Path
    names: tuple[str, ...]

    def home(self, number: int) -> Path:
        """Of whoever logs in to one of them."""
        return self.folder / "home" / str(number)

    @property
    def settings(self) -> dict[str, str]:
        """Who lets in, and whom we know, as variables."""
        return {f"LLAMA_SSH_{name.upper()}": str(self.folder / name) for name in ("key", "known_hosts")}

    def workforce(self, workers: int, python: str | None = None) -> Workforce:
        """Workers on all of them."""
        where = read_cluster(f"ssh:{','.join(self.names)}")
        known = (self.folder / "known_hosts",)
        return Workforce(where, workers, ClusterSettings(python=python), key=self.folder / "key", known_hosts=known)


@contextmanager
def ssh_hosts(count: int, folder: Path, user: str = "") -> Iterator[Hosts]:
    """So many servers on loopback, each with a port, a key and a home of its own; we may log in, or `user`."""
    sshd = program("sshd", "openssh-server")
    Path("/run/sshd").mkdir(exist_ok=True)
    key = _key(folder / "key")
    (folder / "authorized").write_text(key.with_suffix(".pub").read_text())
    user = user or getpass.getuser()
    started, names, known = [], [], []
    hosts = Hosts(folder, ())
    try:
        for number in range(count):
            port, host_key, home = _free_port(), _key(folder / f"host-{number}"), hosts.home(number)
            home.mkdir(parents=True)
            shutil.chown(home, user)
            config = folder / f"sshd-{number}.conf"
            config.write_text(_CONFIG.format(port=port, key=host_key, folder=folder, number=number, home=home))
            started.append(subprocess.Popen([sshd, "-D", "-f", config, "-E", folder / f"sshd-{number}.log"]))
            names.append(f"{user}@127.0.0.1:{port}")
            known.append(f"[127.0.0.1]:{port} {host_key.with_suffix('.pub').read_text()}")
        for name in names:
            until(partial(_listens, int(name.rpartition(":")[2])))
        (folder / "known_hosts").write_text("".join(known))
        yield replace(hosts, names=tuple(names))
    finally:
        for one in started:
            one.terminate()
        for one in started:
            one.wait(PATIENCE_S)


_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {key}
PidFile {folder}/sshd-{number}.pid
AuthorizedKeysFile {folder}/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
MaxStartups 200:30:400
SetEnv HOME={home}
"""


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0
