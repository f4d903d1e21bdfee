"""The burst list of an event, and what it says to the statistic."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from llama.app import packaged
from llama.cli.files_fermi import HALF_WIDTH_S
from llama.engine.graph.product import Product, Step, read
from llama.flags import Flags
from llama.formats.records import JsonObject, Record, to_json
from llama.formats.skymap_multiorder import to_bytes
from llama.messengers.burst_product import WINDOW_S, due
from llama.messengers.burst_record import BurstList, from_window
from llama.messengers.fermi import MESSENGER, candidates
from llama.messengers.fermi.likelihood import companion, listening, localisation, widths
from llama.messengers.fermi.notices import parse
from llama.messengers.fermi.text import as_text
from llama.science.companions import GRBModel, log_strength
from llama.science.sky import SkyMap, credible_area_deg2, directions, probability
from llama.science.sky.skymap import density_at
from llama.science.times import gps_from_utc, utc_from_gps
from llama.services.fermi.catalogue import read_catalogue

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GW170817 = gps_from_utc("2017-08-17T12:41:04.4")
TRIGGER: Product[dict[str, Any]] = Product("TRIGGER", "trigger.json", JsonObject())
SELECTION = TRIGGER.select("gps_time")
CANDIDATES = candidates(SELECTION)
GRBS = CANDIDATES.product
MODEL = GRBModel()


@pytest.fixture(scope="module")
def catalogue(data: Path):
    return read_catalogue(data / "catalogs" / "grb" / "fermigbrst_heasarc.csv")


@dataclass(frozen=True)
class Outside:
    """The environment of a step with one service and the packaged files."""

    source: Any

    def service(self, key: Any) -> Any:
        assert key.name == "grb_source"
        return self.source

    def pipeline(self, name: str) -> Any:
        raise KeyError(name)

    def shared_path(self, shared: Any) -> Path:
        return packaged(shared.name)


def make(source: Any, scratch: Path, gps: float = GW170817, now: datetime = NOW) -> BurstList:
    step = Step(GRBS, "S1", Flags(), now, scratch, Outside(source).service, {}, {SELECTION.key: {"gps_time": gps}})
    assert GRBS.make is not None
    return GRBS.make(step)


def notice(data: Path, name: str):
    return parse((data / "notices" / "fermi" / f"{name}.xml").read_bytes())


def test_the_product_is_what_operators_know():
    assert (GRBS.name, GRBS.filename, GRBS.inputs) == ("FERMI_GRBS", "fermi_grbs.json", (SELECTION,))
    assert MESSENGER.name == "fermi" and MESSENGER.candidates is candidates
    assert HALF_WIDTH_S == WINDOW_S


def test_grb170817a_from_the_catalogue_to_the_statistic(catalogue, tmp_path: Path):
    found = make(catalogue, tmp_path)
    path = tmp_path / GRBS.filename
    GRBS.codec.write(found, path)
    assert GRBS.codec.read(path) == found
    assert to_json(make(catalogue, tmp_path)) == path.read_bytes()
    heard = listening(found, MODEL)
    (grb,) = heard.companions
    assert grb.name == "GRB170817529" and grb.gps_s - GW170817 == pytest.approx(2.07, abs=0.01)
    assert (grb.minus_s, grb.plus_s) == (-1.0, 5.0)
    strength = np.exp(log_strength(grb, np.array([20.0, 40.0, 100.0])))
    np.testing.assert_allclose(strength, strength[0])  # a measured fluence takes any distance the prior allows
    assert strength[0] == pytest.approx(925, rel=0.01)
    ngc4993 = density_at(grb.skymap, math.radians(197.4504), math.radians(-23.3815))
    assert 4 * math.pi * ngc4993 > 50
    silence = np.exp(heard.log_silence(np.array([40.0, 1e5])))
    assert silence[0] == pytest.approx(1 - 0.059, abs=1e-3) and silence[1] > silence[0]
    assert heard.parameters["beaming"]["source"].startswith("assumption")


def test_an_uncovered_window_says_nothing(catalogue, tmp_path: Path):
    found = make(catalogue, tmp_path, gps=700_000_000.0)
    assert found.bursts == () and not found.complete and found.why
    heard = listening(found, MODEL)
    np.testing.assert_array_equal(heard.log_silence(np.array([1.0, 40.0])), 0.0)
    assert any("incomplete" in note for note in heard.notes)


def test_silence_counts_by_the_time_that_was_covered(catalogue, tmp_path: Path):
    whole = make(catalogue, tmp_path)
    half = dataclasses.replace(whole, complete=False, covered_s=500.0, why="half of it", covered=None)
    heard = [1 - np.exp(listening(one, MODEL).log_silence(np.array([40.0])))[0] for one in (whole, half)]
    assert heard[1] == pytest.approx(heard[0] / 2)


def test_what_was_not_read_or_not_used_is_said(catalogue, tmp_path: Path):
    found = make(catalogue, tmp_path)
    (grb,) = found.bursts
    nowhere = dataclasses.replace(
        grb, ra=None, dec=None, sigma=None, error_radius=None, containment=None, fluence=1e-9
    )
    strange = dataclasses.replace(found, bursts=(nowhere,), why="1 file(s) are no readable notice")
    assert {
        "the list of bursts: 1 file(s) are no readable notice",
        "GRB170817529 has no position with an error: it may be anywhere",
        f"the fluence of GRB170817529 is below {MODEL.fluence_min:g} erg cm⁻², the least of triggers: not used",
    } <= set(listening(strange, MODEL).notes)
    unknown = dataclasses.replace(found, bursts=(dataclasses.replace(grb, t90_s=None),))
    assert "GRB170817529 has no T90 above zero: not used" in listening(unknown, MODEL).notes


def test_what_is_no_burst_is_no_candidate_and_is_named(data: Path):
    bursts = (notice(data, "fermi_noise_gcn"),)
    found = BurstList(True, 1000.0, bursts[0].gps - 500, bursts[0].gps + 500, "notices", "", bursts)
    heard = listening(found, MODEL)
    assert heard.companions == ()
    assert heard.notes == ("bn191214677 is left out: most likely TGF (100%)",)


def test_subthreshold_candidates_have_their_own_rate(data: Path):
    grb = companion(notice(data, "fermi_subthresh_grb_gcn"), MODEL)
    assert grb.rate_hz == MODEL.subthreshold_rate_hz and grb.log_noise == 0.0
    r = np.array([40.0])
    assert log_strength(grb, r)[0] < log_strength(companion(notice(data, "fermi_grb_gcn"), MODEL), r)[0]


def test_positions_become_maps(data: Path):
    flight, ground = (notice(data, f"GRB180116A_Fermi_GBM_{kind}_Pos") for kind in ("Flt", "Gnd"))
    assert list(widths(flight, MODEL).values()) == [1.0], "a flight position's radius holds the systematic error"
    core, tail = widths(ground, MODEL)
    assert widths(ground, MODEL)[core] == 0.9
    assert math.degrees(core) == pytest.approx(math.hypot(11.19, 3.7) / 1.5096, rel=1e-4)
    assert math.degrees(tail) == pytest.approx(math.hypot(11.19, 14) / 1.5096, rel=1e-4)
    alert = localisation(notice(data, "GRB180116A_Fermi_GBM_Alert"), MODEL)
    assert credible_area_deg2(alert, 1.0) == pytest.approx(41253, rel=1e-4)


def test_the_whole_files_are_deterministic(data: Path):
    burst = notice(data, "GRB180116A_Fermi_GBM_Fin_Pos")
    assert to_bytes(localisation(burst, MODEL)) == to_bytes(localisation(burst, MODEL))


def test_asking_again(catalogue, tmp_path: Path):
    @dataclass(frozen=True)
    class Live:
        name: str = "live"

        def window(self, start_gps: float, stop_gps: float):
            return dataclasses.replace(catalogue.window(start_gps, stop_gps), again_gps=stop_gps)

    closes = datetime(2017, 8, 17, 12, 49, 24, 400000, tzinfo=UTC)
    early = make(Live(), tmp_path, now=closes - timedelta(minutes=15))
    first = due(early, closes - timedelta(minutes=15))
    assert first == closes + timedelta(minutes=5)
    assert due(early, closes + timedelta(hours=4)) == closes + timedelta(hours=5)
    assert due(make(Live(), tmp_path), NOW) is None, "a day later nothing more comes"
    assert due(make(catalogue, tmp_path), NOW) is None


def test_the_packaged_model_is_the_default():
    assert Record(GRBModel, whole=True).read(packaged("grb.json")) == MODEL
    assert packaged("grb.json").read_bytes() == to_json(MODEL)


def test_a_step_listens_through_the_messenger(catalogue, tmp_path: Path):
    path = tmp_path / GRBS.filename
    GRBS.codec.write(make(catalogue, tmp_path), path)
    result: Product[Any] = Product("R", "r.json", JsonObject(), optional=(GRBS,), shared=CANDIDATES.shared)
    inputs = {GRBS.key: path, CANDIDATES.shared[0].key: packaged("grb.json")}
    heard = CANDIDATES.listen(Step(result, "S1", Flags(), NOW, tmp_path, Outside(catalogue).service, inputs, {}))
    assert heard is not None and [grb.name for grb in heard.companions] == ["GRB170817529"]
    assert CANDIDATES.listen(Step(result, "S1", Flags(), NOW, tmp_path, Outside(catalogue).service, {}, {})) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gps": 1.0}, "not its gps"),
        ({"dec": 95.0}, "not on the sky"),
        ({"ra": None}, "part of a position"),
        ({"fluence": 0.0}, "fluence 0.0"),
        ({"sigma": -1.0}, "sigma -1.0"),
        ({"sigma": 400.0}, "sigma 400.0 deg; it must be at most 180"),
    ],
)
def test_an_edited_burst_that_cannot_be_is_refused(catalogue, tmp_path: Path, change, said):
    found = make(catalogue, tmp_path)
    bad = dataclasses.replace(found.bursts[0], **change)
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(found, bursts=(bad,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"covered_s": 2000.0}, "covered_s"),
        ({"covered_s": 10.0}, "complete"),
        ({"complete": False}, "not why"),
        ({"stop_gps": 1.0}, "stops"),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(catalogue, tmp_path: Path, change, said):
    found = make(catalogue, tmp_path)
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(found, **change)
    other = dataclasses.replace(found.bursts[0], fluence=1e-5)
    with pytest.raises(ValueError, match="twice"):
        dataclasses.replace(found, bursts=(*found.bursts, other))


def test_a_burst_that_is_listed_twice_counts_once_and_is_told(catalogue, tmp_path: Path):
    found = make(catalogue, tmp_path)
    again = dataclasses.replace(found, bursts=found.bursts * 2)
    assert again.bursts == found.bursts
    assert (
        "the list of bursts: trigger bn170817529 listed more than once, counted once" in listening(again, MODEL).notes
    )


def test_one_burst_under_two_numbers_counts_once(catalogue, tmp_path: Path):
    found = make(catalogue, tmp_path)
    (grb,) = found.bursts
    other = dataclasses.replace(grb, trigger_id="524666471", gps=grb.gps + 0.01, utc=utc_from_gps(grb.gps + 0.01))
    heard = listening(dataclasses.replace(found, bursts=(grb, other)), MODEL)
    assert [one.name for one in heard.companions] == ["GRB170817529"]
    assert any("once more" in note and "counted once" in note for note in heard.notes)
    later = dataclasses.replace(other, gps=grb.gps + 20, utc=utc_from_gps(grb.gps + 20))
    assert len(listening(dataclasses.replace(found, bursts=(grb, later)), MODEL).companions) == 2


def test_a_burst_of_a_test_is_no_candidate(catalogue, tmp_path: Path):
    found = make(catalogue, tmp_path)
    bursts = (dataclasses.replace(found.bursts[0], role="test"),)
    heard = listening(dataclasses.replace(found, bursts=bursts), MODEL)
    assert heard.companions == () and "GRB170817529 is left out: it is a test" in heard.notes


@pytest.mark.parametrize(("ra", "kept"), [(-10.0, 350.0), (360.0, 0.0)])
def test_right_ascensions_are_kept_from_0_to_360(catalogue, tmp_path: Path, ra: float, kept: float):
    found = make(catalogue, tmp_path)
    bursts = (dataclasses.replace(found.bursts[0], ra=ra),)
    assert dataclasses.replace(found, bursts=bursts).bursts[0].ra == kept


def widths_of(sky: SkyMap, ra: float, dec: float, angle_deg: float) -> tuple[float, ...]:
    """Root mean square distance from the centre along a direction (deg from north through east), and across it."""
    centre, cells = SkyCoord(ra, dec, unit="deg"), directions(sky)
    there = SkyCoord(*cells.T, representation_type="cartesian").represent_as("unitspherical")
    places = SkyCoord(there.lon, there.lat)
    away, turned = centre.separation(places).deg, centre.position_angle(places).rad - math.radians(angle_deg)
    parts = ((away * turn(turned)) ** 2 for turn in (np.cos, np.sin))
    return tuple(math.sqrt(float(np.sum(probability(sky) * part))) for part in parts)


def test_an_ellipse_stays_one(data: Path):
    """5° by 2° at 68 %: as wide as stated along each axis, with the variance of the systematic error added."""
    read_ellipse = parse((data / "cases" / "grb" / "ell3_pa120.json").read_bytes())
    grb = dataclasses.replace(read_ellipse, systematic_included=True)
    sky = localisation(grb, MODEL)
    assert credible_area_deg2(sky, 0.68) == pytest.approx(math.pi * 5 * 2, rel=0.02)
    assert widths_of(sky, grb.ra, grb.dec, 120) == pytest.approx((5 / 1.5096, 2 / 1.5096), rel=0.02)
    assert any("ellipse: 1σ 3.31° by 1.32°" in n for n in listening(a_list(grb), MODEL).notes)
    assert "(ellipse: 1.325 deg across, axis at 120 deg)" in as_text(a_list(grb))
    core, tail = widths(read_ellipse, MODEL, read_ellipse.sigma_minor)
    assert math.degrees(core) == pytest.approx(math.hypot(1.325, 3.7 / 1.5096), rel=1e-3) and tail > core


def a_list(*bursts) -> BurstList:
    return BurstList(True, 1000.0, bursts[0].gps - 500, bursts[0].gps + 500, "notices", "", bursts)


def test_a_width_that_no_map_resolves_is_refused_with_advice(catalogue, tmp_path: Path):
    found = make(catalogue, tmp_path)
    with pytest.raises(ValueError, match=r"sigma 1e-12 deg; it must be at least 5.7e-05, or left out"):
        dataclasses.replace(found, bursts=(dataclasses.replace(found.bursts[0], sigma=1e-12),))


def test_the_list_as_text(catalogue, data: Path):
    text = as_text(from_window(catalogue.window(GW170817 - 500, GW170817 + 500), catalogue.name))
    assert "complete: yes, 1000.0 of 1000.0 s" in text and "GRB170817529" in text and "2.048" in text
    alert = notice(data, "GRB180116A_Fermi_GBM_Alert")
    listed = BurstList(False, 0.0, alert.gps - 500, alert.gps + 500, "notices", "a gap", (alert,))
    assert "# a gap" in as_text(listed) and as_text(listed).splitlines()[-1].endswith("bn180116026")


def test_a_damaged_file_names_itself(tmp_path: Path):
    path = tmp_path / "fermi_grbs.json"
    path.write_text('{"complete": true}')
    with pytest.raises(Exception, match=r"fermi_grbs\.json"):
        read(GRBS.codec, path)
