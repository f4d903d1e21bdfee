"""Which servers `llama dev dv` speaks to, and how."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama.cli.cluster_words import known_hosts_of
from llama.cli.dv_said import Saying, Spoken
from llama.fleet.remote import Remote
from llama.fleet.ssh import (
    THIS,
    Crowd,
    KnownKeys,
    Link,
    LogIn,
    Reply,
    SshServer,
    ThisMachine,
    chosen,
    from_config,
    from_file,
)

if TYPE_CHECKING:
    from llama.app import App
    from llama.ports import Cloud

_USUAL, _INSTALLED_S = "llama-*", "1800"


@dataclass(frozen=True)
class Fleet:
    """Which servers are meant, and how they are spoken to."""

    args: argparse.Namespace
    app: App
    word: str
    servers: Sequence[SshServer]
    crowd: Crowd
    remote: Remote
    saying: Saying

    def ask(self, work: Callable[[Link], Awaitable[Spoken]]) -> int:
        """Do it everywhere, show what they say; the exit status."""
        with Answers(len(self.servers)) as progress:
            replies = self.crowd.all(self.servers, work, progress.heard)
        return 0 if self.saying.show(replies) else 1

    def show(self, replies: Sequence[Reply[str]]) -> int:
        """What was asked for elsewhere."""
        told = [_spoken(reply) for reply in replies]
        return 0 if self.saying.show(sorted(told, key=lambda reply: reply.server.name)) else 1

    def script(self, name: str, *words: str) -> int:
        """One of our scripts everywhere."""

        async def work(link: Link) -> Spoken:
            return Spoken(await self.remote.do(link, name, *words))

        return self.ask(work)


def _spoken(reply: Reply[str]) -> Reply[Spoken]:
    """The same, as what was said."""
    value = None if reply.value is None else Spoken(reply.value + "\n")
    return Reply(reply.server, value, reply.why, reply.seconds)


class Answers:
    """How many have answered, on a terminal."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        hidden = not sys.stderr.isatty()
        self._bar = tqdm(total=total, unit="server", leave=False, disable=hidden, file=sys.stderr)

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def heard(self, reply: Reply[Any]) -> None:
        """One more."""
        self._bar.update()


class Bytes:
    """How much has come, on a terminal."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        hidden = not sys.stderr.isatty()
        self._bar = tqdm(total=total, unit="B", unit_scale=True, leave=False, disable=hidden, file=sys.stderr)

    def __enter__(self) -> Bytes:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def update(self, size: int) -> None:
        """So much more."""
        self._bar.update(size)


def fleet_of(word: str, args: argparse.Namespace, app: App) -> Fleet:
    """As the settings and what was typed say."""
    from llama.cli.dv import DEFAULTS
    from llama.settings import SSH

    asked, usual = app.settings[SSH], DEFAULTS[word]
    form = args.format or usual.get("-f", "lines")
    saying = Saying(form, args.reduce or usual.get("-r", ""), quiet=args.reduce == "linecount")
    saying.check()
    if word == "init" and args.wheel is not None:
        usual = {**usual, "-t": _INSTALLED_S}
    timeout = args.timeout if args.timeout is not None else float(usual.get("-t", "none").replace("none", "0"))
    home = Path(os.environ.get("HOME") or Path.home())
    way: ThisMachine | LogIn
    servers: tuple[SshServer, ...] = (THIS,)
    if args.local:
        way = ThisMachine()
    else:
        ours, theirs = known_hosts_of(app)
        keys = KnownKeys(ours, (theirs,))
        config = home / ".ssh" / "config"
        way = LogIn(keys, asked.user, asked.port, asked.key, config, trusting=word == "init")
        servers = servers_of(args, app, config)
    crowd = Crowd(way, args.connections or asked.connections, timeout or None)
    study = asked.study_dir if args.study_dir is None else args.study_dir
    return Fleet(args, app, word, servers, crowd, Remote(study, asked.program), saying)


def servers_of(args: argparse.Namespace, app: App, config: Path) -> tuple[SshServer, ...]:
    """Those that are meant, of the file, the cloud or ~/.ssh/config."""
    from llama.settings import SSH

    listed = args.source or app.settings[SSH].servers
    if listed is not None:
        return chosen(args.pattern or ["*"], from_file(listed), f"of {listed}")
    words = args.pattern or [_USUAL]
    if (rented := _of_cloud(words, app)) is not None:
        return chosen(words, rented, "of the cloud")
    return chosen(words, from_config(config), f"of {config}")


def _of_cloud(words: Sequence[str], app: App) -> list[SshServer] | None:
    """The account's servers; None where no cloud is set up. Those that are left out are told."""
    from llama.fleet.rented import reachable
    from llama.ports import DROPLETS
    from llama.services.droplets import SETTINGS

    if app.settings[SETTINGS].token is None:
        return None
    cloud: Cloud = app.service(DROPLETS)
    ready, notes = reachable(cloud.servers(), words)
    for note in notes:
        print(note, file=sys.stderr)
    return ready
