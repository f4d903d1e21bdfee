"""What `llama com do` changes: servers created and destroyed, snapshots taken. Each is said first, and asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llama.advice import Advice
from llama.cli.com_do_listing import tell_of_files
from llama.cli.com_do_text import cost, creation_text, doomed_text, servers_table
from llama.cli.confirming import StatusLine, confirmed

if TYPE_CHECKING:
    from llama.app import App
    from llama.fleet.creating import Creation, ServerWish, Waiting
    from llama.fleet.destroying import Doomed
    from llama.fleet.snapshots import Imaging
    from llama.ports import Cloud, Server
    from llama.services.droplets import DropletsSettings

_LIST = Advice(("com", "do", "-D"))
_IMAGES = Advice(("com", "do", "-S"))


def create_servers(args: argparse.Namespace, app: App, user_data: str) -> int:
    """Say what would be created, ask, create. What was made is told, also when the rest failed."""
    from llama.fleet.creating import plan_creation

    cloud, settings = _cloud(app)
    tell_of_files(args.create)
    creation = plan_creation(cloud, _wish(args, settings, user_data), datetime.now(UTC))
    if not creation.names:
        print("all of them are there already; nothing was created")
        return 0
    print("\n".join(creation_text(creation)), flush=True)
    if not confirmed("create them", yes=args.yes, otherwise="nothing was created"):
        return 1
    made = _create(cloud, creation, settings.poll_s)
    return _wait(cloud, made, settings) if args.wait else 0


def destroy_servers(args: argparse.Namespace, app: App) -> int:
    """List what would be destroyed, ask, destroy."""
    from llama.fleet.destroying import doom

    cloud, _ = _cloud(app)
    tell_of_files(args.destroy)
    return _destroy(args, cloud, doom(cloud.servers(), args.destroy, really=args.really))


def reap_servers(args: argparse.Namespace, app: App) -> int:
    """The same of those whose lifetime is over."""
    from llama.fleet.destroying import doom_outlived

    cloud, _ = _cloud(app)
    tell_of_files(args.reap)
    doomed = doom_outlived(cloud.servers(), args.reap, datetime.now(UTC), really=args.really)
    for spared in doomed.spared:
        print(f"note: {spared}, so it stays though its time is over; --really destroys it too", file=sys.stderr)
    if not doomed.servers:
        print("no server has outlived its time; nothing was destroyed")
        return 0
    return _destroy(args, cloud, doomed)


def take_one_snapshot(args: argparse.Namespace, app: App) -> int:
    """Say what would be done, ask, take it."""
    from llama.fleet.snapshots import Pace, plan_snapshot, take_snapshot

    cloud, settings = _cloud(app)
    name, word = args.snapshot
    taking = plan_snapshot(cloud, name, word, replace=args.replace, start=args.start)
    print("\n".join(_taking_text(taking)), flush=True)
    if not confirmed("go on", yes=args.yes, otherwise="nothing was done"):
        return 1
    with _progress() as show:
        pace = Pace(settings.poll_s, lambda what, seconds: show(f"waiting for {what}: {_lasted(seconds)}"))
        try:
            image = take_snapshot(cloud, taking, pace)
        except KeyboardInterrupt:
            show.end()
            print(
                f"broken off: what the cloud was told goes on there, and {taking.server.name} may be off. No image "
                f"was deleted; {_IMAGES} lists {name} when it is complete",
                file=sys.stderr,
            )
            raise
    print(f"{image.name} is complete (id {image.id}, {image.size_gb:.2f} GB)")
    for one in taking.old:
        print(f"the image of that name of {one.created} (id {one.id}) was deleted")
    print(f"{taking.server.name} is {'active again' if taking.start else 'off; it costs the same until destroyed'}")
    return 0


def _cloud(app: App) -> tuple[Cloud, DropletsSettings]:
    from llama.ports import DROPLETS
    from llama.services.droplets import SETTINGS

    return app.service(DROPLETS), app.section(SETTINGS)


def _wish(args: argparse.Namespace, settings: DropletsSettings, user_data: str) -> ServerWish:
    from llama.fleet.creating import ServerWish

    return ServerWish(
        words=args.create,
        image=args.image,
        size=args.size or settings.size,
        region=args.region or settings.region,
        keys=args.key,
        tags=args.tag,
        lifetime_h=args.ttl or settings.lifetime_h,
        user_data=user_data,
        missing=args.missing,
    )


def _create(cloud: Cloud, creation: Creation, pause_s: float) -> list[Server]:
    """Those that were made; each is told at once, since it costs money from now on, whatever comes of the others."""
    from llama.fleet.creating import create

    made: list[Server] = []
    try:
        for one in create(cloud, creation, pause_s):
            made.append(one)
            print(f"{one.name} was created (id {one.id})", flush=True)
    except KeyboardInterrupt:
        print("broken off: an order that was under way may have been carried out", file=sys.stderr)
        raise
    finally:
        print(f"{len(made)} of {len(creation.names)} servers were created; {_LIST} lists them", flush=True)
    return made


def _wait(cloud: Cloud, made: list[Server], settings: DropletsSettings) -> int:
    """Until they are active; 1 when some do not become so in time, which are named."""
    from llama.fleet.creating import wait_active

    def told(state: Waiting) -> None:
        there = len(state.active)
        show(f"{there} of {there + len(state.others)} active after {_lasted(state.seconds)}")

    with _progress() as show:
        state = wait_active(cloud, {one.id for one in made}, settings.active_within_s, settings.poll_s, told)
    for line in servers_table(state.active, ("name", "ip", "status"))[1]:
        print(line)
    for one in state.others:
        print(f"{one.name} is still {one.status} after {_lasted(state.seconds)}", file=sys.stderr)
    if gone := len(made) - len(state.active) - len(state.others):
        print(f"{gone} of them are gone: somebody else has destroyed them", file=sys.stderr)
    return 1 if state.others or gone else 0


def _destroy(args: argparse.Namespace, cloud: Cloud, doomed: Doomed) -> int:
    from llama.fleet.destroying import destroy, forget_lifetimes
    from llama.ports import CloudError

    count = len(doomed.servers)
    every = ", which are all of this account" if doomed.every else ""
    print(f"to destroy, with all that is on their disks: {count} server(s){every}")
    print("\n".join(doomed_text(doomed.servers)), flush=True)
    if not confirmed(f"destroy {count} server(s)", yes=args.yes, otherwise="nothing was destroyed"):
        return 1
    gone: list[Server] = []
    try:
        for one in destroy(cloud, doomed):
            gone.append(one)
            print(f"{one.name} was destroyed", flush=True)
    finally:
        per_hour_usd = sum(one.per_hour_usd for one in gone)
        print(f"{len(gone)} of {count} servers were destroyed; they cost {cost(per_hour_usd)}", flush=True)
    try:
        forget_lifetimes(cloud, gone)
    except CloudError as error:
        print(f"note: tags of their lifetimes are left: {error}", file=sys.stderr)
    return 0


def _taking_text(taking: Imaging) -> Iterator[str]:
    server = taking.server
    yield f"to take: an image {taking.name} of the disk of {server.name} ({server.disk_gb} GB; an hour is usual)"
    yield f"  {server.name} is {server.status}{' and will be powered off' if server.status != 'off' else ''}"
    yield f"  afterwards it {'is started again' if taking.start else 'stays off (--start starts it again)'}"
    for one in taking.old:
        yield f"  when it is complete, the image of that name of {one.created} (id {one.id}) is deleted"


@contextmanager
def _progress() -> Iterator[StatusLine]:
    show = StatusLine()
    try:
        yield show
    finally:
        show.end()


def _lasted(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
