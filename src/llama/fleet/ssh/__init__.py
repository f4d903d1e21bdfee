"""Many servers over SSH: who they are (`servers`, the first thing to read), whether they are who they were
(`host_keys`), one connection (`connecting`), the same to all of them at once (`crowd`), this machine (`here`)."""

from __future__ import annotations

from llama.fleet.ssh.connecting import MOST_BYTES, Link, LogIn, Output
from llama.fleet.ssh.crowd import Crowd, Reply
from llama.fleet.ssh.here import THIS, ThisMachine
from llama.fleet.ssh.host_keys import KnownKeys
from llama.fleet.ssh.servers import SshServer, chosen, from_config, from_file

__all__ = [
    "MOST_BYTES",
    "THIS",
    "Crowd",
    "KnownKeys",
    "Link",
    "LogIn",
    "Output",
    "Reply",
    "SshServer",
    "ThisMachine",
    "chosen",
    "from_config",
    "from_file",
]
