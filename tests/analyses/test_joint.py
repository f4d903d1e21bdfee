"""Merger and burst, with and without neutrinos, through the pipelines, on the one real case there is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.cli.typed import copied, fresh_event, loads, typed
from tests.test_file_guide import documented, keys

from llama.ports import Burst
from llama.science.times import utc_from_gps

pytestmark = pytest.mark.slow

GW170817 = "G298048"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The event of the demonstration, all made. Copy it before changing it."""
    home = tmp_path_factory.mktemp("demo")
    typed("demo", home=home)
    return home / "current_run" / "MS120130a"


def started(data: Path, home: Path) -> Path:
    typed(
        *("skymap_info", "--voevent", data / "notices/lvk_voevent/G298048-1-Initial.xml", "--skymap"),
        *(data / "skymaps/events/GW170817_GWTC1.multiorder.fits", "--flags", "RERUN"),
        home=home,
    )
    return home / "current_run" / GW170817


@pytest.fixture
def catalogue(data: Path) -> dict[str, str]:
    return {"LLAMA_GRB_CATALOGUE": str(data / "catalogs/grb/fermigbrst_heasarc.csv")}


@pytest.mark.slow
def test_gw170817_and_its_burst(data, tmp_path, catalogue):
    event = started(data, tmp_path)
    said = typed("run", "-o", "-p", "GW_GRB", event, home=tmp_path, **catalogue)
    bursts, result = loads(event / "fermi_grbs.json"), loads(event / "significance_joint_lvc-fermi.json")
    assert [burst["name"] for burst in bursts["bursts"]] == ["GRB170817529"]
    assert result["messengers"] == ["gw", "fermi"]
    (candidate,) = result["candidates"]
    assert candidate["dt"] == pytest.approx(2.03, abs=0.01)  # its trigger; the onset was 1.74 s after the merger
    (one,) = result["sets"]
    assert one["candidates"] == {"fermi": "GRB170817529"}
    assert one["log_b"] > 5
    # one candidate and no neutrino: the event's odds are that set's
    assert result["log_odds_ratio"] == pytest.approx(one["log_odds_ratio"], abs=1e-9)
    assert result["odds_ratio"] == pytest.approx(result["p_h_s1"] / (result["p_h_0"] + result["p_h_c"]), rel=1e-12)
    # one burst in some 4e-5 merger windows, in this place and so bright: the published association has 5e-8
    assert 0 < result["p_value"] < 1e-6
    assert result["p_value_background"]["chance_of_candidate"] == pytest.approx(6 * 7.534e-6, rel=1e-3)
    assert any("no p_astro" in note for note in result["notes"])
    assert result["inputs"]["companion_parameters"]["fermi"]["beaming"]["source"]
    assert f"gw + fermi: odds {result['odds_ratio']:.2e}" in said
    lines = (event / "significance_joint_lvc-fermi.txt").read_text().splitlines()
    assert lines[2].startswith(f"odds      {result['odds_ratio']:.2e}, one source")  # numbers first
    assert lines[3].startswith(f"p-value   {result['p_value_text']}: of this alert's own sky map")
    assert f"p-value {result['p_value_text']} (of this alert's own sky map" in said
    assert any(line.split()[:3] == ["fermi", "GRB170817529", "+2.03"] for line in lines)
    assert any("GRB170817529 is assumed to be 10°" in " ".join(lines[i : i + 2]) for i in range(len(lines)))


def test_without_burst_data_the_search_waits(data, tmp_path):
    event = started(data, tmp_path)
    typed("run", "-o", "-p", "GW_GRB", event, home=tmp_path)
    assert not (event / "significance_joint_lvc-fermi.json").exists()
    said = typed("event", event, "-p", "GW_GRB", home=tmp_path)
    assert "no messenger has data for this event" in said
    assert "LLAMA_GRB_NOTICES" in said and "llama event EVENT remake FERMI_GRBS" in said


def test_minutes_later_the_burst_says_nothing(data, tmp_path, catalogue):
    event = started(data, tmp_path)
    info = json.loads((event / "skymap_info.json").read_text())
    info["gps_time"] += 400.0  # within the burst list's window, far from any common source
    (event / "skymap_info.json").write_text(json.dumps(info))
    typed("event", event, "adopt", "skymap_info.json", "--why", "a later trigger", home=tmp_path)
    typed("run", "-o", "-p", "GW_GRB", event, home=tmp_path, **catalogue)
    result = loads(event / "significance_joint_lvc-fermi.json")
    assert len(result["candidates"]) == 1
    assert result["odds_ratio"] == 0.0 and result["log_odds_ratio"] is None
    assert (result["p_value"], result["p_value_text"], result["significance_sigma"]) == (1.0, "1.0000", None)
    assert "can share the merger's source" in result["p_value_reason"]


@pytest.mark.slow
def test_with_neutrinos_the_demo_event_and_a_quiet_sky(data, demo, tmp_path, catalogue):
    event = copied(demo, tmp_path / "current_run")
    typed("run", "-o", "-p", "GW_NEUTRINO_GRB", event, home=tmp_path, **catalogue)
    result, two = loads(event / "significance_joint_lvc-i3-fermi.json"), loads(event / "significance_opa_lvc-i3.json")
    assert result["messengers"] == ["gw", "icecube", "fermi"]
    assert result["sets"] == []
    assert len(result["inputs"]["neutrino_info"]) == len(two["single_neutrino"]) == 4
    # a catalogue that heard nothing makes the merger a little less likely, and no more
    assert result["p_astro"]["after"] == pytest.approx(two["p_astro"]["after"], rel=0.1)
    assert result["without_candidates"]["log_odds_ratio"] is not None


