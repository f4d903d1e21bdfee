"""Every real GBM notice, and what is wrong with bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llama.formats.errors import NotForUs, NoticeError
from llama.messengers.burst_fields import why_not_a_burst
from llama.messengers.fermi.notices import parse
from llama.science.times import gps_from_utc

# file: trigger, type, ra, dec, radius, systematic included, significance, timescale, why not a burst
VOEVENTS = {
    "GRB180116A_Fermi_GBM_Alert": ("537755817", "alert", None, None, None, False, 4.6, 1.024, ""),
    "GRB180116A_Fermi_GBM_Flt_Pos": ("537755817", "flight", 216.3833, 18.7, 19.8333, True, 6.3, 4.096, ""),
    "GRB180116A_Fermi_GBM_Gnd_Pos": ("537755817", "ground", 214.74, 28.14, 11.19, False, 8.6, 16.384, ""),
    "GRB180116A_Fermi_GBM_Fin_Pos": ("537755817", "final", 212.77, 27.05, 5.2, False, None, None, ""),
    "GRB180422.913_Subthreshold": ("546126856", "subthreshold", 262.97, 19.7399, 22.1299, True, None, 1.407, ""),
    "fermi_final_gcn": ("548848711", "final", 140.05, -39.0499, 5.6, False, None, None, ""),
    "fermi_grb_gcn": ("548848711", "flight", 140.05, -39.0499, 5.6, True, None, None, ""),
    "fermi_initial_grb_gcn": ("548841234", "alert", None, None, None, False, None, None, ""),
    "fermi_noise_gcn": (
        "598032876", "flight", 222.7167, 81.1667, 32.7833, True, 2.8, 0.064, "most likely TGF (100%)",
    ),
    "fermi_noise_gcn_2": ("598032876", "flight", 222.7167, 81.1667, 32.7833, True, 2.8, 0.064, ""),
    "fermi_subthresh_grb_gcn": ("578679123", "subthreshold", 143.53, 38.0799, 10.49, True, None, 0.703, ""),
    "fermi_subthresh_grb_lowconfidence": ("578679124", "subthreshold", 143.53, 38.0799, 10.49, True, None, 0.703, ""),
}  # fmt: skip
JSON = {
    "alert": ("alert", None, None, None, False, 4.9, 2.048, ""),
    "flight": ("flight", 235.883, 68.683, 7.15, True, 14.8, 4.096, ""),
    "ground": ("ground", 90.56, -67.87, 1.08, False, 27, 25.6, ""),
    "final": ("final", 29.24, -63.62, 1, False, None, None, ""),
    "final_noskymap": ("final", 29.24, -63.62, 1, False, None, None, ""),
    "noise": ("flight", 236.783, 66.633, 9.23, True, 9.7, 4.096, "most likely UNRELIABLE_LOCATION (100%)"),
    "noise_2": ("flight", 236.783, 66.633, 9.23, True, 9.7, 4.096, "most likely GENERIC_SGR (51%)"),
    "test": ("flight", 236.783, 66.633, 9.23, True, 9.7, 4.096, ""),
}


def described(burst) -> tuple:
    return (
        burst.notice_type, burst.ra, burst.dec, burst.error_radius, burst.systematic_included, burst.significance,
        burst.timescale_s, burst.not_a_burst,
    )  # fmt: skip


def test_every_voevent_is_here(data: Path):
    assert {path.stem for path in (data / "notices" / "fermi").glob("*.xml")} == set(VOEVENTS)


@pytest.mark.parametrize("name", VOEVENTS)
def test_voevents(data: Path, name):
    burst = parse((data / "notices" / "fermi" / f"{name}.xml").read_bytes())
    assert (burst.trigger_id, *described(burst)) == VOEVENTS[name]
    assert burst.gps == pytest.approx(gps_from_utc(burst.utc), abs=1e-6)
    assert burst.role == ("test" if name.startswith("GRB180422") else "observation")
    if burst.error_radius:
        assert burst.containment == 0.68
        assert burst.sigma == pytest.approx(burst.error_radius / 1.5096, rel=1e-4)


@pytest.mark.parametrize("name", JSON)
def test_json(data: Path, name):
    burst = parse((data / "notices" / "gcn_kafka_json" / f"kafka_alert_fermi_{name}.json").read_bytes())
    assert (burst.trigger_id, burst.name) == ("745121685", "bn240812094")
    assert described(burst) == JSON[name]
    assert burst.role == ("test" if name == "test" else "observation")


def test_every_example_of_the_schema(data: Path):
    paths = sorted((data / "schemas/gcn-schema/gcn/notices/fermi/gbm").glob("*.example.json"))
    kinds = [parse(path.read_bytes()).notice_type for path in paths]
    assert kinds == ["alert", "final", "flight", "flight", "flight", "ground", "ground"]


def test_details_of_a_real_sequence(data: Path):
    folder = data / "notices" / "fermi"
    flight = parse((folder / "GRB180116A_Fermi_GBM_Flt_Pos.xml").read_bytes())
    assert flight.classification == {"GRB": 0.97, "GENERIC_SGR": 0.01}
    assert flight.hardness_ratio == 1.33 and flight.notice_utc == "2018-01-16T00:36:56Z"
    final = parse((folder / "GRB180116A_Fermi_GBM_Fin_Pos.xml").read_bytes())
    assert final.duration_class == "long" and final.name == "bn180116026"
    assert final.skymap_url and final.skymap_url.endswith("/glg_healpix_all_bn180116026.fit")
    below = parse((folder / "fermi_subthresh_grb_gcn.xml").read_bytes())
    assert (below.duration_class, below.hardness_class, below.reliability) == ("short", "hard", "8")
    assert below.utc == "2019-05-04T16:16:28.215999Z"  # from the seconds of the day, which have more digits


@pytest.mark.parametrize(
    "path", ["swift/swift_grb_gcn.xml", "gcn_kafka_json/kafka_alert_icecube_gold.json", "igwn_json", "lvk_voevent"]
)
def test_other_observatories_are_not_for_us(data: Path, path):
    where = data / "notices" / path
    for notice in [where] if where.is_file() else sorted(where.glob("*.xml")) + sorted(where.glob("*.json")):
        with pytest.raises(NotForUs):
            parse(notice.read_bytes())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subtype": "GUESS"}, "subtype is 'GUESS'"),
        ({"trigger_time": "yesterday"}, "trigger_time"),
        ({"id": []}, "id is"),
        ({"dec": 91}, "dec is 91"),
        ({"containment_probability": 1}, "probability between 0 and 1"),
        ({"ra_dec_error": -1}, "error"),
        ({"rate_snr": "loud"}, "rate_snr"),
        ({"classification": {"GRB": 2}}, "classification.GRB"),
        ({"classification": 3}, "classification"),
    ],
)
def test_a_bad_field_is_named(data: Path, change, said):
    notice = json.loads((data / "notices" / "gcn_kafka_json" / "kafka_alert_fermi_flight.json").read_text())
    with pytest.raises(NoticeError, match=said):
        parse(json.dumps(notice | change).encode())


@pytest.mark.parametrize("junk", [b"", b"hello", b"<a/>", b"{", b"[1]", b"\xff\xfe"])
def test_junk_is_no_notice(junk):
    with pytest.raises(NoticeError):
        parse(junk)


def test_a_trigger_marked_as_no_burst_says_so(data: Path):
    text = (data / "notices" / "fermi" / "GRB180116A_Fermi_GBM_Fin_Pos.xml").read_text()
    changed = text.replace('"Def_NOT_a_GRB"         value="false"', '"Def_NOT_a_GRB"         value="true"')
    assert changed != text
    assert parse(changed.encode()).not_a_burst == "marked as definitely not a GRB"


@pytest.mark.parametrize(
    "classification",
    [
        {"SOLAR_FLARE": 0.0, "GRB": 0.0},
        {"grb": 0.9, "x": 0.1},
        {"TGF": 0.5, "GRB": 0.5},
        {"Short_GRB": 0.9, "TGF": 0.1},
        {"LONG GRB": 0.9, "TGF": 0.1},
        {" GRB ": 0.9, "TGF": 0.1},
        {"GRB (short)": 0.9, "TGF": 0.1},
        {"Gamma-Ray Burst": 0.9, "TGF": 0.1},
        {"Short_GRB": 0.3, "Long_GRB": 0.3, "TGF": 0.4},  # it is a burst with 60 %
        {"Grb": 0.4, "GRB": 0.1, "TGF": 0.45},
        {"TGF": 0.3, "tgf": 0.3, "GRB": 0.4},
    ],
)
def test_what_may_well_be_a_burst_is_not_left_out(classification: dict[str, float]) -> None:
    assert why_not_a_burst(classification) == ""
    assert why_not_a_burst(dict(reversed(classification.items()))) == ""


@pytest.mark.parametrize(
    ("classification", "why"),
    [
        ({"TGF": 0.6, "GRB": 0.4}, "most likely TGF (60%)"),
        ({"TGF": 0.5, "SOLAR_FLARE": 0.5}, "most likely SOLAR_FLARE or TGF (50% each)"),
        ({"TGF": 0.4, "SOLAR_FLARE": 0.4, "GRB": 0.2}, "most likely SOLAR_FLARE or TGF (40% each)"),
        ({"NOT_GRB": 0.8, "GRB": 0.2}, "most likely NOT_GRB (80%)"),
        ({"non-GRB": 0.8, "Short GRB": 0.2}, "most likely non-GRB (80%)"),
        ({"GENERIC_SGR": 0.6, "Grb": 0.3, "GRB": 0.1}, "most likely GENERIC_SGR (60%)"),
    ],
)
def test_what_is_most_likely_something_else_says_what(classification: dict[str, float], why: str) -> None:
    assert why_not_a_burst(classification) == why
    assert why_not_a_burst(dict(reversed(classification.items()))) == why
