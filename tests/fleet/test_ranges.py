"""No two servers draw the same blocks, whatever was launched before, here or there."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from llama.fleet.errors import NotToBeDone, ServerFailed
from llama.fleet.launching import TrialOrders, detectors_of, drawn_of, population_of
from llama.fleet.ranges import Assigned, DrawnFrom, Ledger, RangeRecord, assign, going_on, read_record

LIST = "/home/vagrant/pre-er14-background//skymap-lists/bns-o3/H1L1.csv"
WANTED = drawn_of("background", LIST, "", "IC86-2011", 1)
AT = "2026-11-29T00:00:00Z"


def lines(given: list[Assigned], *, cleaned: bool = False) -> str:
    return "".join(f"{one.to_line()}\n" for one in given) + ('{"cleaned": true}\n' if cleaned else "")


def test_ranges_never_meet(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "fleet" / "blocks.jsonl")
    drawn: set[int] = set()
    for servers in (["a", "b"], ["c"], ["a", "c", "d"]):
        with ledger.held():
            new = assign(servers, WANTED, 100, ledger.read(), AT)
            ledger.add(new.values())
        for one in new.values():
            blocks = set(range(one.first, one.last + 1))
            assert len(blocks) == 100 and not blocks & drawn
            drawn |= blocks
    assert drawn == set(range(600))
    others = [DrawnFrom("signal", *WANTED.study), DrawnFrom.of("background", LIST, "bns", "IC86-2011", 2)]
    assert all(assign(["a"], other, 5, ledger.read(), AT)["a"].first == 0 for other in others)


def test_what_a_server_knows_counts_where_the_ledger_is_lost() -> None:
    there = read_record(lines([Assigned("a", WANTED, 0, 99, AT), Assigned("x", WANTED, 700, 799, AT)], cleaned=True))
    assert len(there.every) == 2 and there.present == ()
    assert assign(["b"], WANTED, 10, there.every, AT)["b"].first == 800


def test_a_server_goes_on_with_its_own_range_until_it_is_cleaned() -> None:
    mine = [Assigned("a", WANTED, 0, 99, AT), Assigned("a", WANTED, 300, 399, AT)]
    assert going_on(read_record(lines(mine)), "a", WANTED) == mine[1]
    assert going_on(read_record(lines(mine, cleaned=True)), "a", WANTED) is None
    signal = DrawnFrom("signal", *WANTED.study)
    assert going_on(read_record(lines(mine)), "a", signal) is None, "another kind stands in the same folder"


def test_a_copy_of_another_server_is_refused() -> None:
    with pytest.raises(ServerFailed, match=r"what a drew, of which it seems to be a copy; `llama dev dv clean`"):
        going_on(read_record(lines([Assigned("a", WANTED, 0, 99, AT)])), "b", WANTED)


def test_a_folder_with_another_study_is_refused() -> None:
    other = drawn_of("background", LIST.replace("H1L1", "H1V1"), "", "IC86-2011", 1)
    with pytest.raises(ServerFailed, match=r"a study of bns-o3/H1V1.csv, bns"):
        going_on(read_record(lines([Assigned("a", other, 0, 99, AT)])), "a", WANTED)


def test_lines_that_cannot_be_read_are_none() -> None:
    one = Assigned("a", WANTED, 0, 99, AT)
    assert read_record(f'[]\n{{"server": "b"}}\n{one.to_line()}\n{one.to_line()[:40]}').every == (one,)
    assert read_record("") == RangeRecord()


def test_a_list_says_what_it_is_by_its_place() -> None:
    assert WANTED.list == "bns-o3/H1L1.csv"
    assert DrawnFrom.of("background", "skymap-lists/bns-o3/./H1L1.csv", "bns", "IC86-2011", 1) == WANTED
    assert [population_of(f"x/{name}/H1.csv") for name in ("bbh-o3", "nsbh", "allsky")] == ["bbh", "nsbh", ""]
    assert [detectors_of(f"x/{name}") for name in ("H1L1V1.csv", "H1.txt", "all.csv")] == ["H1L1V1", "H1", ""]
    with pytest.raises(NotToBeDone, match="say --population, one of bns, nsbh, bbh"):
        drawn_of("background", "allsky/H1L1.csv", "", "IC86-2011", 1)
    assert drawn_of("background", "allsky/H1L1.csv", "bbh", "IC86-2011", 1).population == "bbh"


def test_trials_are_asked_for_their_blocks() -> None:
    orders = TrialOrders(WANTED, LIST, "H1L1", per_map=7)
    words = orders.words(Assigned("a", WANTED, 10, 19, AT))
    pairs = dict(itertools.pairwise(words))
    assert words[:4] == ("dev", "trials", "background", "@LIST")
    assert (pairs["--blocks"], pairs["--per-map"], pairs["-p"], pairs["--detectors"]) == ("10:19", "7", "bns", "H1L1")
