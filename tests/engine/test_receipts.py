"""Receipts: what was published is published once, followed up, taken back, and never by an upgrade."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import toys
from toybench import Bench
from toys import ASK, POST, SOURCE, TABLE, TEXT, UPPER, post

from llama.advice import Reason
from llama.cli.run_text import standing
from llama.engine.folder.care import prune
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Made
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, Step
from llama.engine.running.status import Kind, Status, unfinished

RECALL = Product("RECALL", "recall.txt", TEXT)
RECEIPT = Product(
    "RECEIPT", "receipt.txt", TEXT, post, inputs=(UPPER,), optional=(RECALL,), services=(POST,), help="a toy post"
)
TOLD = Pipeline("TOLD", (SOURCE, RECALL, UPPER, RECEIPT))


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where posts arrive, one line each."""
    path = tmp_path / "board.txt"
    path.touch()
    monkeypatch.setenv("LLAMA_TOY_BOARD", str(path))
    return path


@pytest.fixture
def told(bench: Bench, board: Path) -> Bench:
    """An event whose receipt is out."""
    bench.event.flag({"upload": True}, why="", now=bench.now)
    bench.use(TOLD)
    bench.make(UPPER, RECEIPT)
    assert posts(board) == ["HELLO"]
    return bench


def posts(board: Path) -> list[str]:
    return [json.loads(line)["text"] for line in board.read_text().splitlines()]


def test_a_receipt_follows_what_it_published(told: Bench, board: Path) -> None:
    told.receive(source="bye")
    told.make(UPPER, RECEIPT)
    assert posts(board) == ["HELLO", "BYE, after HELLO"]


def test_the_key_is_of_product_event_and_content(told: Bench, board: Path) -> None:
    first = json.loads(board.read_text())["key"]
    told.event.remake(RECEIPT, why="again", now=told.now)
    told.wait(5)
    told.make(RECEIPT)
    assert len(board.read_text().splitlines()) == 1, "the same content has the same key, so it was found"
    told.receive(source="bye")
    told.make(UPPER, RECEIPT)
    keys = [json.loads(line)["key"] for line in board.read_text().splitlines()]
    assert len(first) == 64 and keys[0] == first and len(set(keys)) == 2


@pytest.mark.slow
def test_killed_between_post_and_commit_it_is_posted_once(
    bench: Bench, board: Path, python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    bench.event.flag({"upload": True}, why="", now=bench.now)
    bench.use(TOLD)
    bench.make(UPPER)
    done = python(
        """
import os, signal, sys
from pathlib import Path
import toys
from test_receipts import RECEIPT, TOLD
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.running.making import Maker
from llama.engine.folder.store import SharedDigests
world = toys.World({"TOLD": TOLD})
maker = Maker(TOLD, world, SharedDigests(world), lambda: toys.NOW)
event = Event(Path(sys.argv[1]))
claim = maker.claim(event, RECEIPT, now=toys.NOW, owner=Owner.myself())
die = lambda point: os.kill(os.getpid(), signal.SIGKILL) if point == "made" else None
maker.make(event, RECEIPT, claim, now=toys.NOW, witness=die)
""",
        bench.event.path,
    )
    assert done.returncode == -9, done.stderr
    assert posts(board) == ["HELLO"] and bench.status(RECEIPT).kind is Kind.READY
    bench.wait(30)
    bench.make(RECEIPT)
    assert posts(board) == ["HELLO"] and bench.status(RECEIPT).kind is Kind.DONE


def test_two_runners_post_once(told: Bench, board: Path) -> None:
    told.receive(source="bye")
    told.make(UPPER)
    first = told.maker.claim(told.event, RECEIPT, now=told.now, owner=Owner.myself())
    second = told.maker.claim(Event(told.event.path), RECEIPT, now=told.now, owner=Owner.myself())
    assert first is not None and second is None
    told.maker.make(told.event, RECEIPT, first, now=told.now)
    assert told.maker.claim(told.event, RECEIPT, now=told.now, owner=Owner.myself()) is None
    assert posts(board) == ["HELLO", "BYE, after HELLO"]


def of_more(make: Callable[[Step], str] = lambda step: step[SOURCE].upper(), **more: Any) -> Pipeline:
    """A later version, in which UPPER declares more."""
    upper = Product("UPPER", "upper.txt", TEXT, make, inputs=(SOURCE,), **more)
    receipt = Product("RECEIPT", "receipt.txt", TEXT, post, inputs=(upper,), optional=(RECALL,), services=(POST,))
    return Pipeline("TOLD", (SOURCE, RECALL, upper, receipt))


def without_declared(event: Event) -> None:
    """As an early version wrote it."""
    path = event.folder / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in one.items() if k != "declared"}) + "\n" for one in lines))


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("more", [{"shared": (TABLE,)}, {"flags": ("role",)}])
def test_an_upgrade_remakes_and_posts_nothing(
    told: Bench, board: Path, tmp_path: Path, more: dict[str, Any], early: bool
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "table.txt").write_text("table")
    if early:
        without_declared(told.event)
    told.use(of_more(**more))
    assert told.kinds() == ["done", "waiting", "done", "done"]
    told.use(TOLD)
    assert told.kinds() == ["done", "waiting", "done", "done"]
    assert posts(board) == ["HELLO"]


