"""Every rule of `statuses`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import toys
from toybench import Bench
from toys import ASK, BOTH, CHAIN, COUNT, JSON, POST, SOURCE, TABLE, TEXT, UPPER

from llama.advice import REMAKE_FILE, Reason
from llama.engine.errors import NotYet
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.graph import FlagRules
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Guard, Product, Step
from llama.engine.running.status import Kind
from llama.flags import Flags
from llama.operate import orders


def one(make=lambda step: "x", **more) -> Product:  # type: ignore[no-untyped-def]
    """A product of the source."""
    return Product("ONE", "one.txt", TEXT, make, **{"inputs": (SOURCE,), **more})


def test_a_chain_is_made_in_order(bench: Bench) -> None:
    assert bench.kinds() == ["done", "ready", "waiting", "waiting"]
    bench.make(UPPER)
    assert bench.kinds() == ["done", "done", "ready", "waiting"]
    bench.make(COUNT, BOTH)
    assert bench.kinds() == ["done"] * 4
    assert bench.read(BOTH) == "HELLO: 5 letters"


def test_what_comes_from_outside_is_waited_for(bench: Bench) -> None:
    bench.use(Pipeline("P", (SOURCE, other := Product("OTHER", "other.txt", TEXT))))
    assert bench.status(other).kind is Kind.WAITING
    assert "outside" in bench.status(other).why


def test_a_changed_input_makes_stale_and_says_which(bench: Bench) -> None:
    bench.make(UPPER, COUNT, BOTH)
    bench.receive(source="HELLO!")
    assert bench.status(UPPER).kind is Kind.READY
    assert bench.status(UPPER).why == "source.txt changed"
    assert bench.status(COUNT).kind is Kind.WAITING
    assert "upper.txt" in bench.status(COUNT).why


def test_unchanged_content_stops_the_wave(bench: Bench) -> None:
    bench.make(UPPER, COUNT, BOTH)
    bench.receive(source="HELLO")
    bench.make(UPPER)
    assert bench.kinds() == ["done"] * 4
    assert len(bench.event.refresh().file("upper.txt").versions) == 1


def test_a_product_not_asked_for_is_used_as_it_is(bench: Bench) -> None:
    bench.make(UPPER)
    bench.receive(source="other")
    bench.use(CHAIN.only(["COUNT"], ancestors=False))
    assert bench.status(UPPER).kind is Kind.DONE
    assert bench.status(COUNT).kind is Kind.READY
    assert bench.status(BOTH).why == "not asked for in this run"


def test_a_live_claim_is_running_until_it_expires(bench: Bench) -> None:
    assert bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    status = bench.status(UPPER)
    assert status.kind is Kind.RUNNING
    assert status.until is not None
    assert bench.status(COUNT).kind is Kind.WAITING
    bench.now = status.until
    assert bench.status(UPPER).kind is Kind.READY


@pytest.mark.parametrize("other", [{"boot": "another"}, {"started": -1.0}])
def test_a_dead_local_claimant_is_replaced_at_once(bench: Bench, other: dict[str, object]) -> None:
    me = dataclasses.replace(Owner.myself(), **other)
    assert bench.maker.claim(bench.event, UPPER, now=bench.now, owner=me)
    assert bench.status(UPPER).kind is Kind.READY


def test_of_another_machine_nothing_is_known(bench: Bench) -> None:
    far = dataclasses.replace(Owner.myself(), host="elsewhere", pid=1, started=-1.0)
    assert bench.maker.claim(bench.event, UPPER, now=bench.now, owner=far)
    assert bench.status(UPPER).kind is Kind.RUNNING


@pytest.mark.parametrize("filename", ["upper.txt", None])
def test_veto_and_lock_hold(bench: Bench, filename: str | None) -> None:
    for action, undo in (("veto", "unveto"), ("lock", "unlock")):
        getattr(bench.event, action)(filename, why="because", now=bench.now)
        assert bench.status(UPPER).kind is Kind.HELD
        assert "because" in bench.status(UPPER).why
        assert bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself()) is None
        getattr(bench.event, undo)(filename, why="", now=bench.now)
        assert bench.status(UPPER).kind is Kind.READY


def test_the_vetoed_flag_holds_and_unveto_lifts_it(bench: Bench) -> None:
    bench.event.flag({"vetoed": True}, why="", now=bench.now)
    assert bench.status(UPPER).kind is Kind.HELD
    orders.unveto(bench.event, None, why="", now=bench.now)
    assert bench.status(UPPER).kind is Kind.READY


def test_the_engine_knows_no_flag_by_name(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which there are and which one vetoes is told to it; without rules they are what was recorded."""
    monkeypatch.setattr(toys, "RULES", FlagRules(vetoing=lambda flags: "closed" if flags.get("closed") else None))
    product = one(lambda step: str(step.flag("colour")), flags=("colour",), requires={"colour": ("red", "blue")})
    bench.use(Pipeline("P", (SOURCE, product)))
    assert bench.status(product).why == "flag colour is not set, not red or blue"
    bench.event.flag({"colour": "red", "vetoed": True}, why="", now=bench.now)
    bench.make(product)
    assert bench.read(product) == "red"
    bench.event.flag({"colour": "blue"}, why="", now=bench.now)
    assert bench.status(product).why == 'flag colour changed from "red" to "blue"'
    claim = bench.maker.claim(bench.event, product, now=bench.now, owner=Owner.myself())
    assert claim is not None
    bench.event.flag({"closed": True}, why="", now=bench.now)
    assert bench.status(product).why == "event vetoed (flag closed)"
    assert not bench.maker.make(bench.event, product, claim, now=bench.now) and bench.read(product) == "red"
    bench.event.flag({"closed": False}, why="", now=bench.now)
    assert bench.status(product).kind is Kind.READY
    bench.make(product)
    assert bench.read(product) == "blue"


