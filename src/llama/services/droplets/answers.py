"""The cloud's answers as records of ours. What is not as its API has it raises CloudError."""

from __future__ import annotations

from typing import Any

from llama.ports import Account, CloudAction, CloudError, Image, Server, ServerSize, ServerTag, SSHKey


def account(answer: object) -> Account:
    """Of `/v2/account`."""
    found = mapping(mapping(answer, "its answer").get("account"), "account")
    return Account(_whole(found, "droplet_limit"), _text(found, "status") or "active", _text(found, "status_message"))


def server(record: object) -> Server:
    """A droplet."""
    found = mapping(record, "a server")
    size = found.get("size")
    image = found.get("image")
    return Server(
        id=_whole(found, "id"),
        name=_text(found, "name"),
        status=_text(found, "status"),
        ip=_address(found, "public"),
        private_ip=_address(found, "private"),
        tags=_texts(found, "tags"),
        region=_of(found.get("region"), "slug"),
        size=_text(found, "size_slug"),
        image=_of(image, "name") or _of(image, "slug"),
        image_id=int(image.get("id") or 0) if isinstance(image, dict) else 0,
        created=_text(found, "created_at"),
        memory_mb=int(found.get("memory") or 0),
        vcpus=int(found.get("vcpus") or 0),
        disk_gb=int(found.get("disk") or 0),
        per_hour_usd=float(size.get("price_hourly") or 0.0) if isinstance(size, dict) else 0.0,
    )


def image(record: object) -> Image:
    """An image, or a snapshot as a server's list of them has it."""
    found = mapping(record, "an image")
    return Image(
        id=_whole(found, "id"),
        name=_text(found, "name"),
        slug=_text(found, "slug"),
        kind=_text(found, "type"),
        regions=_texts(found, "regions"),
        min_disk_gb=int(found.get("min_disk_size") or 0),
        size_gb=float(found.get("size_gigabytes") or 0.0),
        status=_text(found, "status") or "available",
        created=_text(found, "created_at"),
    )


def key(record: object) -> SSHKey:
    """A key of the account."""
    found = mapping(record, "a key")
    return SSHKey(_whole(found, "id"), _text(found, "name"), _text(found, "fingerprint"))


def tag(record: object) -> ServerTag:
    """A tag."""
    found = mapping(record, "a tag")
    resources = found.get("resources")
    droplets = resources.get("droplets") if isinstance(resources, dict) else None
    return ServerTag(_text(found, "name"), int(droplets.get("count") or 0) if isinstance(droplets, dict) else 0)


def size(record: object) -> ServerSize:
    """What can be rented."""
    found = mapping(record, "a size")
    return ServerSize(
        slug=_text(found, "slug"),
        memory_mb=int(found.get("memory") or 0),
        vcpus=int(found.get("vcpus") or 0),
        disk_gb=int(found.get("disk") or 0),
        per_hour_usd=float(found.get("price_hourly") or 0.0),
        regions=_texts(found, "regions"),
        available=bool(found.get("available", True)),
    )


def action(answer: object, server_id: int = 0) -> CloudAction:
    """What is being done to a server."""
    found = mapping(mapping(answer, "its answer").get("action"), "an action")
    where = int(found.get("resource_id") or server_id)
    return CloudAction(_whole(found, "id"), where, _text(found, "type"), _text(found, "status"))


def rows(answer: object, name: str) -> list[dict[str, Any]]:
    """The list of that name in an answer."""
    found = mapping(answer, "its answer").get(name)
    if not isinstance(found, list):
        raise CloudError(f"the cloud's answer has no list {name}; is [droplets] endpoint right?")
    return [mapping(row, f"an entry of {name}") for row in found]


def has_more(answer: object) -> bool:
    """Whether another page follows."""
    links = mapping(answer, "its answer").get("links")
    pages = links.get("pages") if isinstance(links, dict) else None
    return bool(pages.get("next")) if isinstance(pages, dict) else False


def mapping(value: object, what: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise CloudError(f"{what} of the cloud is no JSON object; is [droplets] endpoint right?")
    return value


def _whole(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    try:
        return int(str(value))  # a snapshot's id comes as text in some lists
    except ValueError:
        raise CloudError(f"the cloud's answer has {value!r} for {name}, which must be a number") from None


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return "" if value is None else str(value)


def _texts(found: dict[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name)
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _of(value: object, name: str) -> str:
    return _text(value, name) if isinstance(value, dict) else ""


def _address(found: dict[str, Any], kind: str) -> str:
    networks = found.get("networks")
    listed = networks.get("v4") if isinstance(networks, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("type") == kind:
            return _text(one, "ip_address")
    return ""