@pytest.mark.parametrize("early", [False, True])
def test_a_required_input_that_was_not_declared_then_remakes_nothing(told: Bench, early: bool) -> None:
    if early:
        without_declared(told.event)
    upper = Product("UPPER", "upper.txt", TEXT, lambda step: "x", inputs=(SOURCE, RECALL))
    told.receive(recall="no")
    told.use(Pipeline("TOLD", (SOURCE, RECALL, upper)))
    assert told.status(upper).kind is Kind.DONE


@pytest.mark.parametrize("early", [False, True])
def test_a_product_that_was_not_there_then_keeps_nothing_waiting(told: Bench, early: bool) -> None:
    """Until what it knew then changes: then the new input is waited for like any other."""
    if early:
        without_declared(told.event)
    middle = Product("MIDDLE", "middle.txt", TEXT, lambda step: step[SOURCE] + "!", inputs=(SOURCE,))
    upper = Product("UPPER", "upper.txt", TEXT, lambda step: step[middle].upper(), inputs=(middle, SOURCE))
    told.use(Pipeline("TOLD", (SOURCE, middle, upper)))
    assert told.kinds() == ["done", "ready", "done"]
    told.receive(source="bye")
    assert told.kinds() == ["done", "ready", "waiting"]
    told.make(middle, upper)
    assert told.kinds() == ["done", "done", "done"]
    assert told.read(upper) == "BYE!"


def test_an_input_no_longer_declared_remakes_nothing(told: Bench) -> None:
    told.use(of_more(optional=(RECALL,)))
    told.event.remake(told.maker.pipeline.find("UPPER"), why="", now=told.now)
    told.make(told.maker.pipeline.find("UPPER"))
    told.use(TOLD)
    assert told.status(UPPER).kind is Kind.DONE


def test_an_optional_input_that_was_absent_then_counts_when_it_appears(told: Bench, board: Path) -> None:
    told.receive(recall="we were wrong")
    assert told.status(RECEIPT).why == "recall.txt appeared"
    told.make(RECEIPT)
    assert posts(board)[-1] == "HELLO taken back: we were wrong, after HELLO"


def test_an_optional_input_counts_when_it_appears_after_an_early_version(told: Bench) -> None:
    without_declared(told.event)
    told.receive(recall="we were wrong")
    assert told.status(RECEIPT).why == "recall.txt appeared"


def test_a_flag_that_is_changed_counts_though_it_was_not_declared_then(told: Bench) -> None:
    told.use(of_more(flags=("blinded_neutrinos",)))
    assert told.status(told.maker.pipeline.find("UPPER")).kind is Kind.DONE
    told.event.flag({"blinded_neutrinos": True}, why="", now=told.now)
    assert told.status(told.maker.pipeline.find("UPPER")).why == "flag blinded_neutrinos changed from false to true"


def test_what_was_declared_is_written_down(told: Bench) -> None:
    made = {entry.filename: entry.declared for entry in told.event.entries() if isinstance(entry, Made)}
    assert made == {"upper.txt": ("source.txt",), "receipt.txt": ("upper.txt", "recall.txt")}
    last = json.loads((told.event.folder / "journal.jsonl").read_text().splitlines()[-1])
    assert last["declared"] == ["upper.txt", "recall.txt"]


