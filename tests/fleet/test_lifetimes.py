"""How long servers are to be there, and which are spared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from llama.fleet.lifetimes import end_of, is_tag, outlived, until_tag, why_sheltered
from llama.ports import Server

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def server(*tags: str, name: str = "llama-00") -> Server:
    return Server(1, name, "active", tags=tags)


@pytest.mark.parametrize(
    ("now", "hours", "tag"),
    [
        (NOON, 24.0, "llama-until:2026-12-02T12Z"),
        (NOON, 23.01, "llama-until:2026-12-02T12Z"),
        (NOON + timedelta(microseconds=1), 1.0, "llama-until:2026-12-01T14Z"),
        (datetime(2026, 12, 1, 13, tzinfo=timezone(timedelta(hours=1))), 1.0, "llama-until:2026-12-01T13Z"),
    ],
)
def test_the_tag_names_the_next_full_hour_in_utc(now: datetime, hours: float, tag: str) -> None:
    assert until_tag(now, hours) == tag and is_tag(tag)
    end = end_of(server("a", tag))
    assert end is not None and 0.0 <= (end - now).total_seconds() - hours * 3600.0 < 3600.0


def test_the_latest_tag_counts_and_one_that_is_none_keeps_the_server() -> None:
    first, last = until_tag(NOON, 1), until_tag(NOON, 3)
    assert end_of(server(last, first)) == NOON + timedelta(hours=3)
    assert end_of(server("llama-until:soon", first)) is None
    assert end_of(server("until")) is None


def test_what_has_outlived_its_time() -> None:
    over, later, none = server(until_tag(NOON, 0)), server(until_tag(NOON, 1)), server()
    assert outlived([over, later, none], NOON) == [over]
    assert outlived([over], NOON - timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (server(), None),
        (server(name="llama-bns-o3-00"), None),
        (server("llama-protected"), "has the tag llama-protected"),
        (server(name="web"), "is not called llama-*"),
        (server(name="llama"), "is not called llama-*"),
        (server(name="Llama-00"), "is not called llama-*"),
    ],
)
def test_who_is_sheltered(one: Server, why: str | None) -> None:
    assert why_sheltered(one) == why


@pytest.mark.parametrize(("text", "answer"), [("bns:o3_a-1", True), ("", False), ("a b", False), ("ä", False)])
def test_what_the_cloud_takes_for_a_tag(text: str, answer: bool) -> None:
    assert is_tag(text) is answer