def test_a_held_upstream_with_a_file_is_used_as_it_is(bench: Bench) -> None:
    bench.make(UPPER)
    bench.event.lock("upper.txt", why="", now=bench.now)
    bench.receive(source="changed")
    assert bench.status(UPPER).kind is Kind.HELD
    bench.make(COUNT, BOTH)
    assert bench.read(BOTH) == "HELLO: 5 letters"


@pytest.mark.parametrize(
    ("more", "flags", "words"),
    [
        ({"services": (ASK,)}, {"online": False}, "online is off"),
        ({"services": (POST,)}, {}, "upload is off"),
        ({"services": (POST,), "requires": {"role": "observation"}}, {"upload": True}, "not observation"),
    ],
)
def test_services_are_held_by_flags(bench: Bench, more: dict, flags: dict, words: str) -> None:
    bench.use(Pipeline("P", (SOURCE, product := one(**more))))
    bench.event.flag(flags, why="", now=bench.now)
    assert bench.status(product).kind is Kind.HELD
    assert words in bench.status(product).why
    bench.event.flag({"online": True, "upload": True, "role": "observation"}, why="", now=bench.now)
    bench.make(product)
    bench.event.flag({"online": False, "upload": False}, why="", now=bench.now)
    assert bench.status(product).kind is Kind.DONE


def test_any_of_needs_one_and_takes_what_is_there(bench: Bench) -> None:
    left, right = Product("LEFT", "left.txt", TEXT), Product("RIGHT", "right.txt", TEXT)
    product = one(lambda step: f"{step.get(left)} {step.get(right)}", inputs=(), any_of=(left, right))
    bench.use(Pipeline("P", (left, right, product)))
    assert bench.status(product).why == "for one of left.txt, right.txt"
    bench.receive(right="R")
    bench.make(product)
    assert bench.read(product) == "None R"
    bench.receive(left="L")
    assert bench.status(product).why == "left.txt appeared"


