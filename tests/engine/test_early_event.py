"""An event folder of an early version, kept as it was written: `early/event`, of toys and a table in `early/shared`.

It was made, flagged, locked, vetoed, edited and adopted before products recorded what they declared.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import toys
from toys import CHAIN, COUNT, SOURCE, TABLED, TEXT, UPPER

from llama.engine.errors import PipelineError
from llama.engine.folder import care
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Made, Seen, Unknown
from llama.engine.folder.store import SharedDigests
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Guard, Product
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import statuses

EARLY = Path(__file__).parent / "early"
PIPELINE = Pipeline("EARLY", (*CHAIN.products, TABLED))


@pytest.fixture
def early(tmp_path: Path) -> Event:
    """A copy to work on."""
    shutil.copytree(EARLY / "event", tmp_path / "early")
    return Event.open(tmp_path / "early")


def run(event: Event, pipeline: Pipeline) -> Maker:
    """What `llama run -o` does."""
    world = toys.World({pipeline.name: pipeline}, EARLY / "shared")
    maker = Maker(pipeline, world, SharedDigests(world), lambda: toys.NOW)
    runner = Runner(maker, Here(maker))
    runner.once([event])
    assert (runner.failures, runner.troubles) == ([], [])
    return maker


def kinds(event: Event, maker: Maker) -> list[str]:
    return [
        str(status.kind)
        for status in statuses(maker.pipeline, event.look(maker.pipeline, maker.shared), toys.NOW).values()
    ]


def made(event: Event) -> list[str]:
    return [entry.filename for entry in event.entries() if isinstance(entry, Made)]


def test_it_opens_runs_and_checks_clean_and_nothing_is_made(early: Event) -> None:
    before = early.entries()
    assert not any(isinstance(entry, Unknown) for entry in before)
    maker = run(early, PIPELINE)
    news = early.entries()[len(before) :]
    assert {type(entry) for entry in news} <= {Seen}, "a copy has other inodes, which are noted"
    assert kinds(early, maker) == ["done"] * 5
    assert care.check(early) == []
    assert (early.path / "both.txt").read_text() == "HELLO: 6 letters\n"


def test_its_state_is_what_it_was(early: Event) -> None:
    state = early.refresh()
    assert state.flags["manual"] and not state.vetoes and not state.locks
    assert state.file("count.txt").outside and not state.file("both.txt").outside
    assert [version.kind for version in state.file("count.txt").versions] == ["Made", "Adopted"]
    assert [origin.declared for origin in state.file("tabled.txt").alike] == [None]


def test_an_upgrade_remakes_nothing_of_it(early: Event) -> None:
    recall = Product("RECALL", "recall.txt", TEXT)
    later = dataclasses.replace(TABLED, inputs=(SOURCE, UPPER), flags=("role",), optional=(recall,))
    before = made(early)
    run(early, Pipeline("LATER", (*CHAIN, recall, later)))
    assert made(early) == before


def test_a_guard_that_was_not_there_then_and_is_to_withhold_now_makes_anew(early: Event) -> None:
    """The early file may show what the flag, set all along, was to keep from it."""
    guarded = dataclasses.replace(
        SOURCE, guard=Guard(("manual",), lambda text, _, flags: "?" if flags.manual else text)
    )
    upper = dataclasses.replace(UPPER, inputs=(guarded,), make=lambda step: step[guarded].upper())
    run(early, Pipeline("GUARDED", (guarded, upper)))
    assert early.refresh().flags["manual"]
    assert (early.path / "upper.txt").read_text() == "?"


def test_what_changes_is_made_anew_and_recorded_as_today(early: Event) -> None:
    before = made(early)
    early.receive({"source.txt": b"bye"}, why="", now=toys.NOW)
    run(early, PIPELINE)
    assert made(early)[len(before) :] == ["upper.txt", "both.txt", "tabled.txt"]
    lines = [json.loads(line) for line in (early.folder / "journal.jsonl").read_text().splitlines()]
    declared = [line.get("declared") for line in lines if line["kind"] == "Made"]
    assert declared[: len(before)] == [None] * len(before)
    assert declared[len(before) :] == [["source.txt"], ["upper.txt", "count.txt"], ["source.txt", "shared:table.txt"]]


def test_files_from_outside_need_not_be_listed() -> None:
    """A pipeline of another package is one still when its products may come of a new file from outside."""
    assert Pipeline("SHORT", (UPPER,)).products == Pipeline("LONG", (SOURCE, UPPER)).products
    with pytest.raises(PipelineError, match="COUNT is made from UPPER, which is not in pipeline GAP"):
        Pipeline("GAP", (COUNT,))
