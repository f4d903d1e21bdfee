"""The listener and the poller together have every public alert of a gap, each once, in whatever order they come."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llama.app import messengers
from llama.engine.folder import Event, Run
from llama.flags import PRESETS
from llama.intake import FETCHED, Archive, Intake, files_between
from llama.messengers import Message
from llama.operate.fetched import FILENAME
from llama.operate.polling import LOOK_BACK_S, Polled, Poller
from llama.ports import GraceDB, GraceDBError
from llama.science.times import format_utc, gps_from_utc
from llama.services.gracedb import GraceDBSettings
from llama.services.gracedb.adapter import open_adapter
from llama.testing import NOW, GraceDBServer, superevent_record

PRELIMINARY = "notices/igwn_json/igwn_gwalert_preliminary.json"
VOEVENT = "notices/lvk_voevent/S190521r-2-Initial.xml"
FLAT = "skymaps/events/S190425z_bayestar_G330561.fits.gz"
LATER = NOW + timedelta(hours=1)
GPS = gps_from_utc(format_utc(NOW)) - 1000.0


@pytest.fixture
def server() -> Iterator[GraceDBServer]:
    with GraceDBServer() as running:
        yield running


def gracedb(server: GraceDBServer) -> GraceDB:
    return open_adapter(GraceDBSettings(service_url=server.url, pause_s=0.001, tries=2))


def poller(server: GraceDBServer, folder: Path) -> Poller:
    return Poller(gracedb(server), listener(folder))


def poll(server: GraceDBServer, folder: Path, *, now: datetime = LATER, **how: Any) -> Polled:
    return poller(server, folder).poll(now=now, **how)


def listener(folder: Path) -> Intake:
    return Intake(Run(folder / "run"), Archive(folder / "gcn"), messengers().values())


def alert(data: Path, kind: str, at: datetime, graceid: str = "S260101a", **changes: Any) -> bytes:
    """A real notice under another name, its map left out so that many are quick."""
    notice = json.loads((data / PRELIMINARY).read_bytes())
    notice["event"] |= {"skymap": None, "search": "AllSky", "time": format_utc(NOW - timedelta(seconds=1000))}
    notice |= {"superevent_id": graceid, "alert_type": kind, "time_created": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    notice["urls"] = {"gracedb": f"https://gracedb.ligo.org/superevents/{graceid}/view/"}
    if kind == "RETRACTION":
        notice["event"] = None
    return json.dumps(notice | changes).encode()


def known(server: GraceDBServer, graceid: str, gps: float = GPS, *labels: str) -> str:
    return server.state.add(superevent_record({"superevent_id": graceid}, gps, labels))


def names(folder: Path) -> list[str]:
    return [event.id for event in Run(folder / "run").events()]


def story(data: Path, graceid: str, begun: datetime) -> list[bytes]:
    """The alerts of one superevent, in order; every second one is taken back."""
    kinds = ["EARLYWARNING", "PRELIMINARY", "PRELIMINARY", "INITIAL", "UPDATE"]
    kinds += ["RETRACTION"] if ord(graceid[-1]) % 2 else []
    return [alert(data, kind, begun + timedelta(minutes=6 * k), graceid) for k, kind in enumerate(kinds)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_after_an_outage_each_alert_is_there_once(
    server: GraceDBServer, data: Path, tmp_path: Path, seed: int
) -> None:
    """GraceDB has all; of what the broker kept, the listener hears some, twice, in any order, before and after."""
    rng = random.Random(seed)
    alerts: list[bytes] = []
    for number, letter in enumerate("abc"):
        graceid = known(server, f"S260101{letter}", GPS + number)
        for notice in story(data, graceid, NOW - timedelta(hours=number)):
            server.state.notice(graceid, notice)
            alerts.append(notice)
    heard = rng.sample(alerts, len(alerts) // 2) * 2
    rng.shuffle(heard)
    cut = rng.randrange(len(heard))
    listen = listener(tmp_path)
    for notice in heard[:cut]:
        listen.hear(Message(notice, "igwn.gwalert"), now=NOW)
    polled = poll(server, tmp_path)
    for notice in heard[cut:]:
        listen.hear(Message(notice, "igwn.gwalert"), now=LATER)
    again = poll(server, tmp_path)
    assert not polled.troubles and not again.found
    events = Run(tmp_path / "run").events()
    written = sorted((event.path / "igwn_alert.json").read_bytes() for event in events)
    assert written == sorted(one for one in alerts if json.loads(one)["event"]), "every alert, and each once"
    taken_back = {event.id.partition("-")[0] for event in events if (event.path / "igwn_retraction.json").exists()}
    assert taken_back == {"S260101a", "S260101c"}
    assert all((event.path / "igwn_retraction.json").exists() for event in events if event.id[:8] in taken_back)


def test_numbers_are_those_of_graceDB(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S260101b")
    for notice in story(data, graceid, NOW):
        server.state.notice(graceid, notice)
    assert len(poll(server, tmp_path).found) == 5
    assert names(tmp_path) == [
        "S260101b-1-EarlyWarning", "S260101b-2-Preliminary", "S260101b-3-Preliminary", "S260101b-4-Initial",
        "S260101b-5-Update",
    ]  # fmt: skip


def test_a_number_that_is_taken_is_not_given_again(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    """The listener came back first, with the last alert: it keeps its number."""
    graceid = known(server, "S260101b")
    notices = story(data, graceid, NOW)[:3]
    for notice in notices:
        server.state.notice(graceid, notice)
    listener(tmp_path).hear(Message(notices[2], "igwn.gwalert"), now=NOW)
    poll(server, tmp_path)
    assert names(tmp_path) == ["S260101b-1-Preliminary", "S260101b-2-EarlyWarning", "S260101b-3-Preliminary"]


def test_it_is_archived_as_it_is_and_is_no_sign_that_anybody_listened(
    server: GraceDBServer, data: Path, tmp_path: Path
) -> None:
    graceid = known(server, "S260101a")
    notice = alert(data, "PRELIMINARY", NOW, graceid)
    server.state.notice(graceid, notice)
    poll(server, tmp_path)
    kept = tmp_path / "gcn" / FETCHED / "2026-01" / "02" / "S260101a-1-preliminary-0.json"
    assert kept.read_bytes() == notice
    assert files_between(tmp_path / "gcn", NOW - timedelta(days=2), LATER) == []


def test_what_was_taken_is_not_fetched_again(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S260101a")
    server.state.notice(graceid, alert(data, "PRELIMINARY", NOW, graceid))
    assert poll(server, tmp_path).found[0].new
    with open(tmp_path / "run" / ".llama" / FILENAME, "ab") as memory:
        memory.write(b'{"gracedb": "torn')
    server.state.notice(graceid, alert(data, "INITIAL", NOW + timedelta(minutes=9), graceid))
    server.asked.clear()
    (found,) = poll(server, tmp_path).found
    assert (found.file, found.new) == ("S260101a-2-initial.json,0", True)
    assert sum("/files/" in line for line in server.asked) == 1
    assert not poll(server, tmp_path).found, "the torn line swallowed nothing"
    (tmp_path / "run" / ".llama" / FILENAME).unlink()
    assert [one.new for one in poll(server, tmp_path).found] == [False, False], "each is known by its identity"
    assert len(names(tmp_path)) == 2


def test_how_far_it_looks_back(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    old = known(server, "S251201a", GPS - LOOK_BACK_S)
    server.state.notice(old, alert(data, "PRELIMINARY", NOW, old))
    assert poll(server, tmp_path).superevents == 0
    assert poll(server, tmp_path, since_s=LOOK_BACK_S + 9999).found[0].new


def test_updates_of_older_superevents_that_are_here(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    old = known(server, "S251201a", GPS - 10 * 86_400)
    notices = story(data, old, NOW)
    listener(tmp_path).hear(Message(notices[1], "igwn.gwalert"), now=NOW)
    here = datetime.fromtimestamp(  # the age of an event's folder is by the clock of the disk
        (tmp_path / "run" / "S251201a-1-Preliminary").stat().st_mtime, tz=NOW.tzinfo
    )
    for notice in (notices[1], notices[3], notices[5]):
        server.state.notice(old, notice)
    looking = poller(server, tmp_path)
    found = looking.poll(now=here).found
    assert [(one.new, one.takes_back) for one in found] == [(False, False), (True, False), (False, True)]
    assert all((tmp_path / "run" / name / "igwn_retraction.json").exists() for name in names(tmp_path))
    server.asked.clear()
    looking.poll(now=here + timedelta(minutes=5))
    assert not any(old in line for line in server.asked), "those are looked at once an hour"
    looking.poll(now=here + timedelta(minutes=61))
    assert any(old in line for line in server.asked)


def test_a_label_alone_takes_nothing_back(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S260101a", GPS, "ADVNO")
    server.state.notice(graceid, alert(data, "PRELIMINARY", NOW, graceid))
    looking = poller(server, tmp_path)
    (remark,) = looking.poll(now=LATER).remarks
    assert "S260101a has the label ADVNO and no retraction notice" in remark and "veto" in remark
    assert not looking.poll(now=LATER).remarks, "said once"
    server.state.notice(graceid, alert(data, "RETRACTION", LATER, graceid))
    assert looking.poll(now=LATER).found[0].takes_back and not poll(server, tmp_path).remarks


def test_a_retraction_of_what_never_came(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S260101a")
    server.state.notice(graceid, alert(data, "RETRACTION", NOW, graceid))
    (found,) = poll(server, tmp_path).found
    assert found.takes_back and found.events == ()
    listener(tmp_path).hear(Message(alert(data, "PRELIMINARY", NOW, graceid), "igwn.gwalert"), now=LATER)
    assert (tmp_path / "run" / "S260101a-1-Preliminary" / "igwn_retraction.json").exists()


# ---------------------------------------------------------------------- VOEvents


def voevent(data: Path, at: datetime) -> bytes:
    text = (data / VOEVENT).read_text(encoding="utf-8")
    begin, end = text.index("<Date>") + 6, text.index("</Date>")
    return f"{text[:begin]}{at:%Y-%m-%dT%H:%M:%S}{text[end:]}".encode()


def test_a_notice_and_its_voevent_are_one_alert(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    """The number is the VOEvent's, where the server numbers no notices."""
    server.notices = False
    graceid = known(server, "S190521r")
    server.state.store(graceid, f"{graceid}-initial.json", alert(data, "INITIAL", NOW, graceid))
    server.state.voevent(graceid, voevent(data, NOW + timedelta(seconds=7)))
    assert len(poll(server, tmp_path).found) == 1
    assert names(tmp_path) == ["S190521r-2-Initial"]
    assert not poll(server, tmp_path).found


