"""One combination of parameters: its files fetched, its event made and brought up to date, its results put."""

from __future__ import annotations

import errno
import logging
import shutil
import signal
import tarfile
import tempfile
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn

from llama.engine.errors import StorageError
from llama.engine.folder import Claimed, Delivery, Event, Run, SharedDigests, is_event
from llama.engine.graph import Environment, Pipeline, Product
from llama.engine.running import Here, Kind, Maker, Runner, statuses, unfinished, utc_now
from llama.formats.limits import MAX_RECORD_BYTES, MAX_SKYMAP_BYTES, read_limited
from llama.intake import deliver
from llama.ports import Storage
from llama.studies.batch.errors import BatchError, EventUnfinished
from llama.studies.batch.patterns import template_filled
from llama.studies.batch.plan import EVENT, TEMPLATE, Combination, Orders

_LOG = logging.getLogger("llama.batch")
_KEPT = 8  # what is fetched again and again is kept in memory: so many files,
_KEPT_BYTES = 32 * 1024 * 1024  # none of them larger than this
_WHY = "by a batch"
_ROOM_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Outcome:
    """What became of a combination.

    Attributes:
        kind: done; before: all of it had been put already; failed.
        folder: of its event. why: it failed; empty otherwise.
        full: whether it failed since the disk is full, as every other one would.
    """

    number: int
    kind: Literal["done", "before", "failed"]
    folder: str
    why: str = ""
    full: bool = False


@dataclass
class Workshop:
    """What a process needs to work on combinations, opened once.

    Attributes:
        environment: of the steps. storage: where files come from and go to.
        variables: of the environment, for templates.
    """

    environment: Environment
    storage: Storage
    variables: Mapping[str, str]
    _runs: dict[Path, Run] = field(default_factory=dict)
    _fetched: OrderedDict[str, bytes] = field(default_factory=OrderedDict)

    def run(self, folder: Path) -> Run:
        """The run in a folder, opened once."""
        if folder not in self._runs:
            folder.mkdir(parents=True, exist_ok=True)
            self._runs[folder] = Run(folder)
        return self._runs[folder]

    def fetch(self, url: str) -> bytes:
        """What is under an address. The last few are kept: neighbours often share them."""
        if url in self._fetched:
            self._fetched.move_to_end(url)
            return self._fetched[url]
        with tempfile.TemporaryDirectory(prefix="llama-batch-") as folder:
            here = Path(folder, "fetched")
            self.storage.get(url, here)
            data = read_limited(here, MAX_SKYMAP_BYTES, "a file of an event")
        if len(data) <= _KEPT_BYTES:
            self._fetched[url] = data
            while len(self._fetched) > _KEPT:
                self._fetched.popitem(last=False)
        return data


Connect = Callable[[], Workshop]


def work(orders: Orders, connect: Connect, one: Combination) -> Outcome:
    """All that is to be done with one combination; whatever goes wrong with it is told, and never raised."""
    shop = connect()
    folder, event = "", None
    started = time.monotonic()
    try:
        path = orders.folder(one)
        folder = str(path)
        puts = {name: orders.address(url, one) for name, url in orders.asked.put.items()}
        if puts and all(shop.storage.find(url) is not None for url in reversed(puts.values())):
            if orders.asked.discard and _there(folder):  # a run that was killed had put it, and not removed it yet
                shutil.rmtree(path)
            return Outcome(one.number, "before", folder)
        event = _event(orders, shop, one, path)
        _bring_up_to_date(orders, shop.environment, event)
        for name, url in puts.items():
            shop.storage.put(event.path / name, url, public=orders.asked.public)
        if orders.asked.discard:
            shutil.rmtree(event.path)
        _LOG.info("%s: done in %.1f s", folder, time.monotonic() - started)
        return Outcome(one.number, "done", folder)
    except Exception as error:  # noqa: BLE001 - one that fails must not stop the others
        return _failed(orders, shop, one, event or _there(folder), error)


def _event(orders: Orders, shop: Workshop, one: Combination, path: Path) -> Event:
    """Its event, with the files that were fetched for it. The same again changes nothing; what was mended counts."""
    files = {name: shop.fetch(orders.address(url, one)) for name, url in orders.asked.get.items()}
    values = {**orders.fixed, **one.listed, EVENT: path.name}
    for name in orders.asked.format:
        text = _text(files.pop(name), name)
        files[name.removesuffix(TEMPLATE)] = template_filled(text, values, name, shop.variables).encode()
    delivery = Delivery(event_id=path.name, files=files, flags=dict(orders.flags), why=_WHY)
    (event,) = deliver(delivery, shop.run(path.parent), now=utc_now(), update=True).events
    return event


def _text(data: bytes, name: str) -> str:
    try:
        if len(data) > MAX_RECORD_BYTES:
            raise BatchError(f"{name} is far too large for a template")
        return data.decode()
    except UnicodeDecodeError as error:
        raise BatchError(f"{name} is no text that could be filled in: {error}") from error


def pipeline_of(orders: Orders, environment: Environment) -> Pipeline:
    """What is made; PipelineError names what there is."""
    whole = environment.pipeline(orders.asked.pipeline)
    words = orders.asked.only or orders.asked.upto
    return whole.only(words, ancestors=bool(orders.asked.upto)) if words else whole