def test_an_optional_input_is_waited_for_while_it_is_made(bench: Bench) -> None:
    product = one(lambda step: f"{step.get(UPPER)}", inputs=(SOURCE,), optional=(UPPER,))
    bench.use(Pipeline("P", (SOURCE, UPPER, product)))
    assert bench.status(product).why == "for upper.txt, which is about to be made"
    bench.event.veto("upper.txt", why="", now=bench.now)
    bench.make(product)
    assert bench.read(product) == "None"
    bench.event.unveto("upper.txt", why="", now=bench.now)
    bench.make(UPPER)
    assert bench.status(product).why == "upper.txt appeared"
    bench.make(product)
    assert bench.read(product) == "HELLO"


def test_a_selection_is_stale_only_when_its_part_changes(bench: Bench) -> None:
    record = Product("RECORD", "record.json", JSON)
    part = record.select("a", "b")
    product = one(lambda step: json.dumps(step[part]), inputs=(part,))
    bench.use(Pipeline("P", (record, product)))
    bench.event.receive({"record.json": b'{"a": 1, "c": 1}'}, why="", now=bench.now)
    bench.make(product)
    assert json.loads(bench.read(product)) == {"a": 1, "b": None}
    bench.event.receive({"record.json": b'{"c": 2, "a":1}'}, why="", now=bench.now)
    assert bench.status(product).kind is Kind.DONE
    bench.event.receive({"record.json": b'{"c": 2, "a":1, "b": 0}'}, why="", now=bench.now)
    assert bench.status(product).why == "a,b in record.json changed"


def test_a_selection_of_something_that_is_no_json_fails_with_the_name_of_the_file(bench: Bench) -> None:
    record = Product("RECORD", "record.json", JSON)
    bench.use(Pipeline("P", (record, product := one(inputs=(record.select("a"),)))))
    bench.event.receive({"record.json": b"no json"}, why="", now=bench.now)
    bench.make(product)
    assert bench.status(product).kind is Kind.COOLING
    assert "record.json cannot be read" in bench.status(product).why


def test_a_shared_file_is_an_input_by_content(bench: Bench, tmp_path: Path) -> None:
    table = tmp_path / "shared" / "table.txt"
    bench.use(Pipeline("P", (SOURCE, product := one(lambda step: step[TABLE], shared=(TABLE,)))))
    assert "table.txt, which is not installed" in bench.status(product).why
    table.parent.mkdir()
    table.write_text("one")
    bench.make(product)
    assert bench.read(product) == "one"
    table.touch()
    assert bench.status(product).kind is Kind.DONE
    table.write_text("two")
    assert bench.status(product).why == "shared table.txt changed"


def test_a_declared_flag_is_an_input(bench: Bench) -> None:
    bench.use(Pipeline("P", (SOURCE, product := one(lambda step: str(step.flag("role")), flags=("role",)))))
    bench.make(product)
    bench.event.flag({"manual": True}, why="", now=bench.now)
    assert bench.status(product).kind is Kind.DONE
    bench.event.flag({"role": "observation"}, why="", now=bench.now)
    assert bench.status(product).why == 'flag role changed from "test" to "observation"'
    bench.make(product)
    assert bench.read(product) == "observation"


def _fails(step: Step) -> str:
    raise ValueError("no\nluck")


def test_cooldown_grows_and_ends_when_the_inputs_change(bench: Bench) -> None:
    bench.use(Pipeline("P", (SOURCE, product := one(_fails, cooldown_s=60, cooldown_max_s=100))))
    for pause in (60, 100, 100):
        bench.make(product)
        assert bench.status(product).kind is Kind.COOLING
        assert "ValueError: no luck" in bench.status(product).why
        bench.wait(pause - 1)
        assert bench.status(product).kind is Kind.COOLING
        bench.wait(1)
        assert bench.status(product).kind is Kind.READY
    bench.make(product)
    bench.receive(source="news")
    assert bench.status(product).kind is Kind.READY
    bench.make(product)
    bench.event.remake(product, why="try now", now=bench.now)
    assert bench.status(product).kind is Kind.READY


