"""What brokers that speak Kafka have in common: their errors in our words, the place kept for us, addresses."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llama.ports import BrokerError, BrokerFault
from llama.services.errors import ServiceError

_TOPICS = ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "TOPIC_EXCEPTION", "_UNKNOWN_PARTITION")
_CREDENTIALS = ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM")
_UNREACHABLE = ("_ALL_BROKERS_DOWN", "_TRANSPORT", "_TIMED_OUT", "_RESOLVE", "_SSL", "_WAIT_COORD")
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
    """When the broker got a message; None when it does not say."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC) if timestamp_ms and timestamp_ms > 0 else None


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
