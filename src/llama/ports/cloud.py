"""The cloud that servers are rented from: servers, the images they start from, keys, tags, what the account may."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from llama.ports.service import Service


class CloudError(Exception):
    """The cloud did not do what it was asked for; the message says what to do. Another time it may go well."""


class CloudRefused(CloudError):
    """It will be the same another time: a token that is wrong or may not do this, nothing of that name, a limit."""


class ReadOnlyToken(CloudRefused):
    """The token may look, and may not change anything."""


class Uncertain(CloudError):
    """No answer came: whether it was done has to be looked up."""


@dataclass(frozen=True, slots=True)
class Server:
    """A virtual server, which the cloud calls a droplet.

    Attributes:
        id: which one it is, for ever; names may repeat.
        name: its host name.
        status: the cloud's word: new, active, off, archive.
        ip: its public IPv4 address; empty while it has none.
        private_ip: its address among the servers of the account; empty when it has none.
        tags: in order.
        region: where it stands, `nyc3`.
        size: what it is, `s-2vcpu-4gb`.
        image: name of what it started from.
        image_id: of the same; 0 when the cloud does not say.
        created: ISO 8601 UTC with Z.
        memory_mb, vcpus, disk_gb: what it has.
        per_hour_usd: what it costs, also while it is off.
    """

    id: int
    name: str
    status: str
    ip: str = ""
    private_ip: str = ""
    tags: tuple[str, ...] = ()
    region: str = ""
    size: str = ""
    image: str = ""
    image_id: int = 0
    created: str = ""
    memory_mb: int = 0
    vcpus: int = 0
    disk_gb: int = 0
    per_hour_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Image:
    """A disk that servers start from: a snapshot of the account's, or a public one.

    Attributes:
        id: which one it is; names may repeat.
        name: as it was given.
        slug: by which a public one is named, `debian-12-x64`; empty for a snapshot.
        kind: snapshot, backup, base, custom.
        regions: where servers can be made of it.
        min_disk_gb: what a server's disk must have at least.
        size_gb: what is stored, and paid for.
        status: available, or what it is on the way to being so.
        created: ISO 8601 UTC with Z.
    """

    id: int
    name: str
    slug: str = ""
    kind: str = "snapshot"
    regions: tuple[str, ...] = ()
    min_disk_gb: int = 0
    size_gb: float = 0.0
    status: str = "available"
    created: str = ""


@dataclass(frozen=True, slots=True)
class SSHKey:
    """A public key of the account, which servers can be made to let in."""

    id: int
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ServerTag:
    """A tag of the account, and how many servers have it."""

    name: str
    servers: int


@dataclass(frozen=True, slots=True)
class ServerSize:
    """A kind of server that can be rented, and what an hour of it costs."""

    slug: str
    memory_mb: int
    vcpus: int
    disk_gb: int
    per_hour_usd: float
    regions: tuple[str, ...]
    available: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is: `limit` is how many servers there may be at once; `status` active, warning or locked."""

    limit: int
    status: str = "active"
    why: str = ""


@dataclass(frozen=True, slots=True)
class NewServers:
    """Servers that are alike but for their names, as they are ordered.

    Attributes:
        names: at most `MOST_AT_ONCE`.
        image: id of what they start from.
        size, region: as the cloud names them.
        keys: ids of those that are let in.
        tags: of each.
        user_data: for the first start (cloud-init); empty for none.
    """

    names: tuple[str, ...]
    image: int
    size: str
    region: str
    keys: tuple[int, ...]
    tags: tuple[str, ...] = ()
    user_data: str = ""


MOST_AT_ONCE = 10
"""The cloud takes so many names in one order."""

Act = Literal["shutdown", "power_off", "power_on", "snapshot"]


@dataclass(frozen=True, slots=True)
class CloudAction:
    """Something the cloud does to a server; `status` is in-progress, completed or errored."""

    id: int
    server_id: int
    kind: str
    status: str


class Cloud(Protocol):
    """Servers and what belongs to them. All methods may raise CloudError.

    What is asked twice because no answer came is never done twice: where that cannot be known, Uncertain is raised.
    """

    def account(self) -> Account:
        """What the account may."""
        ...

    def servers(self) -> Sequence[Server]:
        """Every server of the account, in order of name."""
        ...

    def server(self, server_id: int) -> Server | None:
        """One of them; None when it is gone."""
        ...

    def images(self) -> Sequence[Image]:
        """The account's own images, in order of name."""
        ...

    def public_image(self, slug: str) -> Image | None:
        """A public image by its slug; None when there is none."""
        ...

    def ssh_keys(self) -> Sequence[SSHKey]:
        """The account's keys, in order of name."""
        ...

    def tags(self) -> Sequence[ServerTag]:
        """The account's tags, in order of name."""
        ...

    def sizes(self) -> Sequence[ServerSize]:
        """What can be rented, the cheapest first."""
        ...

    def require_may_create(self) -> None:
        """ReadOnlyToken when the token may not create servers. Nothing is created to find out."""
        ...

    def create(self, new: NewServers) -> Sequence[Server]:
        """Order servers; they come as `new` and are `active` some time later.

        Uncertain when no answer came: some of them may have been made.
        """
        ...

    def destroy(self, server_id: int) -> None:
        """Destroy a server and all that is on it; nothing happens when it is gone already."""
        ...

    def act(self, server_id: int, kind: Act, name: str = "") -> CloudAction:
        """Begin something; `name` is that of a snapshot. Uncertain when no answer came."""
        ...

    def action(self, action_id: int) -> CloudAction:
        """How far something is."""
        ...

    def snapshots_of(self, server_id: int) -> Sequence[Image]:
        """The images that were made of a server, the oldest first."""
        ...

    def remove_image(self, image_id: int) -> None:
        """Delete an image; nothing happens when it is gone already."""
        ...

    def remove_tags(self, names: Iterable[str]) -> None:
        """Delete tags, whoever has them."""
        ...

    def close(self) -> None:
        """Let go of connections; it is not asked again."""


DROPLETS: Service[Cloud] = Service("droplets", writes=True)
