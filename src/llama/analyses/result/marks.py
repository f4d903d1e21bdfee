"""The words that nobody may overlook about a result: the one place that decides them, for every output.

A result carries them itself, under `marks`; what is made from it takes them from there, adds what holds of the event
by now, and says each in words of its own that begin with the mark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from llama.advice import REMAKE_FILE, Advice, Reason
from llama.analyses.result.record import decoded
from llama.engine.errors import NotYet
from llama.engine.graph import FlagValues, Guard, Step
from llama.messengers.icecube.blinding import FLAG
from llama.messengers.icecube.record import never_detected

RETRACTED, BLINDED, SIMULATED, TEST = "RETRACTED", "BLINDED", "SIMULATED NEUTRINOS", "TEST"
MARKS = (RETRACTED, BLINDED, SIMULATED, TEST)
"""In this order in `marks` and in the terminal."""

_UNBLIND = Advice(("flags", "EVENT", "--flags", f"{FLAG}=false"))


def in_order(marks: Collection[str]) -> tuple[str, ...]:
    """Each mark once, the gravest first."""
    return tuple(mark for mark in MARKS if mark in marks)


def marks_of(
    result: Mapping[str, Any], *, role: str = "observation", retracted: str | None = None, blinded: bool = False
) -> tuple[str, ...]:
    """The marks of a decoded result: its own, and those that its inputs or the event by now call for.

    `role` is the event's flag, `retracted` when the event was taken back, `blinded` whether its flag blinds the
    neutrinos that were looked at, were there any or not. A test is also what the alert or a candidate of another
    messenger calls one, or what has the name of a mock event.
    """
    inputs = result.get("inputs") or {}
    alert, data = inputs.get("gw_skymap_info") or {}, inputs.get("neutrino_list") or {}
    rows = [*(inputs.get("neutrino_info") or ()), *neutrinos_in(result)]
    kinds = {str(one["type"]) for one in rows if "type" in one}
    applies = {
        RETRACTED: bool(retracted or result.get("retracted")),
        BLINDED: blinded or "blinded" in kinds,
        SIMULATED: bool(data.get("made_up")) or never_detected(kinds, str(data.get("source") or "")),
        TEST: is_test(role, alert.get("role"), str(result.get("graceid") or ""))
        or any(one.get("role") == "test" for one in result.get("candidates") or ()),
    }
    return in_order({*(result.get("marks") or ()), *(mark for mark, does in applies.items() if does)})


def is_test(role: str, alert_role: str | None, graceid: str) -> bool:
    """Whether an event is no observation: by its flag, by its alert, or because only mock events are called so."""
    return "test" in (role, alert_role) or graceid.startswith(("MS", "TS"))


class Markable(Protocol):
    """The record of a result."""

    @property
    def marks(self) -> tuple[str, ...]: ...


def marked(step: Step, result: Markable) -> dict[str, Any]:
    """A result as plain values with its marks, for a step that declares the flag `role`."""
    content = decoded(result)
    return content | {"marks": list(marks_of(content, role=str(step.flag("role")), blinded=blinds(step)))}


def blinds(step: Step) -> bool:
    """Whether a step is made from neutrinos and the event's flag blinds them."""
    return FLAG in step.product.decided_by and bool(step.flag(FLAG))


def neutrinos_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every neutrino with a direction in a decoded JSON file, wherever it stands."""
    if isinstance(value, Mapping):
        if "i3event" in value and "ra" in value:
            yield value
        for child in value.values():
            yield from neutrinos_in(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from neutrinos_in(child)


def shows_directions(value: Any) -> bool:
    """Whether a decoded JSON file holds a neutrino whose right ascension is not scrambled, or is not said to be."""
    return any(one.get("type") != "blinded" for one in neutrinos_in(value))


def result_guard(filename: str) -> Guard[dict[str, Any]]:
    """Of a file of results: while the flag blinds neutrinos, nothing is made from one that is not blinded.

    One made here is; one that was adopted, received or locked need not be, and what is computed cannot be blinded.
    """

    def show(result: dict[str, Any], event_id: str, flags: FlagValues) -> dict[str, Any]:
        if flags[FLAG] and shows_directions(result):
            raise NotYet(not_blinded(filename, event_id))
        return result

    return Guard((FLAG,), show)


def picture_guard(filename: str) -> Guard[Any]:
    """The same for a picture, which says in its keywords whether it is blinded."""

    def show(picture: bytes, event_id: str, flags: FlagValues) -> bytes:
        if flags[FLAG] and BLINDED.encode() not in picture:
            raise NotYet(not_blinded(filename, event_id))
        return picture

    return Guard((FLAG,), show)


def not_blinded(filename: str, event_id: str) -> Reason:
    """Why nothing is made from a file, and how to go on."""
    remake = REMAKE_FILE.of(EVENT=event_id, FILE=filename)
    return Reason(
        f"{filename} is not blinded, but flag {FLAG} is set: ",
        remake,
        " (after `unlock`, if it is locked) makes one that is, ",
        _UNBLIND.of(EVENT=event_id),
        " unblinds the event",
    )
