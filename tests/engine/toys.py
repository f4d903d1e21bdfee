"""Toy products: text files made of text files. No astronomy."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from llama.engine.errors import NotYet, PipelineError
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, ServiceKey, Shared, Step
from llama.engine.graph.rules import FlagRules
from llama.flags import RULES

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Text:
    """Text as UTF-8."""

    def write(self, value: str, path: Path) -> None:
        path.write_text(value)

    def read(self, path: Path) -> str:
        return path.read_text()


class Json:
    """A JSON object."""

    def write(self, value: dict[str, Any], path: Path) -> None:
        path.write_text(json.dumps(value))

    def read(self, path: Path) -> dict[str, Any]:
        return json.loads(path.read_text())


@dataclass(frozen=True)
class Key:
    """A service's name."""

    name: str
    writes: bool = False
    also: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def requires(self) -> dict[str, Any]:
        return {"online": True, **({"upload": True} if self.writes else {}), **self.also}


TEXT, JSON = Text(), Json()
TABLE = Shared("table.txt", TEXT)
POST: ServiceKey[Any] = Key("post", writes=True)
ASK: ServiceKey[Any] = Key("ask")


@dataclass
class World:
    """An environment of toys."""

    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    shared: Path = Path(os.environ.get("LLAMA_TOY_SHARED", "/nonexistent"))
    absent: dict[str, str] = field(default_factory=dict)
    """By the name of a service, why it cannot be used."""
    settings: str = ""

    def pipeline(self, name: str) -> Pipeline:
        try:
            return self.pipelines[name]
        except KeyError:
            raise PipelineError(f"no pipeline {name}") from None

    @property
    def flags(self) -> FlagRules:
        return RULES

    def service(self, key: ServiceKey[Any]) -> Any:
        return f"{key.name} {self.settings}".strip()

    def lacks(self, key: ServiceKey[Any]) -> str | None:
        return self.absent.get(key.name)

    def shared_path(self, shared: Shared[Any]) -> Path:
        return self.shared / shared.name

    def hide(self, text: str) -> str:
        return text

    def close(self) -> None:
        """Nothing is open."""


def _upper(step: Step) -> str:
    return step[SOURCE].upper()


def _count(step: Step) -> str:
    """Also keeps, outside the event, how often it was called."""
    if log := os.environ.get("LLAMA_TOY_LOG"):
        with open(log, "a") as file:
            file.write(f"{step.event_id} {step.product.name}\n")
    return f"{len(step[UPPER])} letters"


def _both(step: Step) -> str:
    if log := os.environ.get("LLAMA_TOY_LOG"):
        with open(log, "a") as file:
            file.write(f"{step.event_id} {step.product.name}\n")
    return f"{step[UPPER]}: {step[COUNT]}"


def post(step: Step) -> str:
    """Writes on a board outside, once for each key, what there is to say and what it said before."""
    step.service(POST)
    board = Path(os.environ["LLAMA_TOY_BOARD"])
    sent = {line["key"]: line["text"] for line in map(json.loads, board.read_text().splitlines())}
    if step.key in sent:
        return str(sent[step.key])
    told, before = step.product.inputs[0].product, step.previous()
    text = str(step[told])
    for item in step.product.optional:
        text += f" taken back: {step[item]}" if step.has(item) else ""
    text += f", after {before}" if before else ""
    with board.open("a") as file:
        file.write(json.dumps({"key": step.key, "text": text}) + "\n")
    return text


SOURCE = Product("SOURCE", "source.txt", TEXT)
UPPER = Product("UPPER", "upper.txt", TEXT, _upper, inputs=(SOURCE,))
COUNT = Product("COUNT", "count.txt", TEXT, _count, inputs=(UPPER,))
BOTH = Product("BOTH", "both.txt", TEXT, _both, inputs=(UPPER, COUNT), aliases=("Both",))
CHAIN = Pipeline("CHAIN", (SOURCE, UPPER, COUNT, BOTH))


def _trouble(step: Step) -> str:
    """Does what its source says: sleep, wait for a file, die, fail, use up memory, or say what it inherited."""
    order, _, argument = step[SOURCE].partition(" ")
    if order == "sleep":
        time.sleep(float(argument))
    elif order == "until":
        while not Path(argument).exists():
            time.sleep(0.01)
    elif order == "hoard":
        return str(len(bytearray(1 << 60)))
    elif order == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "fail":
        raise ValueError(argument)
    elif order == "wait":
        raise NotYet(argument, datetime.now(UTC) + timedelta(hours=1))
    elif order == "modules":
        return " ".join(name for name in argument.split() if name in sys.modules)
    return order


TROUBLE = Product("TROUBLE", "trouble.txt", TEXT, _trouble, inputs=(SOURCE,), timeout_s=1.0)
TROUBLES = Pipeline("TROUBLES", (SOURCE, TROUBLE))
PATIENT = Product("PATIENT", "trouble.txt", TEXT, _trouble, inputs=(SOURCE,), timeout_s=120.0)
PATIENTS = Pipeline("PATIENTS", (SOURCE, PATIENT))
"""The same with time enough for a slow machine: for all that is not about the time limit."""

TABLED = Product(
    "TABLED", "tabled.txt", TEXT, lambda step: step[SOURCE] + step[TABLE], inputs=(SOURCE,), shared=(TABLE,)
)
TABLEDS = Pipeline("TABLEDS", (SOURCE, TABLED))


def _witness(step: Step) -> str:
    logging.getLogger("llama.toys").info("%s is being made", step.product.filename)
    return f"{step.service(ASK)} at {step.now:%H:%M}"


WITNESS = Product("WITNESS", "witness.txt", TEXT, _witness, inputs=(SOURCE,), services=(ASK,))
WITNESSES = Pipeline("WITNESSES", (SOURCE, WITNESS))


def join_log(text: str, world: World) -> None:
    """Writes the lines of a step's process into the file called `text`."""
    handler = logging.FileHandler(text)
    handler.setFormatter(logging.Formatter(f"%(message)s, {world.settings}"))
    logging.getLogger("llama").addHandler(handler)
    logging.getLogger("llama").setLevel(logging.INFO)


def clock() -> datetime:
    """Stands still."""
    return NOW


def environment(settings: str = "") -> World:
    """What the processes of steps build by name."""
    return World(
        settings=settings,
        pipelines={pipeline.name: pipeline for pipeline in (CHAIN, TROUBLES, PATIENTS, TABLEDS, WITNESSES)},
    )
