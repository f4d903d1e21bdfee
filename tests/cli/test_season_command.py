"""`llama dev season` as a user types it, and an event whose odds and p-value are of the season that it made."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from tests.cli.typed import loads, typed

from llama.app import DEMO_ALERT, packaged

TIME = "2008-08-28T02:09:19"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "season.md"
KDE = "effective_areas/plenum_irfs/energy_smearing_2D_step-0.1_KDE.npz"


def words(data: Path, name: str = "IC40") -> list[str | Path]:
    release = data / "neutrinos" / "icecube_10yr_ps"
    area = data / "effective_areas" / "icecube_10yr_ps" / "IC40_effectiveArea.csv"
    return [
        "dev", "season", name, "--events", release / "events" / "IC40_exp.csv",
        "--livetime", release / "uptime" / "IC40_exp.csv", "--area", area, "--smearing", data / KDE,
    ]  # fmt: skip


def alert_of_2008(folder: Path) -> Path:
    """The packaged alert as if it had been in IC40's time."""
    record = json.loads(packaged(DEMO_ALERT).read_bytes())
    record["event"]["time"] = f"{TIME}Z"
    path = folder / "alert.json"
    path.write_text(json.dumps(record))
    return path


@pytest.mark.slow
def test_an_event_has_odds_and_p_of_a_season_that_was_made(data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "icecube").mkdir(parents=True)
    (home / "icecube" / "icecube_10year_ps").symlink_to(data / "neutrinos" / "icecube_10yr_ps")
    said = typed(*words(data), "--alone", "-o", tmp_path / "seasons", home=home)
    assert "IC40: 36900 events in 376.36 days, 1.135 mHz" in said
    assert "raised by 0.31 to 0.53 dex" in said and re.search(r"digest [0-9a-f]{64}", said)
    settings = dict(re.findall(r"(LLAMA_SCIENCE_\w+)=(\S+)", said))
    assert sorted(settings) == ["LLAMA_SCIENCE_ICECUBE_EVENTS", "LLAMA_SCIENCE_ICECUBE_TABLES"]
    flags = ("--flags", "DEFAULT")
    typed("skymap_info", "--alert", alert_of_2008(tmp_path), "-d", tmp_path / "run", *flags, home=home, **settings)
    (event,) = (path for path in (tmp_path / "run").iterdir() if not path.name.startswith("."))
    typed("run", "-o", event, "+f", "SIGNIFICANCE", home=home, **settings)
    found = loads(event / "icecube_neutrino_list.json")
    result = loads(event / "significance_opa_lvc-i3.json")
    assert found["season"] == "IC40" and found["complete"]
    assert len(found["neutrinos"]) == 7 and 0 < result["odds_ratio"] < 1
    assert 0 < result["p_value"] < 1 and result["p_value_background"]["season"] == "IC40"
    assert result["p_value_background"]["expected_neutrinos"] == pytest.approx(1.135, abs=0.01)


@pytest.mark.slow
def test_what_cannot_be_is_told_in_a_line(data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "there is a season IC40 already" in typed(*words(data), "-o", tmp_path / "s", home=home, status=1)
    for change, said in (
        ({"--area": data / "nothing.csv"}, "there is no file"),
        ({"--livetime": data / "neutrinos/icecube_10yr_ps/uptime/IC59_exp.csv"}, "lie in no good run"),
        ({"--smearing": data / "README.md"}, "is not a smearing table"),
    ):
        typing = words(data, "IC40-own")
        for option, value in change.items():
            typing[typing.index(option) + 1] = value
        assert said in typed(*typing, "-o", tmp_path / "s", home=home, status=1)
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_the_guides_command_runs(data: Path, tmp_path: Path) -> None:
    """Its season is the packaged one under another name, since it is made of the same files."""
    (command,) = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    places = {
        "3year-data-release.zip/": data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip",
        "uptime/": data / "neutrinos" / "icecube_10yr_ps" / "uptime",
        "my-seasons": tmp_path / "my-seasons",
        "energy_smearing_2D_step-0.1_KDE.npz": data / KDE,
    }
    asked = shlex.split(command.replace("\\\n", " "))[1:]
    for begins, place in places.items():
        asked = [str(place / word.removeprefix(begins)) if word.startswith(begins) else word for word in asked]
    said = typed(*asked, home=tmp_path / "home")
    assert "IC86-2012b: 105300 events in 331.98 days, 3.671 mHz" in said
    assert "119 event(s) lie in no good run" in said and "(its own detector configuration)" in said
