"""Which of the cloud's servers are spoken to over SSH."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llama.fleet.errors import NotToBeDone
from llama.fleet.lifetimes import PROTECTED
from llama.fleet.patterns import expanded, matched
from llama.fleet.ssh import SshServer
from llama.ports import Server


def reachable(servers: Sequence[Server], words: Sequence[str]) -> tuple[list[SshServer], list[str]]:
    """Those that can be meant, at their public addresses, and why others that the words mean are left out.

    One that is not active has no use yet; a protected one, the analysis server above all, is meant by its full name
    only. NotToBeDone where two that are reachable have one name.
    """
    named = expanded(words)
    why = {
        one.name: f"is {one.status}" if one.status != "active" or not one.ip else f"has the tag {PROTECTED}"
        for one in servers
        if one.status != "active" or not one.ip or (PROTECTED in one.tags and one.name not in named)
    }
    ready = [SshServer(one.name, one.ip) for one in servers if one.name not in why]
    twice = [name for name, count in Counter(server.name for server in ready).items() if count > 1]
    if twice:
        raise NotToBeDone(
            f"the cloud has several servers called {', '.join(sorted(twice))}; list them by address in a file"
        )
    return ready, [f"{name} {why[name]}, and is left out" for name in matched(words, why).names]
