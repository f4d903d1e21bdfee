"""Which servers there are: those of a file, of `~/.ssh/config`, or any host that is named as one; the cloud's are
handed in by whoever knows the cloud."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from llama.fleet.errors import NoServers
from llama.fleet.patterns import is_glob, matched
from llama.formats.limits import MAX_SETTINGS_BYTES, read_text

_LINE = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[^\]]+\]|[^:@\s]+|[0-9a-fA-F:]+)(?::(?P<port>\d{1,5}))?")
_SHOWN = 5


@dataclass(frozen=True)
class SshServer:
    """One server.

    Attributes:
        name: by which it is known here. host: its address, or the name `~/.ssh/config` knows it by.
        user, port: None where the settings, or `~/.ssh/config`, say it.
    """

    name: str
    host: str
    user: str | None = None
    port: int | None = None


def from_file(path: Path) -> tuple[SshServer, ...]:
    """The servers of a file: a line each, `NAME [USER@]HOST[:PORT]`, or the latter alone; `#` begins a comment.

    NoServers names the line that cannot be read or is there twice.
    """
    found: dict[str, SshServer] = {}
    for number, line in enumerate(read_text(path, MAX_SETTINGS_BYTES, "a list of servers").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        server = _server(words[0], words[-1]) if len(words) <= 2 else None
        if server is None:
            raise NoServers(f"{path}, line {number}: {line.strip()!r} is no server; write NAME [USER@]HOST[:PORT]")
        if server.name in found:
            raise NoServers(
                f"{path}, line {number}: {server.name} is there twice; give each server a name of its own"
            )
        found[server.name] = server
    if not found:
        raise NoServers(f"{path} lists no servers; write a line each: NAME [USER@]HOST[:PORT]")
    return tuple(found.values())


def from_config(path: Path, depth: int = 0) -> tuple[SshServer, ...]:
    """The hosts that `~/.ssh/config` names in full; none where there is no such file.

    What else it says of them is read when we connect. Files it includes are read as well, three deep.
    """
    names: dict[str, None] = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    for line in text.splitlines():
        key, *values = re.split(r"[\s=]+", line.strip().partition("#")[0].strip()) or [""]
        if key.lower() == "host":
            names.update(dict.fromkeys(one for one in values if one and not is_glob(one) and "!" not in one))
        elif key.lower() == "include" and depth < 3:
            for one in values:
                for included in _included(path, one):
                    names.update(dict.fromkeys(server.name for server in from_config(included, depth + 1)))
    return tuple(SshServer(name, name) for name in names)


def _included(config: Path, pattern: str) -> list[Path]:
    base = Path(pattern).expanduser()
    root = base if base.is_absolute() else config.parent / base
    return sorted(root.parent.glob(root.name)) if root.name else []


def chosen(words: Sequence[str], known: Iterable[SshServer], source: str) -> tuple[SshServer, ...]:
    """Which servers the words mean, in order of name; a host that is none of the known ones may be written out.

    NoServers names the words that mean none of them; `source` says where those that are known come from.
    """
    every = {server.name: server for server in known}
    found = matched(words, every)
    others = {word: _any_host(word) for word in found.missed}
    if missed := [word for word, other in others.items() if other is None]:
        raise NoServers(f"{_named(missed)} no server {source}{_there_are(every)}")
    servers = [*(every[name] for name in found.names), *(other for other in others.values() if other is not None)]
    return tuple(sorted(servers, key=lambda one: one.name))


def _any_host(word: str) -> SshServer | None:
    """A host that is written out as such: an address, or USER@HOST, or HOST:PORT."""
    if is_glob(word):
        return None
    server = _server(word, word)
    if server is None or not (server.user or server.port or _is_address(server.host)):
        return None
    return server


def _server(name: str, place: str) -> SshServer | None:
    if (found := _LINE.fullmatch(place)) is None:
        return None
    host, port = found["host"].strip("[]"), found["port"]
    if not _is_address(host) and ":" in host:
        return None
    if port is not None and not 0 < int(port) < 65536:
        return None
    return SshServer(host if name == place and not port else name, host, found["user"], int(port) if port else None)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _named(words: Sequence[str]) -> str:
    shown = ", ".join(words[:_SHOWN]) + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")
    return f"{shown} {'names' if len(words) == 1 else 'name'}"


def _there_are(known: Iterable[str]) -> str:
    names = sorted(known)
    if not names:
        return ", which has none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; there {'are' if len(names) > 1 else 'is'} {', '.join(names[:_SHOWN])}{more}"
