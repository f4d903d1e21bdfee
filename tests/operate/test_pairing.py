"""One alert in two forms counts once, two alerts of one kind twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from llama.operate.pairing import Written, may_be_first, pairs


def at(minute: int, second: int, kind: str = "Preliminary") -> Written:
    return Written(kind, f"2026-01-01T00:{minute:02}:{second:02}Z")


@pytest.mark.parametrize(
    ("voevents", "notices", "expected"),
    [
        ([at(0, 4)], [at(0, 0)], [(0, 0)]),
        ([at(0, 0)], [at(0, 7)], [(0, 0)]),
        ([at(0, 4)], [at(0, 0, "Initial")], []),
        ([at(5, 0)], [at(0, 0)], []),
        # two preliminary alerts five minutes apart, as they come
        ([at(0, 4), at(5, 4)], [at(0, 0), at(5, 0)], [(0, 0), (1, 1)]),
        ([at(5, 4), at(0, 4)], [at(0, 0)], [(1, 0)]),
        # two within the limit of one notice: the nearer is its form, the other an alert of its own
        ([at(0, 4), at(1, 0)], [at(0, 0)], [(0, 0)]),
        ([at(0, 50), at(0, 59)], [at(0, 0), at(1, 0)], [(0, 0), (1, 1)]),
        ([Written("Initial", "2016-12-31T23:59:60Z")], [Written("Initial", "2017-01-01T00:00:01.5Z")], [(0, 0)]),
    ],
)
def test_pairs(voevents: list[Written], notices: list[Written], expected: list[tuple[int, int]]) -> None:
    found = [(voevents.index(one), notices.index(other)) for one, other in pairs(voevents, notices)]
    assert sorted(found) == expected


def test_a_young_voevent_waits_for_its_notice() -> None:
    assert may_be_first(at(0, 0), datetime(2026, 1, 1, 0, 14, tzinfo=UTC))
    assert not may_be_first(at(0, 0), datetime(2026, 1, 1, 0, 15, 1, tzinfo=UTC))
