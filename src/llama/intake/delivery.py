"""From what was delivered to the event that has it: the one door, for an operator and for a broker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from llama.engine.errors import EventError, EventExists, NotAnEvent
from llama.engine.folder import Delivery, Event, Run, holds, is_event, journal, name_fault
from llama.flags import PRESETS, Flags
from llama.intake.numbering import Numbers
from llama.intake.retraction import hand_over, take_back, waiting

PUBLIC, INTERNAL = "TRIGGERED_PUBLIC", "TRIGGERED_INTERNAL"
_MEMBERS = "internal:"
"""How the reason of an event begins that was made of what is not public."""


def as_heard(found: Delivery, observation: str) -> Delivery:
    """A delivery with the flags of a new event, and with a reason that tells what is for members only.

    `observation` is the preset of real, public alerts. What is for members never gets more than INTERNAL, and less
    where that preset lets nothing out.
    """
    if not found.internal:
        return replace(found, flags=flags_of_role(found.role, observation))
    preset = INTERNAL if PRESETS[observation].upload else observation
    why = found.why if found.why.startswith(_MEMBERS) else f"{_MEMBERS} {found.why}"
    return replace(found, flags=flags_of_role(found.role, preset), why=why)


@dataclass(frozen=True)
class Delivered:
    """What came of a delivery.

    Attributes:
        events: those that have the files now; none when a retraction waits for its event.
        refused: a sentence for each event that did not take a retraction (it is locked).
        known: whether a copy of the same alert had come before, so that nothing was changed.
    """

    events: tuple[Event, ...]
    refused: tuple[str, ...] = ()
    known: bool = False


def flags_of_role(role: str, observation: str = PUBLIC) -> Flags:
    """The flags of an event by what it is: an operator says what that is, for a broker the alert does.

    A test is a test; `observation` is the preset of what is real. When nothing says what it is: the cautious ones.
    """
    return PRESETS[{"observation": observation, "test": "TRIGGERED_TEST"}.get(role, "DEFAULT")]


def deliver(
    delivery: Delivery,
    run: Run,
    *,
    now: datetime,
    update: bool = False,
    reflag: bool = False,
    numbers: Numbers | None = None,
) -> Delivered:
    """Give the files to the event they are for, which is made if there is none; on disk when this returns.

    The same delivery again changes nothing. An event that is there with other content is left alone and raises
    EventExists, unless `update`: then it gets what is new, and with `reflag` the flags. A copy of an alert that was
    numbered before is the same alert, however its broker wrote it, and the first copy stays.

    A retraction makes no event: it goes to those it takes back, and to those of that name that come later.
    """
    _check_names(delivery)
    delivery = replace(delivery, flags=Flags.of(delivery.flags))
    if delivery.takes_back:
        events, refused = take_back(delivery, run, now=now)
        return Delivered(tuple(events), tuple(refused))
    if delivery.kind:
        numbers = numbers or Numbers(run.path)
        name = numbers.number(delivery.event_id, delivery.kind, delivery.identity, serial=delivery.serial)
        delivery = replace(delivery, event_id=name, kind="")
        return _numbered(delivery, run, now)
    if delivery.internal and (moved := run.moved_to(delivery.event_id)) and holds(moved, delivery.files):
        return Delivered((moved,), known=True)
    if delivery.internal and delivery.role == "test":
        _check_test(run.path / delivery.event_id)
    reflagged = reflag and (run.path / delivery.event_id).exists()
    event = _reflagged(delivery, run, now) if reflagged else run.accept(delivery, now=now, update=update)
    return _delivered(event, run, now)


def _check_names(delivery: Delivery) -> None:
    """EventError for what would lead out of the run's folder, or hide there."""
    name = f"{delivery.event_id}-1-{delivery.kind}" if delivery.kind else delivery.event_id
    if fault := name_fault(delivery.event_id) or name_fault(name):
        raise EventError(f"a delivery for the event {name!r}: its name {fault}; nothing was delivered")
    for filename in delivery.files:
        if fault := name_fault(filename):
            raise EventError(f"a delivery of the file {filename!r}: its name {fault}; nothing was delivered")


def _check_test(path: Path) -> None:
    """EventError when that is an observation: what a test says of the same name is none of its."""
    if path.exists() and Flags.of(Event.open(path).refresh().flags).role != "test":
        raise EventError(f"a test about {path.name}, which is an observation here: nothing was delivered")


def _numbered(delivery: Delivery, run: Run, now: datetime) -> Delivered:
    path = run.path / delivery.event_id
    if (moved := run.moved_to(delivery.event_id)) is not None:
        return Delivered((moved,), known=True)
    try:
        if is_event(path):  # nothing is built for one that is there: it may be moved away meanwhile
            event = Event.open(path)
            return _delivered(event, run, now, known=not holds(event, delivery.files))
        event, known = run.accept(delivery, now=now), False
    except EventExists:
        event, known = Event.open(path), True
    except NotAnEvent:
        if (moved := run.moved_to(delivery.event_id)) is None:
            raise
        return Delivered((moved,), known=True)
    return _delivered(event, run, now, known=known)


def _reflagged(delivery: Delivery, run: Run, now: datetime) -> Event:
    """Hand an existing event what is new, and flags.

    It becomes a test before it gets the new files, and real only after, so that nothing is sent about a half-changed
    event.
    """
    # No preset means to lift a veto: that is what `llama event unveto` is for
    flags = Flags.of(delivery.flags)
    wanted = {name: value for name, value in flags.items() if name != "vetoed" or value}
    if flags.role == "test":
        Event.open(run.path / delivery.event_id).flag(wanted, why=delivery.why, now=now)
    event = run.accept(delivery, now=now, update=True)
    event.flag(wanted, why=delivery.why, now=now)
    return event


def _delivered(event: Event, run: Run, now: datetime, *, known: bool = False) -> Delivered:
    """The event, with what took it back before it came.

    Looked up only now that the event is there: a retraction that comes meanwhile finds the event, or is found here.
    """
    return Delivered((event,), tuple(hand_over(event, waiting(run, event.id), now=now)), known)


def raise_flags(delivery: Delivery, delivered: Delivered, run: Run, observation: str, *, now: datetime) -> None:
    """Give what was known to members only the flags of public events, now that the same alert is public.

    These are the event of this alert and that of the superevent itself. Flags that somebody has set since stay.
    """
    if delivery.internal or delivery.takes_back or delivery.role != "observation" or observation != PUBLIC:
        return
    public = PRESETS[observation]
    paths = {event.path for event in delivered.events} | {run.path / delivery.event_id}
    for path in sorted(paths):
        if not path.is_dir():
            continue
        event = Event.open(path)
        if Flags.of(event.refresh().flags) == PRESETS[INTERNAL] and _are_its_first(event):
            why = f"the same alert is public: {delivery.why} (flags {INTERNAL} become {observation})"
            event.flag(public.as_dict(), why=why, now=now)


def _are_its_first(event: Event) -> bool:
    """Whether its flags are those that a message for members gave it, and nobody has set any since."""
    flagged = [entry for entry in event.entries() if isinstance(entry, journal.Flagged)]
    return len(flagged) == 1 and flagged[0].why.startswith(_MEMBERS)
