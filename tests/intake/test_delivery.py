"""The one way in: the same delivery by hand and from a broker, retractions, and what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llama.cli.main import main
from llama.engine.errors import EventError, EventExists
from llama.engine.folder.event import Event
from llama.engine.folder.run import Delivery, Run
from llama.flags import PRESETS
from llama.intake import Archive, Intake, deliver, flags_of_role
from llama.messengers import Message, Messenger
from llama.messengers.gw import MESSENGER
from llama.messengers.gw.notice import parse
from llama.messengers.gw.retraction import retractions
from llama.messengers.gw.start import Given, start
from llama.ports import GraceDB

NOW = datetime(2026, 6, 6, tzinfo=UTC)
J = "notices/igwn_json"
BNS, RETRACTION = f"{J}/igwn_gwalert_preliminary.json", f"{J}/igwn_gwalert_retraction.json"
O3 = "notices/lvk_voevent/S190425z_initial.xml"
TOPIC = "igwn.gwalert"


def nobody() -> GraceDB:
    raise AssertionError("GraceDB is not needed")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


@pytest.fixture
def intake(run: Run, tmp_path: Path) -> Intake:
    return Intake(run, Archive(tmp_path / "gcn"), [MESSENGER])


def received(event: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in event.iterdir() if path.is_file()}


def history(event: Path) -> Iterator[dict[str, object]]:
    """What the journal says, but for when it was and where on the disk."""
    for line in (event / ".llama" / "journal.jsonl").read_text().splitlines():
        entry = json.loads(line)
        yield {key: value for key, value in entry.items() if key not in ("at", "seen")}


def test_a_listener_and_an_operator_go_through_the_same_door(data: Path, tmp_path: Path) -> None:
    """The same delivery: the same event, files and history, byte for byte, up to what is made of them."""
    path = data / BNS
    assert main(["skymap_info", "--alert", str(path), "-d", str(tmp_path / "hand"), "--flags", "TRIGGERED_TEST"]) == 0
    heard = start(Given(alert=path.read_bytes()), nobody)
    heard = replace(heard, flags=flags_of_role(heard.role))
    (event,) = deliver(heard, Run(tmp_path / "toy"), now=NOW).events
    by_hand = tmp_path / "hand" / event.id
    assert received(event.path).items() <= received(by_hand).items()
    assert list(history(event.path)) == list(history(by_hand))[: len(list(history(event.path)))]
    assert event.refresh().flags == Event.open(by_hand).refresh().flags == PRESETS["TRIGGERED_TEST"]


def test_a_message_becomes_a_numbered_event(data: Path, intake: Intake) -> None:
    raw = (data / BNS).read_bytes()
    heard = intake.hear(Message(raw, TOPIC, "1"), now=NOW)
    (delivered,) = heard.delivered
    (event,) = delivered.events
    assert event.path == intake.run.path / "MS260605l-1-Preliminary"
    assert received(event.path) == {"igwn_alert.json": raw}
    assert event.refresh().flags == PRESETS["TRIGGERED_TEST"]
    assert heard.path.read_bytes() == raw and heard.dead is None


def test_the_same_alert_from_two_brokers_is_one_event(data: Path, intake: Intake, tmp_path: Path) -> None:
    raw = (data / BNS).read_bytes()
    other = json.dumps(json.loads(raw)).encode()
    assert other != raw
    intake.hear(Message(raw, TOPIC, "gcn"), now=NOW)
    later = Intake(intake.run, intake.archive, [MESSENGER]).hear(Message(other, TOPIC, "scimma"), now=NOW)
    (delivered,) = later.delivered
    assert delivered.known and [event.id for event in intake.run.events()] == ["MS260605l-1-Preliminary"]
    assert received(delivered.events[0].path) == {"igwn_alert.json": raw}
    assert len(list((tmp_path / "gcn" / "2026-06" / "06").iterdir())) == 2


def test_a_voevent_brings_its_own_number(data: Path, intake: Intake) -> None:
    intake.hear(Message((data / O3).read_bytes(), "gcn.classic.voevent.LVC_INITIAL"), now=NOW)
    (event,) = intake.run.events()
    assert event.id == "S190425z-1-Initial"
    assert event.refresh().flags == PRESETS["TRIGGERED_PUBLIC"]


def test_a_retraction_reaches_every_event_of_its_superevent_and_no_other(data: Path, intake: Intake) -> None:
    first = json.loads((data / BNS).read_bytes())
    update = first | {"alert_type": "UPDATE", "time_created": "2026-06-05T12:08:00Z"}
    for alert in (first, update):
        intake.hear(Message(json.dumps(alert).encode(), TOPIC), now=NOW)
    for name in ("MS260605l", "MS260605lx", "MS260605"):
        intake.run.accept(Delivery(name, {"igwn_alert.json": (data / BNS).read_bytes()}))
    raw = (data / RETRACTION).read_bytes()
    (delivered,) = intake.hear(Message(raw, TOPIC), now=NOW).delivered
    names = ["MS260605l", "MS260605l-1-Preliminary", "MS260605l-2-Update"]
    assert [event.id for event in delivered.events] == names
    assert all((event.path / "igwn_retraction.json").read_bytes() == raw for event in delivered.events)
    assert not any(entry["kind"] == "Vetoed" for event in delivered.events for entry in history(event.path))
    assert [event.id for event in intake.run.events() if (event.path / "igwn_retraction.json").exists()] == names


def test_a_retraction_of_an_event_never_seen_waits_for_it(data: Path, intake: Intake) -> None:
    raw = (data / RETRACTION).read_bytes()
    (delivered,) = intake.hear(Message(raw, TOPIC), now=NOW).delivered
    assert delivered.events == () and intake.run.events() == []
    (delivered,) = intake.hear(Message((data / BNS).read_bytes(), TOPIC), now=NOW).delivered
    (event,) = delivered.events
    assert "RETRACTED" in retractions(event.path)[0]
    assert (event.path / "igwn_retraction.json").read_bytes() == raw
    before = list(history(event.path))
    intake.hear(Message((data / BNS).read_bytes(), TOPIC), now=NOW + timedelta(hours=1))
    assert list(history(event.path)) == before, "the same alert again changes nothing"


def test_by_hand_too_it_waits(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["skymap_info", "-d", str(tmp_path / "run"), "--flags", "DEFAULT", "--alert"]
    assert main([*words, str(data / RETRACTION)]) == 0
    assert "a retraction of MS260605l, from which no event is made" in capsys.readouterr().out
    assert main([*words, str(data / BNS)]) == 0
    event = tmp_path / "run" / "MS260605l"
    assert (event / "igwn_retraction.json").read_bytes() == (data / RETRACTION).read_bytes()


def test_a_test_does_not_replace_a_real_retraction(data: Path, run: Run) -> None:
    given = parse((data / RETRACTION).read_bytes())
    (event,) = deliver(start(Given(alert=(data / BNS).read_bytes()), nobody), run, now=NOW).events
    real = replace(given, role="observation", files={"igwn_retraction.json": b"real"})
    deliver(given, run, now=NOW)
    deliver(real, run, now=NOW)
    deliver(given, run, now=NOW)
    assert (event.path / "igwn_retraction.json").read_bytes() == b"real"
    later = deliver(Delivery("MS260605l-2-Update", {"igwn_alert.json": b"{}"}), run, now=NOW).events[0]
    assert (later.path / "igwn_retraction.json").read_bytes() == b"real"


def test_one_locked_event_does_not_keep_a_retraction_from_the_others(data: Path, run: Run) -> None:
    for name in ("MS260605l-1-Preliminary", "MS260605l-2-Initial"):
        run.accept(Delivery(name, {"igwn_alert.json": b"{}"}))
    Event.open(run.path / "MS260605l-1-Preliminary").lock(None, why="a test", now=NOW)
    delivered = deliver(parse((data / RETRACTION).read_bytes()), run, now=NOW)
    (sentence,) = delivered.refused
    assert "MS260605l-1-Preliminary did not take its retraction" in sentence and "lock" in sentence
    assert (run.path / "MS260605l-2-Initial" / "igwn_retraction.json").exists()


@pytest.mark.parametrize("filename", ["../../x.json", ".llama", "", "a/b"])
def test_a_file_of_no_name_goes_nowhere(run: Run, tmp_path: Path, filename: str) -> None:
    for takes_back in (True, False):
        with pytest.raises(EventError, match=r"a delivery of the file .* its name must not be empty"):
            deliver(Delivery("S1", {filename: b"{}"}, takes_back=takes_back), run, now=NOW)
    assert not list(tmp_path.rglob("*.json")) and run.events() == []


@pytest.mark.parametrize("name", ["", "..", "a/b", ".llama"])
def test_a_retraction_of_no_name_goes_nowhere(run: Run, name: str) -> None:
    with pytest.raises(EventError, match="its name must not be empty"):
        deliver(Delivery(name, {"igwn_retraction.json": b"{}"}, takes_back=True), run, now=NOW)


def test_what_cannot_be_read_is_a_dead_letter_and_the_next_is_heard(data: Path, intake: Intake) -> None:
    heard = intake.hear(Message(b'{"alert_type": "PRELIM', TOPIC, "4"), now=NOW)
    assert heard.dead is not None and heard.delivered == ()
    assert "gw: malformed JSON" in (heard.dead.parent / "4.json.reason.txt").read_text()
    assert heard.path.read_bytes() == heard.dead.read_bytes()
    assert intake.hear(Message((data / BNS).read_bytes(), TOPIC), now=NOW).delivered


def raises(error: Exception) -> Any:
    def read(message: Message) -> Delivery | None:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (raises(KeyError("oops")), "radio failed: KeyError: 'oops'"),
        (raises(OSError("no such table")), "radio failed: OSError: no such table"),
        (lambda message: {"event_id": "S1"}, "radio failed: it gave dict, not a Delivery"),
        (lambda message: Delivery("S1", {"a.txt": "text"}), "radio: "),  # type: ignore[dict-item]
    ],
)
def test_a_messenger_with_a_fault_of_its_own_silences_nobody(
    data: Path, run: Run, tmp_path: Path, read: Any, says: str
) -> None:
    radio = Messenger("radio", "bursts", (), topics=("*",), read=read)
    intake = Intake(run, Archive(tmp_path / "gcn"), [radio, MESSENGER])
    heard = intake.hear(Message((data / BNS).read_bytes(), TOPIC), now=NOW)
    assert len(heard.delivered) == 1 and heard.dead is not None
    assert says in next(heard.dead.parent.glob("*.txt")).read_text()
    assert [event.id for event in run.events()] == ["MS260605l-1-Preliminary"]


def test_when_memory_or_disk_do_not_suffice_the_message_is_to_be_given_again(run: Run, tmp_path: Path) -> None:
    radio = Messenger("radio", "bursts", (), topics=("*",), read=raises(MemoryError()))
    with pytest.raises(MemoryError):
        Intake(run, Archive(tmp_path / "gcn"), [radio]).hear(Message(b"{}", "r"), now=NOW)
    assert not (tmp_path / "gcn" / "dead_letters").exists()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        Intake(run, Archive(tmp_path / "file"), [radio]).hear(Message(b"{}", "r"), now=NOW)


def test_what_is_heard_for_nobody_is_only_archived(data: Path, intake: Intake) -> None:
    fermi = (data / "notices/fermi/fermi_final_gcn.xml").read_bytes()
    for topic in ("gcn.classic.voevent.FERMI_GBM_FIN_POS", TOPIC):
        heard = intake.hear(Message(fermi, topic), now=NOW)
        assert (heard.delivered, heard.dead) == ((), None) and heard.path.read_bytes() == fermi
    assert intake.run.events() == []


def test_another_event_of_the_name_is_left_alone(run: Run) -> None:
    deliver(Delivery("S1", {"a.txt": b"x"}), run, now=NOW)
    with pytest.raises(EventExists):
        deliver(Delivery("S1", {"a.txt": b"y"}), run, now=NOW)
    wanted = Delivery("S1", {"a.txt": b"y"}, PRESETS["RERUN"])
    (event,) = deliver(wanted, run, now=NOW, update=True).events
    assert (event.path / "a.txt").read_bytes() == b"y" and event.refresh().flags == PRESETS["DEFAULT"]
    (event,) = deliver(wanted, run, now=NOW, update=True, reflag=True).events
    assert event.refresh().flags == PRESETS["RERUN"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_retraction_that_comes_while_its_event_is_made_is_not_missed(
    data: Path, intake: Intake, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    real, retraction = Run.accept, parse((data / RETRACTION).read_bytes())

    def accept(run: Run, delivery: Delivery, **more: Any) -> Event:
        if when == "before":
            deliver(retraction, Run(run.path), now=NOW)
        event = real(run, delivery, **more)
        if when == "after":
            deliver(retraction, Run(run.path), now=NOW)
        return event

    monkeypatch.setattr(Run, "accept", accept)
    intake.hear(Message((data / BNS).read_bytes(), TOPIC), now=NOW)
    (event,) = intake.run.events()
    assert (event.path / "igwn_retraction.json").exists()


def test_an_alert_whose_listener_died_after_it_was_numbered_keeps_its_number(
    data: Path, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message((data / BNS).read_bytes(), TOPIC)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="gone"):
        patched.setattr(Run, "accept", lambda *given, **more: (_ for _ in ()).throw(OSError("gone")))
        intake.hear(message, now=NOW)
    Intake(intake.run, intake.archive, [MESSENGER]).hear(message, now=NOW)
    assert [event.id for event in intake.run.events()] == ["MS260605l-1-Preliminary"]


@pytest.mark.parametrize("kind", ["", "Update", "../../x"])
@pytest.mark.parametrize("name", ["../x", ".hidden", "", "S1"])
def test_a_delivery_that_no_event_can_take_is_a_dead_letter(run: Run, tmp_path: Path, name: str, kind: str) -> None:
    given = Delivery(name, {".hidden" if name == "S1" else "a.txt": b""}, kind=kind, identity="1")
    radio = Messenger("radio", "b", (), topics=("r",), read=lambda message: given)
    intake = Intake(run, Archive(tmp_path / "gcn"), [radio])
    heard = intake.hear(Message(b"{}", "r"), now=NOW)
    assert heard.dead is not None and heard.delivered == ()
    assert run.events() == [] and not (tmp_path / "x").exists()


def test_a_copy_of_an_event_is_taken_back_too(data: Path, run: Run) -> None:
    for name in ("MS260605l-rerun", "MS260605l"):
        run.accept(Delivery(name, {"igwn_alert.json": b"{}"}))
    events = deliver(parse((data / RETRACTION).read_bytes()), run, now=NOW).events
    assert [event.id for event in events] == ["MS260605l", "MS260605l-rerun"]


def test_a_list_for_an_event_that_is_there_is_added_and_its_flags_stay(data: Path, run: Run, tmp_path: Path) -> None:
    def read(message: Message) -> Delivery:
        return Delivery("MS260605l", {"radio.json": message.data}, role="observation")

    (event,) = deliver(start(Given(alert=(data / BNS).read_bytes()), nobody), run, now=NOW).events
    radio = Messenger("radio", "bursts", (), topics=("survey.radio.*",), read=read)
    intake = Intake(run, Archive(tmp_path / "gcn"), [radio])
    for text in (b"{}", b'{"bursts": []}'):
        intake.hear(Message(text, "survey.radio.bursts"), now=NOW)
    assert (event.path / "radio.json").read_bytes() == b'{"bursts": []}'
    assert event.refresh().flags == PRESETS["DEFAULT"]
    assert [one["filename"] for one in history(event.path) if one["kind"] == "Received"][1:] == ["radio.json"] * 2


@pytest.mark.parametrize("delivery", [Delivery("S1", {}, kind="Update"), Delivery("S1", {}, takes_back=True)])
def test_nothing_passes_by_the_door(run: Run, delivery: Delivery) -> None:
    with pytest.raises(ValueError, match=r"llama\.intake\.deliver"):
        run.accept(delivery)


def test_only_the_door_accepts() -> None:
    source = Path(__file__).resolve().parents[2] / "src" / "llama"
    callers = {path.relative_to(source).as_posix() for path in source.rglob("*.py") if ".accept(" in path.read_text()}
    assert callers == {"intake/delivery.py"}
