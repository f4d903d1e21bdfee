"""What is to be done with each product, and why: one pure function, the whole policy.

Runner, command line and web page all show its answer. Read `_status` from top to bottom: the first rule that
applies decides.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from llama.advice import REMAKE, Reason
from llama.engine.folder import NOT_A_FILE, FileState, State, by_hand, is_expired, oddity, tables_among
from llama.engine.graph import SHARED, FlagRules, FlagValues, Input, Pipeline, Product, Requirements, Selection
from llama.engine.running.staleness import comparable, declared_then, differ, difference

_RIVAL_AGAIN = timedelta(seconds=15)
_UNKNOWN_RIVAL = timedelta(minutes=15)


class Kind(enum.StrEnum):
    """What a product is doing."""

    DONE = "done"
    READY = "ready"
    WAITING = "waiting"
    RUNNING = "running"
    COOLING = "cooling"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Status:
    """A product's status: the kind, the reason and what it advises, and when it may change by itself.

    `stuck`: it is held by no decision, and stays so until somebody does what the reason says.
    """

    kind: Kind
    reason: Reason
    until: datetime | None = None
    stuck: bool = False

    @property
    def why(self) -> str:
        """The reason in words."""
        return str(self.reason)


def statuses(pipeline: Pipeline, state: State, now: datetime) -> dict[str, Status]:
    """The status of every product of the pipeline, by file name, in pipeline order.

    Total and deterministic: the same arguments give the same answer, and every product gets one.
    """
    found: dict[str, Status] = {}
    unsettled: dict[str, str] = {}
    for product in pipeline:
        awaited = [item for item in product.all_inputs if item.product.filename in unsettled]
        status = _status(product, pipeline, state, now, awaited, _names(awaited, unsettled))
        found[product.filename] = status
        if by_hand(product.filename, state) is not None:
            is_file = state.observed.views.get(product.filename) != NOT_A_FILE
            unsettled[product.filename] = (
                "which was changed by hand" if is_file else "which is no file that can be read"
            )
        elif status.kind in _UNSETTLED and (status.kind is not Kind.WAITING or awaited):
            unsettled[product.filename] = _UNSETTLED[status.kind]
    return found


_UNSETTLED = {
    Kind.READY: "which is about to be made",
    Kind.RUNNING: "which is being made",
    Kind.WAITING: "which waits itself",
}


def unfinished(pipeline: Pipeline, state: State, found: Mapping[str, Status]) -> list[str]:
    """Files that should be there and are not, or are out of date, by their status.

    Not those that nobody here can make now: they wait for something from outside or for data that are not there yet,
    or a veto, a lock, a flag or a service that is not set up here holds them.
    """
    orders = state.vetoes.keys() | state.locks.keys()
    if None in state.locks:
        return []
    vetoed = None in orders or state.vetoing_flag is not None
    open_ = {Kind.COOLING, Kind.READY, Kind.RUNNING}
    return [
        name
        for name, status in found.items()
        if (product := pipeline.by_filename[name]).make is None or pipeline.makes(product)
        if name not in orders
        if not vetoed or may_speak(product, state)
        if status.stuck or (status.kind in open_ and pipeline.makes(product))
    ]


def _names(awaited: Sequence[Input], unsettled: Mapping[str, str]) -> str | None:
    names = (item.product.filename for item in awaited)
    return next((f"for {name}, {unsettled[name]}" for name in names), None)


def _is_news(awaited: Sequence[Input], product: Product[Any], file: FileState) -> bool:
    """Whether a file waits for nothing but inputs that it did not know when it was made: they make nothing stale."""
    return bool(file.alike) and not any(item.key in declared_then(product, file.alike[0]) for item in awaited)


def _status(
    product: Product[Any],
    pipeline: Pipeline,
    state: State,
    now: datetime,
    awaited: Sequence[Input],
    waits_for: str | None,
) -> Status:
    file = state.file(product.filename)
    if status := _running(file, state, now) or _held(product, file, state):
        return status
    if not pipeline.makes(product):
        return _from_elsewhere(product, file, state)
    inputs = current_inputs(product, state)
    reason = _reason(product, file, inputs, now, state.observed.rules)
    if reason is None and (waits_for is None or file.outside or _is_news(awaited, product, file)):
        return Status(Kind.DONE, _standing(product, file, state), file.due)
    if reason is not None:
        if status := _barred(product, state) or _past(product, file, state, now):
            return status
        if status := _fought_over(product, file, inputs, state, now):
            return status
    if why := _waits(product, state, waits_for):
        return Status(Kind.WAITING, Reason(why))
    return _cooling(product, file, inputs, now) or Status(Kind.READY, Reason(reason or ""))


def current_inputs(product: Product[Any], state: State) -> dict[str, str]:
    """What it would be made from now: by input key a digest, for flags the value; what is absent is missing."""
    inputs: dict[str, str] = {}
    for item in product.all_inputs:
        digest = state.file(item.product.filename).digest
        if digest is not None:
            inputs[item.key] = state.observed.parts[digest, item.key] if isinstance(item, Selection) else digest
    for shared in product.tables:
        if (digest := state.observed.shared.get(shared.key)) is not None:
            inputs[shared.key] = digest
    if product.decided_by:
        flags = state.read_flags
        inputs.update((f"flag:{name}", json.dumps(flags[name])) for name in product.decided_by if name in flags)
    return inputs


def _running(file: FileState, state: State, now: datetime) -> Status | None:
    claim = file.claim
    if claim is None or claim.claim in state.observed.dead or is_expired(claim, now):
        return None
    why = Reason(f"made by process {claim.pid} on {claim.host} since {_clock(claim.at)}")
    return Status(Kind.RUNNING, why, claim.expires)


def _held(product: Product[Any], file: FileState, state: State) -> Status | None:
    if (why := by_hand(product.filename, state)) is not None:
        return Status(Kind.HELD, why, stuck=True)
    speaks = may_speak(product, state)
    for holder, word in ((state.vetoes, "vetoed"), (state.locks, "locked")):
        for name, what in ((product.filename, ""), (None, "event ")):
            if name in holder and not (speaks and name is None and word == "vetoed"):
                order = f"{what}{word}: {holder[name]}" if holder[name] else f"{what}{word}"
                return Status(Kind.HELD, Reason(order))
    if state.vetoing_flag is not None and not speaks:
        return Status(Kind.HELD, Reason(f"event vetoed (flag {state.vetoing_flag})"))
    return None


def may_speak(product: Product[Any], state: State) -> bool:
    """Whether a veto of the whole event leaves it free: a receipt of what was published before.

    Of that there may be something to take back, and a veto of the event stops all that it could tell anew: what it is
    made from stays as it is, but for what comes from outside. A veto of the receipt itself holds it.

    Where a making got as far as the service and nobody knows whether it was published, it may take that back, but not
    say it: with the inputs of that making it is held.
    """
    file = state.file(product.filename)
    if not product.receipt or file.versions or file.sending is None:
        return product.receipt and bool(file.versions)
    then, today = file.sending.inputs, current_inputs(product, state)
    return any(then.get(item.key) != today.get(item.key) for item in product.all_inputs)


def _from_elsewhere(product: Product[Any], file: FileState, state: State) -> Status:
    if file.digest is not None:
        return Status(Kind.DONE, _standing(product, file, state))
    return Status(Kind.WAITING, Reason("comes from outside" if product.make is None else "not asked for in this run"))


def _standing(product: Product[Any], file: FileState, state: State) -> Reason:
    odd = oddity(product.filename, state)
    return Reason(_origin(file)) if odd is None else Reason(_origin(file), "; ", odd)


def _origin(file: FileState) -> str:
    if not file.versions:
        return ""
    latest = file.versions[-1]
    return f"{'made' if not file.outside else latest.kind.lower()} {_clock(latest.at)}, version {latest.number}"


def _reason(
    product: Product[Any], file: FileState, inputs: Mapping[str, str], now: datetime, rules: FlagRules
) -> str | None:
    """Why it must be made; None when it is as it should be."""
    if file.requested is not None:
        return file.requested
    if file.digest is None:
        return "not made yet"
    if file.outside:
        return None
    if file.alike and all(differ(product, origin, inputs, rules) for origin in file.alike):
        return difference(*comparable(product, file.alike[0], inputs, rules))
    if file.due is not None and now >= file.due:
        return f"due again since {_clock(file.due)}"
    return None


def _barred(product: Product[Any], state: State) -> Status | None:
    """Held because the flags do not allow what it would do outside, or because a service is not set up here."""
    flags = state.read_flags
    for service in product.services:
        does = "sends to" if service.writes else "uses"
        if why := _forbidden(service.requires, flags):
            return Status(Kind.HELD, Reason(f"{does} {service.name}, and {why}"))
    if why := _forbidden(product.requires, flags):
        return Status(Kind.HELD, Reason(why))
    lacks = [state.observed.lacks[key.name] for key in product.services if key.name in state.observed.lacks]
    return Status(Kind.HELD, Reason("; ".join(lacks))) if lacks else None


def _forbidden(requires: Requirements, flags: FlagValues) -> str | None:
    """Which flag has not the value that it must have; None when all have."""
    for name, wanted in requires.items():
        values = wanted if isinstance(wanted, tuple) else (wanted,)
        present = flags.get(name)
        if present not in values:
            if values == (True,):
                return f"flag {name} is off"
            if values == (False,):
                return f"flag {name} is on"
            return f"flag {name} is {'not set' if present is None else present}, not {' or '.join(map(str, values))}"
    return None


def _past(product: Product[Any], file: FileState, state: State, now: datetime) -> Status | None:
    """Held, a receipt of an event of which nothing new was heard for long: only an order publishes the past."""
    if not product.receipt or file.requested is not None or state.heard is None:
        return None
    if now - state.heard <= product.fresh_for:
        return None
    past = f"the last news of this event came at {_clock(state.heard)}, more than {_span(product.fresh_for)} ago"
    return Status(Kind.HELD, Reason(f"{past}, so it is not published by itself: ", REMAKE, " to publish it"))


def _span(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours > 24 else f"{hours:g} h"


def rival(
    product: Product[Any], file: FileState, inputs: Mapping[str, str], state: State, now: datetime
) -> str | None:
    """Who else keeps this file up to date with other shared files than ours, so with other settings; None if nobody.

    Of a process of which nothing can be known from here that is believed for a while after it made the file.
    """
    known = state.observed.rivals.get(product.filename)
    if known is None or file.maker is None or file.made_at is None:
        return None
    counts = {shared.key for shared in product.shared} & tables_among(file.inputs).keys()
    ours, theirs = ({key: one[key] for key in counts if key in one} for one in (inputs, file.inputs))
    if ours == theirs:
        return None
    if not known and now >= file.made_at + _UNKNOWN_RIVAL:
        return None
    names = [key.removeprefix(SHARED) for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    runs = "which still runs" if known else "which may still run"
    return f"made with another {', '.join(names)} by process {file.maker.pid} on {file.maker.host}, {runs}"


def _fought_over(
    product: Product[Any], file: FileState, inputs: Mapping[str, str], state: State, now: datetime
) -> Status | None:
    """Held, when it was made with our shared files before and somebody who still runs made it with others since.

    To make it again would only make them make it again. It is said which of them to stop, and the last result stays.
    """
    who = rival(product, file, inputs, state, now)
    if who is None or file.requested is not None or tables_among(inputs) not in file.tables:
        return None
    why = Reason(f"{who}: two runs with different settings work on one event; stop one of them")
    return Status(Kind.HELD, why, now + _RIVAL_AGAIN, stuck=True)


def _waits(product: Product[Any], state: State, waits_for: str | None) -> str | None:
    absent = [item.product.filename for item in product.inputs if not _present(item, state)]
    if absent:
        return f"for {', '.join(dict.fromkeys(absent))}"
    if product.any_of and not any(_present(item, state) for item in product.any_of):
        return f"for one of {', '.join(item.product.filename for item in product.any_of)}"
    missing = [shared.name for shared in product.tables if state.observed.shared.get(shared.key) is None]
    if missing:
        return f"for {', '.join(missing)}, which is not installed here"
    return waits_for


def _present(item: Input, state: State) -> bool:
    return state.file(item.product.filename).digest is not None


_AHEAD = timedelta(minutes=1)
"""A failure that is to come so much later tells that the clock was set back: nobody waits for that time."""


def _cooling(product: Product[Any], file: FileState, inputs: Mapping[str, str], now: datetime) -> Status | None:
    """After a failure or a "not yet", with the same inputs: not before its time."""
    failure, deferral = file.failure, file.deferral
    if failure is not None and failure.inputs == inputs:
        pause = timedelta(seconds=min(product.cooldown_s * failure.count, product.cooldown_max_s))
        if failure.at - _AHEAD < now < failure.at + pause:
            times = f"failed {failure.count} times: " if failure.count > 1 else "failed: "
            return Status(Kind.COOLING, Reason(times, failure.error), failure.at + pause)
        return Status(Kind.READY, Reason("trying again after: ", failure.error))
    if deferral is not None and deferral.inputs == inputs:
        if deferral.until is None or now < deferral.until:
            return Status(Kind.WAITING, deferral.why, deferral.until)
        return Status(Kind.READY, Reason("trying again after: ", deferral.why))
    return None


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
