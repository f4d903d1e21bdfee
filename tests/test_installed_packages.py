"""A package of somebody else is installed by pip, and LLAMA finds and runs what it brings."""

from __future__ import annotations

import json
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.cli.typed import fresh_event, journal, typed
from tests.guard.loopback import python_path
from tests.plugins import pip_installed

TOKEN = "a-token-of-the-observatory"

pytestmark = pytest.mark.component


def test_a_messenger_that_pip_installed_is_in_the_joint_result(tmp_path: Path) -> None:
    site = pip_installed("add-a-messenger.md", tmp_path)
    (found,) = distributions(path=[str(site)])
    assert found.read_text("INSTALLER") == "pip\n" and "llama.messengers" in found.entry_points.groups
    event = fresh_event(tmp_path / "current_run", tmp_path)
    gps = json.loads((event / "skymap_info.json").read_text())["gps_time"]
    burst = {"name": "FRB1", "gps": gps + 8.0, "ra": 197.4, "dec": -23.4, "radius90": 0.5}
    (event / "radio_bursts.json").write_text(json.dumps({"bursts": [burst]}))
    with_it = {"PYTHONPATH": python_path(site)}
    typed("event", event, "adopt", "radio_bursts.json", home=tmp_path, **with_it)
    assert "gw + icecube + radio: odds " in typed(
        "run", "-o", "-p", "GW_NEUTRINO_RADIO", event, home=tmp_path, **with_it
    )
    assert "FRB1" in (event / "significance_joint_lvc-i3-radio.txt").read_text()
    without = typed("run", "-o", "-p", "GW_NEUTRINO_RADIO", event, home=tmp_path, status=1, fresh=True)
    assert "no pipeline" in without, "nothing of it is left behind"


def test_a_service_that_pip_installed_is_asked_with_its_shared_file(tmp_path: Path) -> None:
    site = pip_installed("add-a-service.md", tmp_path)
    event = fresh_event(tmp_path / "current_run", tmp_path)
    with_it = {"PYTHONPATH": python_path(site), "LLAMA_TELLURIUM_TOKEN": TOKEN}
    assert "LLAMA_TELLURIUM_TOKEN" in typed("--help-env", home=tmp_path, **with_it)
    typed("run", "-o", "-p", "TELLURIUM", event, home=tmp_path, **with_it)
    made = json.loads((event / "tellurium_looking.json").read_text())
    assert made == {"answer": f"{event.name}: nobody else at tellurium.example.org", "site": "Kirkkonummi"}
    (entry,) = [
        one for one in journal(event) if one["kind"] == "Made" and one["filename"] == "tellurium_looking.json"
    ]
    assert "shared:tellurium:sites.json" in entry["inputs"] and TOKEN not in json.dumps(journal(event))
