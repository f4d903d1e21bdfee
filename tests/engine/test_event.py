"""Events: making, receiving, versions, checks, tidying."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import toys
from toybench import Bench
from toys import BOTH, CHAIN, COUNT, POST, SOURCE, TEXT, UPPER

from llama.engine.errors import DamagedObject, EventError, EventExists, NotAnEvent
from llama.engine.folder import care
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Requested, Seen
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, Step
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind
from llama.flags import Flags


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


def test_objects_are_read_only_and_views_are_copies(bench: Bench) -> None:
    bench.make(UPPER)
    digest = bench.event.refresh().file("upper.txt").digest
    assert digest is not None
    path = bench.event.store.path(digest)
    assert path.stat().st_mode & 0o777 == 0o444
    bench.edit(UPPER, "changed in place")
    assert path.read_text() == "HELLO"


def aside(bench: Bench) -> list[Path]:
    """What was damaged or cut and is kept."""
    return sorted((bench.event.folder / "aside").glob("*"))


def kept_copy(bench: Bench, product: Product = SOURCE) -> Path:
    digest = bench.event.refresh().file(product.filename).digest
    assert digest is not None
    return bench.event.store.path(digest)


def test_a_large_file_edited_in_place_leaves_its_kept_copy_whole(bench: Bench) -> None:
    bench.receive(source="x" * 2_000_000)
    view = bench.event.path / "source.txt"
    assert view.stat().st_nlink == kept_copy(bench).stat().st_nlink == 1
    with open(view, "r+") as file:
        file.write("EDITED")
    assert kept_copy(bench).read_text() == "x" * 2_000_000
    view.rename(bench.event.path / "mine.txt")
    assert care.repair(bench.event, now=bench.now) == ["source.txt: put in view (it was missing)"]
    assert bench.read(SOURCE) == "x" * 2_000_000


def test_what_a_step_does_to_its_inputs_harms_nothing(bench: Bench) -> None:
    def spoil(step: Step) -> str:
        path = step.path(SOURCE)
        path.chmod(0o644)
        path.write_text("spoilt")
        return "made"

    bench.receive(source="x" * 2_000_000)
    spoiler = Product("SPOILER", "spoiler.txt", TEXT, spoil, inputs=(SOURCE,))
    bench.use(Pipeline("P", (SOURCE, spoiler)))
    bench.make(spoiler)
    assert care.check(bench.event) == []


class Linked:
    """A codec that makes its file a second name of another one."""

    def __init__(self, source: Path, *, symbolic: bool) -> None:
        self.source, self.symbolic = source, symbolic

    def write(self, value: str, path: Path) -> None:
        path.symlink_to(self.source) if self.symbolic else path.hardlink_to(self.source)

    def read(self, path: Path) -> str:
        return path.read_text()


@pytest.mark.parametrize("symbolic", [False, True])
def test_a_result_that_is_a_link_is_kept_as_a_file_of_its_own(bench: Bench, tmp_path: Path, symbolic: bool) -> None:
    (other := tmp_path / "other.txt").write_text("of somebody else")
    linked = Product("LINKED", "linked.txt", Linked(other, symbolic=symbolic), lambda step: "x", inputs=(SOURCE,))
    bench.use(Pipeline("P", (SOURCE, linked)))
    bench.make(linked)
    other.write_text("changed")
    assert bench.read(linked) == "of somebody else"
    assert care.check(bench.event) == []
    assert not kept_copy(bench, linked).is_symlink()


def link_as_before(bench: Bench, kind: str) -> Path:
    """Make the view a second name of the kept copy, as earlier versions did for large files."""
    view = bench.event.path / "source.txt"
    view.unlink()
    view.hardlink_to(kept_copy(bench)) if kind == "hard" else view.symlink_to(kept_copy(bench))
    return view


@pytest.mark.parametrize("by", ["repair", "runner"])
@pytest.mark.parametrize("kind", ["hard", "symbolic"])
def test_a_view_linked_to_its_kept_copy_is_set_apart(bench: Bench, kind: str, by: str) -> None:
    view = link_as_before(bench, kind)
    assert "which an edit in place would destroy" in care.check(bench.event)[0]
    if by == "repair":
        assert care.repair(bench.event, now=bench.now)[0].startswith("source.txt: ")
    else:
        Runner(bench.maker, Here(bench.maker)).once([Event(bench.event.path)])
    assert not view.samefile(kept_copy(bench))
    view.chmod(0o644)
    view.write_text("edited")
    assert kept_copy(bench).read_text() == "hello"
    assert kept_copy(bench).stat().st_mode & 0o777 == 0o444


def test_an_edit_through_a_link_is_not_lost_and_no_advice_would_lose_it(bench: Bench) -> None:
    view = link_as_before(bench, "hard")
    view.chmod(0o644)
    view.write_text("EDITED")
    for advice in (bench.status(SOURCE).why, care.check(bench.event)[-1]):
        assert "no intact copy is kept of what it was, so keep it: `llama event adopt` to use it" in advice
        assert "delete" not in advice and "repair" not in advice
    said = care.repair(bench.event, now=bench.now)
    assert "kept aside" in said[0] and "only an edit by hand is" in said[1]
    assert bench.read(SOURCE) == "EDITED"
    assert [kept.read_text() for kept in aside(bench)] == ["EDITED"]
    view.unlink()
    assert "put the file back from a backup" in bench.status(SOURCE).why
    bench.receive(source="hello")
    care.repair(bench.event, now=bench.now)
    assert bench.read(SOURCE) == "hello"


def test_a_damaged_input_is_never_given_to_a_step(bench: Bench) -> None:
    path = kept_copy(bench)
    path.chmod(0o644)
    path.write_text("rot")
    bench.make(UPPER)
    assert "is damaged; `llama event repair` restores it if the file in view is intact" in bench.status(UPPER).why
    care.repair(bench.event, now=bench.now)
    bench.wait(61)
    bench.make(UPPER)
    assert bench.read(UPPER) == "HELLO"


def test_an_older_view_whose_copy_was_dropped_is_kept_before_it_is_replaced(bench: Bench) -> None:
    old = kept_copy(bench)
    bench.receive(source="second")
    bench.edit(SOURCE, "hello")
    old.unlink()
    care.repair(bench.event, now=bench.now)
    assert (bench.read(SOURCE), old.read_text()) == ("second", "hello")


def test_prune_drops_nothing_that_a_line_nobody_reads_names(bench: Bench) -> None:
    bench.make(UPPER)
    bench.receive(source="second")
    bench.make(UPPER)
    first = care.versions(bench.event, "upper.txt")[0].digest
    with open(bench.event.journal.path, "a") as file:
        file.write('{"kind":"Pinned","at":"2026-01-02T03:04:05Z","digest":"' + first + '"}\n')
    assert care.prune(bench.event, CHAIN) == []
    os.truncate(bench.event.journal.path, 200)
    with pytest.raises(EventError, match="nothing was dropped"):
        care.prune(Event(bench.event.path), CHAIN)


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
    (said,) = care.mend_objects(bench.event)
    assert said.startswith(f"object {digest} restored from source.txt")
    assert [kept.read_text() for kept in aside(bench)] == ["rot"]
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
    assert "move it away and `llama event repair`" in problem and "remake" not in problem
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
