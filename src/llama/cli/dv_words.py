"""The words of `llama dev dv`: what is asked of the servers for each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama.cli.dv_said import Saying, Spoken
from llama.fleet.errors import NotToBeDone
from llama.fleet.remote import CLEANED, EVENT_FOLDERS, KINDS, RESULTS, Remote
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

_USUAL = "llama-*"


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


def do(word: str, rest: Sequence[str], args: argparse.Namespace, app: App) -> int:
    """One word; the exit status."""
    action = _ACTIONS[word]
    fleet = fleet_of(word, args, app)
    return action(fleet, rest)


def fleet_of(word: str, args: argparse.Namespace, app: App) -> Fleet:
    """As the settings and what was typed say."""
    from llama.cli.dv import DEFAULTS
    from llama.settings import SSH

    asked, usual = app.settings[SSH], DEFAULTS[word]
    form = args.format or usual.get("-f", "lines")
    saying = Saying(form, args.reduce or usual.get("-r", ""), quiet=args.reduce == "linecount")
    saying.check()
    timeout = args.timeout if args.timeout is not None else float(usual.get("-t", "none").replace("none", "0"))
    home = Path(os.environ.get("HOME") or Path.home())
    way: ThisMachine | LogIn
    servers: tuple[SshServer, ...] = (THIS,)
    if args.local:
        way = ThisMachine()
    else:
        ours, theirs = app.settings.data_dir / "fleet" / "known_hosts", home / ".ssh" / "known_hosts"
        keys = KnownKeys(asked.known_hosts or ours, (theirs,))
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
    return chosen(args.pattern or [_USUAL], from_config(config), f"of {config}")


# ---------------------------------------------------------------------- words


def _none(rest: Sequence[str], word: str) -> None:
    if rest:
        raise NotToBeDone(f"{word} takes no {' '.join(rest)!r}; options stand before or after it")


def _eval(fleet: Fleet, rest: Sequence[str]) -> int:
    if not rest or not rest[0].strip():
        raise NotToBeDone("eval what? Write the command after it, in quotes: eval 'ls logs'")

    async def work(link: Link) -> Spoken:
        said = await link.run(rest[0])
        return Spoken(said.out.decode("utf-8", "replace"), said.err.decode("utf-8", "replace"), said.status)

    return fleet.ask(work)


def _ls_procs(fleet: Fleet, rest: Sequence[str]) -> int:
    _none(rest, "ls-procs")
    return fleet.script("ls_procs")


def _kind(rest: Sequence[str], word: str) -> str:
    if not rest or rest[0] not in KINDS:
        raise NotToBeDone(f"{word} what? Write {word} bg, {word} signal or {word} doublet")
    return KINDS[rest[0]]


def _done(fleet: Fleet, rest: Sequence[str]) -> int:
    kind = _kind(rest, "done")
    _none(rest[1:], "done bg")
    return fleet.script("done", kind, EVENT_FOLDERS[kind])


def _tail(fleet: Fleet, rest: Sequence[str]) -> int:
    _none(rest, "tail")
    return fleet.script("tail", str(fleet.args.lines))


def _killall(fleet: Fleet, rest: Sequence[str]) -> int:
    _none(rest, "killall")
    return fleet.script("killall", str(fleet.args.wait))


def _launch(fleet: Fleet, rest: Sequence[str]) -> int:
    from llama.fleet.launching import TrialOrders, detectors_of, drawn_of, launch_trials
    from llama.fleet.ranges import Ledger

    if rest and rest[0] == "dask":
        raise NotToBeDone("launch dask is not there yet")
    kind = _kind(rest, "launch")
    if len(rest) != 2:
        raise NotToBeDone(f"launch {rest[0]} takes one list of sky maps, by its path on the servers")
    args, path = fleet.args, _as_there(rest[1])
    drawn = drawn_of(kind, path, args.population, args.season, args.seed)
    if not args.population:
        print(f"population {drawn.population}, as {drawn.list} says; --population says otherwise", file=sys.stderr)
    size = (args.depth, args.per_map, args.each)
    orders = TrialOrders(drawn, path, detectors_of(path), *size, args.more, args.workers, args.pre_launch)
    ledger = Ledger(fleet.app.settings.data_dir / "fleet" / "blocks.jsonl")
    with Answers(len(fleet.servers)) as progress:
        now = datetime.now(UTC)
        replies = launch_trials(fleet.crowd, fleet.servers, fleet.remote, orders, ledger, now, progress.heard)
    return fleet.show(replies)


def _as_there(path: str) -> str:
    """A path of this home, which the shell made of `~`, as one of the home there."""
    home = str(Path.home())
    return f"~/{path[len(home) :].lstrip('/')}" if path.startswith(f"{home}/") else path


def _batch(fleet: Fleet, rest: Sequence[str]) -> int:
    from llama.fleet.launching import launch_batch

    with Answers(len(fleet.servers)) as progress:
        line, now = fleet.args.pre_launch, datetime.now(UTC)
        replies = launch_batch(fleet.crowd, fleet.servers, fleet.remote, rest, line, now, progress.heard)
    return fleet.show(replies)


def _clean(fleet: Fleet, rest: Sequence[str]) -> int:
    _none(rest, "clean")

    async def look(link: Link) -> Spoken:
        return Spoken(await fleet.remote.do(link, "clean", "list", *CLEANED))

    with Answers(len(fleet.servers)) as progress:
        replies = fleet.crowd.all(fleet.servers, look, progress.heard)
    rows = [line.split(maxsplit=2) for reply in replies if reply.value for line in reply.value.out.splitlines()]
    well = replace(fleet.saying, reduce="").show(replies)
    if not rows:
        print("nothing to remove")
        return 0 if well else 1
    files, size = sum(int(row[0]) for row in rows), sum(int(row[1]) for row in rows)
    if not fleet.args.yes and not agreed(f"remove these {files} files, {size / 1e3:.1f} MB? [y/N] "):
        print("nothing was removed")
        return 1
    there = [reply.server for reply in replies if reply.value is not None and reply.value.out]

    async def remove(link: Link) -> Spoken:
        return Spoken(await fleet.remote.do(link, "clean", "remove", *CLEANED))

    gone = fleet.crowd.all(there, remove)
    print(f"removed from {sum(not reply.why for reply in gone)} servers")
    return 0 if replace(fleet.saying, reduce="").show(gone) and well else 1


def agreed(question: str) -> bool:
    """Whether somebody at a terminal types y; all else, and nobody there, is no."""
    if not sys.stdin.isatty():
        print(f"{question}nobody is there to ask; --yes says so", file=sys.stderr)
        return False
    try:
        return input(question).strip().lower() == "y"
    except EOFError:
        print()
        return False


def _forget(fleet: Fleet, rest: Sequence[str]) -> int:
    _none(rest, "forget")
    way = fleet.crowd.way
    if not isinstance(way, LogIn):
        raise NotToBeDone("this machine has no host key to forget")
    gone = way.known.forget(way.place(server) for server in fleet.servers)
    print(f"{gone} host keys of {len(fleet.servers)} servers forgotten in {way.known.ours}")
    return 0


def _init(fleet: Fleet, rest: Sequence[str]) -> int:
    import llama

    _none(rest, "init")
    way = fleet.crowd.way

    async def work(link: Link) -> Spoken:
        version, _, path = (await fleet.remote.do(link, "init")).strip().partition(" ")
        same = "" if version == llama.__version__ else f"; here it is {llama.__version__}"
        return Spoken(f"llama {version} at {path}{same}\n")

    status = fleet.ask(work)
    if isinstance(way, LogIn) and way.taken_in:
        print(f"{way.taken_in} host keys taken into {way.known.ours}", file=sys.stderr)
    return status


def _pull(fleet: Fleet, rest: Sequence[str]) -> int:
    from llama.fleet.pulling import Pulling, There, fetch, listing, require_room, told

    into: Path = fleet.args.into
    names = tuple(rest) or RESULTS

    async def look(link: Link) -> Pulling:
        return await listing(link, fleet.remote, names, into / link.server.name)

    with Answers(len(fleet.servers)) as progress:
        found = fleet.crowd.all(fleet.servers, look, progress.heard)
    wanted = {reply.server.name: reply.value for reply in found if reply.value is not None}
    missing = [one for has in wanted.values() for one in has.missing]
    here = sum(len(has.every) for has in wanted.values()) - len(missing)
    print(f"{told(missing)} from {len(wanted)} servers" + (f"; {here} are here already" if here else ""), flush=True)
    require_room(into, missing)
    bar = Bytes(sum(one.size for one in missing))

    async def work(link: Link) -> Spoken:
        has = wanted[link.server.name]
        count = await fetch(link, fleet.remote, has.missing, into / link.server.name, came)
        return Spoken(f"{count} files came, {len(has.every) - count} were here\n")

    def came(one: There) -> None:
        bar.update(one.size)

    with bar:
        replies = fleet.crowd.all([reply.server for reply in found if reply.value is not None], work)
    failed = [Reply[Spoken](reply.server, None, reply.why, reply.seconds) for reply in found if reply.why]
    return 0 if fleet.saying.show([*replies, *failed]) else 1


def _push(fleet: Fleet, rest: Sequence[str]) -> int:
    from llama.fleet.pushing import Parcel, send

    if not rest:
        raise NotToBeDone("push what? Name files or folders of this machine")
    parcel = Parcel.of([Path(one) for one in rest])

    async def work(link: Link) -> Spoken:
        return Spoken(await send(link, fleet.remote, parcel, fleet.args.to) + "\n")

    return fleet.ask(work)


def _later(fleet: Fleet, rest: Sequence[str]) -> int:
    raise NotToBeDone(f"{fleet.word} is not there yet")


_ACTIONS: dict[str, Callable[[Fleet, Sequence[str]], int]] = {
    "init": _init,
    "ls-procs": _ls_procs,
    "launch": _launch,
    "batch": _batch,
    "done": _done,
    "tail": _tail,
    "eval": _eval,
    "push": _push,
    "pull": _pull,
    "killall": _killall,
    "clean": _clean,
    "forget": _forget,
    "destroy": _later,
}
