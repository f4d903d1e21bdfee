"""DigitalOcean behind `llama.ports.Cloud`, by its own library `pydo`, of which only this room knows."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydo import Client

from llama.ports import (
    Account,
    Act,
    CloudAction,
    CloudRefused,
    Image,
    NewServers,
    Server,
    ServerSize,
    ServerTag,
    SSHKey,
)
from llama.services.droplets import answers
from llama.services.droplets.asking import CloudPatience, Unprocessable
from llama.services.droplets.setup import DropletsSettings

# What it warns of comes as an error too, which is told
logging.getLogger("azure").addHandler(logging.NullHandler())

_PER_PAGE = 200
_MOST_PAGES = 500
_CONNECT_S = 10.0
_GONE = 404


class DropletsAdapter:
    """The cloud. The client is made at the first question, so that opening it reaches nobody."""

    def __init__(self, settings: DropletsSettings, patience: CloudPatience) -> None:
        self._settings = settings
        self._patience = patience
        self._made: Any = None

    @property
    def _client(self) -> Any:
        if self._made is None:
            token = self._settings.token.reveal() if self._settings.token is not None else ""
            # Without tries of its own, which would order servers twice; and the token follows no redirection
            self._made = Client(
                token,
                endpoint=self._settings.endpoint,
                timeout=math.ceil(self._settings.timeout_s + _CONNECT_S),
                connection_timeout=min(_CONNECT_S, self._settings.timeout_s),
                read_timeout=self._settings.timeout_s,
                retry_total=0,
                permit_redirects=False,
            )
        return self._made

    def account(self) -> Account:
        return answers.account(self._ask("the account", lambda: self._client.account.get()))

    def servers(self) -> Sequence[Server]:
        found = self._listed("servers", "droplets", lambda **page: self._client.droplets.list(**page))
        return sorted(map(answers.server, found), key=lambda one: (one.name, one.id))

    def server(self, server_id: int) -> Server | None:
        answer = self._ask(f"server {server_id}", lambda: self._client.droplets.get(server_id, cls=_or_none))
        return None if answer is None else answers.server(answer.get("droplet"))

    def images(self) -> Sequence[Image]:
        found = self._listed("images", "images", lambda **page: self._client.images.list(private=True, **page))
        return sorted(map(answers.image, found), key=lambda one: (one.name, one.id))

    def public_image(self, slug: str) -> Image | None:
        answer = self._ask(f"image {slug}", lambda: self._client.images.get(slug, cls=_or_none))
        return None if answer is None else answers.image(answer.get("image"))

    def ssh_keys(self) -> Sequence[SSHKey]:
        found = self._listed("keys", "ssh_keys", lambda **page: self._client.ssh_keys.list(**page))
        return sorted(map(answers.key, found), key=lambda one: (one.name, one.id))

    def tags(self) -> Sequence[ServerTag]:
        found = self._listed("tags", "tags", lambda **page: self._client.tags.list(**page))
        return sorted(map(answers.tag, found), key=lambda one: one.name)

    def sizes(self) -> Sequence[ServerSize]:
        found = self._listed("sizes", "sizes", lambda **page: self._client.sizes.list(**page))
        return sorted(map(answers.size, found), key=lambda one: (one.per_hour_usd, one.slug))

    def require_may_create(self) -> None:
        """An order of nothing: whoever may order is told that it is incomplete, whoever may not is told that."""
        try:
            self._ask("an order of nothing", lambda: self._client.droplets.create(body={}))
        except Unprocessable:
            return

    def create(self, new: NewServers) -> Sequence[Server]:
        body: dict[str, Any] = {
            "names": list(new.names),
            "image": new.image,
            "size": new.size,
            "region": new.region,
            "ssh_keys": list(new.keys),
            "tags": list(new.tags),
        }
        if new.user_data:
            body["user_data"] = new.user_data
        what = f"creating {new.names[0]}" + (f" to {new.names[-1]}" if len(new.names) > 1 else "")
        answer = self._ask(what, lambda: self._client.droplets.create(body=body), changes=True)
        return [answers.server(row) for row in answers.rows(answer, "droplets")]

    def destroy(self, server_id: int) -> None:
        # Asked twice it is done once: what is gone stays gone, and its id is never given again
        self._ask(f"destroying server {server_id}", lambda: self._client.droplets.destroy(server_id, cls=_or_none))

    def act(self, server_id: int, kind: Act, name: str = "") -> CloudAction:
        body = {"type": kind} | ({"name": name} if name else {})
        what = f"{kind.replace('_', ' ')} of server {server_id}"
        answer = self._ask(what, lambda: self._client.droplet_actions.post(server_id, body=body), changes=True)
        return answers.action(answer, server_id)

    def action(self, action_id: int) -> CloudAction:
        return answers.action(self._ask(f"action {action_id}", lambda: self._client.actions.get(action_id)))

    def snapshots_of(self, server_id: int) -> Sequence[Image]:
        def page(**which: Any) -> Any:
            return self._client.droplets.list_snapshots(server_id, **which)

        found = self._listed(f"snapshots of server {server_id}", "snapshots", page)
        return sorted(map(answers.image, found), key=lambda one: (one.created, one.id))

    def remove_image(self, image_id: int) -> None:
        self._ask(f"deleting image {image_id}", lambda: self._client.images.delete(image_id, cls=_or_none))

    def remove_tags(self, names: Iterable[str]) -> None:
        for name in names:
            self._remove_tag(name)

    def _remove_tag(self, name: str) -> None:
        self._ask(f"deleting tag {name}", lambda: self._client.tags.delete(name, cls=_or_none))

    def close(self) -> None:
        made, self._made = self._made, None
        if made is not None:
            made.close()

    def _ask(self, what: str, question: Callable[[], Any], *, changes: bool = False) -> Any:
        answer = self._patience.ask(what, question, changes=changes)
        if isinstance(answer, dict) and answer.get("id") == "not_found" and "message" in answer:
            # The library takes a 404 for an answer like any other
            raise CloudRefused(f"{what} at {self._patience.host}: there is no such thing (404)")
        return answer

    def _listed(self, what: str, name: str, page: Callable[..., Any]) -> list[dict[str, Any]]:
        """All pages; what moved from one page to the next while we turned it is told once."""
        found: dict[str, dict[str, Any]] = {}
        for number in range(1, _MOST_PAGES + 1):
            answer = self._ask(what, lambda number=number: page(page=number, per_page=_PER_PAGE))  # type: ignore[misc]
            for row in answers.rows(answer, name):
                found[str(row.get("id") or row.get("slug") or row.get("name"))] = row
            if not answers.has_more(answer):
                break
        return list(found.values())


def _or_none(response: Any, body: Any, headers: Any) -> Any:
    """None for what is not there; the body of any other answer, an empty object where it has none."""
    return None if response.http_response.status_code == _GONE else (body or {})


def open_adapter(settings: DropletsSettings) -> DropletsAdapter:
    """The adapter for these settings."""
    patience = CloudPatience(
        host=urlsplit(settings.endpoint).netloc,
        timeout_s=settings.timeout_s,
        tries=settings.tries,
        pause_s=settings.pause_s,
        secrets=() if settings.token is None else (settings.token,),
    )
    return DropletsAdapter(settings, patience)
