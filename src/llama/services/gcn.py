"""NASA's General Coordinates Network over Kafka."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from llama.ports import GCN, Broker, BrokerError, Incoming, Opener, Provider
from llama.sections import About, Secret, SecretError, Section, hiding
from llama.services.kafka import SESSION_S, Connection, check_loopback, client_log, incoming, lacks, place

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
OFF = ("gcn.classic.voevent.LVC_*", "gracedb*")
"""Not heard unless asked for: topics that were retired (docs/operate/listening.md says why), and another stream's."""
_RENEW = "make new ones at https://gcn.nasa.gov/quickstart and set client_id and client_secret of [gcn]"


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


class GCNBroker:
    """A consumer that keeps its place, and moves it on only past what is safe."""

    name = "GCN"
    heartbeat = HEARTBEAT

    def __init__(self, settings: GCNSettings, data_dir: Path) -> None:
        self.silence_s = settings.silence_s
        self._settings = settings
        self._data_dir = data_dir
        self._topics: tuple[str, ...] = ()
        self._connection: Connection | None = None

    @property
    def group(self) -> str:
        """The name under which our place is kept."""
        return self._settings.group or place(self._data_dir)

    @property
    def caught_up(self) -> bool:
        """Whether the end of every topic was reached."""
        return self._connection is not None and self._connection.caught_up

    def subscribe(self, topics: Sequence[str]) -> tuple[str, ...]:
        """Hear these, those of the settings, and what is always heard."""
        self._topics = chosen(topics, self._settings)
        return self._topics

    def receive(self, timeout_s: float) -> Incoming | None:
        """The next message; an error that arrives in a message's place is raised, and never taken for one."""
        if self._connection is None:
            self._connection = self._connect()
        found = self._connection.take(timeout_s)
        return None if found is None else incoming(found, found.value() or b"")

    def safe(self, mark: object) -> None:
        """Told in the background; GCN never hears of more than is safe."""
        if self._connection is not None:
            self._connection.safe(mark)

    def drop(self) -> None:
        """Let go, after telling what is safe."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()

    def close(self) -> None:
        """The same."""
        self.drop()

    def _connect(self) -> Connection:
        from confluent_kafka import KafkaException
        from gcn_kafka import Consumer

        asked, connection = self._settings, Connection(self.name, _RENEW)
        group, secret = self._told()
        config: dict[str, Any] = {
            "group.id": group,
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
            "error_cb": connection.remember,
            "logger": client_log(),
        }
        if asked.bootstrap:
            check_loopback(asked.bootstrap, "bootstrap of [gcn]")
            config |= {"bootstrap.servers": asked.bootstrap, "security.protocol": "plaintext"}
            identity = {}
        else:
            identity = {"client_id": asked.client_id, "client_secret": secret}
        try:
            with hiding([asked.client_secret]):
                connection.consumer = Consumer(config=config, domain=asked.domain, **identity)
                connection.consumer.subscribe([_as_regex(one) for one in self._topics], on_assign=self._on_assign)
        except KafkaException as error:
            raise connection.translated(error.args[0]) from None
        return connection

    def _told(self) -> tuple[str, str]:
        """Our group and our secret. A file that is just being renewed, or a full disk, is no reason to give up."""
        try:
            return self.group, "" if self._settings.bootstrap else self._settings.client_secret.reveal()
        except (SecretError, OSError) as error:
            raise BrokerError("credentials", f"GCN cannot be heard now: {error}; it is tried again") from error

    def _on_assign(self, consumer: Any, partitions: Sequence[Any]) -> None:
        if not partitions:
            error = "another listener of this group hears all topics, and nothing is left for this one"
            _LOG.warning("GCN: %s: stop it, or set another group of [gcn] (now %s)", error, self.group)


def _open(host: Opener) -> Broker:
    return GCNBroker(host.section(SETTINGS), host.folders.data_dir)


PROVIDER: Provider[Broker] = Provider(GCN, _open, (SETTINGS,), lambda _: lacks("gcn_kafka", "gcn"))

__all__ = ["PROVIDER", "SETTINGS", "GCNBroker", "GCNSettings", "chosen"]
