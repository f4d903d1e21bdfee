"""Notices of bursts reach the events that asked about their time, once each, whenever anybody was killed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llama.app import App
from llama.engine.errors import StorageError
from llama.engine.folder import Claimed, Delivery, Event, Owner, Run, SharedDigests
from llama.engine.folder.journal import Made, Notified
from llama.engine.running import FolderChanges, Here, Maker, Runner
from llama.flags import PRESETS
from llama.intake import Archive, Intake
from llama.messengers import Message, Subject
from llama.messengers.fermi import MESSENGER
from llama.messengers.gw.record import SkymapInfo
from llama.operate.update import bring_up_to_date
from llama.science.times import gps_from_utc, utc_from_gps

TRIGGER = "2018-01-16T00:36:52.810"
HEARD = datetime(2018, 1, 16, 0, 37, tzinfo=UTC)
NUMBER, GPS = "537755817", gps_from_utc(TRIGGER)
GRBS = "fermi_grbs.json"
TOPIC = "gcn.classic.voevent.FERMI_GBM_{}"


def info(gps: float) -> bytes:
    when = utc_from_gps(gps, 3)
    return json.dumps(
        {
            "graceid": "S180116a",
            "event_id": "S180116a",
            "event_time": when,
            "gps_time": gps,
            "notice_time": when,
            "far": 1e-9,
            "pipeline": "gstlal",
            "group": "CBC",
            "search": "AllSky",
            "instruments": ["H1", "L1"],
            "alert_type": "Preliminary",
            "significant": True,
            "skymap_filename": None,
            "gracedb_service_url": "https://gracedb.ligo.org",
            "role": "observation",
        }
    ).encode()


@dataclass
class Sky:
    """A run with its archive, and the notices of GRB 180116A in the order in which they came."""

    root: Path
    data: Path
    app: App

    def __post_init__(self) -> None:
        self.run = Run(self.app.settings.current_run)
        self.intake = Intake(self.run, Archive(self.app.settings.notices), [MESSENGER])
        self.pipeline = self.app.pipeline("GW_GRB").only([GRBS], ancestors=True)

    def event(self, name: str, gps: float) -> Event:
        delivery = Delivery(name, {"skymap_info.json": info(gps)}, PRESETS["DEFAULT"], "a test")
        return self.run.accept(delivery)

    def message(self, kind: str) -> Message:
        data = (self.data / "notices" / "fermi" / f"GRB180116A_Fermi_GBM_{kind}.xml").read_bytes()
        return Message(data, TOPIC.format(kind.upper()), kind)

    def retraction(self, **said: Any) -> Message:
        minimal = json.loads((self.data / "cases" / "grb" / "retraction_minimal.json").read_bytes())
        return Message(json.dumps(minimal | said).encode(), "gcn.notices.fermi.gbm.alert", json.dumps(said))

    def hear(self, message: Message, days: int = 0) -> list[str]:
        return [event.id for event in self.intake.hear(message, now=HEARD + timedelta(days=days)).told]

    def make(self, *events: Event) -> None:
        bring_up_to_date(events, self.pipeline, self.app)

    def bursts(self, event: Event) -> list[dict[str, Any]]:
        return json.loads((event.path / GRBS).read_bytes())["bursts"]


def told(message: Message) -> Subject | None:
    """What a message is about."""
    assert MESSENGER.follower is not None
    return MESSENGER.follower.about(message)


@pytest.fixture
def sky(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sky]:
    monkeypatch.setenv("LLAMA_DATA_DIR", str(tmp_path / "data"))
    with App.read() as app:
        yield Sky(tmp_path, data, app)


def makings(event: Event) -> int:
    return sum(isinstance(entry, Made) and entry.filename == GRBS for entry in event.entries())


def test_each_notice_of_a_burst_reaches_the_event_of_its_time(sky: Sky) -> None:
    event, other = sky.event("S180116a-1-Preliminary", GPS - 2), sky.event("S180116b-1-Preliminary", GPS - 5000)
    sky.make(event, other)
    assert sky.bursts(event) == []
    found = []
    for kind, days in (("Alert", 0), ("Flt_Pos", 0), ("Gnd_Pos", 0), ("Fin_Pos", 3)):
        assert sky.hear(sky.message(kind), days) == [event.id], kind
        sky.make(event, other)
        (burst,) = sky.bursts(event)
        found.append((burst["notice_type"], burst["error_radius"]))
    assert found == [("alert", None), ("flight", 19.8333), ("ground", 11.19), ("final", 5.2)]
    assert makings(event) == 5 and makings(other) == 1


@pytest.mark.parametrize("name", [NUMBER, "bn180116026", "GRB 180116A"])
def test_a_retraction_reaches_it_by_whatever_name(sky: Sky, name: str) -> None:
    event, other = sky.event("S180116a-1-Preliminary", GPS - 2), sky.event("S180115a-1-Update", GPS - 200_000)
    sky.hear(sky.message("Flt_Pos"))
    sky.make(event, other)
    assert sky.bursts(event)[0]["not_a_burst"] == ""
    assert sky.hear(sky.retraction(id=[name], trigger_time=None), 5) == [event.id]
    sky.make(event)
    assert sky.bursts(event)[0]["not_a_burst"] == "retracted"


@pytest.mark.parametrize("name", [NUMBER, "bn180116026", "GRB 180116A", "GRB 180116.026"])
def test_names_say_when_a_burst_was(sky: Sky, name: str) -> None:
    """Before any list has the burst, which it would know by its name."""
    found = told(sky.retraction(id=[name], trigger_time=None))
    assert found is not None and any(one.start_gps <= GPS <= one.stop_gps for one in found.times)


def test_the_same_notice_again_is_no_news(sky: Sky) -> None:
    """A listener that was killed before its broker knew hears it again; a replay hears everything again."""
    event = sky.event("S180116a", GPS)
    sky.make(event)
    assert sky.hear(sky.message("Flt_Pos")) == [event.id]
    assert sky.hear(sky.message("Flt_Pos")) == []
    sky.make(event)
    again = Sky(sky.root, sky.data, sky.app)
    assert again.hear(sky.message("Flt_Pos")) == []
    assert makings(event) == 2


def test_killed_between_archive_and_event_it_is_told_when_it_comes_again(
    sky: Sky, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = sky.event("S180116a", GPS)
    sky.make(event)

    def full(*_: Any, **__: Any) -> bool:
        raise StorageError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Event, "notify", full)
        with pytest.raises(StorageError):
            sky.hear(sky.message("Flt_Pos"))
    assert len(list(sky.app.settings.notices.rglob("*.xml"))) == 1
    assert sky.hear(sky.message("Flt_Pos")) == [event.id]


def test_one_that_comes_while_the_list_is_being_made_is_not_missed(sky: Sky) -> None:
    """Its maker may have read the archive before the notice was there."""
    event = sky.event("S180116a", GPS)
    maker = Maker(sky.pipeline, sky.app, SharedDigests(sky.app))
    claim = maker.claim(event, sky.pipeline.find(GRBS), now=maker.clock(), owner=Owner.myself())
    assert isinstance(claim, Claimed)
    assert sky.hear(sky.message("Flt_Pos")) == [event.id]
    assert maker.make(event, sky.pipeline.find(GRBS), claim, now=maker.clock())
    assert event.refresh().file(GRBS).requested


def test_an_event_without_bursts_is_left_alone(sky: Sky) -> None:
    event = sky.event("S180116a", GPS)
    assert sky.hear(sky.message("Flt_Pos")) == []
    assert not any(isinstance(entry, Notified) for entry in event.entries())
    sky.make(event)
    assert len(sky.bursts(event)) == 1, "the archive has it"


@pytest.mark.parametrize("order", ["lock", "veto"])
def test_a_lock_or_veto_holds_until_it_is_lifted(sky: Sky, order: str) -> None:
    event = sky.event("S180116a", GPS)
    sky.make(event)
    getattr(event, order)(None, why="a test", now=HEARD)
    sky.hear(sky.message("Flt_Pos"))
    sky.make(event)
    assert sky.bursts(event) == []
    getattr(event, f"un{order}")(None, why="", now=HEARD)
    sky.make(event)
    assert len(sky.bursts(event)) == 1


def test_a_list_that_somebody_wrote_stays(sky: Sky) -> None:
    event = sky.event("S180116a", GPS)
    sky.make(event)
    path = event.path / GRBS
    path.write_bytes(path.read_bytes().replace(b'"why":"', b'"why":"by hand; '))
    event.adopt(GRBS, sky.pipeline.find(GRBS).codec, why="a test", now=HEARD)
    before = path.read_bytes()
    assert sky.hear(sky.message("Flt_Pos")) == []
    sky.make(event)
    assert path.read_bytes() == before


def test_what_cannot_be_read_is_a_dead_letter(sky: Sky) -> None:
    torn = re.sub(rb'value="537755817"', b'value="no number"', sky.message("Flt_Pos").data)
    heard = sky.intake.hear(Message(torn, TOPIC.format("FLT_POS"), "torn"), now=HEARD)
    assert heard.dead is not None and heard.told == ()


def test_tests_are_no_news(sky: Sky) -> None:
    assert told(sky.retraction(alert_tense="test")) is None
    other = (sky.data / "notices" / "swift" / "swift_grb_gcn.xml").read_bytes()
    assert told(Message(other)) is None


def test_bursts_of_swift_reach_their_list(sky: Sky) -> None:
    from llama.messengers import swift

    intake = Intake(sky.run, Archive(sky.app.settings.notices), [MESSENGER, swift.MESSENGER])
    gps = gps_from_utc("2022-09-07T14:05:25.76Z")
    event, other = sky.event("S220907a", gps + 100), sky.event("S180116a", GPS)
    pipeline = sky.app.pipeline("GW_GRB").only(["SWIFT_GRBS"], ancestors=True)
    bring_up_to_date([event, other], pipeline, sky.app)
    assert json.loads((event.path / "swift_grbs.json").read_bytes())["bursts"] == []
    raw = (sky.data / "notices" / "swift" / "swift_grb_gcn.xml").read_bytes()
    message = Message(raw, "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK", "1123129")
    heard = intake.hear(message, now=HEARD.replace(year=2022, month=9, day=7))
    assert [one.id for one in heard.told] == [event.id] and heard.dead is None
    bring_up_to_date([event, other], pipeline, sky.app)
    (burst,) = json.loads((event.path / "swift_grbs.json").read_bytes())["bursts"]
    assert (burst["trigger_id"], burst["ra"], burst["error_radius"]) == ("1123129", 268.87, 0.05)
    assert intake.hear(message, now=HEARD.replace(year=2022, month=9, day=8)).told == ()


@pytest.mark.slow
def test_a_runner_takes_it_up_at_once(sky: Sky) -> None:
    event = sky.event("S180116a", GPS)
    maker = Maker(sky.pipeline, sky.app, SharedDigests(sky.app))
    runner = Runner(maker, Here(maker), rested=lambda _: at_rest(sky, runner, event))
    runner.watch(sky.run.events, FolderChanges(sky.run.path))
    assert [burst["notice_type"] for burst in sky.bursts(event)] == ["flight"]


def at_rest(sky: Sky, runner: Runner, event: Event) -> None:
    if makings(event) == 1:
        sky.hear(sky.message("Flt_Pos"))
    else:
        runner.stop()


@pytest.mark.slow
def test_it_costs_little_in_a_large_run(sky: Sky) -> None:
    """Events of which nobody asked about the time are not opened."""
    first = sky.event("S180116a", GPS)
    sky.make(first)
    for n in range(400):
        path = sky.run.path / f"S18{n:04d}-1-Preliminary"
        shutil.copytree(first.path, path)
        (path / GRBS).write_bytes((path / GRBS).read_bytes().replace(str(int(GPS))[:4].encode(), b"1100"))
    opened: list[Path] = []
    real = Event.open

    def opening(path: Path) -> Event:
        opened.append(path)
        return real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Event, "open", opening)
        assert sky.hear(sky.message("Flt_Pos")) == [first.id]
    assert opened == [first.path]


def test_info_is_a_record_of_ours() -> None:
    assert set(json.loads(info(GPS))) == set(SkymapInfo.__dataclass_fields__)