@pytest.fixture
def tabled(bench: Bench, board: Path, tmp_path: Path) -> Callable[[str], Bench]:
    """An event whose receipt tells of a table, which is an input or there for reference only."""

    def make(how: str) -> Bench:
        (tmp_path / "shared").mkdir()
        (tmp_path / "shared" / "table.txt").write_text("one")
        bench.event.flag({"upload": True}, why="", now=bench.now)
        upper = Product(
            "UPPER", "upper.txt", TEXT, lambda s: s[SOURCE] + s[TABLE], inputs=(SOURCE,), **{how: (TABLE,)}
        )
        receipt = Product("RECEIPT", "receipt.txt", TEXT, post, inputs=(upper,), services=(POST,))
        bench.use(Pipeline("P", (SOURCE, upper, receipt)), tmp_path / "shared")
        bench.make(upper, receipt)
        assert posts(board) == ["helloone"]
        return bench

    return make


def test_a_new_table_publishes_nothing_of_the_past(
    tabled: Callable[[str], Bench], board: Path, tmp_path: Path
) -> None:
    bench = tabled("shared")
    (tmp_path / "shared" / "table.txt").write_text("two, later")
    bench.wait(timedelta(days=1, seconds=1).total_seconds())
    upper, receipt = bench.maker.pipeline.products[1:]
    bench.make(upper)
    held = bench.status(receipt)
    assert held.kind is Kind.HELD and "so it is not published by itself" in held.why
    assert not held.stuck and open_of(bench) == []
    bench.event.remake(receipt, why="publish", now=bench.now)
    bench.make(receipt)
    assert posts(board) == ["helloone", "hellotwo, later, after helloone"]


def test_news_make_an_old_event_fresh_again(told: Bench, board: Path) -> None:
    told.wait(timedelta(days=30).total_seconds())
    told.receive(recall="we were wrong")
    told.make(RECEIPT)
    assert posts(board)[-1] == "HELLO taken back: we were wrong, after HELLO"


def test_a_table_for_reference_makes_nothing_stale(
    tabled: Callable[[str], Bench], board: Path, tmp_path: Path
) -> None:
    bench = tabled("reference")
    (tmp_path / "shared" / "table.txt").write_text("two, later")
    assert bench.kinds() == ["done"] * 3
    upper = bench.maker.pipeline.products[1]
    bench.event.remake(upper, why="by hand", now=bench.now)
    bench.make(upper)
    assert bench.read(upper) == "hellotwo, later"


def open_of(bench: Bench) -> list[str]:
    """What `llama run -o` would call unfinished."""
    state = Event(bench.event.path).look(bench.maker.pipeline, bench.maker.shared)
    return unfinished(bench.maker.pipeline, state, bench.statuses())


def test_a_veto_lets_a_receipt_take_back_what_it_published(told: Bench, board: Path) -> None:
    told.event.veto(None, why="glitch", now=told.now)
    told.receive(source="bye", recall="we were wrong")
    assert [status.kind for status in told.statuses().values()][2:] == [Kind.HELD, Kind.READY]
    assert open_of(told) == ["receipt.txt"]
    told.make(RECEIPT)
    assert posts(board)[-1] == "HELLO taken back: we were wrong, after HELLO"


def test_a_vetoed_event_says_that_its_receipts_may_speak(told: Bench) -> None:
    told.event.veto(None, why="glitch", now=told.now)
    state = Event(told.event.path).look(told.maker.pipeline, told.maker.shared)
    said = standing(told.maker.pipeline, state, told.statuses())
    assert said == (
        "vetoed (glitch), so nothing is made but what takes back what was published; "
        "2 of 2 products are there from before"
    )


def test_the_vetoed_flag_lets_it_speak_too(told: Bench) -> None:
    told.event.flag({"vetoed": True}, why="glitch", now=told.now)
    told.receive(recall="we were wrong")
    assert told.status(RECEIPT).kind is Kind.READY


def test_a_veto_holds_a_receipt_that_has_published_nothing(bench: Bench, board: Path) -> None:
    bench.event.flag({"upload": True}, why="", now=bench.now)
    bench.use(TOLD)
    bench.make(UPPER)
    bench.event.veto(None, why="glitch", now=bench.now)
    bench.receive(recall="we were wrong")
    assert bench.status(RECEIPT) == Status(Kind.HELD, Reason("event vetoed: glitch"))
    assert open_of(bench) == []


