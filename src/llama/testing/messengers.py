"""What a messenger promises, checked: its names, its graph, how it reads messages, its likelihood terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from llama.app import messengers
from llama.engine.errors import EngineError
from llama.engine.folder import Delivery, name_fault
from llama.engine.graph import Pipeline, Product
from llama.formats.errors import FormatError
from llama.formats.records import JsonObject
from llama.intake import hears
from llama.messengers import Candidates, Message, Messenger
from llama.science.companions import Listening

WORD = re.compile(r"[a-z][a-z0-9_]*")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")
_DISTANCES_MPC = np.array([[1.0, 40.0, 150.0], [400.0, 3e3, 1e4]])
_GARBAGE = (b"", b"\x00\xff\xfe", b"{", b"[]", b"{}", b"<x/>", b'{"superevent_id": 7, "alert_type": []}')


def check_messenger(
    messenger: Messenger,
    samples: Sequence[Message] = (),
    values: Sequence[Any] = (),
    shared: Sequence[Any] = (),
) -> None:
    """AssertionError that says all that is wrong with a messenger.

    Args:
        samples: messages on its topics as its broker sends them; at least one of an event, when it reads any.
        values: values of its list of candidates, of which the likelihood terms are checked.
        shared: the values of the tables that its candidates need.
    """
    faults = [*_names(messenger), *_graph(messenger), *_reading(messenger, samples), *_following(messenger)]
    for value in values:
        faults += _terms(messenger, value, shared)
    judge(f"messenger {messenger.name}", faults)


def judge(what: str, faults: Sequence[str]) -> None:
    """AssertionError with every fault; nothing when there is none."""
    if faults:
        raise AssertionError("\n  ".join([f"{what} does not keep its contract:", *faults]))


def _names(messenger: Messenger) -> Iterator[str]:
    if not WORD.fullmatch(messenger.name):
        yield f"its name {messenger.name!r} must be one lower-case word"
    if not messenger.help or "\n" in messenger.help:
        yield "its help must be one line"
    ours = _products(messenger)
    others = [one for name, other in messengers().items() if name != messenger.name for one in _products(other)]
    for product in ours:
        if not _CONSTANT.fullmatch(product.name):
            yield f"product {product.name!r} must be named like a constant, RADIO_BURSTS"
        if fault := name_fault(product.filename):
            yield f"the file {product.filename!r} of {product.name} {fault}"
        if not product.help:
            yield f"product {product.name} has no help"
        for other in others:
            if product is not other and (product.name == other.name or product.filename == other.filename):
                yield f"product {product.name} ({product.filename}) has a name of another messenger's; rename it"


def _candidates(messenger: Messenger) -> Candidates[Any] | None:
    trigger = Product("TRIGGER", "trigger.json", JsonObject()).select("gps_time")
    return None if messenger.candidates is None else messenger.candidates(trigger)


def _products(messenger: Messenger) -> list[Product[Any]]:
    candidates = _candidates(messenger)
    added = [] if candidates is None or candidates.product in messenger.products else [candidates.product]
    return [*messenger.products, *added]


def _graph(messenger: Messenger) -> Iterator[str]:
    trigger = Product("TRIGGER", "trigger.json", JsonObject())
    candidates = None if messenger.candidates is None else messenger.candidates(trigger.select("gps_time"))
    asks = candidates is not None and candidates.product not in messenger.products
    added = (trigger, candidates.product) if asks and candidates is not None else ()
    try:
        Pipeline(messenger.name.upper(), (*messenger.products, *added))
    except EngineError as error:
        yield f"its products make no pipeline: {error}"


def _reading(messenger: Messenger, samples: Sequence[Message]) -> Iterator[str]:
    if bad := [topic for topic in messenger.topics if not topic or topic != topic.strip() or " " in topic]:
        yield f"its topics {bad} are no names of topics"
    if messenger.read is None:
        return
    if not messenger.topics:
        yield "it reads messages, but names no topic to hear them on"
    for number, message in enumerate(samples, 1):
        if not hears(messenger, message.topic):
            yield f"sample {number} is on topic {message.topic!r}, which it does not hear"
    found = [one for number, message in enumerate(samples, 1) for one in _read(messenger, message, number)]
    yield from (one for one in found if isinstance(one, str))
    if not any(isinstance(one, Delivery) for one in found):
        yield "no sample is of an event; give one that is"
    for data in _GARBAGE:
        try:
            messenger.read(Message(data, "a topic"))
        except FormatError:
            continue
        except Exception as error:  # noqa: BLE001 - that is the fault
            yield f"{data!r} must raise a FormatError or give None, not raise {type(error).__name__}: {error}"


def _following(messenger: Messenger) -> Iterator[str]:
    """That its follower takes whatever may come, and whatever somebody may have made of its file."""
    if messenger.follower is None:
        return
    if not messenger.topics:
        yield "it has a follower, but names no topic to hear news on"
    about, asked = messenger.follower.about, messenger.follower.asked
    readers: dict[str, Callable[[bytes], object]] = {
        "about": lambda data: about(Message(data, "a topic")),
        "asked": asked,
    }
    for name, reader in readers.items():
        for data in _GARBAGE:
            try:
                reader(data)
            except FormatError:
                continue
            except Exception as error:  # noqa: BLE001 - that is the fault
                yield f"its follower's {name} must raise a FormatError for {data!r}, not {type(error).__name__}"


def _read(messenger: Messenger, message: Message, number: int) -> Iterator[Delivery | str]:
    assert messenger.read is not None
    try:
        delivery, again = messenger.read(message), messenger.read(message)
    except Exception as error:  # noqa: BLE001 - that is the fault
        yield f"sample {number} cannot be read: {type(error).__name__}: {error}"
        return
    if delivery != again:
        yield f"sample {number} read twice gives two different deliveries"
    if delivery is None:
        return
    yield delivery
    known = {product.filename for product in _products(messenger)}
    if unknown := sorted(set(delivery.files) - known):
        yield f"sample {number} delivers {', '.join(unknown)}, which is the file of none of its products"
    if not delivery.files:
        yield f"sample {number} delivers no file"
    if fault := name_fault(delivery.event_id):
        yield f"sample {number} is about {delivery.event_id!r}: the name of an event {fault}"
    if delivery.kind and not delivery.identity:
        yield f"sample {number} has a kind, so it is numbered, but nothing to tell it from others: give its identity"
    if "-" in delivery.kind:
        yield f"sample {number} is of kind {delivery.kind!r}: a kind holds no dash, which parts it from the number"
    if delivery.role not in ("", "test", "observation"):
        yield f"sample {number} has role {delivery.role!r}; it must be test, observation or empty"


def _terms(messenger: Messenger, value: Any, shared: Sequence[Any]) -> Iterator[str]:
    candidates = _candidates(messenger)
    if candidates is None:
        yield "it has no candidates whose likelihood terms could be checked"
        return
    listening = candidates.read(value, *shared)
    if not isinstance(listening, Listening):
        yield f"its candidates are read as {type(listening).__name__}, not as Listening"
        return
    if listening.messenger != messenger.name:
        yield f"its candidates say that they are of {listening.messenger!r}"
    names = [companion.name for companion in listening.companions]
    if len(set(names)) < len(names):
        yield f"its candidates have names in common: {', '.join(sorted(names))}"
    if listening.companions != tuple(sorted(listening.companions, key=lambda one: one.gps_s)):
        yield "its candidates are not in order of time"
    terms = {"log_silence": listening.log_silence}
    terms |= {f"log_heard of {companion.name}": companion.log_heard for companion in listening.companions}
    for name, function in terms.items():
        found = np.asarray(function(_DISTANCES_MPC))
        if found.shape != _DISTANCES_MPC.shape or np.isnan(found).any() or (found == np.inf).any():
            yield f"{name} must give for distances a logarithm each, of the same shape: it gives {found.tolist()}"
    if np.any(np.asarray(listening.log_silence(_DISTANCES_MPC)) > 0):
        yield "log_silence is above 0, so silence would be more than certain"
