"""No test speaks to the outside: connections and look-ups that leave this machine are refused, and written down.

Python tells an audit hook of every socket call before it is made, whoever makes it, and a hook cannot be taken away.
It is told too late of a name given to a socket, which is looked up first; so the methods that take one are wrapped.
What is not seen: sockets that a library opens in C by itself (as Kafka's does), and programs that are not Python.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REFUSED = "LLAMA_TEST_REFUSED"
"""The environment variable that names the file to which refusals are appended, by child processes too."""
NETWORK = "LLAMA_TEST_NETWORK"
"""Who sets this environment variable asks for the tests of the real network, and nothing is refused."""
_OURS = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost"})
_TO_ADDRESS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_TO_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class OutsideRefused(RuntimeError):
    """A test wanted to leave this machine. No OSError, so that it does not pass for a network that is down."""


def is_loopback(host: str | bytes | bytearray | None) -> bool:
    """Whether this name or address is this machine by its loopback: 127.0.0.0/8, ::1, localhost, or none at all."""
    text = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else host or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text.lower().rstrip(".") in _OURS
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def python_path(*paths: str | Path) -> str:
    """A value of PYTHONPATH with which a child process refuses too: these folders, after that of its guard."""
    parts = [part for path in paths for part in str(path).split(os.pathsep) if part]
    return os.pathsep.join(dict.fromkeys([str(Path(__file__).parent), *parts]))


def install() -> None:
    """From now on refuse, in this process; a second call changes nothing."""
    if not (getattr(sys, "_llama_loopback_only", False) or os.environ.get(NETWORK)):
        sys._llama_loopback_only = True  # type: ignore[attr-defined]
        sys.addaudithook(_watch)
        for name in ("connect", "connect_ex", "sendto"):
            setattr(socket.socket, name, _checked(getattr(socket.socket, name)))


def _watch(event: str, given: tuple[Any, ...]) -> None:
    if event in _TO_ADDRESS:
        _check_address(*given)
    elif event in _TO_NAME and not is_loopback(given[0]):
        _refuse(f"a look-up of {given[0]!r}")
    elif event == "socket.getnameinfo" and not is_loopback(given[0][0]):
        _refuse(f"a look-up of {given[0][0]!r}")


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a socket whose last argument is an address."""

    @functools.wraps(method)
    def call(sock: socket.socket, *given: Any) -> Any:
        if given:
            _check_address(sock, given[-1])
        return method(sock, *given)

    return call


def _check_address(sock: socket.socket, address: Any) -> None:
    """A socket of a pair or one that is connected already sends to no address."""
    if address is None or sock.family == socket.AF_UNIX:
        return
    known = sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and address
    if not (known and is_loopback(address[0])):
        _refuse(f"a connection to {address!r}")


def _refuse(what: str) -> None:
    message = f"{what} was refused: tests speak to 127.0.0.0/8, ::1 and unix sockets only"
    if path := os.environ.get(REFUSED):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"process {os.getpid()}: {message}\n")
    raise OutsideRefused(message)
