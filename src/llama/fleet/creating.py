"""New servers: what an order would be is known before anything is ordered, and what was made is told in any case."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from llama.fleet.choosing import choose_image, choose_keys, choose_size, shortened
from llama.fleet.errors import BadPattern, NotFinished, NotPossible
from llama.fleet.lifetimes import is_tag, until_tag
from llama.fleet.patterns import exact
from llama.ports import (
    MOST_AT_ONCE,
    Account,
    Cloud,
    CloudError,
    Image,
    NewServers,
    Server,
    ServerSize,
    SSHKey,
    Uncertain,
)

MOST_USER_DATA = 64 << 10
"""Bytes that the cloud takes."""

_LOOKS = 3


@dataclass(frozen=True)
class ServerWish:
    """What somebody wants.

    Attributes:
        words: names and ranges of them.
        image: name, id or slug.
        size, region: as the cloud names them.
        keys: names, ids or fingerprints; None for all of the account.
        tags: besides that of its lifetime.
        lifetime_h: hours after which they may be reaped.
        user_data: for the first start.
        missing: leave out those that are there already, in place of refusing them.
    """

    words: Sequence[str]
    image: str
    size: str
    region: str
    keys: Sequence[str] | None = None
    tags: Sequence[str] = ()
    lifetime_h: float = 168.0
    user_data: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Creation:
    """What an order would be; `there` are names left out, `before` and `limit` count servers of the account."""

    names: tuple[str, ...]
    image: Image
    size: ServerSize
    region: str
    keys: tuple[SSHKey, ...]
    tags: tuple[str, ...]
    user_data: str = field(repr=False)
    there: tuple[str, ...]
    before: int
    limit: int

    @property
    def per_hour_usd(self) -> float:
        """Of all of them together."""
        return len(self.names) * self.size.per_hour_usd

    @property
    def after(self) -> int:
        """How many servers there would be."""
        return self.before + len(self.names)


def plan_creation(cloud: Cloud, wish: ServerWish, now: datetime) -> Creation:
    """What the order would be; FleetError when it cannot be, CloudRefused when the token may not. Orders nothing."""
    names = exact(wish.words)
    _require_tags(wish.tags)
    _require_user_data(wish.user_data)
    account = cloud.account()
    cloud.require_may_create()
    servers = cloud.servers()
    wanted, there = _parted(names, {one.name for one in servers}, missing=wish.missing)
    size = choose_size(wish.size, cloud.sizes())
    image = choose_image(wish.image, cloud)
    _require_fit(image, size, wish.region)
    creation = Creation(
        names=wanted,
        image=image,
        size=size,
        region=wish.region,
        keys=tuple(choose_keys(wish.keys, cloud.ssh_keys())),
        tags=(*dict.fromkeys(wish.tags), until_tag(now, wish.lifetime_h)),
        user_data=wish.user_data,
        there=there,
        before=len(servers),
        limit=account.limit,
    )
    _require_room(creation, account)
    return creation


def create(cloud: Cloud, creation: Creation, pause_s: float) -> Iterator[Server]:
    """Order them, in order of name; each is told as soon as the cloud has it.

    When an order's answer does not come, what it made is looked up, a few times with such pauses between; what is
    still not there is never ordered again by itself, and NotFinished says so.
    """
    for first in range(0, len(creation.names), MOST_AT_ONCE):
        names = creation.names[first : first + MOST_AT_ONCE]
        try:
            yield from cloud.create(_order(creation, names))
        except Uncertain as error:
            made = _looked_up(cloud, names, error, pause_s)
            yield from made
            if len(made) < len(names):
                lost = shortened(sorted(set(names) - {one.name for one in made}))
                raise NotFinished(f"{error}; {lost} did not appear; `--missing` makes what is not there") from error


def _looked_up(cloud: Cloud, names: Sequence[str], lost: Uncertain, pause_s: float) -> list[Server]:
    """Which of these are there, soon or now; NotFinished when that cannot be known either."""
    made: list[Server] = []
    try:
        for look in range(_LOOKS):
            time.sleep(pause_s if look else 0.0)
            made = [one for one in cloud.servers() if one.name in names]
            if len(made) == len(names):
                break
    except CloudError as error:
        raise NotFinished(f"{lost}; whether {shortened(names)} were made is not known ({error})") from error
    return made


@dataclass(frozen=True)
class Waiting:
    """How far new servers are: those that are active, those that are not, and seconds since we wait."""

    active: tuple[Server, ...]
    others: tuple[Server, ...]
    seconds: float


def wait_active(
    cloud: Cloud,
    ids: Collection[int],
    within_s: float,
    pause_s: float,
    told: Callable[[Waiting], object],
) -> Waiting:
    """Wait until these servers are active, at most so long; each look is told. Who is gone is not waited for."""
    begun = time.monotonic()
    while True:
        found = [one for one in cloud.servers() if one.id in ids]
        state = Waiting(
            active=tuple(one for one in found if one.status == "active" and one.ip),
            others=tuple(one for one in found if one.status != "active" or not one.ip),
            seconds=time.monotonic() - begun,
        )
        told(state)
        if not state.others or state.seconds >= within_s:
            return state
        time.sleep(pause_s)


def _order(creation: Creation, names: Sequence[str]) -> NewServers:
    return NewServers(
        names=tuple(names),
        image=creation.image.id,
        size=creation.size.slug,
        region=creation.region,
        keys=tuple(one.id for one in creation.keys),
        tags=creation.tags,
        user_data=creation.user_data,
    )


def _parted(
    names: Sequence[str], known: Collection[str], *, missing: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names to be made, and those that are there."""
    there = tuple(name for name in names if name in known)
    if there and not missing:
        raise NotPossible(
            f"{shortened(there)}: there is such a server already; nothing was created (--missing makes the others)"
        )
    return tuple(name for name in names if name not in known), there