@pytest.mark.parametrize("order", ["veto", "lock"])
def test_a_veto_or_lock_of_the_receipt_itself_holds_it(told: Bench, order: str) -> None:
    getattr(told.event, order)("receipt.txt", why="no", now=told.now)
    told.receive(recall="we were wrong")
    assert told.status(RECEIPT).kind is Kind.HELD


def test_a_lock_of_the_event_holds_every_receipt(told: Bench) -> None:
    told.receive(recall="we were wrong")
    told.event.lock(None, why="review", now=told.now)
    assert told.status(RECEIPT) == Status(Kind.HELD, Reason("event locked: review"))


# ---------------------------------------------------------------------- an order during the first post

ORDER = """
import os, signal, subprocess, sys
from pathlib import Path
import toys
from test_receipts import RECEIPT, TOLD
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.folder.store import SharedDigests
from llama.engine.running.making import Maker
path, when, action, end = sys.argv[1:]
world = toys.World({"TOLD": TOLD})
maker = Maker(TOLD, world, SharedDigests(world), lambda: toys.NOW)
event = Event(Path(path))
def watch(point):
    if point == when:
        order = [sys.executable, "-m", "llama", "event", path, action, "--why", "glitch"]
        subprocess.run(order, check=True, stdout=subprocess.DEVNULL)
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
claim = maker.claim(event, RECEIPT, now=toys.NOW, owner=Owner.myself())
print(maker.make(event, RECEIPT, claim, now=toys.NOW, witness=watch))
"""


