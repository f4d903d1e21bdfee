"""No test speaks to the outside: the guard bites, in this process and in those that tests start."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from tests.cli.typed import environment
from tests.guard.loopback import REFUSED, is_loopback, python_path

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "tests" / "engine"
OUTSIDE = "192.0.2.1"  # an address that is nobody's (RFC 5737)
ASK = f"import socket; socket.create_connection(({OUTSIDE!r}, 80), 1)"


@pytest.fixture
def refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """What was refused, written elsewhere than where it would fail the test."""
    path = tmp_path / "expected.txt"
    monkeypatch.setenv(REFUSED, str(path))
    yield lambda: path.read_text(encoding="utf-8") if path.exists() else ""


def tcp(family: int, address: tuple[str, int]) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.settimeout(1)
        made.connect(address)


def udp(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"x", address)


def udp_message(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendmsg([b"x"], [], 0, address)


WAYS_OUT: dict[str, Callable[[], object]] = {
    "tcp": lambda: tcp(socket.AF_INET, (OUTSIDE, 80)),
    "tcp by a name": lambda: tcp(socket.AF_INET, ("example.org", 80)),
    "ipv6": lambda: tcp(socket.AF_INET6, ("2001:db8::1", 80)),
    "ipv4 within ipv6": lambda: tcp(socket.AF_INET6, (f"::ffff:{OUTSIDE}", 80)),
    "all interfaces": lambda: tcp(socket.AF_INET, ("0.0.0.0", 80)),
    "udp": lambda: udp((OUTSIDE, 53)),
    "udp by a name": lambda: udp(("example.org", 53)),
    "udp message": lambda: udp_message((OUTSIDE, 53)),
    "a look-up": lambda: socket.getaddrinfo("example.org", 80),
    "the old look-up": lambda: socket.gethostbyname("example.org"),
    "the other old look-up": lambda: socket.gethostbyname_ex("example.org"),
    "a reverse look-up": lambda: socket.gethostbyaddr(OUTSIDE),
    "the name of an address": lambda: socket.getnameinfo((OUTSIDE, 80), 0),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_no_way_leads_outside(way: str, refusals: Callable[[], str]) -> None:
    with pytest.raises(RuntimeError, match="was refused: tests speak to"):
        WAYS_OUT[way]()
    assert f"process {os.getpid()}: " in refusals()


def test_this_machine_can_be_spoken_to(refusals: Callable[[], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            with socket.create_connection((host, server.getsockname()[1]), 5) as ours:
                theirs = server.accept()[0]
                ours.sendall(b"hello")
                assert theirs.recv(5) == b"hello"
                theirs.close()
    one, other = socket.socketpair()
    with one, other:
        one.sendmsg([b"hello"])
        assert other.recv(5) == b"hello"
    assert refusals() == ""


def test_which_hosts_are_this_machine() -> None:
    ours = ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST.", b"localhost", "", None)
    others = (
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "128.0.0.1",
        "::2",
        "localhost.example.org",
        "example.org",
        "127.example.org",
    )
    assert all(is_loopback(host) for host in ours)
    assert not any(is_loopback(host) for host in others)


@pytest.mark.parametrize("path", [None, ENGINE], ids=["as tests start it", "as the engine's tests start it"])
def test_a_child_process_is_refused_too(path: Path | None, tmp_path: Path, refusals: Callable[[], str]) -> None:
    more = {} if path is None else {"PYTHONPATH": str(path)}
    words = [sys.executable, "-c", ASK]
    done = subprocess.run(words, env=environment(tmp_path, **more), capture_output=True, text=True, timeout=600)
    assert done.returncode == 1
    assert "OutsideRefused" in done.stderr
    assert OUTSIDE in refusals()


def ask() -> None:
    """Run in a worker process."""
    socket.create_connection((OUTSIDE, 80), 1)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.slow
def test_a_worker_process_is_refused_too(method: str, refusals: Callable[[], str], capfd) -> None:
    forkserver._forkserver._stop()  # one that another test started writes its errors elsewhere
    process = multiprocessing.get_context(method).Process(target=ask)
    process.start()
    process.join(600)
    assert process.exitcode == 1
    assert "OutsideRefused" in capfd.readouterr().err


@pytest.mark.slow
def test_a_refusal_that_the_code_swallows_fails_its_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture of `tests/conftest.py` itself, in a test session of its own."""
    monkeypatch.setenv("PYTHONPATH", python_path(ROOT))
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        f"""
        import contextlib, socket

        def test_swallows():
            with contextlib.suppress(Exception):
                socket.create_connection(({OUTSIDE!r}, 80), 1)

        def test_stays_here():
            socket.getaddrinfo("localhost", 80)
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", f"--rootdir={pytester.path}")
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["*a look-up of '192.0.2.1' was refused*"])
