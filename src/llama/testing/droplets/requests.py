"""What the cloud of tests answers: paths of version 2 of DigitalOcean's API, as far as `llama com do` walks them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from llama.testing.droplets import records
from llama.testing.droplets.state import REGIONS, SIZES, Disk, Machine, Refused, Rented

Answer = tuple[int, dict[str, Any] | None]
Asked = Mapping[str, str]
_MOST_NAMES = 10
_NAME = re.compile(r"[A-Za-z0-9.-]+")
_ACTS = frozenset({"shutdown", "power_off", "power_on", "snapshot", "reboot", "power_cycle"})


def answered(rented: Rented, method: str, path: str, query: Asked, body: dict[str, Any]) -> Answer:
    """Status and body; Refused when it is not granted."""
    rented.settle()
    for (verb, pattern), answer in _ROUTES.items():
        if verb == method and (found := re.fullmatch(pattern, path)):
            return answer(rented, found.groups(), query, body)
    raise Refused(404, "not_found", "The resource you were accessing could not be found.")


def _account(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    return 200, {"account": records.account(rented)}


def _droplets(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    wanted = [
        one
        for one in rented.machines.values()
        if query.get("name") in (None, one.name) and query.get("tag_name") in (None, *one.tags)
    ]
    return _page("droplets", [records.droplet(one, rented) for one in wanted], query, rented)


def _droplet(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    return 200, {"droplet": records.droplet(_machine(rented, which[0]), rented)}


def _order(rented: Rented, which: tuple[str, ...], query: Asked, body: dict[str, Any]) -> Answer:
    names = body.get("names") or ([body["name"]] if body.get("name") else [])
    if not names or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in names):
        raise _unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
    if len(names) > _MOST_NAMES:
        raise _unprocessable("too many droplet names, maximum is 10")
    size = next((one for one in SIZES if one[0] == body.get("size")), None)
    if size is None:
        raise _unprocessable("You specified an invalid size for Droplet creation.")
    if body.get("region") not in REGIONS:
        raise _unprocessable("You specified an invalid region for Droplet creation.")
    image = _image_of(rented, str(body.get("image", "")))
    if image is None or body["region"] not in image.regions:
        raise _unprocessable("You specified an invalid image for Droplet creation.")
    if image.min_disk_gb > size[3]:
        raise _unprocessable("This size is not available because the image requires a bigger disk.")
    keys = [int(one) for one in body.get("ssh_keys") or ()]
    if unknown := [one for one in keys if one not in rented.keys]:
        raise _unprocessable(f"{unknown[0]} are invalid key identifiers for Droplet creation.")
    made = rented.order(
        names,
        size=size[0],
        region=body["region"],
        image=image.id,
        keys=keys,
        tags=[str(one) for one in body.get("tags") or ()],
        user_data=str(body.get("user_data") or ""),
    )
    answer = [records.droplet(one, rented) for one in made]
    links: dict[str, Any] = {"links": {"actions": []}}
    return 202, ({"droplets": answer} if "names" in body else {"droplet": answer[0]}) | links


def _destroy(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    rented.destroy(_machine(rented, which[0]))
    return 204, None


def _act(rented: Rented, which: tuple[str, ...], query: Asked, body: dict[str, Any]) -> Answer:
    machine = _machine(rented, which[0])
    kind, name = body.get("type"), str(body.get("name") or "")
    if kind not in _ACTS:
        raise _unprocessable("type is not a valid action")
    if kind == "shutdown" and machine.status == "off":
        raise _unprocessable("Droplet is already powered off.")
    return 201, {"action": records.action(rented.act(machine, kind, name))}


def _action(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    deed = rented.deeds.get(int(which[0]))
    if deed is None:
        raise Refused(404, "not_found", "The resource you were accessing could not be found.")
    return 200, {"action": records.action(deed)}


def _snapshots_of(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    machine = _machine(rented, which[0])
    found = [records.of_disk(one) for one in rented.disks.values() if one.of == machine.id]
    return _page("snapshots", found, query, rented)


def _images(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    own = query.get("private") == "true"
    found = [records.of_disk(one) for one in rented.disks.values() if not (own and one.slug)]
    return _page("images", found, query, rented)


def _image(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    return 200, {"image": records.of_disk(_disk(rented, which[0]))}


def _remove_image(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    del rented.disks[_disk(rented, which[0]).id]
    return 204, None


def _keys(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    return _page("ssh_keys", [records.key(number, *one) for number, one in rented.keys.items()], query, rented)


def _tags(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    return _page("tags", [records.tag(name, rented) for name in rented.tags], query, rented)


def _remove_tag(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    if which[0] not in rented.tags:
        raise Refused(404, "not_found", "The resource you were accessing could not be found.")
    del rented.tags[which[0]]
    for one in rented.machines.values():
        one.tags = [name for name in one.tags if name != which[0]]
    return 204, None


def _sizes(rented: Rented, which: tuple[str, ...], query: Asked, body: Any) -> Answer:
    return _page("sizes", records.sizes(), query, rented)


_Part = Callable[[Rented, tuple[str, ...], Asked, dict[str, Any]], Answer]
_ROUTES: dict[tuple[str, str], _Part] = {
    ("GET", r"/v2/account"): _account,
    ("GET", r"/v2/account/keys"): _keys,
    ("GET", r"/v2/droplets"): _droplets,
    ("POST", r"/v2/droplets"): _order,
    ("GET", r"/v2/droplets/(\d+)"): _droplet,
    ("DELETE", r"/v2/droplets/(\d+)"): _destroy,
    ("POST", r"/v2/droplets/(\d+)/actions"): _act,
    ("GET", r"/v2/droplets/(\d+)/snapshots"): _snapshots_of,
    ("GET", r"/v2/actions/(\d+)"): _action,
    ("GET", r"/v2/images"): _images,
    ("GET", r"/v2/images/([^/]+)"): _image,
    ("DELETE", r"/v2/images/([^/]+)"): _remove_image,
    ("GET", r"/v2/tags"): _tags,
    ("DELETE", r"/v2/tags/([^/]+)"): _remove_tag,
    ("GET", r"/v2/sizes"): _sizes,
}


def _page(name: str, rows: list[dict[str, Any]], query: Asked, rented: Rented) -> Answer:
    number = max(int(query.get("page", 1)), 1)
    size = min(max(int(query.get("per_page", 20)), 1), rented.habits.page)
    following = {"next": f"https://api.digitalocean.com/v2/{name}?page={number + 1}&per_page={size}"}
    links = {"pages": following} if number * size < len(rows) else {}
    return 200, {name: rows[(number - 1) * size : number * size], "links": links, "meta": {"total": len(rows)}}


def _machine(rented: Rented, number: str) -> Machine:
    found = rented.machines.get(int(number))
    if found is None:
        raise Refused(404, "not_found", "The resource you were accessing could not be found.")
    return found


def _disk(rented: Rented, which: str) -> Disk:
    found = _image_of(rented, which)
    if found is None:
        raise Refused(404, "not_found", "The image you were accessing could not be found.")
    return found


def _image_of(rented: Rented, which: str) -> Disk | None:
    if which.isdigit():
        return rented.disks.get(int(which))
    return next((one for one in rented.disks.values() if one.slug and one.slug == which), None)


def _unprocessable(message: str) -> Refused:
    return Refused(422, "unprocessable_entity", message)
