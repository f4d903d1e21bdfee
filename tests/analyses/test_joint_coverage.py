"""What a joint result says of neutrinos that are not known for all of the window."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from significance_examples import GPS, INFO, LIST, P_ASTRO, SEARCHES, SKYMAP, TABLES, found, neutrino_list, row

from llama.analyses.joint.company import company_significance
from llama.app import packaged
from llama.formats.records import to_json
from llama.formats.tables import IceCubeEventsFile
from llama.messengers.icecube.record import NeutrinoList
from llama.messengers.ztf.likelihood import listening as transients
from llama.messengers.ztf.record import TransientList
from llama.science.companions import Listening, log_silence_unless, not_listening
from llama.science.sky import SkyMap

pytestmark = pytest.mark.slow

EVENTS = IceCubeEventsFile().read(packaged("icecube_events.h5"))
ANOTHER = {"OBJECT": "GW170817", "CREATOR": "BAYESTAR", "DATE-OBS": "2017-08-17T12:41:04"}


def joint(neutrinos: NeutrinoList | None, *listenings: Listening, skymap: SkyMap = SKYMAP) -> dict[str, Any]:
    result = company_significance(
        info=INFO,
        skymap=skymap,
        neutrinos=neutrinos,
        p_astro=P_ASTRO,
        tables=TABLES,
        events=EVENTS,
        searches=SEARCHES,
        listenings=listenings,
    )
    return dict(json.loads(to_json(result)))


def test_a_list_of_part_of_the_window_is_noted_and_described() -> None:
    result = joint(neutrino_list(row(1, 30.0), start_gps=GPS - 100, covered_s=400.0, complete=False, why="late"))
    assert any("neutrinos of the rest are not known" in note for note in result["notes"])
    assert result["inputs"]["neutrino_list"]["covered_s"] == 400.0
    assert not result["inputs"]["neutrino_list"]["complete"]
    assert not any("of the rest" in note for note in joint(neutrino_list(row(1, 30.0)))["notes"])


def test_no_data_and_not_asked_are_told_apart() -> None:
    deaf = joint(neutrino_list(complete=False, covered_s=0.0, season=None, why="no good run"))
    assert "no neutrino data: no good run" in deaf["notes"]
    assert deaf["messengers"] == joint(None)["messengers"] == ["gw"]
    assert joint(None)["inputs"]["neutrino_list"] is None
    assert deaf["inputs"]["neutrino_list"]["why"] == "no good run"


def test_a_messenger_without_data_is_not_said_to_have_taken_part() -> None:
    deaf = Listening("fermi", (), not_listening, notes=("the list of bursts is incomplete: no notice was archived",))
    result = joint(neutrino_list(row(1, 30.0)), deaf)
    assert result["messengers"] == ["gw", "icecube"]
    assert "the list of bursts is incomplete: no notice was archived" in result["notes"]
    silent = Listening("fermi", (), log_silence_unless(lambda r_mpc: np.full(np.shape(r_mpc), -3.0)))
    assert joint(neutrino_list(row(1, 30.0)), silent)["messengers"] == ["gw", "icecube", "fermi"]


def test_without_a_known_background_there_is_no_p_value() -> None:
    silent = Listening("radio", (), log_silence_unless(lambda r_mpc: np.full(np.shape(r_mpc), -3.0)))
    result = joint(neutrino_list(row(1, 30.0)), silent)
    assert result["p_value"] is result["p_value_background"] is result["far_joint_hz"] is None
    assert result["p_value_text"] == "n/a" and "unrelated candidates of radio" in result["p_value_reason"]
    # one that says nothing of this trigger takes no part, and what it would hear is not asked for
    deaf = joint(neutrino_list(), Listening("radio", (), not_listening))
    assert (deaf["p_value"], deaf["p_value_text"]) == (1.0, "1.0000")


def test_an_empty_list_of_transients_is_nothing_rare() -> None:
    none = TransientList(0.4, 900.0, 20.5, (-17.0, -12.0), 4.0, ())
    result = joint(neutrino_list(row(1, 30.0)), transients(none))
    assert result["p_value"] == 1.0 and result["p_value_reason"] == "the list of ztf is empty, which is nothing rare"
    assert result["odds_ratio"] > 0 and result["p_value_odds_ratio"] > 0


def test_windows_without_common_time_are_refused() -> None:
    elsewhere = neutrino_list(start_gps=GPS + 5000, stop_gps=GPS + 6000)
    with pytest.raises(ValueError, match="no time in common"):
        joint(elsewhere)


def test_a_map_of_another_event_is_noted_in_every_result() -> None:
    skymap = replace(SKYMAP, origin=ANOTHER)
    of_pair = found(skymap=skymap)
    for result in (of_pair, joint(LIST, skymap=skymap)):
        assert any("DATE-OBS 2017-08-17" in note and "OBJECT GW170817" in note for note in result["notes"])
        header = result["inputs"]["gw_skymap_header"]
        assert header["doubt"] in result["notes"]
        said = {"creator": "BAYESTAR", "object": "GW170817", "date_obs": "2017-08-17T12:41:04"}
        assert said | {"origin": None, "telescope": None, "instruments": None, "read": None} == {
            name: value for name, value in header.items() if name != "doubt"
        }
    assert not any("another event" in note for note in joint(LIST)["notes"])
