"""Which servers of a cloud a command goes to."""

from __future__ import annotations

import pytest

from llama.fleet.errors import NotToBeDone
from llama.fleet.rented import reachable
from llama.fleet.ssh import SshServer
from llama.ports import Server

SERVERS = [
    Server(1, "llama-00", "active", "203.0.113.1"),
    Server(2, "llama-01", "new"),
    Server(3, "llama-02", "off", "203.0.113.3"),
    Server(4, "llama-analysis", "active", "203.0.113.4", tags=("llama-protected",)),
]


def test_active_ones_are_meant_and_the_protected_one_by_its_name_only() -> None:
    ready, notes = reachable(SERVERS, ["llama-*"])
    assert ready == [SshServer("llama-00", "203.0.113.1")]
    assert notes == [
        "llama-01 is new, and is left out",
        "llama-02 is off, and is left out",
        "llama-analysis has the tag llama-protected, and is left out",
    ]
    assert reachable(SERVERS, ["llama-00"])[1] == []
    ready, notes = reachable(SERVERS, ["llama-{00,analysis}"])
    assert [server.name for server in ready] == ["llama-00", "llama-analysis"] and notes == []


def test_two_of_one_name_are_told_apart_by_their_addresses() -> None:
    twin = Server(5, "llama-00", "active", "203.0.113.5")
    with pytest.raises(NotToBeDone, match=r"several servers called llama-00; list them by address in a file"):
        reachable([*SERVERS, twin], ["llama-*"])
