"""Events: making, receiving, versions, checks, tidying."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import toys
from toybench import Bench
from toys import BOTH, CHAIN, COUNT, POST, SOURCE, TEXT, UPPER

from llama.engine import care
from llama.engine.errors import DamagedObject, EventError, EventExists, NotAnEvent
from llama.engine.event import Event
from llama.engine.flags import Flags
from llama.engine.journal import Requested, Seen
from llama.engine.pipeline import Pipeline
from llama.engine.product import Product
from llama.engine.status import Kind


def test_a_new_event_is_whole(bench: Bench) -> None:
    event = Event.open(bench.event.path)
    assert event.id == "S1"
    assert event.refresh().flags == Flags()
    assert (event.path / "source.txt").read_text() == "hello"
    assert [path.name for path in event.path.parent.iterdir()] == ["S1"]


def test_an_existing_event_is_left_alone(bench: Bench) -> None:
    with pytest.raises(EventExists, match="left as it is"):
        Event.create(bench.event.path, {"source.txt": b"other"}, Flags(), why="", now=bench.now)
    assert bench.read(SOURCE) == "hello"
    assert [path.name for path in bench.event.path.parent.iterdir()] == ["S1"]


def test_an_ordinary_folder_is_no_event(tmp_path: Path) -> None:
    with pytest.raises(NotAnEvent, match="not an event folder"):
        Event.open(tmp_path)


@pytest.mark.parametrize("name", ["../escape.txt", ".hidden", "", "a/b"])
def test_names_that_leave_the_folder_are_refused(bench: Bench, name: str) -> None:
    with pytest.raises(EventError, match="slash"):
        bench.event.receive({name: b""}, why="", now=bench.now)
    with pytest.raises(EventError):
        bench.event.adopt(name, TEXT, why="", now=bench.now)


def test_receiving_twice_is_no_news(bench: Bench) -> None:
    before = len(bench.event.entries())
    assert bench.event.receive({"source.txt": b"hello"}, why="", now=bench.now) == []
    assert len(bench.event.entries()) == before


def test_receiving_keeps_what_was_edited_by_hand(bench: Bench) -> None:
    bench.edit(SOURCE, "edited")
    bench.receive(source="new")
    assert bench.read(SOURCE) == "new"
    kept = [entry.set_aside for entry in bench.event.entries() if isinstance(entry, Requested)]
    assert [bench.event.store.path(str(digest)).read_text() for digest in kept] == ["edited"]
    assert bench.status(SOURCE).kind is Kind.DONE


def test_a_locked_file_is_not_replaced(bench: Bench) -> None:
    bench.event.lock("source.txt", why="", now=bench.now)
    with pytest.raises(EventError, match="llama event unlock"):
        bench.receive(source="new")
    assert bench.read(SOURCE) == "hello"


def test_adopting_what_is_not_there_or_unchanged(bench: Bench) -> None:
    with pytest.raises(EventError, match="no file"):
        bench.event.adopt("upper.txt", TEXT, why="", now=bench.now)
    assert not bench.event.adopt("source.txt", TEXT, why="", now=bench.now)


def test_what_comes_from_outside_cannot_be_remade(bench: Bench) -> None:
    with pytest.raises(EventError, match="comes from outside"):
        bench.event.remake(SOURCE, why="", now=bench.now)


def test_flags_must_exist(bench: Bench) -> None:
    with pytest.raises(ValueError, match="no flag called colour"):
        bench.event.flag({"colour": True}, why="", now=bench.now)


def test_objects_are_read_only_and_views_are_copies(bench: Bench) -> None:
    bench.make(UPPER)
    digest = bench.event.refresh().file("upper.txt").digest
    assert digest is not None
    path = bench.event.store.path(digest)
    assert path.stat().st_mode & 0o777 == 0o444
    bench.edit(UPPER, "changed in place")
    assert path.read_text() == "HELLO"


def test_large_files_are_stored_once(bench: Bench) -> None:
    bench.receive(source="x" * 2_000_000)
    digest = bench.event.refresh().file("source.txt").digest
    assert digest is not None
    view, kept = (bench.event.path / "source.txt").stat(), bench.event.store.path(digest).stat()
    assert view.st_ino == kept.st_ino  # a hard link: one content on disk, and no way to write to it
    assert kept.st_mode & 0o222 == 0


def test_versions_have_names_for_downloads(bench: Bench, tmp_path: Path) -> None:
    bench.receive(source="second")
    bench.receive(source="third")
    versions = care.versions(bench.event, "source.txt")
    assert [version.number for version in versions] == [1, 2, 3]
    path = care.get_version(bench.event, "source.txt", 2, tmp_path)
    assert path.name == f"S1-v2-{versions[1].digest[:7]}-source.txt"
    assert path.read_text() == "second"
    with pytest.raises(EventError, match="exists already"):
        care.get_version(bench.event, "source.txt", 2, tmp_path)
    with pytest.raises(EventError, match="1 to 3"):
        care.get_version(bench.event, "source.txt", 4, tmp_path)
    with pytest.raises(EventError, match="never had"):
        care.versions(bench.event, "nothing.txt")


@pytest.mark.parametrize("state", ["missing", "older"])
def test_repair_puts_back_what_is_missing_or_old(bench: Bench, state: str) -> None:
    bench.receive(source="second")
    path = bench.event.path / "source.txt"
    path.write_text("hello") if state == "older" else path.unlink()
    assert len(care.check(bench.event)) == 1
    assert len(care.repair(bench.event, now=bench.now)) == 1
    assert path.read_text() == "second"
    assert care.check(bench.event) == []


def test_repair_leaves_edits_alone(bench: Bench) -> None:
    bench.edit(SOURCE, "mine")
    assert care.repair(bench.event, now=bench.now) == []
    assert bench.read(SOURCE) == "mine"
    assert "edited by hand" in care.check(bench.event)[0]


def test_damaged_and_missing_objects_are_found_and_mended_from_the_view(bench: Bench) -> None:
    digest = bench.event.refresh().file("source.txt").digest
    assert digest is not None
    path = bench.event.store.path(digest)
    path.chmod(0o644)
    path.write_text("rot")
    assert "is damaged" in care.check(bench.event)[0]
    assert care.mend_objects(bench.event) == [f"object {digest} restored from source.txt"]
    assert care.check(bench.event) == []
    path.unlink()
    assert "kept copy" in care.repair(bench.event, now=bench.now)[0]
    assert care.check(bench.event) == []


def test_an_object_lost_for_good_is_said_so(bench: Bench) -> None:
    bench.event.store.drop(list(bench.event.store))
    (bench.event.path / "source.txt").unlink()
    assert care.check(bench.event)
    assert "could not be restored" in care.repair(bench.event, now=bench.now)[0]
    bench.make(UPPER)
    assert "is missing" in bench.status(UPPER).why
    with pytest.raises(DamagedObject):
        bench.event.store.place("0" * 64, bench.event.path / "x")


def test_a_copied_event_is_hashed_once_and_then_known_by_sight(bench: Bench, tmp_path: Path) -> None:
    bench.make(UPPER)
    shutil.copytree(bench.event.path, tmp_path / "copy" / "S1", copy_function=shutil.copy)
    copy = Event(tmp_path / "copy" / "S1")
    assert care.needs_repair(copy, copy.look(CHAIN, bench.maker.shared))
    care.repair(copy, now=bench.now)
    assert not care.needs_repair(copy, copy.look(CHAIN, bench.maker.shared))
    assert len([entry for entry in copy.entries() if isinstance(entry, Seen)]) == 2
    assert (copy.path / "upper.txt").read_text() == "HELLO"


def test_prune_keeps_present_contents_and_what_was_published(bench: Bench) -> None:
    receipt = Product("RCT", "rct.txt", TEXT, lambda step: step[UPPER], inputs=(UPPER,), services=(POST,))
    bench.use(Pipeline("P", (SOURCE, UPPER, COUNT, BOTH, receipt)))
    bench.event.flag({"upload": True}, why="", now=bench.now)
    bench.make(UPPER, receipt)
    for text in ("second", "third"):
        bench.receive(source=text)
        bench.make(UPPER)
    assert len(list(bench.event.store)) == 6  # three sources, three uppers, of which one is a receipt too
    bench.event.veto("rct.txt", why="", now=bench.now)
    care.prune(bench.event, bench.maker.pipeline)
    left = sorted(bench.event.store.path(digest).read_text() for digest in bench.event.store)
    assert left == ["HELLO", "THIRD", "hello", "second", "third"]  # what was received cannot be made again
    with pytest.raises(EventError, match="pruned"):
        care.get_version(bench.event, "upper.txt", 2, bench.event.path.parent)


def test_prune_keeps_what_was_adopted_and_what_was_edited_by_hand(bench: Bench) -> None:
    bench.make(UPPER)
    view = bench.event.path / "upper.txt"
    for text in ("first by hand", "second by hand"):
        view.write_text(text)
        bench.event.adopt("upper.txt", TEXT, why="", now=bench.now)
    view.write_text("third by hand")
    bench.event.remake(UPPER, why="", now=bench.now)
    bench.make(UPPER)
    bench.receive(source="other")
    bench.make(UPPER)
    said = care.prune(bench.event, bench.maker.pipeline, dry_run=True)
    assert len(said) == 1 and said[0].startswith("would drop upper.txt version")
    assert len(list(bench.event.store)) == 7
    assert care.prune(bench.event, bench.maker.pipeline)[0].startswith("dropped upper.txt version")
    left = sorted(bench.event.store.path(digest).read_text() for digest in bench.event.store)
    assert left == ["OTHER", "first by hand", "hello", "other", "second by hand", "third by hand"]


def test_a_bad_edit_of_what_was_received_has_a_way_back(bench: Bench) -> None:
    view = bench.event.path / "source.txt"
    kept = view.read_text()
    view.write_text("spoilt")
    (problem,) = care.check(bench.event)
    assert "delete it and `llama event repair`" in problem and "remake" not in problem
    view.unlink()
    care.repair(bench.event, now=bench.now)
    assert view.read_text() == kept and not care.check(bench.event)


def test_cruft_is_what_nobody_knows(bench: Bench) -> None:
    bench.edit(UPPER, "x")
    (bench.event.path / "notes.txt").write_text("x")
    assert bench.event.unknown_files(CHAIN) == ["notes.txt"]


def test_an_event_that_moved_away_is_said_so(bench: Bench) -> None:
    bench.event.path.rename(bench.event.path.with_name("S2"))
    with pytest.raises(NotAnEvent):
        Event(bench.event.path).look(CHAIN, bench.maker.shared)
    moved = Event.open(bench.event.path.with_name("S2"))
    assert moved.created() == toys.NOW
