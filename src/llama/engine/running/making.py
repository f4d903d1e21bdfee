"""Making one product: claim, make in a scratch folder, commit. Read `commit` for what survives a crash, and when.

A crash before `recorded` leaves nothing but scratch (and perhaps an object nobody names); after it the product is
made, and `repair` puts the view in place.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from llama.advice import RUN, advised
from llama.engine.errors import (
    ClaimLost,
    DecodeError,
    NotAFile,
    NotYet,
    Overruled,
    StorageError,
    UndeclaredInput,
)
from llama.engine.folder import (
    Claimed,
    Deferred,
    Event,
    Failed,
    Made,
    Owner,
    Sending,
    State,
    Surroundings,
    canonical,
    digest_of,
    full_disk,
    place,
    read_json,
    settle,
    storage_errors,
    utc,
)
from llama.engine.graph import (
    FLAG,
    Environment,
    FlagRules,
    FlagValues,
    Pipeline,
    Product,
    Selection,
    ServiceKey,
    Step,
    read,
)
from llama.engine.running.status import Kind, current_inputs, statuses

_Words = tuple[tuple[str, ...], ...]  # of advice
Witness = Callable[[str], None]
"""Is told of each point of a commit as it is passed; see POINTS."""

POINTS = ("claimed", "given", "made", "written", "checked", "stored", "prepared", "recorded", "shown")
_GRACE_S = 30.0  # a claim outlives its time limit by this, so that a slow end is not taken for a dead maker
_ERROR_LENGTH = 300
NO_MEMORY = "ran out of memory: end other programs, or set LLAMA_WORKERS lower, and run again"
_DETAILS_LENGTH = 20_000
_SOON = timedelta(seconds=1)
_RETRY = timedelta(seconds=60)


def utc_now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


def _nobody(point: str) -> None:
    """Watches nothing."""


@dataclass(frozen=True)
class Maker:
    """What making needs besides the event: the pipeline, the environment, and what is known of the world outside."""

    pipeline: Pipeline
    environment: Environment
    shared: Surroundings
    clock: Callable[[], datetime] = utc_now

    def claim(self, event: Event, product: Product[Any], *, now: datetime, owner: Owner) -> Claimed | None:
        """Take a product to make; None when it is not ready (any more). Judged and written under one lock."""
        with event.writing():
            state = event.look(self.pipeline, self.shared)
            if statuses(self.pipeline, state, now)[product.filename].kind is not Kind.READY:
                return None
            event.clear_scratch(state)
            entry = _claimed(product, state, now, owner)
            event.append([entry], durable=False)
            return entry

    def make(
        self, event: Event, product: Product[Any], claim: Claimed, *, now: datetime, witness: Witness = _nobody
    ) -> bool:
        """Make what was claimed and commit it; False when it failed, was deferred, or the claim was lost.

        `now` is what the step is told. Raises StorageError when the disk does not take the result: the disk is at
        fault, not the product, so the claim is given back without a cooldown. All else that goes wrong becomes an
        entry.
        """
        witness("claimed")
        try:
            with event.scratch(claim.claim) as scratch:
                self._make(event, product, claim, scratch, now, witness)
            return True
        except Overruled as error:
            give_back(event, claim, str(error), until=self.clock(), now=self.clock())
        except ClaimLost as error:
            give_back(event, claim, str(error), until=self.clock() + _RETRY, now=self.clock())
        except NotYet as error:
            self._wait(event, claim, error)
        except StorageError as error:
            give_back(event, claim, str(error), until=self.clock(), now=self.clock())
            raise
        except Exception as error:  # noqa: BLE001 - whatever a step does wrong is recorded, not propagated
            hide = self.environment.hide
            details, words = hide(traceback.format_exc()), advised(error, hide)
            fail(event, claim, one_line(error, hide), now=self.clock(), details=details, advice=words)
        return False

    def _wait(self, event: Event, claim: Claimed, error: NotYet) -> None:
        now, hide = self.clock(), self.environment.hide
        until = None if error.until is None else max(utc(error.until), now + _SOON)  # one in the past must not spin
        give_back(event, claim, hide(error.why), until=until, now=now, advice=advised(error, hide))

    def _make(
        self, event: Event, product: Product[Any], claim: Claimed, scratch: Path, now: datetime, witness: Witness
    ) -> None:
        assert product.make is not None  # nobody can claim what comes from outside
        step = self._step(event, product, claim, scratch, now)
        witness("given")
        started = time.perf_counter()
        with full_disk(scratch):
            value = product.make(step)
        seconds = time.perf_counter() - started
        witness("made")
        due = product.due(value, now) if product.due else None
        result = scratch / product.filename
        with storage_errors(result):
            product.codec.write(value, result)
            digest = _settled(result)
        witness("written")
        made = Made(
            at=self.clock(),
            claim=claim.claim,
            filename=product.filename,
            digest=digest,
            inputs=claim.inputs,
            due=max(utc(due), now + _SOON) if due else None,
            seconds=round(seconds, 6),
            software=_software(self.environment),
            declared=product.declared,
        )
        commit(event, made, result, scratch, self.environment.flags, witness)

    def _step(self, event: Event, product: Product[Any], claim: Claimed, scratch: Path, now: datetime) -> Step:
        temporary = scratch / ".tmp"
        with storage_errors(scratch):
            temporary.mkdir()
            files = {name: event.store.place(digest, scratch / name) for name, digest in claim.sources.items()}
            shared = {
                item.key: self._shared(item, claim, scratch / f".shared-{number}")
                for number, item in enumerate(product.tables)
            }
        state = event.refresh()
        flags = self.environment.flags.read({**state.flags, **_flags(claim.inputs)})
        seen = _keep_guard(product, files, event.id, flags)
        parts = {
            item.key: _picked(item, files[item.product.filename])
            for item in product.all_inputs
            if isinstance(item, Selection) and item.key in claim.inputs
        }
        whole = {item.key for item in product.all_inputs if not isinstance(item, Selection)}
        for name in [name for name in files if name not in whole]:
            files.pop(name).unlink()  # only a part of it is an input
        return Step(
            product=product,
            event_id=event.label,
            _flags=flags,
            now=now,
            scratch=temporary,
            _connect=self._connect(event, product, claim),
            inputs={**files, **shared},
            parts=parts,
            seen=seen,
            key=key_of(event.label, product, claim.inputs),
            _before=_before(event, product, state.file(product.filename).digest, scratch),
        )

    def _connect(self, event: Event, product: Product[Any], claim: Claimed) -> Callable[[ServiceKey[Any]], Any]:
        """What opens the services that the product declares, and no other.

        One that writes is given out under the event's lock, and the journal says so first: an order that came before
        stops the step here, one that comes later finds that something may be out.
        """

        def connect(key: ServiceKey[Any]) -> Any:
            if key not in product.services:
                raise UndeclaredInput(f"{product.name} uses {key.name} without declaring it")
            service = self.environment.service(key)
            if key.writes:
                _send(event, claim, self.environment.flags, now=self.clock())
            return service

        return connect

    def _shared(self, item: Any, claim: Claimed, folder: Path) -> Path:
        """The shared file as it was claimed, where nobody else changes it."""
        source = self.environment.shared_path(item)
        target = folder / source.name
        folder.mkdir()
        place(source, target)
        if digest_of(target) != claim.inputs[item.key]:
            raise ClaimLost(f"{source} changed just now; if the settings did, start {RUN} again")
        return target


def _settled(result: Path) -> str:
    """Force the result to disk; its digest. A result that could not be read again is no result."""
    try:
        return settle(result)
    except (FileNotFoundError, NotAFile) as error:
        raise DecodeError(f"its result {result.name} is no file that can be kept: {error}") from error


def commit(
    event: Event, made: Made, result: Path, scratch: Path, rules: FlagRules, witness: Witness = _nobody
) -> None:
    """Make a finished, fsynced result part of the event.

    Under the lock: is the claim still ours? -> object -> view beside its place -> `Made` -> view in place.
    Raises ClaimLost when somebody else took over, or the product was received, vetoed or locked meanwhile (which
    comes too late for a receipt that may be out).
    """
    with event.writing() as state:
        _check_ours(state, made.claim, made.filename, rules)
        witness("checked")
        event.store.take(result, made.digest)
        witness("stored")
        view = event.prepare_view(made.filename, made.digest, scratch)
        witness("prepared")
        event.append([msgspec.structs.replace(made, seen=view.seen)])
        witness("recorded")
        event.show([view])
        witness("shown")


def _check_ours(state: State, claim: str, filename: str, rules: FlagRules) -> None:
    """ClaimLost, or Overruled, when a making must go no further."""
    if claim not in state.claims:
        raise ClaimLost(f"{filename} is no longer ours to make")
    if claim in state.overruled(rules):
        raise Overruled(f"{filename} is not to be made: the event is vetoed by its flags")


def _send(event: Event, claim: Claimed, rules: FlagRules, *, now: datetime) -> None:
    """Record that a step may write to the outside from now on; ClaimLost when it must not any more."""
    with event.writing() as state:
        _check_ours(state, claim.claim, claim.filename, rules)
        sending = state.file(claim.filename).sending
        if sending is None or sending.claim != claim.claim:
            event.append([Sending(at=now, claim=claim.claim, filename=claim.filename)])


def take_over(event: Event, claim_id: str, owner: Owner) -> Claimed:
    """Go on with a claim in another process; raises ClaimLost when it is no longer there."""
    with event.writing() as state:
        if claim_id not in state.claims:
            raise ClaimLost("the claim was lost before its process started")
        entry = msgspec.structs.replace(
            state.claims[claim_id], host=owner.host, boot=owner.boot, pid=owner.pid, started=owner.started
        )
        event.append([entry], durable=False)
        return entry


def fail(event: Event, claim: Claimed, error: str, *, now: datetime, details: str = "", advice: _Words = ()) -> None:
    """Record a failure, unless the claim was lost."""
    with event.writing() as state:
        if claim.claim in state.claims:
            end = details[-_DETAILS_LENGTH:]
            of = Failed(at=now, claim=claim.claim, filename=claim.filename, error=error, traceback=end, advice=advice)
            event.append([of])


def give_back(
    event: Event, claim: Claimed, why: str, *, until: datetime | None, now: datetime, advice: _Words = ()
) -> None:
    """Release a claim without blame, until `until`; None: until the inputs change."""
    with event.writing() as state:
        if claim.claim in state.claims:
            of = Deferred(at=now, claim=claim.claim, filename=claim.filename, why=why, until=until, advice=advice)
            event.append([of])


def one_line(error: BaseException, hide: Callable[[str], str] = str) -> str:
    """What went wrong, on one line; the kind of error only when it was not one of ours."""
    if isinstance(error, MemoryError):
        return f"{NO_MEMORY} ({hide(str(error))})" if str(error) else NO_MEMORY
    text = " ".join(hide(str(error)).split())[:_ERROR_LENGTH]
    ours = type(error).__module__.partition(".")[0] == __name__.partition(".")[0]
    if ours and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _claimed(product: Product[Any], state: State, now: datetime, owner: Owner) -> Claimed:
    names = {item.product.filename for item in product.all_inputs}
    digests = {name: state.file(name).digest for name in sorted(names)}
    return Claimed(
        at=now,
        claim=secrets.token_hex(8),
        filename=product.filename,
        inputs=current_inputs(product, state),
        sources={name: digest for name, digest in digests.items() if digest is not None},
        host=owner.host,
        boot=owner.boot,
        pid=owner.pid,
        started=owner.started,
        expires=now + timedelta(seconds=product.timeout_s + _GRACE_S),
    )


def key_of(event_id: str, product: Product[Any], inputs: Mapping[str, str]) -> str:
    """The idempotency key of a making: of product, event and the content of its inputs, and of nothing else.

    Not of shared files that are there for reference only: a new one must not send the same again.
    """
    counts = {key: digest for key, digest in inputs.items() if key in product.declared}
    return hashlib.sha256(canonical({"event": event_id, "file": product.filename, "inputs": counts})).hexdigest()


def _before(event: Event, product: Product[Any], digest: str | None, scratch: Path) -> Callable[[], Path | None]:
    """What puts a copy of the product's present content into the scratch folder, for a step that asks for it."""

    def place_it() -> Path | None:
        if digest is None:
            return None
        path = scratch / ".before" / product.filename
        if not path.exists():
            path.parent.mkdir()
            event.store.place(digest, path)
        return path

    return place_it


