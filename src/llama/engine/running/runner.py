"""Keeps events up to date: judge, start what is ready, wait, judge again."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from llama.engine.errors import EventError, NotAnEvent
from llama.engine.folder import Event, Owner, Stat, State, is_mine, needs_repair, repair
from llama.engine.graph import Product
from llama.engine.running.making import Maker, one_line
from llama.engine.running.processes import Ended, Executor, end_forgotten
from llama.engine.running.status import Kind, Status, current_inputs, rival, statuses
from llama.engine.running.verdict import Verdict

_LOG = logging.getLogger("llama.engine")
_STOP_PATIENCE_S = 10.0
_ASIDE = timedelta(seconds=30)  # an event whose disk fails is left alone for so long
_SOON_S = 2.0  # after a folder was touched that is not followed, choose again
_OTHERS_S = 0.2  # how often to see what became of what others are making: that they died leaves no trace
_TURN_S = 5.0  # at least so often it is told that nothing keeps it from working
_SLICE_S = 0.05  # judging goes on for so long before it is looked what has happened meanwhile
_SET_BACK = timedelta(seconds=1)
_SWEEP_S = 60.0  # look at every journal so often, in case the operating system lost a message


class Changes(Protocol):
    """Tells which events were touched; see `watching.FolderChanges`."""

    def start(self, wake: Callable[[], None]) -> None:
        """Begin; call `wake` (from any thread) whenever there is something to take."""

    def take(self) -> tuple[set[Path], bool]:
        """Event folders touched since the last call, and whether any came or went."""
        ...

    def stop(self) -> None:
        """End."""


class Runner:
    """Makes what is ready, in pipeline order, newest event first, as many at a time as the executor takes.

    `failures` and `troubles` tell, one line each, which steps have failed and which events cannot be worked on, as
    of now: what was mended since is no longer there. `rested` is told of every event of which something was made, as
    soon as there is nothing more to be made.
    """

    failures_at = logging.WARNING
    """At which level the log has steps that failed."""

    def __init__(self, maker: Maker, executor: Executor, rested: Callable[[Event], None] | None = None) -> None:
        self._rested = rested
        self._worked: set[Path] = set()
        self._troubles: dict[Path, str] = {}
        self._failures: dict[Path, list[str]] = {}
        self._maker = maker
        self._executor = executor
        self._owner = Owner.myself()
        self._since = maker.clock()
        self._events: dict[Path, Event] = {}
        self._verdicts: dict[Path, Verdict] = {}
        self._agenda: dict[Path, list[tuple[Product[Any], Mapping[str, str]]]] = {}
        self._tried: dict[tuple[Path, str], Mapping[str, str]] = {}
        self._missed: set[Path] = set()
        self._awaited: dict[Path, set[str]] = {}
        self._rivals: set[tuple[str, int]] = set()
        self._tables: dict[str, str | None] = {}
        self._unjudged: deque[Path] = deque()
        self._going = 0
        self._latest = self._since
        self._blind = ""
        self.last = ""
        """The last thing that was done, in words."""
        self._stopping = False
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)

    @property
    def troubles(self) -> list[str]:
        """One line for each event that cannot be worked on."""
        return list(self._troubles.values())

    @property
    def failures(self) -> list[str]:
        """One line for each step that failed since this runner began, and has not been made since."""
        return [text for texts in self._failures.values() for text in texts]

    @property
    def queue(self) -> int:
        """How many steps are being made, or could be, and how many events are still to be judged."""
        return self._going + sum(map(len, self._agenda.values())) + len(self._unjudged)

    def stop(self) -> None:
        """Start nothing more and come back soon; may be called from a signal handler."""
        self._stopping = True
        self._wake()

    def once(self, events: Iterable[Event]) -> None:
        """Make what is ready until nothing is, also what others are making now and may leave unmade.

        Nothing is tried twice with the same inputs.
        """
        self._tried = {}
        self._follow(events)
        self._judge_next(None)
        while not self._stopping:
            self._start(again=False)
            others = self._missed | {path for path, verdict in self._verdicts.items() if verdict.others}
            self._missed = set()
            if not (self._executor.busy or others):
                break
            for ended in self._executor.wait(_OTHERS_S if others else None, self._bell):
                self._after(ended)
            for path in others & self._events.keys():
                self._judge(self._events[path])
        self._executor.stop(_STOP_PATIENCE_S)

    def watch(
        self, find: Callable[[], Iterable[Event]], changes: Changes, turned: Callable[[], None] | None = None
    ) -> None:
        """Keep the events that `find` names up to date until `stop`.

        `turned` is called each time round, at least every few seconds, first when changes are noticed: as long as it
        is called, nothing keeps the runner from working.
        """
        changes.start(self._wake)
        try:
            self._follow(find())
            due = time.monotonic() + _SWEEP_S
            while not self._stopping:
                if turned is not None:
                    turned()
                self._start(again=True)
                patience = 0.0 if self._unjudged else self._patience(min(_TURN_S, due - time.monotonic()))
                ended = self._executor.wait(patience, self._bell)
                self._silence()
                for step in ended:
                    self._after(step)
                touched, came = changes.take()
                if touched - self._events.keys():  # copied in just now, or chosen from now on
                    due = min(due, time.monotonic() + _SOON_S)
                if (sweep := time.monotonic() >= due) or came:
                    self._follow_anew(find, sweep=sweep)
                if sweep:
                    due = time.monotonic() + _SWEEP_S
                self._judge_soon({*touched, *self._due()})
                self._judge_next(_SLICE_S)
        finally:
            changes.stop()
            self._executor.stop(_STOP_PATIENCE_S)

    # ------------------------------------------------------------------ judging

    def _follow(self, events: Iterable[Event], *, sweep: bool = True) -> None:
        """From now on these events, in this order; those whose journal is as judged before cost one stat in a sweep.

        Without one they cost nothing: of changes one is told.

        Events with a claim are judged again: that its claimant died leaves no trace in a journal. So are all when a
        shared file changed.
        """
        tables, self._tables = self._tables, self._shared()
        known, self._events = self._events, {}
        for event in events:
            self._events[event.path] = known.get(event.path, event)
        for path in known.keys() - self._events.keys():
            for kept in (self._verdicts, self._agenda, self._troubles, self._failures, self._awaited):
                kept.pop(path, None)
            self._worked.discard(path)
        changed = {path for path, event in self._events.items() if self._has_changed(event, sweep)}
        self._judge_soon(set(self._events) if tables != self._tables else changed)

    def _has_changed(self, event: Event, sweep: bool) -> bool:
        verdict = self._verdicts.get(event.path)
        return verdict is None or verdict.claimed or (sweep and verdict.journal != _stat(event))

    def _judge_soon(self, paths: set[Path]) -> None:
        """These too are to be judged, in the order of the events."""
        if paths or self._unjudged:
            wanted = paths.union(self._unjudged)
            self._unjudged = deque(path for path in self._events if path in wanted)

    def _judge_next(self, seconds: float | None) -> None:
        """Judge what is to be judged for so long; without a time, all of it."""
        until = None if seconds is None else time.monotonic() + seconds
        while self._unjudged and not self._stopping:
            self._judge(self._events[self._unjudged.popleft()])
            if until is not None and time.monotonic() >= until:
                return

    def _follow_anew(self, find: Callable[[], Iterable[Event]], *, sweep: bool) -> None:
        """Follow what `find` names now; where it cannot say (an unreadable folder, say), what was followed before."""
        try:
            self._follow(find(), sweep=sweep)
            self._blind = ""
        except Exception as error:  # noqa: BLE001 - a folder that cannot be listed now may be readable again later
            if (text := one_line(error)) != self._blind:
                _LOG.error("which events there are cannot be told; going on with those known: %s", text)
            self._blind = text

    def _shared(self) -> dict[str, str | None]:
        """Digests of the files outside the events (None for one that cannot be read, as its events will say), and why
        which service cannot be used.
        """
        found: dict[str, str | None] = {}
        for item in (item for product in self._maker.pipeline for item in product.tables):
            try:
                found[item.key] = self._maker.shared(item)
            except (OSError, EventError):
                found[item.key] = None
        for key in {key.name: key for product in self._maker.pipeline for key in product.services}.values():
            found[f"service:{key.name}"] = self._maker.shared.lacks(key)
        return found

    def _after(self, step: Ended) -> None:
        self._going -= 1
        if step.error is not None:
            self._set_aside(step.event, step.error)
        elif step.event.path in self._events:
            self._judge(step.event)

    def _judge(self, event: Event) -> None:
        if self._is_aside(event):
            return
        try:
            verdict = self._verdict(event)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one event must not stop the others
            self._set_aside(event, error)
            return
        self._verdicts[event.path] = verdict
        self._agenda.pop(event.path, None)
        if verdict.ready:
            self._agenda[event.path] = list(verdict.ready)
            return
        self._troubles.pop(event.path, None)
        if not verdict.claimed:
            event.forget()
            if event.path in self._worked:
                self.last = f"{event.label}: nothing more to make now"
            if self._rested is not None and event.path in self._worked:
                self._rested(event)
            self._worked.discard(event.path)

    def _is_aside(self, event: Event) -> bool:
        verdict, now = self._verdicts.get(event.path), self._maker.clock()
        return bool(verdict and verdict.aside and verdict.until and now < verdict.until <= now + _ASIDE)

    def _verdict(self, event: Event) -> Verdict:
        """What is to be done with one event; finishes an interrupted commit first."""
        now, journal = self._maker.clock(), _stat(event)
        pipeline = self._maker.pipeline
        state = event.look(pipeline, self._maker.shared)
        if end_forgotten(event, state, self._executor, self._owner, now):
            journal, state = _stat(event), event.look(pipeline, self._maker.shared)
        if needs_repair(event, state):
            for line in repair(event, now=now):
                _LOG.warning("%s: %s", event.label, line)
            journal, state = _stat(event), event.look(pipeline, self._maker.shared)
        self._tell_failures(event, state)
        found = statuses(pipeline, state, now)
        ready = tuple(
            (product, current_inputs(product, state))
            for product in pipeline
            if found[product.filename].kind is Kind.READY
        )
        self._tell_rivals(event, state, now)
        until = min((status.until for status in found.values() if status.until and status.until > now), default=None)
        return Verdict(ready, until, journal, bool(state.claims), others=self._others(event, state, found))

    def _others(self, event: Event, state: State, found: Mapping[str, Status]) -> bool:
        """Whether a process that is not ours makes something; says so once for each making."""
        running = [state.file(name) for name, status in found.items() if status.kind is Kind.RUNNING]
        claims = [
            file.claim for file in running if file.claim and not is_mine(file.claimant or file.claim, self._owner)
        ]
        told = self._awaited.get(event.path, set())
        for claim in claims:
            if claim.claim not in told:
                _LOG.info(
                    "%s: %s is being made by process %d on %s", event.label, claim.filename, claim.pid, claim.host
                )
        self._awaited[event.path] = {claim.claim for claim in claims}
        return bool(claims)

    def _tell_rivals(self, event: Event, state: State, now: datetime) -> None:
        """That others work on the same events with other settings is said once for each of them."""
        for product in self._maker.pipeline:
            file = state.file(product.filename)
            who = rival(product, file, current_inputs(product, state), state, now)
            if who is not None and file.maker is not None and (file.maker.host, file.maker.pid) not in self._rivals:
                self._rivals.add((file.maker.host, file.maker.pid))
                _LOG.warning(
                    "%s: %s was %s: two runs with different settings work on the same events; stop one of them",
                    event.label,
                    product.filename,
                    who,
                )

    def _due(self) -> list[Path]:
        """Events of which something may be due; all that wait for a time when the clock was set back."""
        now, before = self._maker.clock(), self._latest
        self._latest = now
        if back := now < before - _SET_BACK:
            _LOG.warning("the clock was set back by %.0f s: judging anew what waits", (before - now).total_seconds())
            self._since = min(self._since, now)
        return [path for path, verdict in self._verdicts.items() if verdict.until and (back or verdict.until <= now)]

    def _patience(self, at_most_s: float) -> float:
        now = self._maker.clock()
        soonest = min((verdict.until for verdict in self._verdicts.values() if verdict.until), default=None)
        return max(0.0, at_most_s if soonest is None else min(at_most_s, (soonest - now).total_seconds() + 0.001))

    # ------------------------------------------------------------------ starting

    def _start(self, *, again: bool) -> None:
        """Start what is ready while there is room; `again`: also what has failed with these inputs before."""
        for path in [path for path in self._events if path in self._agenda] if self._agenda else ():
            ready = self._agenda[path]
            while path in self._agenda and ready and self._executor.free:
                product, inputs = ready.pop(0)
                if again or self._is_new(path, product, inputs):
                    self._claim(self._events[path], product)
            if not ready:
                self._agenda.pop(path, None)

    def _is_new(self, path: Path, product: Product[Any], inputs: Mapping[str, str]) -> bool:
        """Whether this was not tried with these inputs; from now on it was."""
        before, self._tried[path, product.filename] = self._tried.get((path, product.filename)), inputs
        return before != inputs

    def _claim(self, event: Event, product: Product[Any]) -> None:
        try:
            claim = self._maker.claim(event, product, now=self._maker.clock(), owner=self._owner)
            if claim is None:  # somebody was faster, but may not come to its end
                self._tried.pop((event.path, product.filename), None)
                self._missed.add(event.path)
                return
            _LOG.info("%s: making %s", event.label, product.filename)
            self.last = f"{event.label}: making {product.filename}"
            self._executor.start(event, product, claim)
            self._going += 1
            self._worked.add(event.path)
        except Exception as error:  # noqa: BLE001 - as above
            self._set_aside(event, error)

    def _set_aside(self, event: Event, error: Exception) -> None:
        """Leave an event alone for a while whose disk (or whose machine) does not play along."""
        self._agenda.pop(event.path, None)
        text, before = f"{event.label}: {one_line(error)}", self._troubles.get(event.path)
        if event.path in self._events:
            until = self._maker.clock() + _ASIDE
            self._verdicts[event.path] = Verdict(until=until, journal=_stat(event), aside=True)
            if isinstance(error, FileNotFoundError):  # its folder is on the move: until the run is looked at next
                del self._verdicts[event.path]
            if not isinstance(error, NotAnEvent):  # it may be moved away while we look
                self._troubles[event.path] = text
        if self._troubles.get(event.path) != before:
            _LOG.error("%s", text)

    def _tell_failures(self, event: Event, state: State) -> None:
        known = self._failures.pop(event.path, [])
        found = [
            f"{event.label}: {filename} failed at {file.failure.at:%H:%M:%S}Z: {file.failure.error}"
            for filename, file in state.files.items()
            if file.failure is not None and file.failure.at >= self._since
        ]
        for text in found:
            if text not in known:
                _LOG.log(self.failures_at, "%s", text)
        if found:
            self._failures[event.path] = found

    def _wake(self) -> None:
        try:
            self._rope.send(b"!")
        except BlockingIOError:
            return  # it has been rung often enough

    def _silence(self) -> None:
        try:
            while self._bell.recv(4096):
                pass
        except BlockingIOError:
            return


def _stat(event: Event) -> Stat | None:
    try:
        return event.journal.stat()
    except OSError:
        return None
