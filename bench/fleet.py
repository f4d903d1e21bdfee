"""Many servers at once: how long one command takes, what those that hang cost, how fast results come."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figure import Figure
from llama.testing import SshFarm

LLAMA = Path(sys.executable).parent / "llama"
FOLDERS, FILES, SERVERS = 10_000, 6, 10
TIMEOUT_S = 5.0


def figures() -> list[Figure]:
    return [*commands(), *real(), *pulling()]


def commands() -> list[Figure]:
    """One command on a hundred servers of one other process, and again when five of them hang."""
    names = [f"llama-{number:02}" for number in range(100)]
    with farm(names) as (folder, environ):
        dv(environ, folder, "init", status=None)  # there is no llama on them, only keys to take in
        well = min(timed(lambda: dv(environ, folder, "eval", "hostname"))[0] for _ in range(3))
    with farm(names, hung=5) as (folder, environ):
        dv(environ, folder, "-p", "llama-{00..94}", "init", status=None)
        dv(environ, folder, "-t", str(TIMEOUT_S), "init", status=None)
        hung, said = timed(lambda: dv(environ, folder, "-t", str(TIMEOUT_S), "eval", "hostname", status=1))
    return [
        Figure("one command on 100 in-process servers", well, "s", 2),
        Figure("servers of 100 that do not answer when 5 hang", 100 - len(said.splitlines()), "", 5),
        Figure(f"the same command's end after its timeout of {TIMEOUT_S:g} s", hung - TIMEOUT_S, "s", 2),
    ]


def real() -> list[Figure]:
    """One command on twenty of OpenSSH; needs its server."""
    if shutil.which("sshd") is None:
        return [Figure("one command on 20 OpenSSH servers: no sshd here", float("nan"), "s", None)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sshds(folder, 20) as environ:
            dv(environ, folder, "init", status=None)
            took = min(timed(lambda: dv(environ, folder, "eval", "hostname"))[0] for _ in range(3))
    return [Figure("one command on 20 OpenSSH servers", took, "s", 3)]


def pulling() -> list[Figure]:
    """Event folders as a study leaves them, from ten servers; again after the first was cut half way."""
    names = [f"llama-{number:02}" for number in range(SERVERS)]
    with farm(names) as (folder, environ):
        dv(environ, folder, "init", status=None)
        for name in names:
            events(folder / "home" / name / "llama-study" / "events")
        whole, _ = timed(lambda: dv(environ, folder, "pull", "-o", folder / "whole"))
        cut = folder / "cut"
        begun = subprocess.Popen([LLAMA, "dev", "dv", "pull", "-o", cut], env=environ, stdout=subprocess.DEVNULL)
        while len(list(cut.glob("*/events/*"))) < FOLDERS // 2 and begun.poll() is None:
            time.sleep(0.2)
        begun.kill()
        begun.wait()
        here = sum(len(files) for _, _, files in os.walk(cut))
        said = dv(environ, folder, "pull", "-o", cut)
        again = int(said.split(" files,")[0])
        came = sum(len(files) for _, _, files in os.walk(cut))
    return [
        Figure(f"pull of {FOLDERS} event folders from {SERVERS} servers", whole, "s", 60),
        Figure("files fetched again after a pull was killed, of those that were here", again + here - came, "", 200),
        Figure("files that are not here after that", FOLDERS * FILES - came, "", 0),
    ]


def events(folder: Path) -> None:
    """What a server has: folders of small files."""
    for number in range(FOLDERS // SERVERS):
        event = folder / f"injection-{number}"
        event.mkdir(parents=True)
        for index in range(FILES):
            (event / f"significance_{index}.json").write_bytes(os.urandom(8) * 150)


@contextmanager
def farm(names: list[str], hung: int = 0) -> Iterator[tuple[Path, dict[str, str]]]:
    """Servers in another process, and the environment in which commands reach them."""
    folder = Path(tempfile.mkdtemp())
    code = f"import bench.fleet; bench.fleet.serve({str(folder)!r}, {names!r}, {hung})"
    try:
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield folder, environment(folder)
            process.communicate()
    finally:
        subprocess.run(["rm", "-rf", folder])  # Python would take a minute for so many files


def serve(folder: str, names: list[str], hung: int) -> None:
    """In that process: until its input ends."""
    with SshFarm(Path(folder), names, hung=names[len(names) - hung :]):
        print("up", flush=True)
        sys.stdin.read()


@contextmanager
def sshds(folder: Path, count: int) -> Iterator[dict[str, str]]:
    """Servers of OpenSSH that let in whoever runs this."""
    from llama.testing import free_port

    Path("/run/sshd").mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "id_ed25519"], check=True)
    started, lines = [], []
    try:
        for number in range(count):
            key, port, config = folder / f"host-{number}", free_port(), folder / f"{number}.conf"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            config.write_text(
                f"Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile {folder}/{number}.pid\nUsePAM no\n"
                f"AuthorizedKeysFile {folder}/id_ed25519.pub\nStrictModes no\nMaxStartups 200:30:400\n"
                f"SetEnv HOME={folder}\n"
            )
            sshd = shutil.which("sshd") or "sshd"
            started.append(subprocess.Popen([sshd, "-D", "-f", config, "-E", folder / f"{number}.log"]))
            lines.append(f"llama-{number:02} {os.environ.get('USER') or 'root'}@127.0.0.1:{port}\n")
        (folder / "servers.txt").write_text("".join(lines))
        time.sleep(1)
        yield environment(folder)
    finally:
        for one in started:
            one.terminate()
            one.wait()


def environment(folder: Path) -> dict[str, str]:
    settings = {"SERVERS": "servers.txt", "KEY": "id_ed25519", "KNOWN_HOSTS": "known_hosts"}
    paths = {f"LLAMA_SSH_{name}": str(folder / file) for name, file in settings.items()}
    return {**os.environ, "LLAMA_DATA_DIR": str(folder / "data"), "HOME": str(folder), **paths}


def dv(environ: dict[str, str], folder: Path, *words: str | Path, status: int | None = 0) -> str:
    """What the command says."""
    done = subprocess.run([LLAMA, "dev", "dv", *words], env=environ, cwd=folder, capture_output=True, text=True)
    if status is not None and done.returncode != status:
        raise RuntimeError(f"{words}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def timed(call: Callable[[], str]) -> tuple[float, str]:
    start = time.perf_counter()
    said = call()
    return time.perf_counter() - start, said
