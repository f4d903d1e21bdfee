"""What is for members only becomes public by itself only where nobody decided otherwise; a test changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llama.engine.folder import Delivery, Event, Run, move
from llama.flags import PRESETS
from llama.intake import Archive, Intake, deliver
from llama.messengers import Message
from llama.messengers.gw import MESSENGER
from llama.testing import NOW, demo_alert

INSIDE = "gracedb.superevent"


def door(tmp_path: Path, observation: str = "TRIGGERED_PUBLIC") -> Intake:
    return Intake(Run(tmp_path / "run"), Archive(tmp_path / "gcn"), [MESSENGER], observation)


def told(far: float = 1e-9, topic: str = INSIDE, host: str = "gracedb.ligo.org", **changes: Any) -> Message:
    record = {
        "superevent_id": "S260102a",
        "created": "2026-01-02 03:04:05 UTC",
        "t_0": 1451358263.0,
        "far": far,
        "preferred_event_data": {"group": "CBC", "pipeline": "gstlal", "search": "AllSky", "instruments": "H1,L1"},
        "labels": [],
        "links": {"self": f"https://{host}/api/superevents/S260102a/"},
        "category": "Production",
    }
    return Message(json.dumps({"uid": "S260102a", "alert_type": "new", "object": record} | changes).encode(), topic)


def public(search: str = "AllSky") -> Message:
    record = json.loads(demo_alert("S260102a", urls={}).data)
    record["event"]["search"] = search
    return Message(json.dumps(record).encode(), "igwn.gwalert")


def heard(intake: Intake, message: Message) -> Event:
    found = intake.hear(message, now=NOW)
    assert found.dead is None
    return found.delivered[0].events[0]


def flags(event: Event) -> object:
    return Event.open(event.path).refresh().flags


def test_it_becomes_public_with_its_alert(tmp_path: Path) -> None:
    intake = door(tmp_path)
    inside = heard(intake, told())
    assert flags(inside) == PRESETS["TRIGGERED_INTERNAL"]
    assert flags(heard(intake, public())) == flags(inside) == PRESETS["TRIGGERED_PUBLIC"]


def test_a_person_who_made_it_internal_has_the_last_word(tmp_path: Path) -> None:
    intake = door(tmp_path)
    event = heard(intake, public())
    event.flag(PRESETS["TRIGGERED_INTERNAL"].as_dict(), why="not yet", now=NOW)
    assert heard(intake, public()).id == event.id
    assert flags(event) == PRESETS["TRIGGERED_INTERNAL"], "the second copy does not undo it"


def test_a_person_who_started_it_as_internal_has_the_last_word(tmp_path: Path) -> None:
    intake = door(tmp_path)
    given = Delivery("S260102a", {"lvc_skymap.fits.gz": b"x"}, PRESETS["TRIGGERED_INTERNAL"], why="by hand")
    (event,) = deliver(given, intake.run, now=NOW).events
    heard(intake, public())
    assert flags(event) == PRESETS["TRIGGERED_INTERNAL"]


@pytest.mark.parametrize("preset", ["RERUN", "TRIGGERED_TEST", "TRIGGERED_INTERNAL"])
def test_where_less_is_let_out_no_more_is(tmp_path: Path, preset: str) -> None:
    intake = door(tmp_path, preset)
    assert flags(heard(intake, told())) == PRESETS[preset] == flags(heard(intake, public()))


def test_what_is_for_members_gets_no_more_than_that(tmp_path: Path) -> None:
    assert flags(heard(door(tmp_path, "MANUAL"), told())) == PRESETS["TRIGGERED_INTERNAL"]


def test_a_test_server_changes_no_real_superevent(tmp_path: Path) -> None:
    intake = door(tmp_path)
    real = heard(intake, told())
    before = (real.path / "lvalert.json").read_bytes()
    word: dict[str, Any] = {"uid": "S260102a", "alert_type": "label_added", "data": {"name": "ADVOK"}, "object": {}}
    there = "gracedb-playground.superevent"
    for message in (told(1.0, host="gracedb-playground.ligo.org"), told(2.0, there), told(topic=there, **word)):
        found = intake.hear(message, now=NOW)
        assert (
            found.dead is not None
            and "which is an observation here" in found.dead.with_name(f"{found.dead.name}.reason.txt").read_text()
        )
    assert (real.path / "lvalert.json").read_bytes() == before and not (real.path / "advok.json").exists()


def test_a_test_server_makes_tests(tmp_path: Path) -> None:
    word: dict[str, Any] = {"uid": "S260102a", "alert_type": "label_added", "data": {"name": "ADVOK"}, "object": {}}
    event = heard(door(tmp_path), told(topic="gracedb-playground.superevent", **word))
    assert flags(event) == PRESETS["TRIGGERED_TEST"]


def test_a_test_alert_of_the_same_second_is_not_the_real_one(tmp_path: Path) -> None:
    intake = door(tmp_path)
    test, real = heard(intake, public("MDC")), heard(intake, public())
    assert (test.id, real.id) == ("S260102a-1-Preliminary", "S260102a-2-Preliminary")
    assert flags(test) == PRESETS["TRIGGERED_TEST"] and flags(real) == PRESETS["TRIGGERED_PUBLIC"]


def test_what_was_moved_away_does_not_come_again(tmp_path: Path) -> None:
    intake = door(tmp_path)
    event, past = heard(intake, told()), tmp_path / "past"
    intake.run.went(past)
    move(event, past, now=NOW)
    found = intake.hear(told(), now=NOW).delivered[0]
    assert found.known and found.events[0].path == past / "S260102a" and intake.run.events() == []
    heard(intake, told(far=2e-9))
    assert [one.id for one in intake.run.events()] == ["S260102a"], "what is new begins anew"