def _keep_guard(product: Product[Any], files: Mapping[str, Path], event_id: str, flags: FlagValues) -> dict[str, Any]:
    """Put in place of each guarded input what its guard lets a step see; the scratch folder holds nothing else.

    Returns by input key what it let through unchanged, which is decoded by then.
    """
    seen: dict[str, Any] = {}
    for source in {item.product for item in product.all_inputs}:
        if source.guard is None or source.filename not in files:
            continue
        path = files[source.filename]
        value = read(source.codec, path)
        shown = source.guard.show(value, event_id, flags)
        if shown is not value:
            path.unlink()  # a copy, perhaps one that cannot be written to
            source.codec.write(shown, path)
        else:
            seen[source.key] = value
    return seen


def _picked(selection: Selection[Any], path: Path) -> dict[str, Any]:
    try:
        return selection.pick(read_json(path))
    except ValueError as error:
        raise DecodeError(f"{path.name} cannot be read: {error}") from error


def _flags(inputs: Mapping[str, str]) -> dict[str, str | bool]:
    """The flags as they were claimed."""
    return {key.removeprefix(FLAG): json.loads(value) for key, value in inputs.items() if key.startswith(FLAG)}


def _software(environment: Environment) -> str:
    """Name and version of the program whose environment this is."""
    package = type(environment).__module__.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", "")
    return f"{package} {version}".strip()