def test_a_cooling_upstream_with_a_file_is_used_as_it_is(bench: Bench) -> None:
    first = one(lambda step: step[SOURCE] if step[SOURCE] == "hello" else _fails(step))
    second = Product("SECOND", "second.txt", TEXT, lambda step: step[first] + step[SOURCE], inputs=(first, SOURCE))
    bench.use(Pipeline("P", (SOURCE, first, second)))
    bench.make(first, second)
    bench.receive(source="bad")
    bench.make(first)
    assert bench.status(first).kind is Kind.COOLING
    bench.make(second)
    assert bench.read(second) == "hellobad"


def test_not_yet_until_another_input_comes_names_no_time(bench: Bench) -> None:
    def make(step: Step) -> str:
        raise NotYet("no data ever")

    bench.use(Pipeline("P", (SOURCE, product := one(make))))
    bench.make(product)
    bench.now = toys.NOW.replace(year=2040)
    status = bench.status(product)
    assert (status.kind, status.why, status.until) == (Kind.WAITING, "no data ever", None)
    bench.receive(source="other")
    assert bench.status(product).kind is Kind.READY


def test_not_yet_is_no_failure(bench: Bench) -> None:
    def make(step: Step) -> str:
        raise NotYet("window still open", toys.NOW.replace(hour=5))

    bench.use(Pipeline("P", (SOURCE, product := one(make))))
    bench.make(product)
    status = bench.status(product)
    assert (status.kind, status.why, status.until) == (
        Kind.WAITING,
        "window still open",
        toys.NOW.replace(hour=5),
    )
    assert bench.event.refresh().file("one.txt").failure is None
    bench.now = toys.NOW.replace(hour=5)
    assert bench.status(product).kind is Kind.READY


@pytest.mark.parametrize(
    ("kind", "begins"), [(NotYet, ""), (ValueError, "failed: ValueError: ")], ids=["not-yet", "failed"]
)
def test_a_reason_keeps_its_advice_through_the_journal(bench: Bench, kind: type[Exception], begins: str) -> None:
    remake = REMAKE_FILE.of(EVENT="my events/S1", FILE="one.txt")

    def make(step: Step) -> str:
        raise kind(Reason("it is not blinded: ", remake, " makes one that is"))

    bench.use(Pipeline("P", (SOURCE, product := one(make))))
    bench.make(product)
    said = bench.status(product).reason
    assert said == Reason(begins, "it is not blinded: ", remake, " makes one that is")
    assert said.advice == (remake,)
    # an entry of an earlier version says the same, without advice
    path = bench.event.path / ".llama" / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in one.items() if k != "advice"}) + "\n" for one in lines))
    earlier = bench.status(product).reason
    assert (str(earlier), earlier.advice) == (str(said), ())


def test_a_command_in_an_error_of_others_is_no_advice(bench: Bench) -> None:
    """What came from outside may be in it."""

    def make(step: Step) -> str:
        raise ValueError("no event is called `llama event S1 unveto`")

    bench.use(Pipeline("P", (SOURCE, product := one(make))))
    bench.make(product)
    assert bench.status(product).reason.advice == ()


def test_due_is_judged_at_commit_and_makes_ready(bench: Bench) -> None:
    due = toys.NOW.replace(hour=4)
    bench.use(Pipeline("P", (SOURCE, product := one(due=lambda value, at: due if at < due else None))))
    bench.make(product)
    assert (bench.status(product).kind, bench.status(product).until) == (Kind.DONE, due)
    bench.now = due
    assert bench.status(product).kind is Kind.READY
    bench.make(product)
    assert bench.status(product).kind is Kind.DONE
    assert bench.status(product).until is None


def test_a_due_date_in_the_past_does_not_spin(bench: Bench) -> None:
    bench.use(Pipeline("P", (SOURCE, product := one(due=lambda value, at: toys.NOW))))
    bench.wait(10)
    bench.make(product)
    assert bench.status(product).kind is Kind.DONE


