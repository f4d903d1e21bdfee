"""How `llama com do` words servers, images, keys and tags: tables for people and pipes, and what is going to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.fleet.creating import Creation
    from llama.ports import Image, Server, ServerTag, SSHKey

NOTHING = "-"
COLUMNS: dict[str, Callable[[Server], object]] = {
    "name": lambda one: one.name,
    "ip": lambda one: one.ip,
    "status": lambda one: one.status,
    "tags": lambda one: ",".join(one.tags),
    "id": lambda one: one.id,
    "private_ip": lambda one: one.private_ip,
    "region": lambda one: one.region,
    "size": lambda one: one.size,
    "image": lambda one: one.image,
    "created": lambda one: one.created,
    "memory": lambda one: f"{one.memory_mb / 1024:g}GB",
    "vcpus": lambda one: one.vcpus,
    "disk": lambda one: f"{one.disk_gb}GB",
    "price": lambda one: f"${one.per_hour_usd:.5f}/h",
    "until": lambda one: _until(one),
}
DEFAULT_COLUMNS = ("name", "ip", "status", "tags")


def servers_table(servers: Sequence[Server], columns: Sequence[str]) -> tuple[str, list[str]]:
    """Header and lines, a line per server."""
    return _table(columns, [[COLUMNS[name](one) for name in columns] for one in servers])


def images_table(images: Sequence[Image]) -> tuple[str, list[str]]:
    """Header and lines, a line per image."""
    return _table(("name", "id", "kind", "regions", "min_disk", "size", "created"), map(_image_row, images))


def keys_table(keys: Sequence[SSHKey]) -> tuple[str, list[str]]:
    """Header and lines, a line per key."""
    return _table(("name", "id", "fingerprint"), [[one.name, one.id, one.fingerprint] for one in keys])


def tags_table(tags: Sequence[ServerTag]) -> tuple[str, list[str]]:
    """Header and lines, a line per tag."""
    return _table(("tag", "servers"), [[one.name, one.servers] for one in tags])


def creation_text(creation: Creation) -> Iterator[str]:
    """What an order would be, and what it would cost."""
    image, size = creation.image, creation.size
    count = len(creation.names)
    if creation.there:
        yield f"there already, and left as they are: {_several(creation.there)}"
    yield f"to create: {_servers(count)}: {_several(creation.names)}"
    called = image.name if not image.slug else image.slug
    yield f"  image    {called} (id {image.id}, {image.kind} of {image.created}), in {creation.region}"
    yield f"  size     {size.slug}: {size.vcpus} processors, {size.memory_mb / 1024:g} GB of memory"
    yield f"  disk     {size.disk_gb} GB, of which the image needs {image.min_disk_gb}"
    yield f"  keys     {', '.join(one.name for one in creation.keys)}"
    yield f"  tags     {', '.join(creation.tags)}"
    if creation.user_data:
        yield f"  first    {len(creation.user_data.encode())} bytes of user data (cloud-init)"
    yield f"  cost     {cost(creation.per_hour_usd)}, on or off, until destroyed"
    yield f"  account  {creation.after} of {creation.limit} servers with {'these' if count > 1 else 'this'}"


def doomed_text(servers: Sequence[Server]) -> Iterator[str]:
    """Servers that would be destroyed, a line each, with what tells one from another."""
    for line in _table(
        ("name", "ip", "status", "created", "tags"),
        [[one.name, one.ip, one.status, one.created, ",".join(one.tags)] for one in servers],
    )[1]:
        yield f"  {line}"


def cost(per_hour_usd: float) -> str:
    """What something costs, by the hour and by the day."""
    return f"${per_hour_usd:.2f} per hour, ${24 * per_hour_usd:.2f} per day"


def _image_row(one: Image) -> list[object]:
    regions, disk, size = ",".join(one.regions), f"{one.min_disk_gb}GB", f"{one.size_gb:.2f}GB"
    return [one.name, one.id, one.kind, regions, disk, size, one.created]


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


def _several(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} … {names[-1]}"


def _until(one: Server) -> str:
    from llama.fleet.lifetimes import end_of

    end = end_of(one)
    return "" if end is None else end.strftime("%Y-%m-%dT%H:%MZ")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> tuple[str, list[str]]:
    """Columns as wide as what stands in them, without spaces at the end; what is not there is a dash."""
    texts = [[str(value) or NOTHING for value in row] for row in rows]
    head = [name.upper() for name in columns]
    widths = [max(map(len, column)) for column in zip(head, *texts, strict=True)]
    header, *lines = (
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *texts]
    )
    return header, lines
