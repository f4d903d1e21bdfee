"""The records of the cloud of tests as version 2 of DigitalOcean's API writes them."""

from __future__ import annotations

from typing import Any

from llama.testing.droplets.state import REGIONS, SIZES, Deed, Disk, Machine, Rented


def droplet(one: Machine, rented: Rented) -> dict[str, Any]:
    """A server; its addresses come when it is active."""
    slug, memory, vcpus, disk, price = next(size for size in SIZES if size[0] == one.size)
    public = {
        "ip_address": rented.habits.addresses(one.name, one.id),
        "netmask": "255.255.240.0",
        "gateway": "203.0.113.1",
        "type": "public",
    }
    private = {"ip_address": f"10.132.0.{one.id % 254 + 1}", "netmask": "255.255.0.0", "type": "private"}
    image = rented.disks.get(one.image)
    return {
        "id": one.id,
        "name": one.name,
        "memory": memory,
        "vcpus": vcpus,
        "disk": disk,
        "locked": False,
        "status": one.status,
        "kernel": None,
        "created_at": one.created,
        "features": [],
        "backup_ids": [],
        "snapshot_ids": [disk.id for disk in rented.disks.values() if disk.of == one.id],
        "image": {} if image is None else of_disk(image),
        "size": {"slug": slug, "price_hourly": price, "price_monthly": round(price * 672, 2)},
        "size_slug": slug,
        "networks": {"v4": [] if one.status == "new" else [private, public], "v6": []},
        "region": {"slug": one.region, "name": one.region.upper(), "available": True},
        "tags": list(one.tags),
        "volume_ids": [],
        "vpc_uuid": "",
    }


def of_disk(one: Disk) -> dict[str, Any]:
    """An image."""
    return {
        "id": one.id,
        "name": one.name,
        "distribution": "Debian",
        "slug": one.slug or None,
        "public": bool(one.slug),
        "regions": list(one.regions),
        "created_at": one.created,
        "min_disk_size": one.min_disk_gb,
        "size_gigabytes": one.min_disk_gb / 4,
        "type": one.kind,
        "status": "available",
        "error_message": "",
        "tags": [],
    }


def key(number: int, name: str, fingerprint: str) -> dict[str, Any]:
    """A key of the account."""
    return {"id": number, "name": name, "fingerprint": fingerprint, "public_key": f"ssh-ed25519 AAAA {name}"}


def tag(name: str, rented: Rented) -> dict[str, Any]:
    """A tag, with how many servers have it."""
    count = sum(name in one.tags for one in rented.machines.values())
    return {"name": name, "resources": {"count": count, "droplets": {"count": count}}}


def sizes() -> list[dict[str, Any]]:
    """What can be rented."""
    return [
        {
            "slug": slug,
            "memory": memory,
            "vcpus": vcpus,
            "disk": disk,
            "transfer": 4.0,
            "price_monthly": round(price * 672, 2),
            "price_hourly": price,
            "regions": list(REGIONS),
            "available": True,
            "description": "Basic",
        }
        for slug, memory, vcpus, disk, price in SIZES
    ]


def action(one: Deed) -> dict[str, Any]:
    """What is being done to a server."""
    return {
        "id": one.id,
        "status": one.status,
        "type": one.kind,
        "started_at": "2026-01-01T00:00:00Z",
        "completed_at": None if one.status == "in-progress" else "2026-01-01T00:00:01Z",
        "resource_id": one.server,
        "resource_type": "droplet",
        "region": None,
        "region_slug": "nyc3",
    }


def account(rented: Rented) -> dict[str, Any]:
    """Whose token it is."""
    return {
        "droplet_limit": rented.habits.limit,
        "floating_ip_limit": 5,
        "email": "operator@example.org",
        "uuid": "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
        "email_verified": True,
        "status": rented.habits.status,
        "status_message": "" if rented.habits.status == "active" else "Please contact support.",
    }
