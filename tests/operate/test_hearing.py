"""The loop that hears: nothing is safe before it is on disk, and nothing ends it but being told."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from llama.engine.errors import StorageError
from llama.engine.folder import Run
from llama.intake import Archive, Intake
from llama.messengers import Message
from llama.messengers.gw import MESSENGER
from llama.operate.hearing import Listener, Pauses
from llama.ports import BrokerError
from llama.testing import NOW, FakeBroker, FakeProgram, demo_alert

BEAT = Message(b'{"alert_datetime": "2026-01-02T03:04:05Z"}', "gcn.heartbeat")
IMPATIENT = Pauses(first_s=0.0, most_s=0.0, poll_s=0.0)


class Ticks:
    """Seconds that pass only while somebody waits."""

    def __init__(self) -> None:
        self.at = 0.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.at

    def pause(self, seconds: float) -> None:
        self.at += seconds
        self.waited.append(seconds)


def listener(tmp_path: Path, broker: FakeBroker, **given: Any) -> Listener:
    intake = Intake(Run(tmp_path / "run"), Archive(tmp_path / "gcn"), [MESSENGER])
    ticks = Ticks()
    settings = {"pauses": IMPATIENT, "once": True, "now": lambda: NOW, "tick": ticks, "pause": ticks.pause}
    return Listener(broker, intake, FakeProgram(), **settings | given)


def archived(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "gcn").glob("2*/*/*"))


def test_what_is_heard_is_an_event_and_safe(tmp_path: Path) -> None:
    broker = FakeBroker([demo_alert(), BEAT, Message(b"<broken", "igwn.gwalert", "7")], "gcn.heartbeat")
    tally = listener(tmp_path, broker).listen()
    assert broker.committed == 3
    assert (tally.messages, tally.heartbeats, tally.dead) == (2, 1, 1)
    assert (tmp_path / "run" / "MS120130a-1-Preliminary" / "igwn_alert.json").exists()
    assert "heartbeats.jsonl" in archived(tmp_path)
    assert (tmp_path / "gcn" / "2026-01" / "02" / "heartbeats.jsonl").read_bytes() == BEAT.data + b"\n"


def test_a_full_disk_keeps_the_message_with_its_broker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = FakeBroker([demo_alert(), demo_alert("MS120131b")])
    ear = listener(tmp_path, broker, pauses=Pauses(first_s=1.0, most_s=4.0, poll_s=0.0))
    real, tries = ear.intake.archive.keep, 0

    def full(message: Message, **given: Any) -> Path:
        nonlocal tries
        tries += 1
        assert broker.committed == 0 or tries > 5
        if tries <= 4:
            raise StorageError("the disk is full")
        return real(message, **given)

    ear.intake.archive.keep = full  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING, "llama.listen"):
        ear.listen()
    assert broker.committed == 2 and tries == 6 and ear.tick() == pytest.approx(1 + 2 + 4 + 4)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2 and "the disk is full. It stays with Fake" in said[0] and "after 5 tries" in said[1]


def test_who_is_to_end_while_the_disk_is_full_leaves_the_message(tmp_path: Path) -> None:
    broker = FakeBroker([demo_alert()])
    ear = listener(tmp_path, broker)
    ear.program = FakeProgram(beats=3)

    def full(message: Message, **given: Any) -> Path:
        raise OSError(28, "No space left on device")

    ear.intake.archive.keep = full  # type: ignore[method-assign]
    ear.listen()
    assert broker.committed == 0 and not (tmp_path / "run" / "MS120130a-1-Preliminary").exists()


def test_a_topic_that_is_not_heard_keeps_none_of_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    missing = BrokerError("unknown topic", "there is no topic gcn.notices.x", "gcn.notices.x")
    broker = FakeBroker([missing, demo_alert(), missing, BEAT])
    with caplog.at_level(logging.WARNING, "llama.listen"):
        listener(tmp_path, broker).listen()
    assert broker.committed == 2 and broker.connections == 1
    assert [record.getMessage() for record in caplog.records] == ["there is no topic gcn.notices.x"]


def test_a_broker_that_is_away_is_tried_again_later_and_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = BrokerError("unreachable", "nobody answers at kafka.gcn.nasa.gov")
    broker = FakeBroker([demo_alert(), away, away, away, away, demo_alert("MS120131b")])
    ear = listener(tmp_path, broker, once=False, pauses=Pauses(first_s=1.0, most_s=4.0, poll_s=0.0))
    ear.program = FakeProgram(beats=7)
    with caplog.at_level(logging.WARNING, "llama.listen"):
        ear.listen()
    assert broker.committed == 2 and broker.connections == 5 and ear.tick() == pytest.approx(1 + 2 + 4 + 4)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["nobody answers at kafka.gcn.nasa.gov", "Fake is heard again, after 11 s"]


def test_once_gives_up_where_there_is_no_getting_on(tmp_path: Path) -> None:
    broker = FakeBroker([BrokerError("credentials", "it refused the secret"), demo_alert()])
    with pytest.raises(BrokerError, match="refused the secret"):
        listener(tmp_path, broker).listen()


def test_silence_where_there_was_a_heartbeat_means_a_new_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = FakeBroker([BEAT], "gcn.heartbeat")
    ticks = Ticks()
    ear = listener(tmp_path, broker, once=False, tick=ticks, pauses=Pauses(poll_s=0.0))
    ear.program = FakeProgram(beats=100)
    real = broker.receive

    def receive(timeout_s: float) -> Any:
        ticks.at += 1.0
        return real(timeout_s)

    broker.receive = receive  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING, "llama.listen"):
        ear.listen()
    assert 3 <= broker.connections <= 5
    assert "not even gcn.heartbeat; connecting anew" in caplog.text


def test_a_clock_that_is_behind_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = FakeBroker([BEAT, BEAT, demo_alert()], "gcn.heartbeat", sent=NOW + timedelta(hours=1))
    with caplog.at_level(logging.WARNING, "llama.listen"):
        listener(tmp_path, broker).listen()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "clock is 3600 s behind that of Fake" in said


def test_what_is_not_safe_comes_again_to_the_next(tmp_path: Path) -> None:
    broker = FakeBroker([demo_alert()])
    first = listener(tmp_path, broker)
    came = broker.receive(0.0)
    assert came is not None
    first.intake.hear(came.message, now=NOW)  # killed here: on disk, and the broker does not know
    broker.close()
    listener(tmp_path, broker).listen()
    assert broker.committed == 1
    assert [event.id for event in Run(tmp_path / "run").events()] == ["MS120130a-1-Preliminary"]