def test_an_edit_by_hand_is_held_until_adopted(bench: Bench) -> None:
    bench.make(UPPER, COUNT, BOTH)
    bench.edit(UPPER, "EDITED")
    assert bench.status(UPPER).kind is Kind.HELD
    assert "llama event adopt" in bench.status(UPPER).why
    assert bench.status(BOTH).why == "for upper.txt, which was changed by hand"
    (bench.event.path / "upper.txt").unlink()
    (bench.event.path / "upper.txt").symlink_to("/dev/zero")
    assert bench.status(UPPER).why.startswith("what has its name is not a file")
    assert bench.status(BOTH).why == "for upper.txt, which is no file that can be read"
    (bench.event.path / "upper.txt").unlink()
    bench.edit(UPPER, "EDITED")
    assert bench.event.adopt("upper.txt", TEXT, why="better", now=bench.now)
    bench.make(COUNT, BOTH)
    assert bench.read(BOTH) == "EDITED: 6 letters"
    bench.receive(source="changed")
    assert bench.status(UPPER).kind is Kind.DONE  # what was adopted is not made again


def test_an_edit_by_hand_can_be_replaced_and_is_kept(bench: Bench) -> None:
    bench.make(UPPER)
    bench.edit(UPPER, "EDITED")
    bench.event.remake(UPPER, why="", now=bench.now)
    bench.make(UPPER)
    assert bench.read(UPPER) == "HELLO"
    assert any(bench.event.store.path(digest).read_text() == "EDITED" for digest in bench.event.store)


def test_a_file_put_there_by_hand_waits_to_be_adopted(bench: Bench) -> None:
    bench.edit(UPPER, "BY HAND")
    assert bench.status(UPPER).kind is Kind.HELD
    assert "put there by hand" in bench.status(UPPER).why
    bench.event.adopt("upper.txt", TEXT, why="", now=bench.now)
    bench.make(COUNT)
    assert bench.read(COUNT) == "7 letters"


def test_a_received_product_is_not_made_unless_asked(bench: Bench) -> None:
    bench.receive(upper="GIVEN")
    assert bench.status(UPPER).kind is Kind.DONE
    bench.event.remake(UPPER, why="please", now=bench.now)
    assert (bench.status(UPPER).kind, bench.status(UPPER).why) == (Kind.READY, "please")
    bench.make(UPPER)
    assert bench.read(UPPER) == "HELLO"


def test_statuses_are_the_same_for_the_same_journal(bench: Bench) -> None:
    bench.make(UPPER)
    assert bench.statuses() == bench.statuses()
    assert set(Event(bench.event.path).refresh().files) == {"source.txt", "upper.txt"}


def hidden(value: str, event_id: str, flags: Flags) -> str:
    """Nothing of a secret, dots of all else while the flag is set."""
    if flags.manual and value == "secret":
        raise NotYet("source.txt is a secret: receive another")
    return "." * len(value) if flags.manual else value


def test_a_guard_decides_what_others_see_of_a_file_and_its_flag_makes_them_stale(bench: Bench) -> None:
    guarded = dataclasses.replace(SOURCE, guard=Guard(("manual",), hidden))
    copy = Product("COPY", "copy.txt", TEXT, lambda step: step.path(guarded).read_text(), inputs=(guarded,))
    bench.use(Pipeline("P", (guarded, copy)))
    bench.make(copy)
    shown = bench.read(copy)
    assert shown == bench.read(guarded) != ""
    bench.event.flag({"manual": True}, why="a test", now=toys.NOW)
    assert bench.status(copy).why == "flag manual changed from false to true"
    bench.make(copy)
    assert bench.read(copy) == "." * len(shown) and bench.read(guarded) == shown
    bench.receive(source="secret")
    bench.make(copy)
    assert (bench.status(copy).kind, bench.status(copy).why) == (
        Kind.WAITING,
        "source.txt is a secret: receive another",
    )
    bench.event.flag({"manual": False}, why="a test", now=toys.NOW)
    bench.make(copy)
    assert bench.read(copy) == "secret"
