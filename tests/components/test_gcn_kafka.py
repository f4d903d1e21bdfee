"""GCN's own client reads from a real broker, and its place is where all is safe."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llama.engine.folder import Run
from llama.installed import Providers
from llama.intake import Archive, Intake
from llama.messengers.gw import MESSENGER
from llama.operate.hearing import HeardSoFar, Listener, Pauses
from llama.ports import GCN, Broker, BrokerError
from llama.testing import FakeProgram, Proxy, Tansu, demo_alert, world

pytestmark = pytest.mark.component

HASTY = Pauses(first_s=0.2, most_s=1.0, poll_s=0.2)


@contextmanager
def gcn(folder: Path, bootstrap: str, **variables: str) -> Iterator[Broker]:
    given = {"CLIENT_ID": "x", "CLIENT_SECRET": "y" * 20, "BOOTSTRAP": bootstrap, "GROUP": "ours"} | variables
    with world(folder, {f"LLAMA_GCN_{name}": value for name, value in given.items()}) as app:
        assert app.providers.find("gcn") is Providers().find("gcn")
        yield app.service(GCN)


def hear(folder: Path, bootstrap: str, **variables: str) -> HeardSoFar:
    """All that there is, as `llama listen gcn --once` does."""
    intake = Intake(Run(folder / "run"), Archive(folder / "gcn"), [MESSENGER])
    with gcn(folder, bootstrap, **variables) as broker:
        broker.subscribe(intake.topics)
        return Listener(broker, intake, FakeProgram(), HASTY, once=True).listen()


def events(folder: Path) -> list[str]:
    return sorted(event.id for event in Run(folder / "run").events())


def test_alerts_become_events_and_a_second_listener_hears_only_what_is_new(kafka: Tansu, tmp_path: Path) -> None:
    kafka.send("igwn.gwalert", [demo_alert().data, b"<broken"])
    kafka.send("gcn.heartbeat", [b'{"alert_datetime": "now"}'])
    tally = hear(tmp_path, kafka.address)
    assert (tally.messages, tally.dead, tally.heartbeats) == (2, 1, 1)
    assert kafka.committed("ours", "igwn.gwalert") == 2
    kafka.send("igwn.gwalert", [demo_alert("MS120131b").data])
    assert hear(tmp_path, kafka.address).messages == 1
    assert events(tmp_path) == ["MS120130a-1-Preliminary", "MS120131b-1-Preliminary"]
    kept = sorted(path.name for path in (tmp_path / "gcn").glob("2*/*/*"))
    assert kept == ["heartbeats.jsonl", "igwn.gwalert-0-0.json", "igwn.gwalert-0-1.xml", "igwn.gwalert-0-2.json"]


def test_a_topic_that_there_is_not_is_named_and_the_others_are_heard(
    kafka: Tansu, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.send("igwn.gwalert", [demo_alert().data])
    with caplog.at_level(logging.WARNING, "llama.listen"):
        hear(tmp_path, kafka.address, TOPICS_ADDED="gcn.notices.nobody")
    assert "GCN has no topic gcn.notices.nobody; it is not heard, the others are" in caplog.text
    assert not any(path.suffix == ".bin" for path in (tmp_path / "gcn").rglob("*"))
    assert events(tmp_path) == ["MS120130a-1-Preliminary"]


def test_what_was_on_disk_when_it_was_killed_comes_again_and_changes_nothing(kafka: Tansu, tmp_path: Path) -> None:
    kafka.send("igwn.gwalert", [demo_alert().data])
    intake = Intake(Run(tmp_path / "run"), Archive(tmp_path / "gcn"), [MESSENGER])
    with gcn(tmp_path, kafka.address) as broker:
        broker.subscribe(intake.topics)
        came = None
        until = time.monotonic() + 30
        while came is None and time.monotonic() < until:
            try:
                came = broker.receive(0.5)
            except BrokerError as error:
                assert error.of_topic
        assert came is not None
        intake.hear(came.message, now=came.sent)  # type: ignore[arg-type]
    assert kafka.committed("ours", "igwn.gwalert") == 0
    assert hear(tmp_path, kafka.address).messages == 1
    assert kafka.committed("ours", "igwn.gwalert") == 1 and events(tmp_path) == ["MS120130a-1-Preliminary"]


def test_a_way_that_is_cut_is_tried_until_it_is_mended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    proxy = Proxy()
    with Tansu(advertised=proxy.port) as kafka:
        proxy.target = kafka.port
        kafka.make_topics(["igwn.gwalert", "gcn.heartbeat"])
        kafka.send("igwn.gwalert", [demo_alert().data])
        intake = Intake(Run(tmp_path / "run"), Archive(tmp_path / "gcn"), [MESSENGER])
        with gcn(tmp_path, kafka.address) as broker, caplog.at_level(logging.WARNING, "llama.listen"):
            broker.subscribe(intake.topics)
            program = Until(lambda: len(events(tmp_path)) == 1)
            ear = Listener(broker, intake, program, HASTY)
            ear.listen()
            proxy.cut()
            program.done = lambda: "cannot be reached" in caplog.text
            ear.listen()
            proxy.mend()
            kafka.send("igwn.gwalert", [demo_alert("MS120131b").data])
            program.done = lambda: len(events(tmp_path)) == 2
            ear.listen()
    proxy.close()
    assert "is heard again, after" in caplog.text
    assert events(tmp_path) == ["MS120130a-1-Preliminary", "MS120131b-1-Preliminary"]


class Until(FakeProgram):
    """A program that ends when something is so, or after a minute."""

    def __init__(self, done: object) -> None:
        super().__init__()
        self.done = done
        self._until = time.monotonic() + 60

    @property
    def stopping(self) -> bool:
        assert time.monotonic() < self._until, "it did not come to it within a minute"
        return self.done()  # type: ignore[operator,no-any-return]


def test_a_broker_that_lost_its_log_is_heard_from_the_start(kafka: Tansu, tmp_path: Path) -> None:
    kafka.send("igwn.gwalert", [demo_alert(f"MS12013{n}a").data for n in range(3)])
    hear(tmp_path, kafka.address)
    kafka.kill()
    kafka.start()
    kafka.make_topics(["igwn.gwalert"])
    kafka.send("igwn.gwalert", [demo_alert("MS120139z").data])
    hear(tmp_path, kafka.address)
    assert len(events(tmp_path)) == 4 and "MS120139z-1-Preliminary" in events(tmp_path)


def test_nobody_there_is_said_and_once_gives_up(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="GCN cannot be reached"):
        hear(tmp_path, "127.0.0.1:9")


def test_an_address_elsewhere_is_refused(tmp_path: Path) -> None:
    from llama.services.errors import ServiceError

    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:PORT only"):
        hear(tmp_path, "kafka.example.org:9092")


def test_a_second_listener_of_the_group_says_that_nothing_is_left(
    kafka: Tansu, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.send("igwn.gwalert", [demo_alert().data])
    one_topic = {"TOPICS": "igwn.gwalert"}
    with (
        gcn(tmp_path / "1", kafka.address, **one_topic) as first,
        gcn(tmp_path / "2", kafka.address, **one_topic) as second,
    ):
        heard = []
        until = time.monotonic() + 60
        with caplog.at_level(logging.WARNING, "llama.listen"):
            for broker in (first, second):
                broker.subscribe(())
            while "nothing is left for this one" not in caplog.text and time.monotonic() < until:
                heard += [one for one in (first.receive(0.2), second.receive(0.2)) if one is not None]
    assert "another listener of this group hears all topics" in caplog.text
    assert {one.message.id for one in heard} <= {"igwn.gwalert-0-0"}
