"""Messages that no sender should send: each is told and passed, and none stops a listener for good."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from llama.ports import BrokerError
from llama.services.hopskotch import _whole
from llama.services.kafka import incoming

ADDRESS = json.dumps({"url": "https://example.org/1"}).encode()


class Sent:
    """A message of confluent-kafka."""

    def __init__(self, value: bytes, headers: list[tuple[str, bytes | None]] | None = None, at_ms: int = 0) -> None:
        self._value, self._headers, self._at_ms = value, headers, at_ms

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self._headers

    def topic(self) -> str:
        return "igwn.gwalert"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at_ms


def stream(answer: object) -> Any:
    def fetch(url: str, metadata: bool, message: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(_fetch_external=fetch)


def fault(code: int) -> Any:
    return SimpleNamespace(error=lambda: KafkaError(code, "said"))


@pytest.mark.parametrize("at_ms", [10**18, 2**63 - 1, -1, 0])
def test_a_time_that_is_none_is_not_known(at_ms: int) -> None:
    assert incoming(Sent(b"x", at_ms=at_ms), b"x").sent is None


def test_a_header_without_a_value_is_no_name() -> None:
    assert _whole(stream(None), Sent(b"x", [("_id", None), ("_format", None)])) == (b"x", "")


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b'{"address": "x"}'])
def test_a_large_message_without_an_address_is_kept_as_it_came(value: bytes) -> None:
    assert _whole(stream(None), Sent(value, [("_format", b"external")])) == (value, "")


@pytest.mark.parametrize("code", [KafkaError.RESOURCE_NOT_FOUND, KafkaError._VALUE_DESERIALIZATION])
def test_one_that_is_gone_is_kept_as_it_came(code: int) -> None:
    assert _whole(stream(fault(code)), Sent(ADDRESS, [("_format", b"external")])) == (ADDRESS, "")


@pytest.mark.parametrize("answer", [fault(KafkaError.UNKNOWN), OSError("no route"), RuntimeError("no server")])
def test_one_that_may_come_another_time_is_asked_for_again(answer: object) -> None:
    with pytest.raises(BrokerError, match="could not be fetched") as caught:
        _whole(stream(answer), Sent(ADDRESS, [("_format", b"external")]))
    assert caught.value.kind == "unreachable"
