"""A scratch world to test in: a clock, the application on a folder, an event, and things that stand in for others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from llama.app import DEMO_ALERT, App, packaged
from llama.engine.errors import PipelineError
from llama.engine.folder import Delivery, Event, Owner, Run, SharedDigests
from llama.engine.graph import Environment, FlagRules, Pipeline, Product, ServiceKey, Shared
from llama.engine.running import Maker, Status, statuses
from llama.flags import RULES
from llama.installed import ServiceUnavailable
from llama.intake import deliver
from llama.messengers import Message

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
"""A time like any other."""


class Clock:
    """A clock that stands still until told."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += timedelta(seconds=seconds)


@contextmanager
def world(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[App]:
    """The application on a scratch folder, closed at the end; nothing of the user's own is read.

    `variables` are settings as the environment gives them, `LLAMA_ICECUBE_NEUTRINOS`.
    """
    with App.read(environ(folder, variables or {})) as app:
        yield app


def environ(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Of a process whose user has nothing but this folder."""
    homes = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("DATA", "CACHE", "CONFIG")}
    return {"HOME": str(folder), **homes, **variables}


def demo_alert(superevent: str = "MS120130a", **changes: Any) -> Message:
    """The packaged alert as its broker would send it, with other values of its top-level keys."""
    record = json.loads(packaged(DEMO_ALERT).read_bytes())
    return Message(json.dumps(record | {"superevent_id": superevent} | changes).encode(), "igwn.gwalert")


def event(run: Path, files: Mapping[str, bytes], event_id: str = "MS120130a", *, now: datetime = NOW) -> Event:
    """A new event of these files in a run's folder, through the same door as every other."""
    (made,) = deliver(Delivery(event_id, files, why="a test"), Run(run), now=now).events
    return made


@dataclass
class FakeEnvironment:
    """What steps see of the application: pipelines, services and shared files that a test gives.

    Attributes:
        services: adapters by the name of their key.
        folder: where shared files are.
    """

    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    services: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path("nothing-shared")

    def pipeline(self, name: str) -> Pipeline:
        """The pipeline of that name."""
        try:
            return self.pipelines[name]
        except KeyError:
            raise PipelineError(f"no pipeline {name}") from None

    def service(self, key: ServiceKey[Any]) -> Any:
        """The adapter that was given for the key."""
        try:
            return self.services[key.name]
        except KeyError:
            raise ServiceUnavailable(f"this test gives no {key.name}") from None

    def lacks(self, key: ServiceKey[Any]) -> str | None:
        """Says so of one that the test does not give."""
        return None if key.name in self.services else f"this test gives no {key.name}"

    def shared_path(self, shared: Shared[Any]) -> Path:
        """In the folder."""
        return self.folder / shared.name

    @property
    def flags(self) -> FlagRules:
        """How flags are read: ours."""
        return RULES

    def hide(self, text: str) -> str:
        """Nothing is secret here."""
        return text

    def close(self) -> None:
        """Nothing is open."""


class FakeGraceDB:
    """A GraceDB of records by GraceID, and of files by `GRACEID/NAME`."""

    def __init__(self, records: Mapping[str, dict[str, object]], files: Mapping[str, bytes]) -> None:
        self._records, self._files = records, files

    def superevent(self, graceid: str) -> dict[str, object]:
        """The record."""
        return self._records[graceid]

    def file(self, graceid: str, filename: str, into: Path) -> None:
        """A copy of the file."""
        into.write_bytes(self._files[f"{graceid}/{filename}"])

    def close(self) -> None:
        """Nothing is held open."""


class Bench:
    """One event, something that makes products of it, and a clock that stands still until told."""

    def __init__(
        self,
        path: Path,
        pipeline: Pipeline,
        files: Mapping[str, bytes],
        environment: Environment,
        now: datetime = NOW,
    ) -> None:
        self.clock = Clock(now)
        self.event = event(path.parent, files, path.name, now=now)
        self.judge_by(pipeline, environment)

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self.clock.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.clock.now = now

    def judge_by(self, pipeline: Pipeline, environment: Environment) -> None:
        """Judge and make by another pipeline."""
        self.maker = Maker(pipeline, environment, SharedDigests(environment), self.clock)

    def statuses(self) -> dict[str, Status]:
        """Of every file of the pipeline."""
        fresh = Event(self.event.path)
        return statuses(self.maker.pipeline, fresh.look(self.maker.pipeline, self.maker.shared), self.now)

    def status(self, product: Product[Any] | None = None) -> Status:
        """Of one product; of the last one when none is given."""
        return self.statuses()[(product or self.maker.pipeline.products[-1]).filename]

    def kinds(self) -> list[str]:
        """In one word each."""
        return [str(status.kind) for status in self.statuses().values()]

    def make(self, *products: Product[Any]) -> None:
        """Make these, in order; each must be ready."""
        for product in products:
            claim = self.maker.claim(self.event, product, now=self.now, owner=Owner.myself())
            if claim is None:
                raise AssertionError(f"{product.name} is not ready: {self.statuses()[product.filename]}")
            self.maker.make(self.event, product, claim, now=self.now)

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        self.clock.wait(seconds)
