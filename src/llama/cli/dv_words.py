"""The words of `llama dev dv`: what is asked of the servers for each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.confirming import confirmed
from llama.cli.dv_fleet import Answers, Bytes, Fleet, fleet_of
from llama.cli.dv_launch import batch, kind_of, launch
from llama.cli.dv_said import Spoken
from llama.fleet.errors import NotToBeDone
from llama.fleet.remote import CLEANED, EVENT_FOLDERS, RESULTS
from llama.fleet.ssh import Link, LogIn, Reply, SshServer

if TYPE_CHECKING:
    from llama.app import App
    from llama.ports import Cloud


def do(word: str, rest: Sequence[str], args: argparse.Namespace, app: App) -> int:
    """One word; the exit status."""
    action = _ACTIONS[word]
    fleet = fleet_of(word, args, app)
    return action(fleet, rest)


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


def _done(fleet: Fleet, rest: Sequence[str]) -> int:
    kind = kind_of(rest, "done")
    _none(rest[1:], "done bg")
    return fleet.script("done", kind, EVENT_FOLDERS[kind])


def _tail(fleet: Fleet, rest: Sequence[str]) -> int:
    _none(rest, "tail")
    return fleet.script("tail", str(fleet.args.lines))


def _killall(fleet: Fleet, rest: Sequence[str]) -> int:
    _none(rest, "killall")
    return fleet.script("killall", str(fleet.args.wait))


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
    question = f"remove these {files} files, {size / 1e3:.1f} MB"
    if not confirmed(question, yes=fleet.args.yes, otherwise="nothing was removed"):
        return 1
    there = [reply.server for reply in replies if reply.value is not None and reply.value.out]

    async def remove(link: Link) -> Spoken:
        return Spoken(await fleet.remote.do(link, "clean", "remove", *CLEANED))

    gone = fleet.crowd.all(there, remove)
    print(f"removed from {sum(not reply.why for reply in gone)} servers")
    return 0 if replace(fleet.saying, reduce="").show(gone) and well else 1


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

    parcel = None
    if fleet.args.wheel is not None:
        from llama.fleet.installing import install, parcel_of

        parcel = parcel_of(fleet.args.wheel, fleet.args.lock)

    async def work(link: Link) -> Spoken:
        if parcel is not None:
            await install(link, fleet.remote, parcel)
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


def _destroy(fleet: Fleet, rest: Sequence[str]) -> int:
    """Through the cloud; their addresses will be those of others, so their host keys are forgotten with them."""
    from llama.cli.com_do_orders import destroy_servers
    from llama.ports import DROPLETS

    _none(rest, "destroy")
    cloud: Cloud = fleet.app.service(DROPLETS)
    way = fleet.crowd.way
    before = {one.id: SshServer(one.name, one.ip) for one in cloud.servers() if one.ip}
    args = argparse.Namespace(**{**vars(fleet.args), "destroy": [server.name for server in fleet.servers]})
    try:
        return destroy_servers(args, fleet.app)
    finally:
        left = {one.id for one in cloud.servers()}
        if isinstance(way, LogIn):
            way.known.forget(way.place(server) for number, server in before.items() if number not in left)


_ACTIONS: dict[str, Callable[[Fleet, Sequence[str]], int]] = {
    "init": _init,
    "ls-procs": _ls_procs,
    "launch": launch,
    "batch": batch,
    "done": _done,
    "tail": _tail,
    "eval": _eval,
    "push": _push,
    "pull": _pull,
    "killall": _killall,
    "clean": _clean,
    "forget": _forget,
    "destroy": _destroy,
}
