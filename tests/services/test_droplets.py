"""DigitalOcean through its own client, against a server that speaks its protocol and does what goes wrong in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llama.ports import CloudError, CloudRefused, NewServers, ReadOnlyToken, Uncertain
from llama.sections import Secret
from llama.services.droplets import PROVIDER, DropletsSettings
from llama.services.droplets.adapter import DropletsAdapter, open_adapter
from llama.services.droplets.asking import CloudPatience, NotDone
from llama.testing import DropletsServer, check_service, world

pytestmark = pytest.mark.slow


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DropletsServer]:
    with DropletsServer() as found:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(found.authority))
        yield found


def connected(server: DropletsServer, **changes: Any) -> DropletsAdapter:
    usual = DropletsSettings(token=Secret(server.token), endpoint=server.url, pause_s=0.001, tries=3)
    return open_adapter(replace(usual, **changes))


def ordered(server: DropletsServer, *names: str, image: int | None = None) -> NewServers:
    key = server.state.add_key("laptop")
    found = server.state.add_image("llama-bns").id if image is None else image
    return NewServers(names, found, "s-2vcpu-4gb", "nyc3", (key,), ("llama-x",), "#!/bin/sh\n")


def test_it_keeps_the_contract_of_a_service(tmp_path: Path) -> None:
    check_service(PROVIDER, tmp_path)


def test_servers_come_and_go(server: DropletsServer) -> None:
    cloud = connected(server)
    made = cloud.create(ordered(server, "llama-01", "llama-00"))
    assert [(one.name, one.status, one.ip, one.tags) for one in made] == [
        ("llama-01", "new", "", ("llama-x",)),
        ("llama-00", "new", "", ("llama-x",)),
    ]
    server.state.machines[made[0].id].due = server.state.machines[made[1].id].due = 0.0
    found = cloud.servers()
    assert [(one.name, one.status) for one in found] == [("llama-00", "active"), ("llama-01", "active")]
    assert all(one.ip.startswith("203.0.113.") and one.private_ip.startswith("10.") for one in found)
    first = found[0]
    assert (first.size, first.memory_mb, first.vcpus, first.disk_gb) == ("s-2vcpu-4gb", 4096, 2, 80)
    assert (first.per_hour_usd, first.region, first.image) == (0.03571, "nyc3", "llama-bns")
    assert server.state.machines[first.id].user_data == "#!/bin/sh\n"
    cloud.destroy(first.id)
    cloud.destroy(first.id)  # what is gone already is no error
    assert cloud.server(first.id) is None and [one.name for one in cloud.servers()] == ["llama-01"]


def test_what_belongs_to_servers_is_listed(server: DropletsServer) -> None:
    server.habits.limit = 42
    image, key = server.state.add_image("llama-bns"), server.state.add_key("laptop")
    server.state.add_server("llama-00", tags=["b", "a"])
    cloud = connected(server)
    assert (cloud.account().limit, cloud.account().status) == (42, "active")
    assert [(one.id, one.name, one.kind) for one in cloud.images()] == [(image.id, "llama-bns", "snapshot")]
    assert [(one.id, one.name) for one in cloud.ssh_keys()] == [(key, "laptop")]
    assert [(one.name, one.servers) for one in cloud.tags()] == [("a", 1), ("b", 1)]
    assert [one.slug for one in cloud.sizes()] == ["s-1vcpu-1gb", "s-2vcpu-4gb", "s-4vcpu-8gb"]
    public = cloud.public_image("debian-12-x64")
    assert public is not None and public.slug == "debian-12-x64" and public.min_disk_gb == 7
    assert cloud.public_image("debian-99-x64") is None
    cloud.remove_tags(["a", "nobody-has-it"])
    assert [one.name for one in cloud.tags()] == ["b"]
    cloud.remove_image(image.id)
    cloud.remove_image(image.id)
    assert cloud.images() == []


def test_lists_go_over_pages(server: DropletsServer) -> None:
    server.habits.page = 7
    for number in range(30):
        server.state.add_server(f"llama-{number:02d}")
    assert [one.name for one in connected(server).servers()] == [f"llama-{number:02d}" for number in range(30)]
    assert len(server.asked) == 5


def test_actions_and_snapshots(server: DropletsServer) -> None:
    machine = server.state.add_server("llama-00")
    cloud = connected(server)
    server.habits.snapshot_s = 0.0
    action = cloud.act(machine.id, "snapshot", "whole")
    assert (action.kind, action.status, action.server_id) == ("snapshot", "in-progress", machine.id)
    assert cloud.action(action.id).status == "completed"
    assert [(one.name, one.min_disk_gb) for one in cloud.snapshots_of(machine.id)] == [("whole", 80)]
    server.habits.shutdown_s = 60.0
    cloud.act(machine.id, "shutdown")
    with pytest.raises(CloudRefused, match="already has a pending event"):
        cloud.act(machine.id, "power_off")
    with pytest.raises(CloudRefused, match=r"action 12345 .*no such thing"):
        cloud.action(12345)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_question_is_asked_again(server: DropletsServer, status: int) -> None:
    server.fail(status, times=2, retry_after="0.002")
    assert connected(server).servers() == [] and len(server.asked) == 3
    server.fail(status, times=3)
    with pytest.raises(CloudError, match=r"servers at 127.0.0.1:\d+: .*\(asked 3 times\); try again later"):
        connected(server).servers()


def test_an_order_is_given_again_only_when_it_was_not_heard(server: DropletsServer) -> None:
    order, cloud = ordered(server, "llama-00"), connected(server)
    server.fail(429, times=2, where="POST", retry_after="0.002")
    cloud.create(order)
    assert len(server.state.machines) == 1
    for told in (lambda: server.lose(where="POST"), lambda: server.fail(503, where="POST")):
        asked = len(server.asked)
        told()
        with pytest.raises(Uncertain):
            cloud.create(replace(order, names=("llama-01",)))
        assert len(server.asked) == asked + 1
    assert [one.name for one in cloud.servers()] == ["llama-00", "llama-01"]


def test_silence_has_an_end(server: DropletsServer) -> None:
    server.stall(1.0, times=2)
    cloud = connected(server, timeout_s=0.1, tries=1)
    with pytest.raises(CloudError, match=r"no answer within 0\.1 s"):
        cloud.servers()
    with pytest.raises(Uncertain, match=r"no answer within 0\.1 s"):
        cloud.create(ordered(server, "llama-00"))


def test_answers_that_come_damaged(server: DropletsServer) -> None:
    cloud = connected(server)
    server.send_half()
    server.send_garbage()
    assert cloud.servers() == []
    server.send_half(where="POST")
    with pytest.raises(Uncertain, match="cut short"):
        cloud.create(ordered(server, "llama-00"))


def test_tokens(server: DropletsServer) -> None:
    with pytest.raises(CloudRefused, match=r"the token is not accepted \(401\); renew \$DIGITALOCEAN"):
        connected(server, token=Secret("wrong-t0ken")).servers()
    reader = connected(server, token=Secret(server.reader))
    assert reader.servers() == []
    with pytest.raises(ReadOnlyToken, match=r"may not do this \(403\).*may only read"):
        reader.require_may_create()
    connected(server).require_may_create()
    assert server.state.machines == {}


def test_refusals_are_told_in_the_clouds_words(server: DropletsServer) -> None:
    cloud = connected(server)
    server.habits.limit = 1
    with pytest.raises(CloudRefused, match=r"creating llama-0 to llama-1 .*will exceed your droplet limit"):
        cloud.create(ordered(server, "llama-0", "llama-1"))
    with pytest.raises(CloudRefused, match="invalid image"):
        cloud.create(ordered(server, "llama-0", image=99))
    assert server.state.machines == {}


def test_nobody_there_and_one_who_is_not_trusted(server: DropletsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(CloudRefused, match="its certificate is not accepted"):
        connected(server).servers()
    with pytest.raises(CloudError, match=r"127.0.0.1:9: no connection .*\(asked 3 times\)"):
        connected(server, endpoint="https://127.0.0.1:9").servers()


def test_the_token_goes_over_https_only_and_is_shown_nowhere(server: DropletsServer, tmp_path: Path) -> None:
    with world(tmp_path, {"DIGITALOCEAN": "dop_planted", "LLAMA_DROPLETS_ENDPOINT": "http://127.0.0.1"}) as app:
        assert "over https only" in (app.lacks(PROVIDER.key) or "")
    with world(tmp_path, {}) as app:
        assert "set $DIGITALOCEAN" in (app.lacks(PROVIDER.key) or "")
    cloud = connected(server, token=Secret("dop_planted"))
    with pytest.raises(CloudRefused) as caught:
        cloud.servers()
    assert "planted" not in f"{caught.value!r} {cloud!r} {caught.value}"


def waited(headers: dict[str, str]) -> float:
    """What is waited after a 429 with these headers."""
    slept: list[float] = []
    patience = CloudPatience("x", 1.0, 2, 0.5, sleep=slept.append, clock=lambda: 1000.0, told=lambda sentence: None)
    with pytest.raises(CloudError):
        patience.ask("x", lambda: fail(NotDone("x", patience._after_s(headers))))
    return slept[0]


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.5),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.1"}, 0.5),
        ({"ratelimit-reset": "1090"}, 90.0),
        ({"ratelimit-reset": "900"}, 0.5),
        ({"ratelimit-reset": "999999"}, 3700.0),
        ({"Retry-After": "soon"}, 0.5),
    ],
)
def test_headers_say_when_to_ask_again(headers: dict[str, str], seconds: float) -> None:
    assert waited(headers) == pytest.approx(seconds)


def test_the_server_forgets_nothing_over_time(server: DropletsServer) -> None:
    """Its clock is that of the machine: a server is new until it is due, and active from then on."""
    server.habits.boot_s = 30.0
    cloud = connected(server)
    (made,) = cloud.create(ordered(server, "llama-00"))
    assert server.state.machines[made.id].due > time.monotonic()
    assert cloud.servers()[0].status == "new"
