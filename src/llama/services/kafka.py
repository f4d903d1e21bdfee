"""What brokers that speak Kafka have in common: their errors in our words, the place kept for us, addresses."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llama.ports import BrokerError, BrokerFault, Incoming, Message
from llama.services.errors import ServiceError

_TOPICS = ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "TOPIC_EXCEPTION", "_UNKNOWN_PARTITION")
_CREDENTIALS = ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM")
_UNREACHABLE = ("_ALL_BROKERS_DOWN", "_TRANSPORT", "_TIMED_OUT", "_RESOLVE", "_SSL", "_WAIT_COORD")
_NO_FAULT = ("_PARTITION_EOF", "_MAX_POLL_EXCEEDED", "_AUTO_OFFSET_RESET")
_LOG = logging.getLogger("llama.listen")
_CLOSE_S = 10.0
GROUP_FILE = "listener-id"
SESSION_S = 6.0
"""How long a broker waits for a listener that died before it gives its place to the next; the least there may be."""


def broker_error(error: Any, who: str, renew: str, topic: str = "", detail: str = "") -> BrokerError:
    """An error of confluent-kafka in our words. `who` is the broker, `renew` what to do about credentials.

    `detail` is what was said of the connection before.
    """
    code = error.name()
    said = detail or error.str() or code
    if code in _TOPICS:
        text = (
            f"{who} has no topic {topic or said}; it is not heard, the others are: take it out or mend its spelling"
        )
        return BrokerError("unknown topic", text, topic)
    if code == "TOPIC_AUTHORIZATION_FAILED":
        text = f"{who} does not let these credentials read {topic or said}; it is not heard, the others are"
        return BrokerError("not authorised", text, topic)
    if code == "GROUP_AUTHORIZATION_FAILED":
        text = f"{who} does not let these credentials use this group ({said}); set another"
        return BrokerError("not authorised", text)
    if code in _CREDENTIALS:
        text = f"{who} does not take the credentials, or they have expired ({said}); {renew}"
        return BrokerError("credentials", text)
    kind: BrokerFault = "unreachable" if code in _UNREACHABLE else "other"
    what = "cannot be reached" if kind == "unreachable" else "says"
    return BrokerError(kind, f"{who} {what} ({said}); it is tried again")


def sent_at(timestamp_ms: int | None) -> datetime | None:
    """When the broker got a message; None when it does not say, or what can be no time: its sender may set it."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC) if timestamp_ms and timestamp_ms > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def place(data_dir: Path) -> str:
    """What brokers know this installation by, so that it finds its place again: made once, and kept with the data."""
    path = data_dir / GROUP_FILE
    try:
        return path.read_text(encoding="ascii").strip() or _new_place(path)
    except FileNotFoundError:
        return _new_place(path)


def _new_place(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    temporary.write_text(f"llama-{secrets.token_hex(6)}\n", encoding="ascii")
    try:
        os.link(temporary, path)  # the first of two that start together has it
    except FileExistsError:
        pass  # the other one has
    finally:
        temporary.unlink()
    return path.read_text(encoding="ascii").strip()


def check_loopback(address: str, setting: str) -> None:
    """ServiceError for an address that is not this machine: what is open there is for tests only."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ServiceError(f"{setting} is {address}: it is for tests, and takes 127.0.0.1:PORT only; leave it out")


def lacks(package: str, extra: str) -> str | None:
    """What to install before the library can be used; None when it is there."""
    return None if find_spec(package) else f"{package} is not installed: pip install 'llama-astro[{extra}]'"


@dataclass(frozen=True)
class Mark:
    """A message's place."""

    topic: str
    partition: int
    offset: int


class Connection:
    """What goes on on one consumer of confluent-kafka, from `remember` as its `error_cb` to `end`.

    One thread only: storing an offset while another waits for messages stops both.

    Attributes:
        consumer: is set by whoever opened it.
    """

    def __init__(self, who: str, renew: str) -> None:
        self.consumer: Any = None
        self._who, self._renew = who, renew
        self._safe: dict[tuple[str, int], int] = {}
        self._ends: set[tuple[str, int]] = set()
        self._errors: deque[Any] = deque()
        self._detail = ""

    def remember(self, error: Any) -> None:
        """What the client says of the connection as a whole. One broker of several that is away is no trouble."""
        if error.code() in (error._TRANSPORT, error._RESOLVE):
            self._detail = error.str()
        else:
            self._detail = self._detail if error.code() == error._ALL_BROKERS_DOWN else ""
            self._errors.append(error)

    def translated(self, error: Any, topic: str = "") -> BrokerError:
        """An error of confluent-kafka; what was said of the connection before tells why, where it says more."""
        if error.name() in _UNREACHABLE:
            error = next((one for one in self._errors if one.name() in _CREDENTIALS), error)
        return broker_error(error, self._who, self._renew, topic, self._detail)

    @property
    def caught_up(self) -> bool:
        """Whether the end of every topic was reached."""
        found = {(one.topic, one.partition) for one in self.consumer.assignment()}
        return bool(found) and found <= self._ends

    def take(self, timeout_s: float) -> Any:
        """The next message; None when there is none. An error in its place is raised, and never taken for one."""
        found = self.consumer.poll(timeout_s)
        if self._errors:
            raise self.translated(self._errors.popleft())
        if found is None:
            return None
        where = (found.topic(), found.partition())
        if (error := found.error()) is None:
            self._ends.discard(where)
            return found
        if error.code() == error._PARTITION_EOF:
            self._ends.add(where)
        if error.name() in _NO_FAULT:
            return None
        raise broker_error(error, self._who, self._renew, found.topic() or "")

    def safe(self, mark: object) -> None:
        """Tell the broker, which answers in its own time; it never hears of more than is safe."""
        from confluent_kafka import KafkaException, TopicPartition

        assert isinstance(mark, Mark)
        self._safe[mark.topic, mark.partition] = mark.offset + 1
        try:
            offsets = [TopicPartition(mark.topic, mark.partition, mark.offset + 1)]
            self.consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            _LOG.debug("%s was not told what is safe (%s); it will be with the next", self._who, error)

    def end(self) -> None:
        """Let go. What is safe is told if that is possible, else those messages come again and change nothing."""
        # Where nobody answers any more the client waits for answers for minutes: it does so behind us
        closing = threading.Thread(target=self._close, daemon=True, name="llama closing kafka")
        closing.start()
        closing.join(_CLOSE_S)
        if closing.is_alive():
            _LOG.debug("%s does not answer; the connection ends by itself", self._who)

    def _close(self) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        offsets = [TopicPartition(*where, offset) for where, offset in self._safe.items()]
        try:
            if offsets and not self._errors:
                self.consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            _LOG.debug("%s was not told what is safe (%s); those messages come again", self._who, error)
        self.consumer.close()


def incoming(found: Any, data: bytes, unique: str = "") -> Incoming:
    """A message of confluent-kafka as ours; its name is its place, unless its broker has a better one."""
    topic, partition, offset = found.topic(), found.partition(), found.offset()
    message = Message(data, topic, unique or f"{topic}-{partition}-{offset}")
    return Incoming(message, Mark(topic, partition, offset), sent_at(found.timestamp()[1]))


class _AtDebug(logging.Filter):
    """librdkafka tells each failed try; what matters of it we say ourselves, once."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return True


def client_log() -> logging.Logger:
    """Where a Kafka client writes what it does: in the log file, for whoever looks for a fault."""
    logger = logging.getLogger("llama.listen.kafka")
    if not logger.filters:
        logger.addFilter(_AtDebug())
    return logger