@pytest.fixture
def ordered(
    bench: Bench, board: Path, python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> Callable[[str, str, str], str]:
    """A process makes the receipt for the first time, and at one point somebody types an order for the event."""

    def make(point: str, action: str, end: str) -> str:
        bench.event.flag({"upload": True}, why="", now=bench.now)
        bench.use(TOLD)
        bench.make(UPPER)
        home = {"HOME": str(tmp_path), "LLAMA_SETTINGS": str(tmp_path / "none.toml")}
        done = python(ORDER, bench.event.path, point, action, end, **home)
        assert done.returncode == (-9 if end == "killed" else 0), done.stderr
        return done.stdout.strip()

    return make


@pytest.mark.slow
@pytest.mark.parametrize("action", ["veto", "lock"])
def test_an_order_that_comes_after_the_post_does_not_lose_the_receipt(
    ordered: Callable[[str, str, str], str], bench: Bench, board: Path, action: str
) -> None:
    assert ordered("made", action, "") == "True"
    assert posts(board) == ["HELLO"] and bench.read(RECEIPT) == "HELLO"
    if action == "lock":
        bench.event.unlock(None, why="", now=bench.now)
    bench.receive(recall="we were wrong")
    bench.make(RECEIPT)
    assert posts(board)[1:] == ["HELLO taken back: we were wrong, after HELLO"]


@pytest.mark.slow
def test_a_veto_before_the_service_is_reached_stops_the_post(
    ordered: Callable[[str, str, str], str], bench: Bench, board: Path
) -> None:
    assert ordered("given", "veto", "") == "False"
    assert posts(board) == [] and bench.status(RECEIPT).why == "event vetoed: glitch"
    bench.receive(recall="we were wrong")
    assert bench.status(RECEIPT).kind is Kind.HELD, "what was never said need not be taken back"


@pytest.mark.slow
def test_vetoed_and_killed_after_the_post_it_can_be_taken_back(
    ordered: Callable[[str, str, str], str], bench: Bench, board: Path
) -> None:
    ordered("made", "veto", "killed")
    assert posts(board) == ["HELLO"]
    assert bench.status(RECEIPT) == Status(Kind.HELD, Reason("event vetoed: glitch")), "nobody knows that it is out"
    bench.wait(30)
    bench.event.flag({"role": "observation"}, why="", now=bench.now)
    assert bench.status(RECEIPT).kind is Kind.HELD
    bench.receive(recall="we were wrong")
    bench.make(RECEIPT)
    assert posts(board)[1:] == ["HELLO taken back: we were wrong"]


def test_a_failure_after_the_post_can_be_taken_back_under_a_veto(bench: Bench, board: Path) -> None:
    class Broken(toys.Text):
        def write(self, value: str, path: Path) -> None:
            raise ValueError("no ink")

    receipt = Product("RECEIPT", "receipt.txt", Broken(), post, inputs=(UPPER,), optional=(RECALL,), services=(POST,))
    bench.event.flag({"upload": True}, why="", now=bench.now)
    bench.use(Pipeline("TOLD", (SOURCE, RECALL, UPPER, receipt)))
    bench.make(UPPER, receipt)
    bench.event.veto(None, why="glitch", now=bench.now)
    assert bench.status(receipt).kind is Kind.HELD
    bench.receive(recall="we were wrong")
    assert bench.status(receipt).kind is Kind.READY


def test_what_may_be_out_keeps_what_it_was_made_from(bench: Bench, board: Path) -> None:
    bench.event.flag({"upload": True}, why="", now=bench.now)
    bench.use(TOLD)
    bench.make(UPPER)
    claim = bench.maker.claim(bench.event, RECEIPT, now=bench.now, owner=Owner.myself())
    assert claim is not None

    def stop(point: str) -> None:
        if point == "made":
            raise ValueError("stopped")

    assert not bench.maker.make(bench.event, RECEIPT, claim, now=bench.now, witness=stop)
    upper = bench.event.refresh().file("upper.txt").digest
    bench.receive(source="bye")
    bench.make(UPPER)
    prune(bench.event, TOLD)
    assert upper in bench.event.store


# ---------------------------------------------------------------------- services


def test_a_service_that_is_not_set_up_holds_and_is_no_failure(bench: Bench, board: Path) -> None:
    bench.event.flag({"upload": True}, why="", now=bench.now)
    bench.use(TOLD)
    bench.world.absent["post"] = "post is not set up: set token of [post] in settings.toml, or LLAMA_POST_TOKEN"
    bench.make(UPPER)
    assert bench.status(RECEIPT) == Status(Kind.HELD, Reason(bench.world.absent["post"]))
    assert bench.maker.claim(bench.event, RECEIPT, now=bench.now, owner=Owner.myself()) is None
    assert open_of(bench) == []
    bench.world.absent.clear()
    bench.make(RECEIPT)
    bench.world.absent["post"] = "gone"
    assert bench.status(RECEIPT).kind is Kind.DONE, "what is made needs no service"


def test_a_step_reaches_no_service_and_no_flag_that_it_does_not_declare(bench: Bench) -> None:
    def pry(step: Step) -> str:
        return str(step._connect(POST))

    product = Product("PRY", "pry.txt", TEXT, pry, inputs=(SOURCE,), services=(ASK,))
    bench.use(Pipeline("P", (SOURCE, product)))
    bench.make(product)
    assert bench.status(product).why == "failed: PRY uses post without declaring it"
    assert not {"environment", "flags"} & set(dir(Step))


def test_has_tells_of_declared_inputs_only(bench: Bench) -> None:
    seen: list[bool] = []

    def look(step: Step) -> str:
        seen.extend([step.has(SOURCE), step.has(RECALL)])
        return str(step.has(UPPER))

    product = Product("LOOK", "look.txt", TEXT, look, inputs=(SOURCE,), optional=(RECALL,))
    bench.use(Pipeline("P", (SOURCE, RECALL, product)))
    bench.make(product)
    assert seen == [True, False]
    assert bench.status(product).why == "failed: LOOK uses upper.txt without declaring it"


@pytest.mark.parametrize(
    ("requires", "flags", "why"),
    [
        ({"icecube_upload": True}, {"icecube_upload": True}, "sends to icecube, and flag icecube_upload is off"),
        ({"manual": False}, {"manual": False}, "sends to icecube, and flag manual is on"),
        ({"role": "observation"}, {"role": "observation"}, "and flag role is test, not observation"),
        ({"role": ("observation", "rehearsal")}, {"role": "observation"}, "is test, not observation or rehearsal"),
        ({"never_heard_of": True}, None, "sends to icecube, and flag never_heard_of is off"),
    ],
)
def test_a_service_says_what_the_flags_must_allow(
    bench: Bench, requires: dict[str, Any], flags: dict[str, Any] | None, why: str
) -> None:
    key = toys.Key("icecube", writes=True, also=requires)
    product = Product("SENT", "sent.txt", TEXT, lambda step: "sent", inputs=(SOURCE,), services=(key,))
    bench.use(Pipeline("P", (SOURCE, product)))
    bench.event.flag({"upload": True, "manual": True}, why="", now=bench.now)
    status = bench.status(product)
    assert status.kind is Kind.HELD and why in status.why and open_of(bench) == []
    if flags is not None:
        bench.event.flag(flags, why="", now=bench.now)
        bench.make(product)