def test_a_voevent_of_what_a_listener_heard(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S190521r")
    listener(tmp_path).hear(Message(alert(data, "INITIAL", NOW, graceid), "igwn.gwalert"), now=NOW)
    server.state.voevent(graceid, voevent(data, NOW + timedelta(seconds=7)))
    assert not poll(server, tmp_path).found
    assert names(tmp_path) == ["S190521r-1-Initial"]


def test_a_voevent_alone_waits_and_then_counts_with_its_map(
    server: GraceDBServer, data: Path, tmp_path: Path
) -> None:
    graceid = known(server, "S190521r")
    server.state.voevent(graceid, voevent(data, NOW))
    content = (data / FLAT).read_bytes()
    server.state.store(graceid, "bayestar.fits.gz", b"an earlier one")
    server.state.store(graceid, "bayestar.fits.gz", content)
    assert not poll(server, tmp_path, now=NOW + timedelta(minutes=5)).found
    (found,) = poll(server, tmp_path).found
    assert found.new and names(tmp_path) == ["S190521r-2-Initial"]
    event = tmp_path / "run" / "S190521r-2-Initial"
    assert (event / "lvc_skymap.fits.gz").read_bytes() == content
    server.state.notice(graceid, alert(data, "INITIAL", NOW, graceid))
    assert not poll(server, tmp_path).found and len(names(tmp_path)) == 1, "its notice came after all"


# ---------------------------------------------------------------------- what goes wrong


def test_one_superevent_that_fails_does_not_stop_the_others(
    server: GraceDBServer, data: Path, tmp_path: Path
) -> None:
    for letter in "abc":
        graceid = known(server, f"S260101{letter}")
        server.state.notice(graceid, alert(data, "PRELIMINARY", NOW, graceid))
    server.fail(500, times=-1, where="S260101b/notices")
    polled = poll(server, tmp_path)
    assert [one.graceid for one in polled.found] == ["S260101a", "S260101c"]
    assert len(polled.troubles) == 1 and "the notices of S260101b at 127" in polled.troubles[0]
    server.faults.clear()
    assert [one.graceid for one in poll(server, tmp_path).found] == ["S260101b"]


def test_half_a_notice_is_never_taken_in(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S260101a")
    notice = alert(data, "PRELIMINARY", NOW, graceid)
    server.state.notice(graceid, notice)
    server.send_half(times=2, where="/files/")
    polled = poll(server, tmp_path)
    assert not polled.found and "came in part" in polled.troubles[0] and not names(tmp_path)
    server.lie(where="/files/")
    assert poll(server, tmp_path).found[0].new
    assert (tmp_path / "run" / "S260101a-1-Preliminary" / "igwn_alert.json").read_bytes() == notice


def test_what_nobody_can_read_is_a_dead_letter(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    server.notices = False
    graceid = known(server, "S260101a")
    server.state.store(graceid, "S260101a-preliminary.json", b'{"alert_type": "PRELIMINARY"')
    server.state.store(graceid, "S260101a-initial.json", alert(data, "INITIAL", NOW, graceid))
    looking = poller(server, tmp_path)
    bad, good = sorted(looking.poll(now=LATER).found, key=lambda one: one.new)
    assert good.new and not bad.events
    assert (tmp_path / "gcn" / "dead_letters" / "2026-01" / "02" / "S260101a-preliminary-0.json.reason.txt").exists()
    assert not looking.poll(now=LATER + timedelta(minutes=5)).found, "it is left alone for an hour"
    assert looking.poll(now=LATER + timedelta(minutes=61)).found


def test_a_graceDB_that_is_away(server: GraceDBServer, tmp_path: Path) -> None:
    server.fail(502, times=-1)
    with pytest.raises(GraceDBError, match="it answered 502"):
        poll(server, tmp_path)


def test_a_map_that_cannot_be_read_loses_no_alert(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S190521r")
    server.state.voevent(graceid, voevent(data, NOW))
    server.state.store(graceid, "bayestar.fits.gz", b"no map")
    assert poll(server, tmp_path).found[0].new
    assert Event.open(tmp_path / "run" / "S190521r-2-Initial").refresh().files.keys() == {"lvc_gcn.xml"}


def test_a_notice_that_graceDB_does_not_give_keeps_no_other_waiting(
    server: GraceDBServer, data: Path, tmp_path: Path
) -> None:
    graceid = known(server, "S260101b")
    for notice in story(data, graceid, NOW):
        server.state.notice(graceid, notice)
    server.fail(404, times=-1, where="S260101b-2-preliminary.json")
    polled = poll(server, tmp_path)
    assert len(polled.found) == 4 and "S260101b-2-preliminary.json,0 of S260101b" in polled.troubles[0]
    server.faults.clear()
    assert [one.events[0].id for one in poll(server, tmp_path).found] == ["S260101b-2-Preliminary"]


def test_a_file_that_is_no_alert(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    server.notices = False
    graceid = known(server, "S260101a")
    bronze = (data / "notices" / "gcn_kafka_json" / "kafka_alert_icecube_bronze.json").read_bytes()
    server.state.store(graceid, "S260101a-update.json", bronze)
    (found,) = poll(server, tmp_path).found
    assert not found.events and not found.dead


def test_the_map_of_a_notice_that_lost_it(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    """The last one that there was when it was sent."""
    graceid = known(server, "S260101a")
    content = (data / FLAT).read_bytes()
    server.state.store(graceid, "bayestar.fits.gz", content, tags=("sky_loc",))
    server.state.notice(graceid, alert(data, "PRELIMINARY", NOW, graceid))
    server.state.store(graceid, "Bilby.multiorder.fits", b"later", tags=("sky_loc",))
    assert poll(server, tmp_path).found[0].new
    assert (tmp_path / "run" / "S260101a-1-Preliminary" / "lvc_skymap.fits.gz").read_bytes() == content


def test_two_alerts_of_one_kind_close_together(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    """The VOEvent of one was taken alone; the other has both forms, and is not taken for the first one's."""
    graceid = known(server, "S190521r")
    server.state.voevent(graceid, voevent(data, NOW))
    poll(server, tmp_path)
    at = NOW + timedelta(seconds=100)
    server.state.voevent(graceid, voevent(data, at).replace(b"S190521r-2-Initial", b"S190521r-3-Initial"))
    server.state.notice(graceid, alert(data, "INITIAL", at + timedelta(seconds=1), graceid))
    assert len(poll(server, tmp_path).found) == 1 and len(names(tmp_path)) == 2


def test_events_start_with_the_flags_that_a_listener_gives(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    graceid = known(server, "S260101a")
    server.state.notice(graceid, alert(data, "PRELIMINARY", NOW, graceid))
    intake = Intake(Run(tmp_path / "run"), Archive(tmp_path / "gcn"), messengers().values(), "TRIGGERED_INTERNAL")
    (found,) = Poller(gracedb(server), intake).poll(now=LATER).found
    assert found.events[0].refresh().flags == PRESETS["TRIGGERED_INTERNAL"]