def _require_tags(tags: Sequence[str]) -> None:
    for tag in tags:
        if not is_tag(tag):
            raise BadPattern(f"{tag!r} cannot be a tag: letters, digits, colons, hyphens and underscores")


def _require_user_data(text: str) -> None:
    if len(text.encode()) > MOST_USER_DATA:
        raise NotPossible(f"the user data has {len(text.encode())} bytes; the cloud takes {MOST_USER_DATA}")
    if text and not text.startswith(("#!", "#cloud-config", "#include", "Content-Type:")):
        raise NotPossible("the user data begins neither with #cloud-config nor with #!, so no server would heed it")


def _require_fit(image: Image, size: ServerSize, region: str) -> None:
    """The image must be in the region and fit the disk, and the size must be had there."""
    if image.status != "available":
        raise NotPossible(f"image {image.name} is {image.status}; wait until it is available")
    if region not in image.regions:
        where = shortened(image.regions) or "no region"
        raise NotPossible(f"image {image.name} is in {where} and not in {region}; give --region, or copy the image")
    if image.min_disk_gb > size.disk_gb:
        raise NotPossible(
            f"image {image.name} needs a disk of {image.min_disk_gb} GB and {size.slug} has {size.disk_gb}; "
            "give a larger --size"
        )
    if not size.available or region not in size.regions:
        raise NotPossible(f"{size.slug} cannot be had in {region} now; give another --size or --region")


def _require_room(creation: Creation, account: Account) -> None:
    if account.status == "locked":
        why = f": {account.why}" if account.why else ""
        raise NotPossible(f"the account is locked{why}; ask the cloud's support")
    if creation.after > creation.limit:
        free = max(creation.limit - creation.before, 0)
        raise NotPossible(
            f"{len(creation.names)} servers more would be {creation.after}, and the account may have "
            f"{creation.limit}; there is room for {free}"
        )
