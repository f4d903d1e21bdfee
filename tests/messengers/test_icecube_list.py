"""The neutrino list of an event: made from a real archive, blinded the same way each time, asked for when due."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from llama.engine.errors import DecodeError
from llama.engine.graph.product import Product, Step, read
from llama.flags import Flags
from llama.formats.records import JsonObject, Record, to_json
from llama.messengers.icecube import MESSENGER, neutrino_list
from llama.messengers.icecube.blinding import blind, scrambled_ra_deg
from llama.messengers.icecube.likelihood import SEASONS, list_notes, neutrinos
from llama.messengers.icecube.products import due
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow, from_window
from llama.messengers.icecube.text import as_text
from llama.ports import NeutrinoWindow
from llama.science.times import gps_from_mjd
from llama.services.icecube.archive import IceCubeArchive, open_archive
from llama.services.icecube.sample import packaged_uptime

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GPS = 1007104335.0
TRIGGER: Product[dict[str, Any]] = Product("TRIGGER", "trigger.json", JsonObject())
SELECTION = TRIGGER.select("gps_time")
NEUTRINOS = neutrino_list(SELECTION)


@pytest.fixture(scope="module")
def archive(data: Path, tmp_path_factory: pytest.TempPathFactory) -> IceCubeArchive:
    path = data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip"
    return open_archive(path, tmp_path_factory.mktemp("cache"))


@dataclass(frozen=True)
class Outside:
    """The environment of a step with one service."""

    source: Any

    def service(self, key: Any) -> Any:
        assert key.name == "neutrino_source"
        return self.source

    def pipeline(self, name: str) -> Any:
        raise KeyError(name)

    def shared_path(self, shared: Any) -> Path:
        raise KeyError(shared)


def make(source: Any, scratch: Path, event_id: str = "S190728q", gps: float = GPS, **flags: bool) -> NeutrinoList:
    parts = {SELECTION.key: {"gps_time": gps}}
    step = Step(NEUTRINOS, event_id, Flags(**flags), NOW, scratch, Outside(source).service, {}, parts)
    assert NEUTRINOS.make is not None
    return NEUTRINOS.make(step)


def test_the_product_is_what_operators_know():
    assert NEUTRINOS.filename == "icecube_neutrino_list.json"
    assert NEUTRINOS.aliases == ("IceCubeNeutrinoList",)
    assert NEUTRINOS.inputs == (SELECTION,)
    assert NEUTRINOS.flags == ("blinded_neutrinos",)
    assert MESSENGER.name == "icecube"


@pytest.mark.slow
def test_a_list_from_the_archive(archive, tmp_path):
    found = make(archive, tmp_path)
    assert found.complete and found.covered_s == 1000.0 and found.season == "IC86-2011" and found.ask_again is None
    assert (found.start_gps, found.stop_gps) == (GPS - 500, GPS + 500)
    assert len(found.neutrinos) == 5
    first = found.neutrinos[0]
    assert (first.ra, first.dec, first.sigma, first.type) == (130.9697, 33.1012, 1.7352, "archival")
    assert (first.run, first.event, first.i3event) == (0, 78447, "IC86-2011_78447")
    assert first.energy == pytest.approx(10**3.2089)
    assert first.gps == pytest.approx(float(gps_from_mjd(first.mjd)), abs=1e-6)


@pytest.mark.slow
def test_the_file_comes_back(archive, tmp_path):
    found = make(archive, tmp_path)
    path = tmp_path / NEUTRINOS.filename
    NEUTRINOS.codec.write(found, path)
    assert NEUTRINOS.codec.read(path) == found
    keys = set(json.loads(path.read_text())["neutrinos"][0])
    assert {"mjd", "ra", "dec", "zenith", "azimuth", "sigma", "energy", "type", "run", "event"} <= keys


def test_an_uncovered_window_is_a_list_that_says_so(archive, tmp_path):
    found = make(archive, tmp_path, gps=1187008882.4)  # GW170817
    assert found.neutrinos == () and not found.complete and found.covered_s == 0 and found.season is None
    assert "no good run of icecube-3yr" in found.why
    assert due(found, NOW) is None


def test_blinding_is_decided_by_the_flag_and_the_same_each_time(archive, tmp_path):
    true = make(archive, tmp_path)
    blinded = make(archive, tmp_path, blinded_neutrinos=True)
    assert to_json(blinded) == to_json(make(archive, tmp_path, blinded_neutrinos=True))
    assert {row.type for row in blinded.neutrinos} == {"blinded"}
    for before, after in zip(true.neutrinos, blinded.neutrinos, strict=True):
        assert after.ra != before.ra
        turned = {name: getattr(before, name) for name in ("ra", "zenith", "azimuth", "type")}
        assert dataclasses.replace(after, **turned) == before
        assert abs((after.azimuth + after.ra - before.azimuth - before.ra + 180) % 360 - 180) < 0.5  # precession
    other = make(archive, tmp_path, event_id="S190814bv", blinded_neutrinos=True)
    assert [row.ra for row in other.neutrinos] != [row.ra for row in blinded.neutrinos]


def test_nothing_in_a_blinded_row_depends_on_the_true_right_ascension(archive, tmp_path):
    """Zenith and azimuth are as good as the right ascension to who knows the time: of the real ones, the difference
    between zenith and declination goes with its cosine."""
    found = make(archive, tmp_path)
    for turn in (30.0, 190.0):
        moved = [dataclasses.replace(n, ra=(n.ra + turn) % 360, azimuth=0.0, zenith=1.0) for n in found.neutrinos]
        assert blind(dataclasses.replace(found, neutrinos=tuple(moved)), "S1") == blind(found, "S1")


def test_blinding_twice_is_blinding_once(archive, tmp_path):
    once = make(archive, tmp_path, blinded_neutrinos=True)
    assert to_json(blind(once, "S190728q")) == to_json(once)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("RA 123.4567, Dec 20", "RA [withheld], Dec [withheld]"),
        ("ra=123.46deg", "ra=[withheld]deg"),
        ("ra123", "ra[withheld]"),
        ("at 123 deg", "at [withheld] deg"),
        ("at 123°", "at [withheld]°"),
        ("at -236.54", "at -[withheld]"),
        ("at 08:13:49.6", "at [withheld]"),
        ("at 8h13m49.6s", "at [withheld]s"),
        ("at 8h 13m", "at [withheld]m"),
        ("2.1547 rad", "[withheld] rad"),
        ("123,4567", "[withheld]"),
        ("good runs cover 612.3 of 1000.0 s, not 2011-12-06T04:00:00.000Z to 2011-12-06T05:00:00.000Z", None),
        ("2 event(s) outside good runs are left out", None),
        ("neutrino IC86-2011_1 listed more than once, counted once", None),
        ("no good run of icecube-3yr at 2017-08-17", None),
    ],
)
@pytest.mark.parametrize("field", ["why", "source", "season"])
def test_texts_of_a_blinded_list_tell_no_right_ascension(field: str, said: str, shown: str | None) -> None:
    found = dataclasses.replace(LIST, **{field: said, "covered": None})
    blinded = blind(found, "S1")
    assert all(said not in piece.season for piece in blinded.covered or () if shown is not None)
    assert getattr(blinded, field) == (said if shown is None else shown)
    assert blind(blinded, "S1") == blinded
    row = dataclasses.replace(ROW, season=said)
    (after,) = blind(dataclasses.replace(LIST, neutrinos=(row,)), "S1").neutrinos
    assert after.season == (said if shown is None else shown)


@pytest.mark.parametrize(("kind", "made_up"), [("archival", False), ("injected", True), ("simulated", True)])
def test_blinding_keeps_that_neutrinos_never_happened(kind, made_up):
    found = dataclasses.replace(LIST, neutrinos=(dataclasses.replace(ROW, type=kind),))
    blinded = blind(found, "S1")
    assert blinded.blinded and blinded.made_up is blinded.invented is made_up
    assert ("SIMULATED NEUTRINOS" in as_text(blinded)) == made_up


def test_blinding_does_not_depend_on_order_or_company(archive, tmp_path):
    found = make(archive, tmp_path)
    whole = {row.i3event: row for row in blind(found, "seed").neutrinos}
    backwards = dataclasses.replace(found, neutrinos=found.neutrinos[::-1])
    alone = dataclasses.replace(found, neutrinos=found.neutrinos[2:3])
    for some in (backwards, alone):
        assert all(whole[row.i3event] == row for row in blind(some, "seed").neutrinos)


def test_scrambled_right_ascensions_are_uniform_and_independent():
    one = np.array([scrambled_ra_deg("S190728q", f"IC86-2011_{n}") for n in range(5000)])
    other = np.array([scrambled_ra_deg("S190814bv", f"IC86-2011_{n}") for n in range(5000)])
    assert one.min() >= 0 and one.max() < 360
    assert stats.kstest(one / 360, "uniform").pvalue > 1e-3
    assert abs(stats.pearsonr(one, other).statistic) < 0.06
    assert abs(stats.pearsonr(one[1:], one[:-1]).statistic) < 0.06


ROW = NeutrinoRow(55900.3, 10.0, 20.0, 110.0, 30.0, 0.5, 1e3, "archival", 0, 1, "IC86-2011", "IC86-2011_1", GPS)
LIST = NeutrinoList(True, 1000.0, GPS - 500, GPS + 500, "IC86-2011", "icecube-3yr", "", (ROW,))


@pytest.mark.slow
@given(
    st.floats(0, 360, exclude_max=True), st.floats(-90, 90), st.floats(0, 360, exclude_max=True), st.text(max_size=9)
)
@settings(max_examples=100, deadline=None)
def test_blinded_values_are_on_the_sky(ra, dec, azimuth, seed):
    row = dataclasses.replace(ROW, ra=ra, dec=dec, azimuth=azimuth)
    (after,) = blind(dataclasses.replace(LIST, neutrinos=(row,)), seed).neutrinos
    assert 0 <= after.ra < 360 and 0 <= after.azimuth < 360 and after.dec == dec


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("energy", -3.0, "energy -3.0 GeV; it must be above zero"),
        ("energy", 0.0, "energy 0.0 GeV"),
        ("sigma", 0.0, "angular error 0.0 deg; it must be 5.7e-05 to 180"),
        ("sigma", -0.1, "angular error"),
        ("dec", 91.0, "not on the sky"),
        ("energy", "much", "Expected `float`"),
    ],
)
def test_a_list_with_an_impossible_neutrino_is_refused_by_name(tmp_path, field, value, words):
    plain = json.loads(to_json(LIST))
    plain["neutrinos"][0][field] = value
    path = tmp_path / "icecube_neutrino_list.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(DecodeError, match=words) as caught:
        read(Record(NeutrinoList), path)
    assert "icecube_neutrino_list.json" in str(caught.value)
    assert "neutrinos[0]" in str(caught.value) or "[...]" in str(caught.value)


def test_a_neutrino_that_is_listed_twice_counts_once_and_is_told():
    again = dataclasses.replace(LIST, neutrinos=(ROW, ROW))
    assert again.neutrinos == (ROW,)
    assert again.why == "neutrino IC86-2011_1 listed more than once, counted once"
    assert dataclasses.replace(again, neutrinos=(ROW, ROW)).why == again.why, "told once"
    assert len(neutrinos(again)) == 1 and list_notes(again) == [f"the neutrino list: {again.why}"]


def test_one_event_under_two_names_counts_once():
    other = dataclasses.replace(ROW, i3event="IC86-2011_9", event=9, energy=2 * ROW.energy)
    again = dataclasses.replace(LIST, neutrinos=(ROW, other))
    assert again.neutrinos == (ROW,)
    assert again.why == "neutrino IC86-2011_9 has time and direction of IC86-2011_1, counted once"
    elsewhere = dataclasses.replace(other, ra=(ROW.ra + 5.0) % 360)
    assert dataclasses.replace(LIST, neutrinos=(ROW, elsewhere)).neutrinos == (ROW, elsewhere)


def test_two_different_rows_of_one_name_are_refused():
    with pytest.raises(ValueError, match="IC86-2011_1 is in the list twice; i3event must be unique, and these rows"):
        dataclasses.replace(LIST, neutrinos=(ROW, dataclasses.replace(ROW, energy=2 * ROW.energy)))


@pytest.mark.parametrize(("written", "kept"), [(-1.0, 359.0), (360.0, 0.0), (361.5, 1.5), (-1e-20, 0.0)])
def test_right_ascensions_are_kept_from_0_to_360(written: float, kept: float):
    assert dataclasses.replace(ROW, ra=written).ra == kept


def test_a_julian_date_is_refused_by_name():
    with pytest.raises(ValueError, match=r"neutrino IC86-2011_1 has mjd .* looks like a Julian Date: subtract"):
        dataclasses.replace(ROW, mjd=ROW.mjd + 2400000.5)


def test_a_right_ascension_below_zero_is_read_as_the_same_above(data: Path):
    found = read(NEUTRINOS.codec, data / "cases" / "lists" / "icecube_neutrino_list_ra_minus1.json")
    assert [row.ra for row in found.neutrinos] == [359.0]
    assert "-1.0" not in to_json(found).decode().replace("-1.0e", "")


def test_neutrinos_of_a_window_that_nothing_covers_are_told():
    bare = dataclasses.replace(LIST, complete=False, covered_s=0.0, why="", covered=())
    assert any("covered_s is 0" in note and "correct one of the two" in note for note in list_notes(bare))
    assert "the neutrino list is not complete: good data cover 0.0 of 1000.0 s" in list_notes(bare)
    announced = dataclasses.replace(bare, season=None)  # claims no season, so it contradicts nothing
    assert not any("correct" in note for note in list_notes(announced))


def test_a_live_list_is_due_when_its_window_closes_and_then_again():
    window = NeutrinoWindow(GPS - 500, GPS + 500, (), "IC86-2011", 700.0, False, "still open", again_gps=GPS + 560)
    found = from_window(window, "live")
    assert found.ask_again == "2011-12-05T07:21:20.000000Z"
    closes = datetime(2011, 12, 5, 7, 21, 20, tzinfo=UTC)
    assert due(found, closes - timedelta(hours=1)) == closes
    assert due(found, closes + timedelta(minutes=3)) == closes + timedelta(minutes=8)


def test_arrays_for_the_statistic(archive, tmp_path):
    found = make(archive, tmp_path)
    columns = neutrinos(found)
    assert len(columns) == 5
    assert np.array_equal(columns.gps_s, [row.gps for row in found.neutrinos])
    assert np.allclose(np.degrees(columns.ra_rad), [row.ra for row in found.neutrinos])
    assert np.allclose(np.degrees(columns.dec_rad), [row.dec for row in found.neutrinos])
    assert np.degrees(columns.sigma_rad).min() == pytest.approx(0.2)
    assert np.array_equal(columns.energy_gev, [row.energy for row in found.neutrinos])


def test_an_empty_list_is_a_list(tmp_path):
    empty = dataclasses.replace(LIST, neutrinos=())
    assert len(neutrinos(empty)) == 0
    path = tmp_path / "list.json"
    NEUTRINOS.codec.write(empty, path)
    assert NEUTRINOS.codec.read(path) == empty
    assert as_text(empty).startswith("# 0 neutrinos")


def test_text_tells_what_is_covered(archive):
    text = as_text(from_window(archive.window(1187008382.4, 1187009382.4, seed=""), archive.name))
    assert "complete: no, 0.0 of 1000.0 s covered" in text and "no good run" in text
    text = as_text(from_window(archive.window(GPS - 500, GPS + 500, seed=""), archive.name))
    assert "complete: yes" in text and text.count("archival") == 5 and "IC86-2011_78447" in text


@pytest.mark.parametrize(
    ("season", "row", "mjd", "told"),
    [
        ("IC86-2011", "IC86-2011", 55900.3, []),
        ("IC86_I", "IC86-2011", 55900.3, []),  # two names of one season
        ("IC86-2012", "IC86-2012", 55900.3, ["IC86-2012, but its window, 2011-12-05T07:07:00Z on, lies in IC86_I"]),
        ("IC79", "IC86-2011", 55900.3, ["is of season IC79, neutrinos in it of IC86-2011", "lies in IC86_I"]),
        ("IC86-2011", "IC40", 55900.3, ["neutrinos in it of IC40"]),
        ("IC86-2012", "IC86-2012", 56050.0, []),  # the seasons overlap there
        ("IC86-2012", "IC86-2012", 58598.3, []),  # 2019 has no released season of its own
        ("GFU", "GFU", 55900.3, []),
    ],
)  # fmt: skip
def test_seasons_that_contradict_the_dates_of_a_list_are_told(
    season: str, row: str, mjd: float, told: list[str]
) -> None:
    gps = float(gps_from_mjd(mjd))
    one = dataclasses.replace(ROW, mjd=mjd, gps=gps, season=row)
    found = NeutrinoList(True, 1000.0, gps - 300, gps + 700, season, "a list of mine", "", (one,))
    notes = list_notes(found)
    assert len(notes) == len(told)
    assert all(words in note for words, note in zip(told, notes, strict=True))
    drawn = dataclasses.replace(found, neutrinos=(dataclasses.replace(one, type="simulated"),))
    assert list_notes(drawn) == []


def test_seasons_are_those_of_the_released_good_runs() -> None:
    for season, intervals in packaged_uptime().items():
        first, last = SEASONS[season]
        assert 0 <= intervals.min() - first < 1
        assert 0 < last - intervals.max() <= 1
