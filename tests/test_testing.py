"""What tests stand on: each block of the how-to page runs, and each broken promise is seen."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

from llama.engine.folder.run import Delivery
from llama.engine.graph import Environment
from llama.engine.graph.product import Product
from llama.formats.errors import NoticeError
from llama.formats.records import JsonObject
from llama.messengers import Candidates, Message, Messenger
from llama.messengers.fermi import MESSENGER as FERMI
from llama.messengers.gw import MESSENGER as GW
from llama.messengers.icecube import MESSENGER as ICECUBE
from llama.messengers.ztf import MESSENGER as ZTF
from llama.ports import Provider, Service
from llama.science.companions import Listening
from llama.sections import About, Secret, Section
from llama.services.sources import NEUTRINOS
from llama.testing import NOW, Clock, FakeEnvironment, check_messenger, check_service, demo_alert, event, world
from tests.plugins import blocks

BURSTS: Product[Any] = Product("RADIO_BURSTS", "radio.json", JsonObject(), help="bursts")


def read(message: Message) -> Delivery | None:
    if not message.data.startswith(b"RADIO"):
        raise NoticeError("not ours")
    return Delivery("R1", {"radio.json": b"{}"}, kind="Burst", identity="1")


RADIO = Messenger("radio", "radio bursts", (BURSTS,), topics=("radio.*",), read=read)
SAMPLE = Message(b"RADIO 1", "radio.bursts")


@pytest.mark.parametrize("number", range(8))
def test_the_page(number: int, tmp_path: Path) -> None:
    texts = [text for kind, text in blocks("testing.md") if kind == "python"]
    assert len(texts) == 8
    exec(compile(texts[number], f"testing.md, block {number + 1}", "exec"), {"folder": tmp_path})


@pytest.mark.parametrize("messenger", [FERMI, ICECUBE, ZTF], ids=lambda one: one.name)
def test_our_messengers_keep_theirs(messenger: Messenger) -> None:
    check_messenger(messenger)


def test_gravitational_waves_keep_theirs_on_real_notices(data: Path) -> None:
    voevents = sorted((data / "notices" / "lvk_voevent").glob("*.xml"))
    samples = [Message(path.read_bytes(), "gcn.classic.voevent.LVC_UPDATE") for path in voevents]
    assert len(samples) > 5
    check_messenger(GW, [*samples, demo_alert()])


def test_a_good_messenger_passes() -> None:
    check_messenger(RADIO, [SAMPLE])


def gives(**changes: Any) -> Any:
    delivery = Delivery("R1", {"radio.json": b"{}"})
    return lambda message: replace(delivery, **changes) if message == SAMPLE else None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Radio Bursts"}, "must be one lower-case word"),
        ({"help": ""}, "help must be one line"),
        ({"products": (replace(BURSTS, name="bursts"),)}, "named like a constant"),
        ({"products": (replace(BURSTS, help=""),)}, "has no help"),
        ({"products": (BURSTS, replace(BURSTS, name="OTHER"))}, "make no pipeline"),
        ({"products": (replace(BURSTS, filename="lvc_gcn.xml"),)}, "a name of another messenger's"),
        ({"topics": ()}, "names no topic"),
        ({"topics": ("",)}, "no names of topics"),
        ({"topics": ("optical",)}, "which it does not hear"),
        ({"read": lambda message: 1 / 0}, "cannot be read: ZeroDivisionError"),
        ({"read": lambda message: read(SAMPLE)}, ""),
        ({"read": lambda message: None}, "no sample is of an event"),
        ({"read": lambda message: read(message) if message == SAMPLE else 1 / 0}, "must raise a FormatError"),
        ({"read": gives(files={"other.json": b""})}, "file of none of its products"),
        ({"read": gives(files={})}, "delivers no file"),
        ({"read": gives(event_id="../x")}, "the name of an event"),
        ({"read": gives(kind="Burst")}, "give its identity"),
        ({"read": gives(kind="Sub-Burst", identity="1")}, "a kind holds no dash"),
        ({"read": gives(role="real")}, "must be test, observation or empty"),
    ],
)
def test_each_broken_promise_is_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(AssertionError, match=says) if says else nullcontext():
        check_messenger(replace(RADIO, **changes), [SAMPLE])


@pytest.mark.parametrize(
    ("listening", "says"),
    [
        (Listening("radio", (), lambda r: np.zeros_like(r)), ""),
        (Listening("optical", (), lambda r: np.zeros_like(r)), "say that they are of 'optical'"),
        (Listening("radio", (), lambda r: np.ones_like(r)), "more than certain"),
        (Listening("radio", (), lambda r: np.full_like(r, math.nan)), "a logarithm each"),
        (Listening("radio", (), lambda r: np.float64(0)), "of the same shape"),
        (7, "read as int"),
    ],
)
def test_likelihood_terms(listening: Any, says: str) -> None:
    radio = replace(RADIO, candidates=lambda trigger: Candidates(BURSTS, lambda value: listening))
    with pytest.raises(AssertionError, match=says) if says else nullcontext():
        check_messenger(radio, [SAMPLE], values=[{}])


@dataclass(frozen=True)
class Fields:
    """The section `[toy]`."""

    token: Annotated[Secret, About("lets us in")]
    host: Annotated[str, About("which server")] = "example.org"


@dataclass(frozen=True)
class Loose:
    """The section `[toy]`, with a token in the open."""

    token: Annotated[str, About("lets us in")] = ""


class Adapter:
    def __init__(self, shown: str = "", closes: int = 9) -> None:
        self.shown, self.closes = shown, closes

    def __repr__(self) -> str:
        return f"<Adapter {self.shown}>"

    def close(self) -> None:
        self.closes -= 1
        if self.closes < 0:
            raise OSError("closed already")


TOY: Service[Any] = Service("toy")
SECTION, LOOSE = Section("toy", Fields), Section("toy", Loose)


def fails(host: Any) -> Any:
    raise OSError(f"no route with {host.section(SECTION).token.reveal()}")


@pytest.mark.parametrize(
    ("provider", "says"),
    [
        (Provider(TOY, lambda host: Adapter(), (SECTION,)), ""),
        (Provider(TOY, lambda host: object(), (SECTION,)), r"has no close\(\)"),
        (Provider(TOY, lambda host: Adapter(closes=1), (SECTION,)), "closed twice it raises OSError"),
        (Provider(TOY, lambda host: Adapter(host.section(SECTION).token.reveal()), (SECTION,)), "shows a secret"),
        (Provider(TOY, fails, (SECTION,)), r"cannot be opened: .*OSError: no route with \(hidden\)"),
        (Provider(TOY, lambda host: Adapter(), (LOOSE,)), "a text that everybody sees"),
        (Provider(TOY, lambda host: Adapter(), (SECTION,), lambda host: "a file"), "still lacks something: a file"),
        (Provider(Service("Toy!"), lambda host: Adapter()), "must be one lower-case word"),
    ],
)
def test_a_service_s_promises(provider: Provider[Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=says) if says else nullcontext():
        check_service(provider, tmp_path)


def test_our_sources_keep_theirs(tmp_path: Path) -> None:
    from llama.app import BURSTS as SOURCE

    for provider in (NEUTRINOS, SOURCE):
        check_service(provider, tmp_path)


def test_a_clock_stands_still_until_told() -> None:
    clock = Clock()
    assert clock() == clock() == NOW
    clock.wait(90)
    assert (clock() - NOW).total_seconds() == 90


def test_an_event_of_a_test_is_one_like_any_other(tmp_path: Path) -> None:
    with world(tmp_path) as app:
        made = event(app.settings.current_run, {"igwn_alert.json": demo_alert().data})
        assert made.path == tmp_path / "data" / "llama" / "current_run" / "MS120130a"
        assert made.created() == NOW and not made.refresh().flags["upload"]


def test_the_fake_application_has_all_that_the_engine_asks_of_one() -> None:
    assert {name for name in vars(Environment) if not name.startswith("_")} <= {*dir(FakeEnvironment)}
