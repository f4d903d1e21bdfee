"""Creating, destroying and snapshots on a cloud that keeps a state: nothing is billed or destroyed by accident."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from llama.fleet.choosing import choose_image, choose_keys, choose_server, choose_servers, choose_size
from llama.fleet.creating import Creation, ServerWish, Waiting, create, plan_creation, wait_active
from llama.fleet.destroying import destroy, doom, doom_outlived, forget_lifetimes
from llama.fleet.errors import Ambiguous, BadPattern, FleetError, NotFinished, NotPossible, NotThere
from llama.fleet.snapshots import Pace, plan_snapshot, take_snapshot
from llama.ports import Cloud, CloudError, CloudRefused, ReadOnlyToken
from llama.sections import Secret
from llama.services.droplets import DropletsSettings
from llama.services.droplets.adapter import open_adapter
from llama.testing import DropletsServer

pytestmark = pytest.mark.slow
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SIZE = "s-2vcpu-4gb"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DropletsServer]:
    with DropletsServer() as found:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(found.authority))
        found.habits.boot_s = found.habits.shutdown_s = found.habits.snapshot_s = 0.0
        found.state.add_key("laptop")
        found.state.add_image("bns")
        yield found


@pytest.fixture
def cloud(server: DropletsServer) -> Cloud:
    return connected(server, server.token)


def connected(server: DropletsServer, token: str) -> Cloud:
    return open_adapter(DropletsSettings(token=Secret(token), endpoint=server.url, pause_s=0.001, tries=3))


def wish(*words: str, **changes: Any) -> ServerWish:
    return replace(ServerWish(words, "bns", SIZE, "nyc3"), **changes)


def planned(cloud: Cloud, *words: str, **changes: Any) -> Creation:
    return plan_creation(cloud, wish(*words, **changes), NOW)


def names(server: DropletsServer) -> list[str]:
    return sorted(one.name for one in server.state.machines.values())


# ---------------------------------------------------------------------- creating


def test_a_hundred_are_created_ten_at_a_time(server: DropletsServer, cloud: Cloud) -> None:
    creation = planned(cloud, "llama-{00..97}", tags=("bns",), lifetime_h=24.0, user_data="#!/bin/sh\n")
    assert (len(creation.names), creation.before, creation.after, creation.limit) == (98, 0, 98, 100)
    assert creation.per_hour_usd == pytest.approx(98 * 0.03571)
    assert server.state.machines == {}, "planning orders nothing"
    made = list(create(cloud, creation, 0.001))
    assert [one.name for one in made] == [f"llama-{number:02d}" for number in range(98)] == names(server)
    assert sum(line == "POST /v2/droplets" for line in server.asked) == 1 + 10  # one to see whether we may
    one = server.state.machines[made[0].id]
    assert one.tags == ["bns", "llama-until:2026-12-02T12Z"] and one.user_data == "#!/bin/sh\n"
    assert one.keys == list(server.state.keys)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"words": ["llama-*"]}, BadPattern, "is a glob"),
        ({"words": ["llama_0"]}, BadPattern, "cannot be the name"),
        ({"words": ["llama-{0..100}"]}, NotPossible, "101 servers more would be 102, .* 100; there is room for 99"),
        ({"words": ["web"]}, NotPossible, "web: there is such a server already; nothing was created"),
        ({"image": "bn"}, NotThere, r"no image is called bn \(did you mean bns\?\); `llama com do -S` lists"),
        ({"image": "twice"}, Ambiguous, r"2 images are called twice; name one by its id: \d+ \(of 20"),
        ({"image": "elsewhere"}, NotPossible, "is in fra1 and not in nyc3; give --region"),
        ({"image": "large"}, NotPossible, "needs a disk of 160 GB and s-2vcpu-4gb has 80; give a larger --size"),
        ({"size": "s-2vcpu-4g"}, NotThere, r"no size is called s-2vcpu-4g \(did you mean s-2vcpu-4gb\?\)"),
        ({"region": "mars1"}, NotPossible, "not in mars1"),
        ({"keys": ["desk"]}, NotThere, "no key is called desk; there are laptop, same, same"),
        ({"keys": ["same"]}, Ambiguous, "2 keys are called same; name one by its id"),
        ({"tags": ["two words"]}, BadPattern, "'two words' cannot be a tag"),
        ({"user_data": "echo"}, NotPossible, "begins neither with #cloud-config nor with #!"),
        ({"user_data": "#!" + "x" * 65536}, NotPossible, "65538 bytes; the cloud takes 65536"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_asked(
    server: DropletsServer, cloud: Cloud, changes: dict[str, Any], error: type[FleetError], says: str
) -> None:
    server.state.add_server("web")
    for name in ("twice", "twice"):
        server.state.add_image(name)
    server.state.add_image("elsewhere", regions=["fra1"])
    server.state.add_image("large", min_disk_gb=160)
    for name in ("same", "same"):
        server.state.add_key(name)
    with pytest.raises(error, match=says):
        planned(cloud, "llama-0", **changes)
    assert names(server) == ["web"]


def test_an_account_that_is_locked_or_has_no_key(server: DropletsServer, cloud: Cloud) -> None:
    server.habits.status = "locked"
    with pytest.raises(NotPossible, match="the account is locked: Please contact support"):
        planned(cloud, "llama-0")
    server.state.keys.clear()
    with pytest.raises(NotThere, match="no SSH key, so nobody could log in"):
        planned(cloud, "llama-0")


def test_a_token_that_may_only_read_is_named_before_anything_is_created(server: DropletsServer) -> None:
    with pytest.raises(ReadOnlyToken, match="it may only read"):
        planned(connected(server, server.reader), "llama-0")


def test_images_and_keys_by_id_and_public_ones(server: DropletsServer, cloud: Cloud) -> None:
    second = server.state.add_image("bns")
    with pytest.raises(Ambiguous, match="2 images are called bns"):
        choose_image("bns", cloud)
    assert choose_image(str(second.id), cloud).id == second.id
    assert choose_image("debian-13-x64", cloud).kind == "base"
    with pytest.raises(NotThere, match=r"no image is called ../x"):
        choose_image("../x", cloud)
    (key,) = cloud.ssh_keys()
    assert choose_keys([key.fingerprint, "laptop", str(key.id)], [key]) == [key]
    with pytest.raises(NotThere, match="no size is called x; there are s-1vcpu-1gb"):
        choose_size("x", cloud.sizes())


def test_missing_ones_are_made_and_the_others_left(server: DropletsServer, cloud: Cloud) -> None:
    server.state.add_server("llama-1")
    creation = planned(cloud, "llama-{0..2}", missing=True)
    assert creation.names == ("llama-0", "llama-2") and creation.there == ("llama-1",)
    assert [one.name for one in create(cloud, creation, 0.001)] == ["llama-0", "llama-2"]


def test_quota_reached_half_way_tells_what_was_made(server: DropletsServer, cloud: Cloud) -> None:
    creation = planned(cloud, "llama-{00..99}")
    server.habits.enforced = 45
    made = []
    with pytest.raises(CloudRefused, match=r"creating llama-40 to llama-49 .*will exceed your droplet limit"):
        made.extend(create(cloud, creation, 0.001))
    assert [one.name for one in made] == names(server) == [f"llama-{number:02d}" for number in range(40)]


def test_an_order_whose_answer_is_lost_is_looked_up_and_not_given_again(server: DropletsServer, cloud: Cloud) -> None:
    creation = planned(cloud, "llama-{00..14}")
    server.lose(where="POST /v2/droplets")
    assert sorted(one.name for one in create(cloud, creation, 0.001)) == names(server)
    assert len(server.state.machines) == 15


def test_an_order_that_was_never_heard_is_told_and_can_be_completed(server: DropletsServer, cloud: Cloud) -> None:
    creation = planned(cloud, "llama-{00..14}")
    server.fail(500, where="POST /v2/droplets")
    with pytest.raises(NotFinished, match=r"llama-00, .* did not appear; `--missing` makes what is not there"):
        list(create(cloud, creation, 0.001))
    assert names(server) == []
    assert len(list(create(cloud, planned(cloud, "llama-{00..14}", missing=True), 0.001))) == 15


def test_an_order_that_is_lost_and_cannot_be_looked_up(server: DropletsServer, cloud: Cloud) -> None:
    creation = planned(cloud, "llama-0")
    server.lose(where="POST /v2/droplets")
    server.fail(503, times=3, where="GET /v2/droplets")
    with pytest.raises(NotFinished, match="whether llama-0 were made is not known"):
        list(create(cloud, creation, 0.001))


def test_waiting_tells_who_never_becomes_active(server: DropletsServer, cloud: Cloud) -> None:
    server.habits.never_active = {"llama-1"}
    made = list(create(cloud, planned(cloud, "llama-{0..2}"), 0.001))
    looks: list[Waiting] = []
    state = wait_active(cloud, {one.id for one in made}, 0.05, 0.01, looks.append)
    assert [one.name for one in state.active] == ["llama-0", "llama-2"]
    assert [(one.name, one.status) for one in state.others] == [("llama-1", "new")]
    assert len(looks) > 1
    server.habits.never_active = set()
    assert wait_active(cloud, {one.id for one in made}, 60.0, 0.01, looks.append).others == ()


# ---------------------------------------------------------------------- destroying


def populated(server: DropletsServer) -> None:
    for name in ("llama-0", "llama-1"):
        server.state.add_server(name, tags=["llama-until:2026-12-01T12Z"])
    server.state.add_server("llama-2", tags=["llama-until:2026-12-01T13Z"])
    server.state.add_server("llama-analysis", tags=["llama-protected", "llama-until:2026-01-01T00Z"])
    server.state.add_server("web")


def test_only_what_is_meant_is_destroyed(server: DropletsServer, cloud: Cloud) -> None:
    populated(server)
    doomed = doom(cloud.servers(), ["llama-{0..1}"], really=False)
    assert [one.name for one in destroy(cloud, doomed)] == ["llama-0", "llama-1"]
    assert names(server) == ["llama-2", "llama-analysis", "web"] and not doomed.every
    forget_lifetimes(cloud, doomed.servers)
    assert "llama-until:2026-12-01T12Z" not in server.state.tags
    assert {"llama-until:2026-12-01T13Z", "llama-protected"} <= server.state.tags.keys()


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["llama-*"], NotPossible, "llama-analysis has the tag llama-protected; nothing was destroyed"),
        (["*"], NotPossible, r"llama-analysis has the tag llama-protected, web is not called llama-\*; nothing"),
        (["web"], NotPossible, "add --really if these are meant"),
        (["llama-9*"], NotThere, r"no server is called llama-9\*; there are llama-0, llama-1"),
        (["llama-{1..3}"], NotThere, "no server is called llama-3"),
    ],
)
def test_what_is_not_to_be_destroyed(
    server: DropletsServer, cloud: Cloud, words: list[str], error: type[FleetError], says: str
) -> None:
    populated(server)
    with pytest.raises(error, match=says):
        doom(cloud.servers(), words, really=False)


def test_everything_only_when_it_is_really_meant(server: DropletsServer, cloud: Cloud) -> None:
    populated(server)
    doomed = doom(cloud.servers(), ["*"], really=True)
    assert doomed.every and len(doomed.servers) == 5
    assert doomed.per_hour_usd == pytest.approx(5 * 0.03571)


def test_what_has_outlived_its_time_is_reaped_and_sheltered_ones_spared(server: DropletsServer, cloud: Cloud) -> None:
    populated(server)
    servers = cloud.servers()
    doomed = doom_outlived(servers, [], NOW, really=False)
    assert [one.name for one in doomed.servers] == ["llama-0", "llama-1"]
    assert doomed.spared == ("llama-analysis has the tag llama-protected",)
    assert [one.name for one in doom_outlived(servers, ["llama-1*"], NOW, really=False).servers] == ["llama-1"]
    assert "llama-analysis" in [one.name for one in doom_outlived(servers, [], NOW, really=True).servers]


def test_two_servers_of_one_name(server: DropletsServer, cloud: Cloud) -> None:
    """The cloud lets names repeat: a glob means both, a single one needs its id."""
    first, second = server.state.add_server("llama-0"), server.state.add_server("llama-0")
    servers = cloud.servers()
    assert [one.id for one in choose_servers(["llama-0"], servers)] == [first.id, second.id]
    with pytest.raises(Ambiguous, match=f"name one by its id: {first.id} "):
        choose_server("llama-0", servers)
    assert choose_server(str(second.id), servers).id == second.id


# ---------------------------------------------------------------------- snapshots


def quick(**changes: Any) -> Pace:
    return replace(Pace(0.001, lambda what, seconds: None, ends_within_s=0.05, starts_within_s=0.2), **changes)


def kinds(server: DropletsServer) -> list[str]:
    return [one.kind for one in server.state.deeds.values()]


@pytest.mark.parametrize("start", [False, True])
def test_a_snapshot_powers_off_first(server: DropletsServer, cloud: Cloud, start: bool) -> None:
    one = server.state.add_server("llama-0")
    taking = plan_snapshot(cloud, "whole", "llama-0", replace=False, start=start)
    image = take_snapshot(cloud, taking, quick())
    assert image.name == "whole" and image.id in server.state.disks
    assert kinds(server) == ["shutdown", "snapshot", *(["power_on"] if start else [])]
    assert one.status == ("active" if start else "off")


def test_one_that_heeds_no_shutdown_has_its_power_cut(server: DropletsServer, cloud: Cloud) -> None:
    server.state.add_server("llama-0")
    server.habits.never_ends = {"llama-0"}
    take_snapshot(cloud, plan_snapshot(cloud, "whole", "llama-0", replace=False, start=False), quick())
    assert kinds(server) == ["shutdown", "power_off", "snapshot"]


def test_it_waits_while_the_cloud_is_busy_with_the_server(server: DropletsServer, cloud: Cloud) -> None:
    """A shutdown that is not heeded goes on for a while, and nothing else may begin meanwhile."""
    server.state.add_server("llama-0")
    server.habits.never_ends = {"llama-0"}
    server.habits.shutdown_s = 0.15  # longer than it is waited for
    pace = quick(ends_within_s=0.05, starts_within_s=60.0)
    take_snapshot(cloud, plan_snapshot(cloud, "whole", "llama-0", replace=False, start=False), pace)
    assert kinds(server) == ["shutdown", "power_off", "snapshot"]
    tried = sum(line.startswith("POST") for line in server.asked)
    assert tried > 3, "the cloud refused some"


def test_a_snapshot_is_begun_when_the_cloud_lets_go_of_the_server(server: DropletsServer, cloud: Cloud) -> None:
    server.state.add_server("llama-0", status="off")
    server.fail(422, times=3, where="/actions")
    pace = quick(ends_within_s=60.0)
    taking = plan_snapshot(cloud, "whole", "llama-0", replace=False, start=False)
    assert take_snapshot(cloud, taking, pace).name == "whole"
    server.fail(403, where="/actions")
    with pytest.raises(ReadOnlyToken):
        take_snapshot(cloud, replace(taking, name="other"), pace)


def test_the_old_image_goes_only_when_the_new_one_is_complete(server: DropletsServer, cloud: Cloud) -> None:
    server.state.add_server("llama-0", status="off")
    old = next(one for one in server.state.disks.values() if one.name == "bns")
    with pytest.raises(NotPossible, match=r"there is an image bns already, of 20.*choose another name, or --replace"):
        plan_snapshot(cloud, "bns", "llama-0", replace=False, start=False)
    taking = plan_snapshot(cloud, "bns", "llama-0", replace=True, start=False)
    server.habits.fails = {"snapshot"}
    with pytest.raises(NotFinished, match=f"failed .*; {old.id} of that name is kept"):
        take_snapshot(cloud, taking, quick())
    assert old.id in server.state.disks
    server.habits.fails = set()
    image = take_snapshot(cloud, taking, quick())
    assert old.id not in server.state.disks and image.id in server.state.disks


def test_a_snapshot_whose_beginning_is_uncertain_removes_nothing(server: DropletsServer, cloud: Cloud) -> None:
    server.state.add_server("llama-0", status="off")
    taking = plan_snapshot(cloud, "bns", "llama-0", replace=True, start=False)
    server.lose(where="/actions")
    with pytest.raises(NotFinished, match=r"whether the snapshot was begun is not known; .* is kept"):
        take_snapshot(cloud, taking, quick())
    assert next(one.id for one in taking.old) in server.state.disks


def test_a_server_that_was_to_start_again_does_so_in_any_case(server: DropletsServer, cloud: Cloud) -> None:
    one = server.state.add_server("llama-0")
    server.habits.fails = {"snapshot"}
    with pytest.raises(NotFinished, match="the snapshot of llama-0 failed"):
        take_snapshot(cloud, plan_snapshot(cloud, "x", "llama-0", replace=False, start=True), quick())
    assert one.status == "active"


def test_of_what_no_snapshot_is_taken(server: DropletsServer, cloud: Cloud) -> None:
    server.state.add_server("llama-0", status="new")
    server.habits.never_active = {"llama-0"}
    with pytest.raises(NotPossible, match="llama-0 is new; it must be active or off"):
        plan_snapshot(cloud, "x", "llama-0", replace=False, start=False)
    with pytest.raises(NotThere, match=r"no server is called llama-00 \(did you mean llama-0\?\)"):
        plan_snapshot(cloud, "x", "llama-00", replace=False, start=False)


def test_a_server_that_goes_away_meanwhile(server: DropletsServer, cloud: Cloud) -> None:
    one = server.state.add_server("llama-0")
    taking = plan_snapshot(cloud, "x", "llama-0", replace=False, start=False)
    del server.state.machines[one.id]
    with pytest.raises((NotFinished, CloudError), match="is gone; somebody else has destroyed it"):
        take_snapshot(cloud, taking, quick())
