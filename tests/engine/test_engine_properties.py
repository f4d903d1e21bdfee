"""Whatever happens to an event, in whatever order: the journal tells the truth and nothing is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from toybench import Bench
from toys import BOTH, CHAIN, COUNT, SOURCE, UPPER

from llama.engine import care
from llama.engine.claim import Owner
from llama.engine.event import Event
from llama.engine.making import POINTS
from llama.engine.processes import Here
from llama.engine.runner import Runner
from llama.engine.state import State
from llama.engine.status import Kind, statuses
from llama.engine.store import digest_of

PRODUCTS = st.sampled_from([UPPER, COUNT, BOTH])
FILES = st.sampled_from([SOURCE, UPPER, COUNT, BOTH])
TEXTS = st.sampled_from(["a", "b", "A", "hello", "HELLO"])


class Crash(BaseException):
    """Stands for the end of the process: nothing but what is on disk is left."""


def crash_at(point: str) -> Callable[[str], None]:
    def witness(passed: str) -> None:
        if passed == point:
            raise Crash

    return witness


class AnEvent(RuleBasedStateMachine):
    """Operators, makers and crashes in any order."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.bench = Bench(root / "run" / "S1", CHAIN, {"source.txt": b"hello"}, root)
        self.by_hand: dict[str, str] = {}
        self.edits = 0
        self.contents: set[str] = {digest_of(root / "run" / "S1" / "source.txt")}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def path(self, filename: str) -> Path:
        return self.bench.event.path / filename

    @rule(file=FILES, text=TEXTS)
    def receive(self, file, text) -> None:  # type: ignore[no-untyped-def]
        self.bench.event.receive({file.filename: text.encode()}, why="", now=self.bench.now)
        self.by_hand.pop(file.filename, None)

    @rule(product=PRODUCTS)
    def make(self, product) -> None:  # type: ignore[no-untyped-def]
        claim = self.bench.maker.claim(self.bench.event, product, now=self.bench.now, owner=Owner.myself())
        if claim is not None:
            assert self.bench.maker.make(self.bench.event, product, claim, now=self.bench.now)

    @rule(product=PRODUCTS, point=st.sampled_from(POINTS))
    def crash(self, product, point) -> None:  # type: ignore[no-untyped-def]
        gone = Owner(Owner.myself().host, "an earlier boot", 1, 1.0)
        claim = self.bench.maker.claim(self.bench.event, product, now=self.bench.now, owner=gone)
        if claim is not None:
            try:
                self.bench.maker.make(self.bench.event, product, claim, now=self.bench.now, witness=crash_at(point))
            except Crash:
                self.bench.event = Event(self.bench.event.path)

    @rule(file=FILES)
    def edit(self, file) -> None:  # type: ignore[no-untyped-def]
        """Something new each time: an earlier content would count as an interrupted commit."""
        self.edits += 1
        self.path(file.filename).unlink(missing_ok=True)
        self.path(file.filename).write_text(f"by hand {self.edits}")
        self.by_hand[file.filename] = f"by hand {self.edits}"

    @rule(file=FILES)
    def delete_view(self, file) -> None:  # type: ignore[no-untyped-def]
        self.path(file.filename).unlink(missing_ok=True)
        self.by_hand.pop(file.filename, None)

    @rule(file=FILES)
    def adopt(self, file) -> None:  # type: ignore[no-untyped-def]
        if self.path(file.filename).exists():
            self.bench.event.adopt(file.filename, file.codec, why="", now=self.bench.now)
            self.by_hand.pop(file.filename, None)

    @rule(product=PRODUCTS)
    def remake(self, product) -> None:  # type: ignore[no-untyped-def]
        self.bench.event.remake(product, why="", now=self.bench.now)
        self.by_hand.pop(product.filename, None)

    @rule(file=FILES, action=st.sampled_from(["veto", "unveto"]))
    def veto(self, file, action) -> None:  # type: ignore[no-untyped-def]
        getattr(self.bench.event, action)(file.filename, why="", now=self.bench.now)

    @rule()
    def repair(self) -> None:
        care.repair(self.bench.event, now=self.bench.now)
        assert not any((self.bench.event.folder / "scratch").glob("*"))

    @rule()
    def run(self) -> None:
        Runner(self.bench.maker, Here(self.bench.maker)).once([self.bench.event])
        kinds = {status.kind for status in self.bench.statuses().values()}
        assert kinds <= {Kind.DONE, Kind.HELD, Kind.WAITING}  # nothing that could be made is left

    @invariant()
    def objects_are_what_they_are_named_after(self) -> None:
        for digest in self.bench.event.store:
            assert digest == "incoming" or digest_of(self.bench.event.store.path(digest)) == digest

    @invariant()
    def no_content_is_ever_lost(self) -> None:
        state = Event(self.bench.event.path).refresh()
        named = {version.digest for file in state.files.values() for version in file.versions}
        named |= {digest for file in state.files.values() for digest in file.set_aside}
        assert self.contents <= named
        assert named <= set(self.bench.event.store)
        self.contents = named

    @invariant()
    def what_people_wrote_is_never_overwritten(self) -> None:
        for filename, text in self.by_hand.items():
            assert self.path(filename).read_text() == text

    @invariant()
    def the_journal_alone_gives_the_state(self) -> None:
        first, second = (State(Event(self.bench.event.path).entries()) for _ in range(2))
        assert first.files == second.files
        assert first.files == self.bench.event.refresh().files

    @invariant()
    def statuses_are_total_and_deterministic(self) -> None:
        looked = Event(self.bench.event.path).look(CHAIN, self.bench.maker.shared)
        found = statuses(CHAIN, looked, self.bench.now)
        assert list(found) == [product.filename for product in CHAIN]
        assert found == self.bench.statuses()
        assert all(status.why for status in found.values())

    @invariant()
    def what_is_done_was_made_from_what_is_there(self) -> None:
        for filename, status in self.bench.statuses().items():
            file = self.bench.event.refresh().file(filename)
            if status.kind is Kind.DONE and not file.outside:
                for source, digest in file.inputs.items():
                    assert self.bench.event.refresh().file(source).digest == digest


TestAnEvent = pytest.mark.slow(AnEvent.TestCase)
TestAnEvent.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