def _bring_up_to_date(orders: Orders, environment: Environment, event: Event) -> None:
    """EventUnfinished with the first reason why what was asked for is not all there."""
    pipeline = pipeline_of(orders, environment)
    shared = SharedDigests(environment)
    maker = Maker(pipeline, environment, shared)
    _forgive(event, pipeline, shared)
    runner = Runner(maker, InTime(maker))
    runner.failures_at = logging.INFO  # the outcome says what failed
    runner.once([event])
    if wrong := [*runner.troubles, *runner.failures]:
        raise EventUnfinished(wrong[0])
    state = event.look(pipeline, shared)
    found = statuses(pipeline, state, utc_now())
    named = [pipeline.find(word).filename for word in (*orders.asked.only, *orders.asked.upto)]
    absent = [name for name in (*orders.asked.put, *named) if not (event.path / name).is_file()]
    for name in [*absent, *unfinished(pipeline, state, found)]:
        status = found.get(name)
        why = f"{status.kind.value}: {status.why}" if status else "nothing makes it"
        raise EventUnfinished(f"{event.label}: {name} is {why}" if status else f"{event.label}: {name}: {why}")


def _forgive(event: Event, pipeline: Pipeline, shared: SharedDigests) -> None:
    """Whoever types the same again wants another try of what failed, and at once."""
    now = utc_now()
    for name, status in statuses(pipeline, event.look(pipeline, shared), now).items():
        if status.kind is Kind.COOLING and pipeline.makes(pipeline.by_filename[name]):
            event.remake(pipeline.by_filename[name], why=_WHY, now=now)


class InTime(Here):
    """In this process, each step for as long as its product allows: one that hangs would keep all others waiting."""

    def start(self, event: Event, product: Product[Any], claim: Claimed) -> None:
        if threading.current_thread() is not threading.main_thread():  # an alarm comes to the main thread only
            super().start(event, product, claim)
            return
        before = signal.signal(signal.SIGALRM, partial(_too_long, product.filename, product.timeout_s))
        started = time.monotonic()
        left, _ = signal.setitimer(signal.ITIMER_REAL, product.timeout_s)
        try:
            super().start(event, product, claim)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            if left:  # somebody else's alarm goes on
                signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 0.001))


def _too_long(name: str, seconds: float, number: int, frame: object) -> NoReturn:
    raise TimeoutError(f"making {name} took longer than {seconds:g} s")


def _there(folder: str) -> Event | None:
    return Event(Path(folder)) if folder and is_event(Path(folder)) else None


def _failed(orders: Orders, shop: Workshop, one: Combination, event: Event | None, error: Exception) -> Outcome:
    hide = shop.environment.hide
    account = hide("".join(traceback.format_exception(error)))
    lines = str(error).strip().splitlines()
    known = isinstance(error, EventUnfinished | BatchError) or (lines and type(error).__module__.startswith("llama."))
    why = hide(" ".join(lines) if known else f"{type(error).__name__}: {' '.join(lines)}")
    named = ", ".join(f"{name}={value}" for name, value in one.values.items())
    folder = str(event.path) if event else ""
    _LOG.info("number %d (%s): %s", one.number, named, why)  # whoever watches tells the first few
    _LOG.debug("number %d: %s", one.number, account)
    full = _is_full(error, event)
    if not full:
        try:
            _dump(orders, shop, one, event, account)
        except Exception as trouble:  # noqa: BLE001 - it must not hide what failed first
            _LOG.error("number %d: its --errdump could not be put: %s", one.number, hide(str(trouble)))
    return Outcome(one.number, "failed", folder, f"number {one.number} ({named}): {why}", full)


def _is_full(error: BaseException | None, event: Event | None) -> bool:
    """Whether this machine's disk has no room; the runner has made a sentence of it, so the disk is asked as well."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL:
            return True
        if isinstance(error, StorageError | EventUnfinished) and event is not None:
            return shutil.disk_usage(event.path).free < _ROOM_BYTES
        error = error.__cause__
    return False


def _dump(orders: Orders, shop: Workshop, one: Combination, event: Event | None, account: str) -> None:
    """Traceback and state of the event as text, and its folder as an archive."""
    beginning = orders.dump(one)
    if not beginning:
        return
    with tempfile.TemporaryDirectory(prefix="llama-batch-") as scratch:
        text = Path(scratch, "account.txt")
        values = "".join(f"{name} = {value}\n" for name, value in one.listed.items())
        stands = "".join(f"{line}\n" for line in _stands(orders, shop.environment, event))
        text.write_text(f"{values}\n{account}\n{stands}", encoding="utf-8")
        shop.storage.put(text, f"{beginning}.txt")
        if event is not None:
            archive = Path(scratch, "event.tar.gz")
            with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
                tar.add(event.path, event.path.name)
            shop.storage.put(archive, f"{beginning}.tar.gz")


def _stands(orders: Orders, environment: Environment, event: Event | None) -> list[str]:
    """How each product stands, and the traceback of each step that failed."""
    if event is None:
        return ["there is no event"]
    pipeline = pipeline_of(orders, environment)
    found = statuses(pipeline, event.look(pipeline, SharedDigests(environment)), utc_now())
    lines = [f"{name:<36} {status.kind.value:<8} {status.why}" for name, status in found.items()]
    tracebacks = (getattr(entry, "traceback", "") for entry in event.entries())
    return [*lines, *filter(None, tracebacks)]


def task(orders: Orders, connect: Connect) -> Callable[[Combination], Outcome]:
    """`work` of one combination, as it travels to other processes."""
    return partial(work, orders, connect)
