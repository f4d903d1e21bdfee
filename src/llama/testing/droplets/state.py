"""What the cloud of tests holds, and what happens in it as time passes."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

REGIONS = ("nyc1", "nyc3", "fra1")
SIZES: tuple[tuple[str, int, int, int, float], ...] = (
    ("s-1vcpu-1gb", 1024, 1, 25, 0.00893),
    ("s-2vcpu-4gb", 4096, 2, 80, 0.03571),
    ("s-4vcpu-8gb", 8192, 4, 160, 0.07143),
)
"""Name, memory (MB), processors, disk (GB), price per hour (USD)."""
PUBLIC = (("debian-12-x64", "12 x64", 7), ("debian-13-x64", "13 x64", 8))
"""Images that everybody has: slug, name, smallest disk (GB)."""


@dataclass
class Habits:
    """How the cloud behaves; all of it may be changed while it runs.

    Attributes:
        boot_s: from the order of a server until it is active.
        shutdown_s: from asking a server to end until it is off.
        snapshot_s: how long a snapshot takes.
        never_active: servers of these names stay new.
        never_ends: servers of these names take no notice of a shutdown; only without power are they off.
        fails: actions of these kinds end as errored.
        limit: how many servers the account may have, as it says.
        enforced: how many it may have in truth, where that is less.
        status: of the account: active, warning or locked.
        page: most entries of a page.
        addresses: the address that a server gets, by its name and id.
        happened: is told what becomes of a server: it is ordered, active, off, destroyed, or imaged (with the image's
            id). Nobody is answered until it returns.
    """

    boot_s: float = 0.02
    shutdown_s: float = 0.02
    snapshot_s: float = 0.05
    never_active: set[str] = field(default_factory=set)
    never_ends: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)
    limit: int = 100
    enforced: int | None = None
    status: str = "active"
    page: int = 200
    addresses: Callable[[str, int], str] = lambda name, number: f"203.0.113.{number % 254 + 1}"
    happened: Callable[[str, Machine, int], object] = lambda what, machine, image: None


@dataclass
class Machine:
    """A server as the cloud holds it; `due` is when it becomes active, of the clock."""

    id: int
    name: str
    status: str
    size: str
    region: str
    image: int
    tags: list[str]
    keys: list[int]
    user_data: str
    created: str
    due: float


@dataclass
class Disk:
    """An image; `of` is the server that it was made of, 0 for none."""

    id: int
    name: str
    slug: str
    kind: str
    regions: list[str]
    min_disk_gb: int
    created: str
    of: int = 0


@dataclass
class Deed:
    """An action; `due` is when it is over, of the clock."""

    id: int
    server: int
    kind: str
    name: str
    status: str
    due: float


class Refused(Exception):
    """A request that the cloud does not grant: status and the words of its answer."""

    def __init__(self, status: int, word: str, message: str) -> None:
        super().__init__(message)
        self.status, self.word = status, word


class Rented:
    """Servers, images, keys and tags. Everything happens under `lock`, when somebody asks."""

    def __init__(self, habits: Habits, clock: Callable[[], float] = time.monotonic) -> None:
        self.habits = habits
        self.lock = threading.RLock()
        self.machines: dict[int, Machine] = {}
        self.disks: dict[int, Disk] = {}
        self.deeds: dict[int, Deed] = {}
        self.keys: dict[int, tuple[str, str]] = {}
        self.tags: dict[str, None] = {}
        self._clock = clock
        self._numbers = itertools.count(1001)
        for slug, name, disk_gb in PUBLIC:
            self.add_image(name, slug=slug, kind="base", min_disk_gb=disk_gb)

    def add_image(
        self,
        name: str,
        *,
        slug: str = "",
        kind: str = "snapshot",
        min_disk_gb: int = 25,
        regions: Iterable[str] = REGIONS,
        of: int = 0,
    ) -> Disk:
        """One more image."""
        with self.lock:
            number = next(self._numbers)
            self.disks[number] = Disk(number, name, slug, kind, list(regions), min_disk_gb, _now(), of)
            return self.disks[number]

    def add_key(self, name: str) -> int:
        """One more key of the account; its id."""
        with self.lock:
            number = next(self._numbers)
            digits = f"{number:032x}"
            self.keys[number] = (name, ":".join(digits[i : i + 2] for i in range(0, 32, 2)))
            return number

    def add_server(self, name: str, *, status: str = "active", tags: Iterable[str] = (), **how: Any) -> Machine:
        """A server that is there already, without an order."""
        with self.lock:
            image = how.pop("image", next(iter(self.disks)))
            made = {"size": SIZES[1][0], "region": "nyc3", "keys": [], "user_data": ""} | how
            number = next(self._numbers)
            tagged = list(tags)
            self.tags |= dict.fromkeys(tagged)
            one = Machine(
                id=number, name=name, status=status, image=image, tags=tagged, created=_now(), due=0.0, **made
            )
            self.machines[number] = one
            return one

    def order(self, names: list[str], **how: Any) -> list[Machine]:
        """New servers, all or none: Refused when they are too many."""
        with self.lock:
            self.settle()
            habits = self.habits
            most = habits.limit if habits.enforced is None else habits.enforced
            if len(self.machines) + len(names) > most:
                raise Refused(422, "unprocessable_entity", _OVER_LIMIT)
            made = [self.add_server(name, status="new", **how) for name in names]
            for one in made:
                one.due = self._clock() + habits.boot_s
                habits.happened("ordered", one, one.image)
            return made

    def destroy(self, machine: Machine) -> None:
        """It is gone, with all that was on its disk."""
        with self.lock:
            del self.machines[machine.id]
            self.habits.happened("destroyed", machine, 0)

    def act(self, machine: Machine, kind: str, name: str) -> Deed:
        """Begin something; Refused when something is going on already."""
        with self.lock:
            self.settle()
            if any(deed.server == machine.id and deed.status == "in-progress" for deed in self.deeds.values()):
                raise Refused(422, "unprocessable_entity", "Droplet already has a pending event.")
            takes_s = {"shutdown": self.habits.shutdown_s, "snapshot": self.habits.snapshot_s}.get(kind, 0.0)
            deed = Deed(next(self._numbers), machine.id, kind, name, "in-progress", self._clock() + takes_s)
            self.deeds[deed.id] = deed
            return deed

    def settle(self) -> None:
        """Let happen what is due."""
        with self.lock:
            now = self._clock()
            for machine in self.machines.values():
                if machine.status == "new" and machine.due <= now and machine.name not in self.habits.never_active:
                    self._become(machine, "active")
            for deed in [one for one in self.deeds.values() if one.status == "in-progress" and one.due <= now]:
                self._finish(deed)

    def _finish(self, deed: Deed) -> None:
        machine = self.machines.get(deed.server)
        if machine is None or deed.kind in self.habits.fails:
            deed.status = "errored"
            return
        deed.status = "completed"
        if deed.kind == "power_off" or (deed.kind == "shutdown" and machine.name not in self.habits.never_ends):
            self._become(machine, "off")
        elif deed.kind == "power_on":
            self._become(machine, "active")
        elif deed.kind == "snapshot":
            disk_gb = next(size[3] for size in SIZES if size[0] == machine.size)
            image = self.add_image(deed.name, min_disk_gb=disk_gb, regions=[machine.region], of=machine.id)
            self.habits.happened("imaged", machine, image.id)

    def _become(self, machine: Machine, status: str) -> None:
        machine.status = status
        self.habits.happened(status, machine, 0)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_OVER_LIMIT = "creating this/these droplet(s) will exceed your droplet limit"
