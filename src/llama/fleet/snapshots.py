"""A snapshot of a server's disk: it is powered off first, and an old image goes only when the new one is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llama.fleet.choosing import choose_server, shortened
from llama.fleet.errors import FleetError, NotFinished, NotPossible
from llama.ports import Act, Cloud, CloudAction, CloudError, CloudRefused, Image, ReadOnlyToken, Server, Uncertain

ENDS_WITHIN_S = 120.0
"""So long a server may take to end its programs; then its power is cut."""
STARTS_WITHIN_S = 300.0


@dataclass(frozen=True)
class Imaging:
    """A snapshot that is to be taken: `old` are images of that name, which it is to replace."""

    server: Server
    name: str
    old: tuple[Image, ...] = ()
    start: bool = False


@dataclass(frozen=True)
class Pace:
    """How things on their way are looked at: the pause between two looks, and who is told of each.

    `told` gets what is waited for and for how many seconds already.
    """

    pause_s: float
    told: Callable[[str, float], object]
    ends_within_s: float = ENDS_WITHIN_S
    starts_within_s: float = STARTS_WITHIN_S


def plan_snapshot(cloud: Cloud, name: str, word: str, *, replace: bool, start: bool) -> Imaging:
    """What would be done; FleetError when it cannot be. Does nothing."""
    if not name.strip():
        raise NotPossible("a snapshot needs a name")
    server = choose_server(word, cloud.servers())
    if server.status not in ("active", "off"):
        raise NotPossible(f"{server.name} is {server.status}; it must be active or off")
    old = tuple(one for one in cloud.images() if one.name == name)
    if old and not replace:
        raise NotPossible(f"there is an image {name} already, of {old[0].created}; choose another name, or --replace")
    return Imaging(server, name, old, start)


def take_snapshot(cloud: Cloud, taking: Imaging, pace: Pace) -> Image:
    """Power off, take, and only then remove what it replaces; NotFinished says how things stand when it fails."""
    try:
        _power_off(cloud, taking.server, pace)
        image = _take(cloud, taking, pace)
    except (FleetError, CloudError):
        if taking.start:
            _power_on(cloud, taking.server, pace)
        raise
    if taking.start:
        _power_on(cloud, taking.server, pace)
    for one in taking.old:
        cloud.remove_image(one.id)
    return image


def _power_off(cloud: Cloud, server: Server, pace: Pace) -> None:
    """First as if by its own power button, then without asking it."""
    ways: Sequence[tuple[Act, float]] = (("shutdown", pace.ends_within_s), ("power_off", pace.starts_within_s))
    for kind, within_s in ways:
        if _brought_to(cloud, server, "off", kind, within_s, pace):
            return
    raise NotFinished(f"{server.name} did not go off within {pace.starts_within_s:g} s; no snapshot was taken")


def _power_on(cloud: Cloud, server: Server, pace: Pace) -> None:
    if not _brought_to(cloud, server, "active", "power_on", pace.starts_within_s, pace):
        raise NotFinished(f"{server.name} was told to start and is not active after {pace.starts_within_s:g} s")


def _brought_to(cloud: Cloud, server: Server, status: str, kind: Act, within_s: float, pace: Pace) -> bool:
    """Whether it has this status in time. It is told what to do once, and again when the cloud has refused."""
    begun, told = time.monotonic(), False
    while not _is(cloud, server, status):
        seconds = time.monotonic() - begun
        if seconds > within_s:
            return False
        told = told or _heard(cloud, server, kind)
        pace.told(f"{server.name} to be {status}", seconds)
        time.sleep(pace.pause_s)
    return True


def _heard(cloud: Cloud, server: Server, kind: Act) -> bool:
    """Tell it; False when the cloud refuses, which it does while it is busy with that server."""
    try:
        cloud.act(server.id, kind)
    except ReadOnlyToken:
        raise
    except CloudRefused:
        return False
    except Uncertain:
        return True  # its status will tell
    return True


def _take(cloud: Cloud, taking: Imaging, pace: Pace) -> Image:
    before = {one.id for one in cloud.snapshots_of(taking.server.id)}
    kept = f"; {shortened(str(one.id) for one in taking.old)} of that name is kept" if taking.old else ""
    try:
        action = _begun(cloud, taking, pace)
    except Uncertain as error:
        raise NotFinished(f"{error}; whether the snapshot was begun is not known{kept}") from error
    action = _finished(cloud, action, f"the snapshot {taking.name}", pace)
    if action.status != "completed":
        raise NotFinished(f"the snapshot of {taking.server.name} failed (action {action.id} {action.status}){kept}")
    image = _listed(cloud, taking, before, pace)
    if image is None:
        raise NotFinished(f"the cloud says that the snapshot {taking.name} is done, and does not list it{kept}")
    return image


def _listed(cloud: Cloud, taking: Imaging, before: set[int], pace: Pace) -> Image | None:
    """The image that was made, which lists may show a little later; None when none does."""
    begun = time.monotonic()
    while True:
        for one in cloud.snapshots_of(taking.server.id):
            if one.id not in before and one.name == taking.name:
                return one
        if time.monotonic() - begun > pace.ends_within_s:
            return None
        pace.told(f"{taking.name} to be listed", time.monotonic() - begun)
        time.sleep(pace.pause_s)


def _begun(cloud: Cloud, taking: Imaging, pace: Pace) -> CloudAction:
    """Begin it; the server may be off some time before the cloud takes its shutdown for done."""
    begun = time.monotonic()
    while True:
        try:
            return cloud.act(taking.server.id, "snapshot", taking.name)
        except ReadOnlyToken:
            raise
        except CloudRefused:
            if time.monotonic() - begun > pace.ends_within_s:
                raise
        pace.told(f"{taking.server.name} to be let go of", time.monotonic() - begun)
        time.sleep(pace.pause_s)


def _finished(cloud: Cloud, action: CloudAction, what: str, pace: Pace) -> CloudAction:
    """However long it takes: an hour is usual for a large disk."""
    begun = time.monotonic()
    while action.status == "in-progress":
        pace.told(what, time.monotonic() - begun)
        time.sleep(pace.pause_s)
        action = cloud.action(action.id)
    return action


def _is(cloud: Cloud, server: Server, status: str) -> bool:
    found = cloud.server(server.id)
    if found is None:
        raise NotFinished(f"{server.name} ({server.id}) is gone; somebody else has destroyed it")
    return found.status == status
