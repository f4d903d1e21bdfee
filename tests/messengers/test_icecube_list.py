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
from llama.engine.flags import Flags
from llama.engine.product import Product
from llama.engine.step import Step, read
from llama.formats.records import JsonObject, Record, to_json
from llama.messengers.icecube import MESSENGER, neutrino_list
from llama.messengers.icecube.blinding import blind, scrambled_ra_deg
from llama.messengers.icecube.likelihood import neutrinos
from llama.messengers.icecube.products import due
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow, from_window
from llama.messengers.icecube.text import as_text
from llama.ports import NeutrinoWindow
from llama.science.times import gps_from_mjd
from llama.services.icecube_archive import IceCubeArchive, open_archive

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
    step = Step(NEUTRINOS, event_id, Flags(**flags), NOW, scratch, Outside(source), {}, parts)
    assert NEUTRINOS.make is not None
    return NEUTRINOS.make(step)


def test_the_product_is_what_operators_know():
    assert NEUTRINOS.filename == "icecube_neutrino_list.json"
    assert NEUTRINOS.aliases == ("IceCubeNeutrinoList",)
    assert NEUTRINOS.inputs == (SELECTION,)
    assert NEUTRINOS.flags == ("blinded_neutrinos",)
    assert MESSENGER.name == "icecube"


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
        assert dataclasses.replace(after, ra=before.ra, azimuth=before.azimuth, type=before.type) == before
        assert (after.azimuth + after.ra - before.azimuth - before.ra) % 360 == pytest.approx(0, abs=2e-4) or (
            after.azimuth + after.ra - before.azimuth - before.ra
        ) % 360 == pytest.approx(360, abs=2e-4)
    other = make(archive, tmp_path, event_id="S190814bv", blinded_neutrinos=True)
    assert [row.ra for row in other.neutrinos] != [row.ra for row in blinded.neutrinos]


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


def test_a_neutrino_twice_is_refused():
    with pytest.raises(ValueError, match="IC86-2011_1 is in the list twice"):
        dataclasses.replace(LIST, neutrinos=(ROW, ROW))


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
