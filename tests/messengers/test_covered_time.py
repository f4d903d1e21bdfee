"""When the detectors were on: lists say it, lists of earlier versions are read as what they leave no doubt about."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from llama.engine.errors import DecodeError
from llama.engine.graph.product import read
from llama.formats.records import Record, to_json
from llama.messengers.burst_record import BurstList
from llama.messengers.burst_record import from_window as bursts_from_window
from llama.messengers.fermi.likelihood import listening
from llama.messengers.icecube.blinding import blind
from llama.messengers.icecube.likelihood import covered_pieces, list_notes, neutrinos
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow, from_window
from llama.ports import BurstWindow, NeutrinoWindow, SeasonStretch, Stretch
from llama.science.companions import GRBModel

GPS = 1007104335.0
FIRST, LAST = GPS - 500, GPS + 500
ROW = NeutrinoRow(55900.3, 10.0, 20.0, 110.0, 30.0, 0.5, 1e3, "archival", 0, 1, "IC86-2011", "IC86-2011_1", GPS)
TWO_SEASONS = (
    SeasonStretch(FIRST, GPS - 100, "IC86-2012"),
    SeasonStretch(GPS - 100, GPS + 50, "IC86-2011"),
    SeasonStretch(GPS + 80, LAST, "IC86-2011"),
)


def listed(**changes: Any) -> NeutrinoList:
    """Complete, of one season; what the changes leave open is filled in."""
    values: dict[str, Any] = {
        "complete": True, "covered_s": 1000.0, "start_gps": FIRST, "stop_gps": LAST, "season": "IC86-2011",
        "source": "icecube-3yr", "why": "", "neutrinos": (ROW,),
    }  # fmt: skip
    return NeutrinoList(**(values | changes))


def of_an_earlier_version(folder: Path, found: NeutrinoList) -> Path:
    """The file as it was written before lists had `covered`."""
    plain = json.loads(to_json(found))
    del plain["covered"]
    path = folder / "icecube_neutrino_list.json"
    path.write_text(json.dumps(plain))
    return path


MEETING = listed(complete=False, covered_s=970.0, why="a gap", covered=TWO_SEASONS)


def test_what_a_source_knows_is_in_the_list_and_its_file(tmp_path):
    window = NeutrinoWindow(FIRST, LAST, (), "IC86-2011", 970.0, False, "a gap", covered=TWO_SEASONS)
    found = from_window(window, "icecube-3yr")
    assert found.covered == TWO_SEASONS
    path = tmp_path / "icecube_neutrino_list.json"
    Record(NeutrinoList).write(found, path)
    assert Record(NeutrinoList).read(path) == found
    assert json.loads(path.read_text())["covered"][0] == {
        "start_gps": FIRST, "stop_gps": GPS - 100, "season": "IC86-2012",
    }  # fmt: skip


def test_pieces_are_cut_to_the_search_window():
    assert covered_pieces(MEETING, GPS - 250, GPS + 250) == (
        (GPS - 250, GPS - 100, "IC86-2012"),
        (GPS - 100, GPS + 50, "IC86-2011"),
        (GPS + 80, GPS + 250, "IC86-2011"),
    )
    assert covered_pieces(MEETING, GPS - 5000, GPS + 5000) == tuple(map(dataclasses.astuple, TWO_SEASONS))
    assert covered_pieces(MEETING, GPS + 50, GPS + 80) == (), "a gap is no livetime"
    assert covered_pieces(MEETING, LAST, LAST + 500) == (), "nor is what the list was not asked for"
    assert covered_pieces(MEETING, GPS - 100, GPS - 50) == ((GPS - 100, GPS - 50, "IC86-2011"),)


def test_blinding_leaves_covered_time_as_it_is():
    assert blind(MEETING, "S1").covered == TWO_SEASONS


def test_a_complete_list_of_an_earlier_version_covers_its_window(tmp_path):
    found = read(Record(NeutrinoList), of_an_earlier_version(tmp_path, listed()))
    assert found == listed() and found.covered == (SeasonStretch(FIRST, LAST, "IC86-2011"),)
    assert list_notes(found) == []
    assert covered_pieces(found, GPS - 250, GPS + 250) == ((GPS - 250, GPS + 250, "IC86-2011"),)


def test_of_an_incomplete_list_of_an_earlier_version_it_is_not_known_when(tmp_path):
    found = read(Record(NeutrinoList), of_an_earlier_version(tmp_path, MEETING))
    assert found.covered is None and found.covered_s == 970.0
    said = "the neutrino list does not say which 970.0 of its 1000.0 s good data cover"
    assert list_notes(found) == ["the neutrino list is not complete: a gap", said]
    with pytest.raises(ValueError, match=f"{said}; get the list again"):
        covered_pieces(found, GPS - 250, GPS + 250)
    assert len(neutrinos(found)) == 1, "the statistic takes it as before"
    again = tmp_path / "again.json"
    Record(NeutrinoList).write(found, again)
    assert read(Record(NeutrinoList), again) == found


def test_an_uncovered_list_of_an_earlier_version_has_no_livetime_and_nothing_else(tmp_path):
    bare = listed(complete=False, covered_s=0.0, season=None, why="no good run", neutrinos=())
    found = read(Record(NeutrinoList), of_an_earlier_version(tmp_path, bare))
    assert found.covered == () and covered_pieces(found, FIRST, LAST) == ()
    assert list_notes(found) == ["the neutrino list is not complete: no good run"]


def test_a_list_of_two_seasons_that_does_not_say_when_is_of_which():
    other = dataclasses.replace(
        ROW, mjd=55900.301, gps=GPS + 86.4, season="IC86-2012", i3event="IC86-2012_7", ra=90.0
    )
    found = listed(neutrinos=(ROW, other))
    assert found.covered is None and found.complete
    assert list_notes(found) == ["the neutrino list is of season IC86-2011, neutrinos in it of IC86-2012"]
    with pytest.raises(ValueError, match="when of IC86-2012"):
        covered_pieces(found, FIRST, LAST)


def test_what_never_happened_is_of_no_season():
    injected = dataclasses.replace(ROW, type="injected", season="made up")
    assert listed(neutrinos=(injected,)).covered == (SeasonStretch(FIRST, LAST, "IC86-2011"),)


def test_livetime_of_no_season_is_not_known_in_which():
    window = NeutrinoWindow(FIRST, LAST, (), None, 1000.0, False, "the season has no name yet")
    found = from_window(window, "live")
    assert found.covered is None
    assert list_notes(found)[-1] == "the neutrino list does not say of which season it is"


def test_a_source_that_knows_only_how_much_says_so_and_a_whole_window_is_one_piece():
    part = from_window(NeutrinoWindow(FIRST, LAST, (), "IC86-2011", 700.0, False, "still open"), "live")
    assert part.covered is None
    whole = from_window(NeutrinoWindow(FIRST, LAST, (), "IC86-2011", 1000.0, True), "live")
    assert whole.covered == (SeasonStretch(FIRST, LAST, "IC86-2011"),)


@pytest.mark.parametrize(
    ("covered", "words"),
    [
        (TWO_SEASONS[::-1], r"covered\[1\] is GPS .* begins before the piece ahead of it ends"),
        ((*TWO_SEASONS[:2], SeasonStretch(GPS + 49, LAST, "IC86-2011")), r"covered\[2\] .* begins before"),
        ((SeasonStretch(FIRST - 1, LAST - 31, "IC86-2011"),), r"covered\[0\] .* not inside the window"),
        ((SeasonStretch(FIRST + 31, LAST + 1, "IC86-2011"),), r"covered\[0\] .* not inside the window"),
        ((SeasonStretch(GPS, GPS, "IC86-2011"),), r"covered\[0\] .* must start before it stops"),
        ((SeasonStretch(float("nan"), GPS, "IC86-2011"),), r"covered\[0\] .* must start before it stops"),
        (TWO_SEASONS[:2], "adds up to 550.0 s, but covered_s is 970.0: correct one of the two, or take covered out"),
        ((), "adds up to 0.0 s, but covered_s is 970.0"),
        ((SeasonStretch(FIRST, GPS + 470, "IC40"),), "its season is IC86-2011, but covered has only IC40"),
    ],
)
def test_covered_time_that_contradicts_the_list_is_refused(covered, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(MEETING, covered=covered)


def test_the_file_is_named_where_it_contradicts_itself(tmp_path):
    plain = json.loads(to_json(MEETING)) | {"covered_s": 400.0}
    (tmp_path / "icecube_neutrino_list.json").write_text(json.dumps(plain))
    with pytest.raises(DecodeError, match=r"icecube_neutrino_list\.json.*adds up to 970\.0 s, but covered_s is 400"):
        read(Record(NeutrinoList), tmp_path / "icecube_neutrino_list.json")


def test_rounding_is_no_contradiction():
    assert dataclasses.replace(MEETING, covered_s=970.004).covered == TWO_SEASONS
    short = dataclasses.replace(MEETING.covered[2], stop_gps=LAST - 0.004)
    assert dataclasses.replace(MEETING, covered=(*TWO_SEASONS[:2], short)).covered_s == 970.0


BURSTS = BurstList(False, 600.0, FIRST, LAST, "notices", "a pause", (), covered=(Stretch(FIRST, GPS + 100),))


def test_a_burst_list_says_when_it_listened(tmp_path):
    window = BurstWindow(FIRST, LAST, (), 600.0, False, "a pause", covered=BURSTS.covered)
    assert bursts_from_window(window, "notices") == BURSTS
    Record(BurstList).write(BURSTS, tmp_path / "fermi_grbs.json")
    assert Record(BurstList).read(tmp_path / "fermi_grbs.json") == BURSTS
    assert not any("does not say which" in note for note in listening(BURSTS, GRBModel()).notes)


@pytest.mark.parametrize(
    ("complete", "covered_s", "covered"),
    [(True, 1000.0, (Stretch(FIRST, LAST),)), (False, 0.0, ()), (False, 600.0, None)],
)
def test_a_burst_list_of_an_earlier_version_is_read_for_what_it_says(tmp_path, complete, covered_s, covered):
    plain = json.loads(to_json(BURSTS)) | {"complete": complete, "covered_s": covered_s}
    del plain["covered"]
    path = tmp_path / "fermi_grbs.json"
    path.write_text(json.dumps(plain))
    found = read(Record(BurstList), path)
    assert found.covered == covered
    said = "the list of bursts does not say which 600.0 of its 1000.0 s are covered"
    assert (said in listening(found, GRBModel()).notes) == (covered is None)


def test_covered_time_that_contradicts_a_burst_list_is_refused():
    with pytest.raises(ValueError, match=r"adds up to 600\.0 s, but covered_s is 500\.0"):
        dataclasses.replace(BURSTS, covered_s=500.0)
    with pytest.raises(ValueError, match="not inside the window"):
        dataclasses.replace(BURSTS, covered=(Stretch(FIRST - 10, GPS + 90),))
