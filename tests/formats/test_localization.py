"""Positions of the GCN schema: every example, and what is made of every form of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llama.formats.errors import NoticeError
from llama.formats.localization import Ellipse, Localization, circle, read_localization

SCHEMAS = "schemas/gcn-schema/gcn/notices"
# by file: ra, dec, semi-major and semi-minor axis, position angle, containment
EXAMPLES: dict[str, tuple[float | None, ...]] = {
    "burstcube/alert": (232, -53.1, 10, 10, 0, 0.9),
    "burstcube/test": (232, -53.1, 10, 10, 0, 0.9),
    "chime/frb.detection": (346.77850859547, 12.632485229956252, 0.598921231135782, 0.503806986334273, 90, 0.9),
    "chime/frb.subsequent": (346.77850859547, 12.632485229956252, 0.598921231135782, 0.503806986334273, 90, 0.9),
    "core/Localization": (120, 45, 0.8, 0.5, 90, 0.95),
    "dsa110/frb.detection": (346.77850859547, 12.632485229956252, 0.02, 0.016, 90, 0.9),
    "dsa110/frb.subsequent": (346.77850859547, 12.632485229956252, 0.02, 0.016, 90, 0.9),
    "einstein_probe/wxt/alert": (120, 40, 0.02, 0.02, 0, 0.9),
    "fermi/gbm/trigger.final": (29.24, -63.62, 1, 1, 0, 0.68),
    "fermi/gbm/trigger.flight1": (136.917, -78.117, 8.32, 8.32, 0, 0.68),
    "fermi/gbm/trigger.flight2": (236.783, 66.633, 9.23, 9.23, 0, 0.68),
    "fermi/gbm/trigger.flight3": (235.883, 68.683, 7.15, 7.15, 0, 0.68),
    "fermi/gbm/trigger.ground1": (92.17, -66.98, 1.34, 1.34, 0, 0.68),
    "fermi/gbm/trigger.ground2": (90.56, -67.87, 1.08, 1.08, 0, 0.68),
    "icecube/single_neutrino_alerts.gold_bronze_track_alerts": (345.82, 9.01, 0.5, 0.5, 0, 0.9),
    "km3net/alert": (10.82, 20.01, 0.9, 0.9, 0, 0.9),
    "km3net/alert.multiplet": (13.81, 18.85, 0.41, 0.41, 0, 0.9),
    "maxi/gsc.unknown.circle": (346.56, 18.61, 1.5, 1.5, 0, 0.9),
    "maxi/gsc.unknown.ellipse": (346.56, 18.61, 0.22, 0.19, 153, 0.9),
    "superk/sn_alert.real": (270.82, 31.46, 0.91, 0.91, 0, 0.68),
    "superk/sn_alert.test": (270.82, 31.46, 0.91, 0.91, 0, 0.68),
    "svom/eclairs/trigger.catalog": (143.2478, -68.0289, 0.1, 0.1, 0, 0.9),
    "svom/eclairs/trigger.not-slewing": (143.2478, -68.0289, 0.1, 0.1, 0, 0.9),
    "svom/eclairs/trigger.slewing": (143.2478, -68.0289, 0.1, 0.1, 0, 0.9),
    "svom/eclairs/trigger.wakeup": (143.2478, -68.0289, 0.1, 0.1, 0, 0.9),
    "svom/grm/trigger": (143.2478, -68.0289, 0.1, 0.1, 0, 0.9),
    "swift/bat/guano.loc_arc_min": (336.26, 25.139, 0.5, 0.5, 0, 0.9),
}


def described(found: Localization) -> tuple[float | None, ...]:
    error = found.error
    assert error is not None
    return found.ra, found.dec, error.semi_major, error.semi_minor, error.position_angle, found.containment


def test_every_example_of_the_schema_is_read(data: Path) -> None:
    found = {}
    for path in sorted((data / SCHEMAS).rglob("*.example.json")):
        read = read_localization(json.loads(path.read_text()))
        if read.error is not None:
            found[path.relative_to(data / SCHEMAS).as_posix().removesuffix(".example.json")] = described(read)
    assert found == EXAMPLES


def test_all_that_the_schema_has_is_kept(data: Path) -> None:
    found = read_localization(json.loads((data / SCHEMAS / "core/Localization.example.json").read_text()))
    assert found.systematic_included and found.containment_stated
    assert (found.instrument_phi, found.instrument_theta, found.instrument_semimajor_angle) == (90, 45, 50)
    assert found.healpix_url == "http://example.com/localization.fits" and found.healpix_file.startswith("H4sI")
    assert found.error is not None and "shorter axis first" in found.error.remark


@pytest.mark.parametrize(
    ("stated", "error"),
    [
        (5, Ellipse(5, 5)),
        ([5], Ellipse(5, 5)),
        ([5, 2], Ellipse(5, 2, 0)),
        ([5, 2, 120], Ellipse(5, 2, 120)),
        ([5, 2, -60], Ellipse(5, 2, 120)),
        ([5, 2, 300], Ellipse(5, 2, 120)),
        ([5, 5, 120], Ellipse(5, 5)),
        (0, None),
        ([0, 0, 30], None),
        (None, None),
    ],
)
def test_every_form_of_an_error(stated: Any, error: Ellipse | None) -> None:
    assert read_localization({"ra": 10, "dec": 20, "ra_dec_error": stated}).error == error


def test_an_axis_of_zero_is_told() -> None:
    error = read_localization({"ra": 10, "dec": 20, "ra_dec_error": [5, 0, 30]}).error
    assert error is not None and error.is_circle and error.semi_major == 5 and "given as 0" in error.remark


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ra_dec_error": [5, None]}, "one value is missing"),
        ({"ra_dec_error": []}, "one to three values"),
        ({"ra_dec_error": [5, 2, 1, 0]}, "one to three values"),
        ({"ra_dec_error": [5, -2]}, r"ra_dec_error\[1\] is -2"),
        ({"ra_dec_error": [5, 2, "x"]}, r"ra_dec_error\[2\] is 'x'"),
        ({"ra_dec_error": 200}, "ra_dec_error is 200"),
        ({"ra_dec_error": {"r": 1}}, "ra_dec_error is"),
        ({"ra_dec_error": True}, "ra_dec_error is True"),
        ({"containment_probability": 90}, "not 90"),
        ({"containment_probability": 0}, "probability between 0 and 1"),
        ({"ra": 1000}, "ra: 1000.0 is no right ascension"),
        ({"dec": -90.5}, "dec is -90.5"),
        ({"systematic_included": "maybe"}, "systematic_included"),
        ({"healpix_file": 3}, "healpix_file is 3"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(NoticeError, match=said):
        read_localization({"ra": 10, "dec": 20, "ra_dec_error": 5} | change)


def test_right_ascensions_count_from_0_to_360() -> None:
    assert [read_localization({"ra": ra, "dec": 0}).ra for ra in (-1, 0, 360, 361, -1e-20)] == [359, 0, 0, 1, 0]


def test_a_classic_notice_is_a_circle() -> None:
    found = circle("150.5", "-20", "3.5", 0.68, "Position2D")
    assert (found.ra, found.dec, found.error, found.containment) == (150.5, -20, Ellipse(3.5, 3.5), 0.68)
    assert circle("0", "0", "0", 0.68, "Position2D").error is None
