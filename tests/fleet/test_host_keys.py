"""Files of host keys, against what OpenSSH's own tool reads and writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import asyncssh
import pytest
from tests.needs import program

from llama.fleet.errors import NotToBeDone
from llama.fleet.ssh import KnownKeys

KEYS = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(3)]


def found(host: str, path: Path) -> list[str]:
    """What ssh-keygen finds of a host: algorithm and key."""
    tool = program("ssh-keygen", "openssh-client")
    done = subprocess.run([tool, "-F", host, "-f", path], capture_output=True, text=True, check=False)
    return [" ".join(line.split()[1:3]) for line in done.stdout.splitlines() if not line.startswith("#")]


def text(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


def test_what_is_added_is_found_by_openssh_and_by_us(tmp_path: Path) -> None:
    path = tmp_path / "fleet" / "known_hosts"
    known = KnownKeys(path)
    assert known.holding("127.0.0.1", 22) is None
    known.add([("127.0.0.1", 22, KEYS[0]), ("127.0.0.1", 2222, KEYS[1]), ("2001:db8::1", 22, KEYS[2])])
    assert found("127.0.0.1", path) == [text(KEYS[0])]
    assert found("[127.0.0.1]:2222", path) == [text(KEYS[1])]
    assert known.match("127.0.0.1", "127.0.0.1", 2222)[0] == [KEYS[1].convert_to_public()]
    assert known.holding("127.0.0.1", 2222) == path and known.holding("127.0.0.1", 2223) is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_hashed_names_are_known_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    known = KnownKeys(path)
    known.add([("127.0.0.1", 22, KEYS[0]), ("127.0.0.2", 2222, KEYS[1])])
    subprocess.run([program("ssh-keygen", "openssh-client"), "-H", "-f", path], capture_output=True, check=True)
    assert "127.0.0" not in path.read_text()
    assert known.holding("127.0.0.2", 2222) == path and known.holding("127.0.0.2", 22) is None
    assert known.forget([("127.0.0.2", 2222)]) == 1
    assert found("[127.0.0.2]:2222", path) == [] and found("127.0.0.1", path) == [text(KEYS[0])]


def test_what_others_wrote_stays_and_is_trusted(tmp_path: Path) -> None:
    theirs = tmp_path / "known_hosts"
    theirs.write_text(f"# mine\n127.0.0.1,gate {text(KEYS[0])}")  # without an end of line
    known = KnownKeys(tmp_path / "ours", (theirs,))
    assert known.holding("gate", 22) == theirs
    known.add([("127.0.0.9", 22, KEYS[1])])
    assert known.forget([("gate", 22)]) == 0 and found("gate", theirs) == [text(KEYS[0])]
    both = KnownKeys(theirs)
    both.add([("127.0.0.9", 22, KEYS[1])])
    assert found("127.0.0.9", theirs) == [text(KEYS[1])] and found("gate", theirs) == [text(KEYS[0])]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("lonely\n")
    with pytest.raises(NotToBeDone, match="known_hosts is no file of host keys"):
        KnownKeys(path).match("127.0.0.1", "127.0.0.1", None)
