"""What brokers refuse, from librdkafka's own mock cluster: each error in our words, none taken for a message."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from llama.ports import GCN, Broker, BrokerError
from llama.testing import world

pytestmark = pytest.mark.component

FETCH, JOIN = 1, 11
TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, SASL_AUTHENTICATION_FAILED = 29, 30, 58


class Mock:
    """A cluster inside librdkafka, with one topic and a message, which answers with the errors it is told to."""

    def __init__(self) -> None:
        (library,) = Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka-*")
        self._lib = ctypes.CDLL(str(library))
        for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(self._lib, name).restype = ctypes.c_void_p
        self._lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        client = self._lib.rd_kafka_new(0, None, ctypes.create_string_buffer(512), ctypes.c_size_t(512))
        self._cluster = ctypes.c_void_p(self._lib.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
        self.address = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode().split(",")[0]
        self._lib.rd_kafka_mock_topic_create(self._cluster, b"igwn.gwalert", 1, 1)
        producer = confluent_kafka.Producer({"bootstrap.servers": self.address})
        producer.produce("igwn.gwalert", b"{}")
        assert producer.flush(20) == 0

    def refuse(self, request: int, code: int, times: int = 20) -> None:
        """Answer the next requests of this kind with this error."""
        errors = [ctypes.c_int(code)] * times
        push = self._lib.rd_kafka_mock_push_request_errors
        push(self._cluster, ctypes.c_int16(request), ctypes.c_size_t(times), *errors)


@pytest.fixture
def mock() -> Mock:
    return Mock()


@contextmanager
def gcn(folder: Path, address: str) -> Iterator[Broker]:
    given = {
        "CLIENT_ID": "x",
        "CLIENT_SECRET": "y" * 20,
        "BOOTSTRAP": address,
        "GROUP": "ours",
        "TOPICS": "igwn.gwalert",
    }
    with world(folder, {f"LLAMA_GCN_{name}": value for name, value in given.items()}) as app:
        yield app.service(GCN)


def first(broker: Broker, seconds: float = 20.0) -> Any:
    """The first message, or the first error."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if (found := broker.receive(0.2)) is not None:
                return found
        except BrokerError as error:
            return error
    return None


def test_it_is_heard(mock: Mock, tmp_path: Path) -> None:
    with gcn(tmp_path, mock.address) as broker:
        broker.subscribe(())
        assert first(broker).message.data == b"{}"


@pytest.mark.parametrize(
    ("request_kind", "code", "kind", "said"),
    [
        (FETCH, TOPIC_AUTHORIZATION_FAILED, "not authorised", "does not let these credentials read igwn.gwalert"),
        (JOIN, GROUP_AUTHORIZATION_FAILED, "not authorised", "does not let these credentials use this group"),
        (JOIN, SASL_AUTHENTICATION_FAILED, "credentials", "gcn.nasa.gov/quickstart and set client_id"),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(
    mock: Mock, tmp_path: Path, request_kind: int, code: int, kind: str, said: str
) -> None:
    mock.refuse(request_kind, code)
    with gcn(tmp_path, mock.address) as broker:
        broker.subscribe(())
        error = first(broker)
    assert isinstance(error, BrokerError), error
    assert error.kind == kind and said in str(error) and "\n" not in str(error)
    assert error.of_topic is (request_kind == FETCH)
