"""The how-to page on adding a messenger does what it says: its package is installed and run."""

from __future__ import annotations

import json
import math
import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama.app import messengers
from llama.engine.errors import PipelineError
from llama.engine.folder.run import Delivery, Run
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, Step
from llama.flags import Flags
from llama.formats.records import JsonObject
from llama.intake import Archive, Intake
from llama.messengers import Message, Messenger
from llama.messengers.ztf import ZTF_TRIGGERS
from llama.science.companions import log_strength
from llama.testing import NOW, demo_alert, world
from tests.cli.typed import fresh_event, typed
from tests.guard.loopback import python_path
from tests.plugins import register, written

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "guides" / "add-a-messenger.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's files where Python finds them, with the metadata that pip would write."""
    site = tmp_path / "site"
    written("add-a-messenger.md", site)
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "radio_messenger"]:
        del sys.modules[name]


def test_the_page_s_messenger_keeps_its_contract(installed: Path):
    (text,) = [text for kind, text in BLOCKS if kind == "python" and "check_messenger(" in text]
    exec(compile(text, "add-a-messenger.md", "exec"), {})


def test_the_page_s_messenger_is_heard_beside_ours(installed: Path, tmp_path: Path):
    """Alert and report by their brokers, through the door that every message takes, then odds."""
    with world(tmp_path) as app:
        intake = Intake(Run(app.settings.current_run), Archive(app.settings.notices), messengers().values())
        assert {"igwn.gwalert", "survey.radio.*"} <= set(intake.topics)
        (delivered,) = intake.hear(demo_alert(), now=NOW).delivered
        (event,) = delivered.events
        burst = {"name": "FRB1", "gps": 1011973675.0, "ra": 197.4, "dec": -23.4, "radius90": 0.5}
        report = json.dumps({"trigger": event.id, "test": True, "bursts": [burst]}).encode()
        heard = intake.hear(Message(report, "survey.radio.bursts", "17"), now=NOW)
        assert heard.path.read_bytes() == report and heard.dead is None
        assert json.loads((event.path / "radio_bursts.json").read_bytes()) == {"bursts": [burst]}
        dead = intake.hear(Message(b'{"trigger": 7}', "survey.radio.bursts", "18"), now=NOW).dead
        assert dead is not None
        assert "radio: no report of the radio survey" in (dead.parent / "18.json.reason.txt").read_text()


@pytest.mark.component
def test_the_page_s_messenger_is_found_and_heard(installed: Path, tmp_path: Path):
    radio = messengers()["radio"]
    assert isinstance(radio, Messenger) and radio.candidates is not None
    trigger: Product[dict[str, Any]] = Product("TRIGGER", "trigger.json", JsonObject())
    candidates = radio.candidates(trigger.select("gps_time"))
    result: Product[Any] = Product("RESULT", "result.json", JsonObject(), optional=(candidates.product,))
    pipeline = Pipeline("WITH_RADIO", (*radio.products, result))
    assert pipeline.find("radio_bursts.json") is candidates.product

    burst = {"name": "FRB1", "gps": 1187008890.0, "ra": 197.4, "dec": -23.4, "radius90": 0.5}
    delivery = Delivery("G1", {"radio_bursts.json": json.dumps({"bursts": [burst]}).encode()}, Flags(), "by hand")
    event = Run(tmp_path / "run").accept(delivery)
    files = {candidates.product.key: event.path / "radio_bursts.json"}
    step = Step(result, "G1", Flags(), datetime(2026, 1, 1, tzinfo=UTC), tmp_path, None, files)  # type: ignore[arg-type]
    heard = candidates.listen(step)
    assert heard is not None and heard.messenger == "radio"
    (frb,) = heard.companions
    strength = np.exp(log_strength(frb, np.array([40.0, 400.0])))
    np.testing.assert_allclose(strength, [0.1 / (100 * 3 / 86400), 0])
    np.testing.assert_allclose(np.exp(heard.log_silence(np.array([40.0, 400.0]))), [0.9, 1.0])


@pytest.mark.parametrize(
    ("name", "where", "says"),
    [
        ("absent", "no_such_package:MESSENGER", "cannot be loaded: .*; mend or uninstall its package"),
        ("optical", "radio_messenger:MESSENGER", "calls itself radio; its entry point must have that name"),
        ("gw", "radio_copy:MESSENGER", "is called gw, as another is; rename it"),
    ],
)
def test_a_messenger_that_cannot_be_used_is_named(installed: Path, name: str, where: str, says: str):
    (installed / "radio_copy.py").write_text(
        "from llama.messengers import Messenger\nMESSENGER = Messenger('gw', '', ())"
    )
    register(installed, "broken", {"llama.messengers": {name: where}})
    with pytest.raises(PipelineError, match=says):
        messengers()


@pytest.mark.component
def test_the_page_s_pipeline_runs_from_the_command_line(installed: Path, tmp_path: Path):
    event = fresh_event(tmp_path / "current_run", tmp_path)
    gps = json.loads((event / "skymap_info.json").read_text())["gps_time"]
    burst = {"name": "FRB1", "gps": gps + 8.0, "ra": 197.4, "dec": -23.4, "radius90": 0.5}
    (event / "radio_bursts.json").write_text(json.dumps({"bursts": [burst]}))
    more = {"PYTHONPATH": python_path(installed)}
    typed("event", event, "adopt", "radio_bursts.json", home=tmp_path, **more)
    said = typed("run", "-o", "-p", "GW_NEUTRINO_RADIO", event, home=tmp_path, **more)
    assert "gw + icecube + radio: odds " in said
    text = (event / "significance_joint_lvc-i3-radio.txt").read_text()
    assert "FRB1" in text and "TEST" in text
    assert "GW_NEUTRINO_RADIO" in typed("run", "-o", "-p", "NOPE", event, home=tmp_path, status=1, **more)


def test_the_page_s_ztf_list_is_one(tmp_path: Path):
    (text,) = [text for kind, text in BLOCKS if kind == "json"]
    path = tmp_path / ZTF_TRIGGERS.filename
    path.write_text(text)
    found = ZTF_TRIGGERS.codec.read(path)
    assert [one.name for one in found.triggers] == ["AT2017gfo", "ZTF17aaa"]
    assert math.isclose(found.searched, 0.4)


def test_every_messenger_of_ours_has_its_entry_point_and_its_contract():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    entries = project["project"]["entry-points"]["llama.messengers"]
    folders = {path.parent.name for path in (ROOT / "src/llama/messengers").glob("*/__init__.py")}
    assert set(entries) == folders
    for name, where in entries.items():
        module, _, attribute = where.partition(":")
        messenger = getattr(import_module(module), attribute)
        assert isinstance(messenger, Messenger) and messenger.name == name
    contracts = {one["name"]: one for one in project["tool"]["importlinter"]["contracts"]}
    apart = contracts["messengers do not know each other"]["modules"]
    assert {module.rsplit(".", 1)[1] for module in apart} == folders