@pytest.mark.slow
def test_a_transient_added_by_hand(demo, tmp_path):
    event = copied(demo, tmp_path / "current_run")
    gw = loads(event / "skymap_info.json")
    transient = {"name": "ZTF12x", "ra": 10.0, "dec": 5.0, "mjd": 55956.6, "chance": 0.1}
    triggers = {
        "searched": 0.5,
        "searched_deg2": 4700,
        "limiting_magnitude": 20.5,
        "peak_magnitudes": [-17, -13],
        "window_days": 3,
        "triggers": [transient],
    }
    (event / "ztf_trigger_list.json").write_text(json.dumps(triggers))
    adopt = ("adopt", "ztf_trigger_list.json", "--why", "seen by hand", "-p", "GW_NEUTRINO_ZTF")
    typed("event", event, *adopt, home=tmp_path)
    typed("run", "-o", "-p", "GW_NEUTRINO_ZTF", event, home=tmp_path)
    result = loads(event / "significance_joint_lvc-i3-ztf.json")
    assert result["messengers"] == ["gw", "icecube", "ztf"]
    assert [one["name"] for one in result["candidates"]] == ["ZTF12x"]
    assert gw["event_id"] == result["event_id"]
    # it lies nowhere near: what is drawn is as related or more, and the neutrinos alone decide
    assert result["p_value_background"]["chance_of_candidate"] == pytest.approx(0.1)
    assert 0 < result["p_value"] <= 1


OBSERVED = {"i3event", "dt", "ra", "dec", "sigma", "energy", "type"}


def undocumented(result: dict[str, Any]) -> set[str]:
    """Keys that neither the guide's section on these files names nor that on the file they are like."""
    told = documented("significance_joint_….json") | documented("significance_opa_lvc-i3.json")
    groups = ("sets[].candidates.", "inputs.companion_parameters.")
    seen = {f"sets[].with_neutrino[].{name}" for name in OBSERVED}
    return {key for key in keys(result) if key not in told | seen and not key.startswith(groups)}


def burst(gps: float) -> dict[str, Any]:
    """One of unknown place, which may be anywhere."""
    return asdict(Burst(trigger_id="1", name="GRB120130A", utc=utc_from_gps(gps), gps=gps, notice_type="alert"))


@pytest.mark.slow
def test_joint_files_are_as_the_guide_says(data, tmp_path, catalogue):
    """The demonstration's merger and neutrinos, and a burst 2 s after; with and without the neutrinos."""
    pipeline = "GW_NEUTRINO_GRB"
    event = fresh_event(tmp_path / "run", tmp_path)
    typed("run", "-o", "-p", pipeline, event, home=tmp_path, **catalogue)
    bursts = loads(event / "fermi_grbs.json")
    bursts["bursts"] = [burst(loads(event / "skymap_info.json")["gps_time"] + 2.0)]
    (event / "fermi_grbs.json").write_text(json.dumps(bursts))
    typed("event", event, "adopt", "fermi_grbs.json", "--why", "a test", "-p", pipeline, home=tmp_path)
    typed("run", "-o", "-p", pipeline, event, home=tmp_path, **catalogue)
    made = sorted(event.glob("significance_joint_*.json"))
    assert len(made) == 2
    for result in map(loads, made):
        assert undocumented(result) == set()
        assert len(result["sets"]) == 1 and result["p_value_table"] is None
        # a burst of unknown place and looks is as related as most others, in so far as so few draws tell
        with_one = result["p_value_background"]["with_candidate"]
        assert with_one["p_value"] + 3 * with_one["error"] > 0.8
        assert result["p_value"] == pytest.approx(6 * 7.534e-6, rel=0.6)
        assert ("icecube" in result["messengers"]) == (result["inputs"]["neutrino_list"] is not None)


def test_a_burst_and_no_neutrino_in_a_covered_window(tmp_path, catalogue):
    """Silence of IceCube makes the common source of merger and burst a little less likely, and no more."""
    pipeline = "GW_NEUTRINO_GRB"
    event = fresh_event(tmp_path / "run", tmp_path)
    typed("run", "-o", "-p", pipeline, event, home=tmp_path, **catalogue)
    neutrinos, bursts = loads(event / "icecube_neutrino_list.json"), loads(event / "fermi_grbs.json")
    neutrinos["neutrinos"] = []
    bursts["bursts"] = [burst(loads(event / "skymap_info.json")["gps_time"] + 2.0)]
    for name, content in (("icecube_neutrino_list.json", neutrinos), ("fermi_grbs.json", bursts)):
        (event / name).write_text(json.dumps(content))
        typed("event", event, "adopt", name, "--why", "a test", "-p", pipeline, home=tmp_path)
    typed("run", "-o", "-p", pipeline, event, home=tmp_path, **catalogue)
    both, without = (loads(event / f"significance_joint_lvc-{name}.json") for name in ("i3-fermi", "fermi"))
    assert both["without_candidates"] == {"odds_ratio": 0.0, "log_odds_ratio": None}
    assert without["log_odds_ratio"] - 0.001 < both["log_odds_ratio"] < without["log_odds_ratio"]
