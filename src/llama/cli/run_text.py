"""What `llama run` says of events and their results."""

from __future__ import annotations

import fnmatch
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import START
from llama.cli.event_text import journal_lines

if TYPE_CHECKING:
    from llama.cli.selection import Target
    from llama.engine.folder import Event, SharedDigests, State
    from llama.engine.graph import Pipeline
    from llama.engine.running import Status


def nothing_in(where: Target, default: Path) -> str:
    """Why there is no event to run."""
    from llama.engine.folder import Run

    if not where.run.is_dir() and where.run != default:
        return f"there is no folder {where.run}; write /PATTERN for events of the default run, {default}"
    names = [event.id for event in Run(where.run).events()]
    if not names:
        return f"no event to run in {where.run}; {START} starts one"
    if not any(fnmatch.fnmatchcase(name, where.pattern) for name in names):
        return f"none of the {len(names)} events in {where.run} is called {where.pattern}"
    return f"no event in {where.run} is chosen by --downselect (manual ones are left out unless they are named)"


def conclude(events: list[Event], pipeline: Pipeline, shared: SharedDigests) -> bool:
    """Print how each event stands, and what its results say. Whether anything is not made that should be."""
    open_ = False
    for event in events:
        lines, unfinished = event_lines(event, pipeline, shared)
        print("".join(f"{line}\n" for line in lines), end="")
        open_ |= unfinished
    return open_


def event_lines(event: Event, pipeline: Pipeline, shared: SharedDigests) -> tuple[list[str], bool]:
    """How an event stands and what its results say, and whether anything is not made that should be.

    Whatever is wrong with one event, it must not silence the others.
    """
    try:
        return _lines(event, pipeline, shared)
    except Exception as error:  # noqa: BLE001 - as above
        return [f"{event.label}: {error}"], True


def _lines(event: Event, pipeline: Pipeline, shared: SharedDigests) -> tuple[list[str], bool]:
    from llama import app
    from llama.analyses.telling import result_lines, unblinded_lines
    from llama.engine.running import statuses, unfinished

    state = event.look(pipeline, shared)
    now = datetime.now(UTC)
    found = statuses(pipeline, state, now)
    known = statuses(pipeline.whole, state, now)  # results that were not asked for may be out of date
    damage = journal_lines(state)
    lines = result_lines(event.path, known, state.flags)
    lines += unblinded_lines(event.path, [one for each in app.pipelines().values() for one in each], state)
    first = f"{event.label}: {standing(pipeline, state, found)}"
    return [first, *(f"  {line}" for line in [*damage, *lines])], bool(damage or unfinished(pipeline, state, found))


def standing(pipeline: Pipeline, state: State, found: dict[str, Status]) -> str:
    """How much is up to date, and the first reason why not all; for an event at rest, that it is."""
    from llama.engine.running import Kind, may_speak
    from llama.flags import Flags

    made = [product.filename for product in pipeline if pipeline.makes(product)]
    for holder, word in ((state.vetoes, "vetoed"), (state.locks, "locked")):
        if None in holder or (word == "vetoed" and Flags.of(state.flags).vetoed):
            there = sum(state.file(name).digest is not None for name in made)
            why = f" ({holder[None]})" if holder.get(None) else ""
            free = word == "vetoed" and any(may_speak(product, state) for product in pipeline)
            but = " but what takes back what was published" if free else ""
            return f"{word}{why}, so nothing is made{but}; {there} of {len(made)} products are there from before"
    open_ = [(name, found[name]) for name in made if found[name].kind is not Kind.DONE]
    order = (Kind.COOLING, Kind.HELD, Kind.WAITING, Kind.RUNNING, Kind.READY)
    first = min(open_, key=lambda item: order.index(item[1].kind), default=None)
    rest = f"; {first[0]} is {first[1].kind.value}: {first[1].why}" if first else ""
    return f"{len(made) - len(open_)} of {len(made)} products up to date{rest}"
