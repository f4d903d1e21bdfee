"""Orders carry who gave them."""

from __future__ import annotations

import getpass
import json
import socket

import pytest
from toybench import Bench
from toys import TEXT, UPPER

from llama.cli.event_text import history_line
from llama.engine.folder import claim
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Adopted, Entry, Flagged, Locked, Requested, Unlocked, Unvetoed, Vetoed

ORDERS = (Vetoed, Unvetoed, Locked, Unlocked, Flagged, Requested, Adopted)


def give_all(bench: Bench, **by: str) -> list[Entry]:
    """Every order once."""
    event, why = bench.event, {"why": "because", "now": bench.now}
    for action in ("veto", "unveto", "lock", "unlock"):
        getattr(event, action)(None, **why, **by)
    event.flag({"manual": True}, **why, **by)
    event.remake(UPPER, **why, **by)
    bench.edit(UPPER, "by hand")
    event.adopt("upper.txt", TEXT, **why, **by)
    return [entry for entry in Event(event.path).entries()[2:] if isinstance(entry, ORDERS)]


def test_every_order_says_who_gave_it_and_why(bench: Bench) -> None:
    orders = give_all(bench, by="ada@control")
    assert {type(one) for one in orders} == set(ORDERS)
    assert {(one.by, one.why) for one in orders} == {("ada@control", "because")}
    assert all(history_line(one).endswith("because (by ada@control)") for one in orders)


def test_by_default_it_is_who_runs_the_program(bench: Bench) -> None:
    assert {one.by for one in give_all(bench)} == {f"{getpass.getuser()}@{socket.gethostname()}"}


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_001_234)
    assert claim.person() == f"4000001234@{socket.gethostname()}"


def test_orders_of_early_journals_name_nobody(bench: Bench) -> None:
    bench.event.veto(None, why="glitch", now=bench.now)
    path = bench.event.folder / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in one.items() if k != "by"}) + "\n" for one in lines))
    assert history_line(bench.event.entries()[-1]) == "2026-01-02 03:04:05Z Vetoed    the event glitch"
    assert bench.status(UPPER).why == "event vetoed: glitch"
