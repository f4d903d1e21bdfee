"""NASA's General Coordinates Network over Kafka."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from llama.ports import GCN, Broker, Incoming, Message, Opener, Provider
from llama.sections import About, Secret, Section, hiding
from llama.services.kafka import SESSION_S, broker_error, check_loopback, client_log, lacks, place, sent_at

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger("llama.listen")
HEARTBEAT = "gcn.heartbeat"
OURS = (
    "igwn.gwalert",
    "gcn.notices.icecube.gold_bronze_track_alerts",
    "gcn.notices.icecube.lvk_nu_track_search",
    "gcn.notices.swift.bat.guano",
    "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK",
    HEARTBEAT,
)
"""Heard beside what messengers ask for."""
OFF = ("gcn.classic.voevent.LVC_*",)
"""Not heard unless asked for: topics that were retired (docs/operate/listening.md says why)."""
_RENEW = "make new ones at https://gcn.nasa.gov/quickstart and set client_id and client_secret of [gcn]"
_NO_FAULT = ("_PARTITION_EOF", "_MAX_POLL_EXCEEDED", "_AUTO_OFFSET_RESET")


@dataclass(frozen=True)
class GCNSettings:
    """How GCN is heard."""

    client_id: Annotated[str, About("who we are to GCN; make one at https://gcn.nasa.gov/quickstart")]
    client_secret: Annotated[Secret, About("proves it; made with the client_id")]
    domain: Annotated[Literal["gcn.nasa.gov", "test.gcn.nasa.gov", "dev.gcn.nasa.gov"], About("which GCN")] = (
        "gcn.nasa.gov"
    )
    group: Annotated[str | None, About("the name our place is kept under; by default one made for this data_dir")] = (
        None
    )
    topics: Annotated[tuple[str, ...], About("heard in place of the usual topics, names or patterns")] = ()
    topics_added: Annotated[tuple[str, ...], About("heard besides")] = ()
    topics_off: Annotated[tuple[str, ...], About("not heard, names or patterns")] = ()
    silence_s: Annotated[
        float, About("without a heartbeat for so long there is a new connection; 0 never", least=0)
    ] = 120.0
    bootstrap: Annotated[str | None, About("a broker on this machine in GCN's place, for tests: 127.0.0.1:PORT")] = (
        None
    )


SETTINGS = Section("gcn", GCNSettings)


def chosen(asked: Sequence[str], settings: GCNSettings) -> tuple[str, ...]:
    """The topics that are heard, when messengers ask for these."""
    usual = {one for one in (*asked, *OURS) if not _among(one, OFF)}
    wanted = set(settings.topics or usual) | set(settings.topics_added)
    return tuple(sorted(one for one in wanted if not _among(one, settings.topics_off)))


def _among(topic: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(topic, pattern) for pattern in patterns)


def _as_regex(topic: str) -> str:
    """A pattern as librdkafka takes it."""
    if not set("*?") & set(topic):
        return topic
    return "^" + re.escape(topic).replace(re.escape("*"), ".*").replace(re.escape("?"), ".") + "$"


@dataclass(frozen=True)
class _Mark:
    topic: str
    partition: int
    offset: int


class GCNBroker:
    """A consumer that keeps its place, and moves it on only past what is safe."""

    name = "GCN"
    heartbeat = HEARTBEAT

    def __init__(self, settings: GCNSettings, data_dir: Path) -> None:
        self.silence_s = settings.silence_s
        self._settings = settings
        self._data_dir = data_dir
        self._topics: tuple[str, ...] = ()
        self._consumer: Any = None
        self._safe: dict[tuple[str, int], int] = {}
        self._ends: set[tuple[str, int]] = set()
        self._assigned: set[tuple[str, int]] = set()
        self._errors: deque[Any] = deque()
        self._detail = ""

    @property
    def group(self) -> str:
        """The name under which our place is kept."""
        return self._settings.group or place(self._data_dir)

    @property
    def caught_up(self) -> bool:
        """Whether the end of every topic was reached."""
        return bool(self._assigned) and self._assigned <= self._ends

    def subscribe(self, topics: Sequence[str]) -> tuple[str, ...]:
        """Hear these, those of the settings, and what is always heard."""
        self._topics = chosen(topics, self._settings)
        return self._topics

    def receive(self, timeout_s: float) -> Incoming | None:
        """The next message; an error that arrives in a message's place is raised, and never taken for one."""
        if self._consumer is None:
            self._connect()
        found = self._consumer.poll(timeout_s)
        if self._errors:
            raise broker_error(self._errors.popleft(), self.name, _RENEW, detail=self._detail)
        if found is None:
            return None
        where = (found.topic(), found.partition())
        if (error := found.error()) is not None:
            if error.code() == error._PARTITION_EOF:
                self._ends.add(where)
            if error.code() in [getattr(error, name) for name in _NO_FAULT]:
                return None
            raise broker_error(error, self.name, _RENEW, found.topic() or "")
        self._ends.discard(where)
        topic, partition, offset = found.topic(), found.partition(), found.offset()
        message = Message(found.value() or b"", topic, f"{topic}-{partition}-{offset}")
        return Incoming(message, _Mark(topic, partition, offset), sent_at(found.timestamp()[1]))

    def safe(self, mark: object) -> None:
        """Tell the broker, which answers in its own time; it never hears of more than is safe."""
        from confluent_kafka import KafkaException, TopicPartition

        assert isinstance(mark, _Mark)
        self._safe[mark.topic, mark.partition] = mark.offset + 1
        try:
            offsets = [TopicPartition(mark.topic, mark.partition, mark.offset + 1)]
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            _LOG.debug("GCN was not told what is safe (%s); it will be with the next", error)

    def drop(self) -> None:
        """Let go. What is safe is told if that is possible, else those messages come again and change nothing."""
        from confluent_kafka import KafkaException, TopicPartition

        if self._consumer is None:
            return
        consumer, self._consumer = self._consumer, None
        offsets = [TopicPartition(*where, offset) for where, offset in self._safe.items()]
        try:
            if offsets and not self._errors:
                consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            _LOG.debug("GCN was not told what is safe (%s); those messages come again", error)
        consumer.close()
        self._safe.clear()
        self._ends.clear()
        self._assigned.clear()
        self._errors.clear()

    def close(self) -> None:
        """The same."""
        self.drop()

    def _connect(self) -> None:
        from confluent_kafka import KafkaException
        from gcn_kafka import Consumer

        asked = self._settings
        config: dict[str, Any] = {
            "group.id": self.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "session.timeout.ms": int(SESSION_S * 1000),
            "heartbeat.interval.ms": int(SESSION_S * 1000 / 3),
            # A disk may be full for longer than the usual five minutes; that the process lives is told by itself
            "max.poll.interval.ms": 86_400_000,
            "queued.max.messages.kbytes": 65_536,
            "topic.metadata.refresh.interval.ms": 60_000,
            "error_cb": self._remember,
            "logger": client_log(),
        }
        if asked.bootstrap:
            check_loopback(asked.bootstrap, "bootstrap of [gcn]")
            config |= {"bootstrap.servers": asked.bootstrap, "security.protocol": "plaintext"}
            identity = {}
        else:
            identity = {"client_id": asked.client_id, "client_secret": asked.client_secret.reveal()}
        try:
            with hiding([asked.client_secret]):
                self._consumer = Consumer(config=config, domain=asked.domain, **identity)
                self._consumer.subscribe([_as_regex(one) for one in self._topics], on_assign=self._on_assign)
        except KafkaException as error:
            raise broker_error(error.args[0], self.name, _RENEW) from None

    def _remember(self, error: Any) -> None:
        """What librdkafka says of the connection as a whole. One broker of several that is away is no trouble."""
        if error.code() in (error._TRANSPORT, error._RESOLVE):
            self._detail = error.str()
        else:
            self._detail = self._detail if error.code() == error._ALL_BROKERS_DOWN else ""
            self._errors.append(error)

    def _on_assign(self, consumer: Any, partitions: Sequence[Any]) -> None:
        self._assigned = {(one.topic, one.partition) for one in partitions}
        if not partitions:
            error = "another listener of this group hears all topics, and nothing is left for this one"
            _LOG.warning("GCN: %s: stop it, or set another group of [gcn] (now %s)", error, self.group)


def _open(host: Opener) -> Broker:
    return GCNBroker(host.section(SETTINGS), host.folders.data_dir)


PROVIDER: Provider[Broker] = Provider(GCN, _open, (SETTINGS,), lambda _: lacks("gcn_kafka", "gcn"))

__all__ = ["PROVIDER", "SETTINGS", "GCNBroker", "GCNSettings", "chosen"]
