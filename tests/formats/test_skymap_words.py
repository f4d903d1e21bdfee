"""What headers of sky maps say, in the words that public writers use: read right, or refused, never guessed.

The files of `cases` were made after reports of the field; their README says what is right and how it is known.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import healpy
import numpy as np
import pytest
from astropy.io import fits

from llama.formats.errors import SkyMapError
from llama.formats.skymap import MultiOrderFits, read_skymap
from llama.formats.skymap_frames import NO_FRAME
from llama.formats.skymap_maker import READ_NOTE
from llama.science.sky import SkyMap, centres, credible_area_deg2, has_distance, marginal_distance, probability

NSIDE = 8
PIXELS = np.random.default_rng(3).permutation(12 * NSIDE**2)
PROB = np.random.default_rng(4).random(12 * NSIDE**2)
PROB /= PROB.sum()
DISTANCE = {"DISTMU": (200.0, "Mpc"), "DISTSIGMA": (30.0, "Mpc"), "DISTNORM": (1 / (200.0**2 + 30.0**2), "Mpc-2")}


def peak(m: SkyMap) -> tuple[float, float, float]:
    """Right ascension and declination of the densest cell, and the area of 90 %, all in degrees."""
    ra, dec = centres(m)
    at = m.density.argmax()
    return round(np.degrees(ra[at]), 2), round(np.degrees(dec[at]), 2), round(credible_area_deg2(m, 0.9), 2)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("partial/explicit_partial.fits", (11.25, -24.62, 2023.65)),
        ("partial/object_partial_no_indxschm.fits", (11.25, -24.62, 2023.65)),
        ("skymaps/a4_coordsys_CEL.fits", (14.06, -24.62, 2020.85)),
        ("skymaps/a10_moc_uniq_uint32.fits", (14.06, -24.62, 2020.85)),
        ("skymaps/a3_ordering_nested_as_NEST.fits", (14.06, -24.62, 2020.85)),
        ("skymaps/b2_tiny_negative.fits", (14.06, -24.62, 2020.16)),
        ("skymaps/b2_unseen.fits", (14.06, -24.62, 2020.16)),
        ("skymaps/a7_dist_unit_03.fits", (14.06, -24.62, 2020.85)),
    ],
)
def test_cases_of_the_field_are_read_right(data: Path, name: str, right: tuple[float, float, float]) -> None:
    assert peak(read_skymap(data / "cases" / name)) == right


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("partial/pixel_column_only.fits", "a column of pixel numbers, PIXEL, but the header does not say"),
        ("partial/partial48_no_indxschm_no_nside.fits", "the header has no NSIDE"),
        ("skymaps/a4_galactic_COORD_old_healpy.fits", "COORD = 'G'.* rotate the map first .it is galactic"),
    ],
)
def test_cases_of_the_field_are_refused(data: Path, name: str, message: str) -> None:
    with pytest.raises(SkyMapError, match=message):
        read_skymap(data / "cases" / name)


def file(
    columns: dict[str, tuple[str, str | None, Any]], primary: dict[str, Any] | None = None, **header: Any
) -> bytes:
    """A FITS table of columns (name: format, unit, values), with cards of its own and of the file."""
    made = [fits.Column(name=n, format=f, unit=u, array=v) for n, (f, u, v) in columns.items()]
    hdu = fits.BinTableHDU.from_columns(made)
    hdu.header.update({key: value for key, value in ({"ORDERING": "NESTED"} | header).items() if value is not None})
    first = fits.PrimaryHDU()
    first.header.update(primary or {})
    out = io.BytesIO()
    fits.HDUList([first, hdu]).writeto(out)
    return out.getvalue()


def flat(primary: dict[str, Any] | None = None, **header: Any) -> bytes:
    return file({"PROB": ("D", "pix-1", PROB)}, primary, **header)


def listed(index: str = "PIXEL", form: str = "J", **header: Any) -> bytes:
    """All pixels in an order of their own, so that their numbers matter."""
    columns = {index: (form, None, PIXELS), "PROB": ("D", None, PROB[PIXELS])}
    return file(columns, **({"NSIDE": NSIDE} | header))


def by_pixel(m: SkyMap) -> np.ndarray:
    """The probability of each NESTED pixel; equal ones may have become one cell."""
    ra, dec = healpy.pix2ang(NSIDE, np.arange(12 * NSIDE**2), nest=True, lonlat=True)
    from llama.science.sky.skymap import density_at

    return density_at(m, np.radians(ra), np.radians(dec)) * healpy.nside2pixarea(NSIDE)


@pytest.mark.parametrize(
    "words",
    [
        {"INDXSCHM": "EXPLICIT"},
        {"INDXSCHM": "explicit "},
        {"OBJECT": "PARTIAL"},
        {"OBJECT": "partial"},
        {"INDXSCHM": "EXPLICIT", "OBJECT": "PARTIAL"},
        {"INDXSCHM": "EXPLICIT", "OBJECT": "S190814bv"},
        {"INDXSCHM": "EXPLICIT", "NSIDE": None, "ORDER": 3},
        {"INDXSCHM": "EXPLICIT", "NSIDE": "8"},
        {"INDXSCHM": "EXPLICIT", "FIRSTPIX": 0, "LASTPIX": 767},
    ],
)
def test_pixels_are_taken_by_their_numbers_as_healpy_does(tmp_path: Path, words: dict[str, Any]) -> None:
    raw = listed(**words)
    assert np.allclose(by_pixel(read_skymap(raw)), PROB)
    if words.get("INDXSCHM") == "EXPLICIT" and "ORDER" not in words:
        (tmp_path / "map.fits").write_bytes(raw)
        assert np.allclose(healpy.read_map(tmp_path / "map.fits", nest=True), PROB)


@pytest.mark.parametrize(
    "index", ["PIX", "ipix", "HPX_INDEX", "healpix_index", "PIXEL_ID", "PIXNUM", "NEST_PIX", "index", "HPXPIXEL"]
)
@pytest.mark.parametrize("form", ["I", "J", "K"])
def test_names_and_types_of_pixel_numbers(index: str, form: str) -> None:
    assert np.allclose(by_pixel(read_skymap(listed(index, form, OBJECT="PARTIAL"))), PROB)
    with pytest.raises(SkyMapError, match="pixel numbers"):
        read_skymap(listed(index, form))


def test_the_first_column_numbers_pixels_whatever_its_name() -> None:
    assert np.allclose(by_pixel(read_skymap(listed("NUMBER_OF", INDXSCHM="EXPLICIT"))), PROB)


def test_pixel_numbers_that_are_the_rows_say_the_same_either_way() -> None:
    columns = {"PIXEL": ("J", None, np.arange(768)), "PROB": ("D", None, PROB)}
    for words in ({}, {"INDXSCHM": "IMPLICIT"}, {"OBJECT": "FULLSKY"}, {"OBJECT": "PARTIAL", "NSIDE": 8}):
        assert np.allclose(by_pixel(read_skymap(file(columns, **words))), PROB)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (lambda: listed(INDXSCHM="IMPLICIT", OBJECT="PARTIAL"), "contradict each other"),
        (lambda: listed(INDXSCHM="EXPLICIT", OBJECT="FULLSKY"), "contradict each other"),
        (lambda: listed(INDXSCHM="IMPLICIT"), "pixel numbers, PIXEL, but INDXSCHM = 'IMPLICIT'"),
        (lambda: listed(OBJECT="FULLSKY"), "pixel numbers, PIXEL, but"),
        (lambda: listed(INDXSCHM="SPARSE"), "INDXSCHM = 'SPARSE'; only EXPLICIT and IMPLICIT"),
        (lambda: listed(INDXSCHM="EXPLICIT", NSIDE=None), "has no NSIDE"),
        (lambda: listed(INDXSCHM="EXPLICIT", NSIDE="eight"), "NSIDE = 'eight'"),
        (lambda: listed(INDXSCHM="EXPLICIT", ORDER=4), "NSIDE means NSIDE 8 and ORDER means NSIDE 16"),
        (lambda: listed(INDXSCHM="EXPLICIT", LASTPIX=700), "outside FIRSTPIX = None to LASTPIX = 700"),
        (
            lambda: listed(primary={"INDXSCHM": "IMPLICIT"}, INDXSCHM="EXPLICIT"),
            "INDXSCHM is IMPLICIT and EXPLICIT|EX",
        ),
        (lambda: flat(OBJECT="PARTIAL"), "needs a column of pixel numbers"),
        (lambda: flat(FIRSTPIX=768, LASTPIX=1535), "FIRSTPIX = 768 and LASTPIX = 1535"),
        (lambda: flat(LASTPIX=3071), "would be the whole sky, 0 to 767"),
        (lambda: flat(primary={"NSIDE": 16}, NSIDE=8), "contradict|NSIDE = 16"),
        (lambda: flat(primary={"ORDERING": "RING"}), "ORDERING is NESTED and RING"),
        (lambda: flat(ORDERING="UNIQ"), "ORDERING = 'UNIQ', but the table has no UNIQ"),
    ],
)
def test_contradictions_are_refused(raw: Any, message: str) -> None:
    with pytest.raises(SkyMapError, match=message):
        read_skymap(raw())


@pytest.mark.parametrize("ordering", ["NEST", "nest", "Nested", " NESTED ", "'NESTED'"])
def test_spellings_of_nested(ordering: str) -> None:
    assert np.allclose(by_pixel(read_skymap(flat(ORDERING=ordering))), PROB)
    assert np.allclose(by_pixel(read_skymap(flat({"ORDERING": ordering}, ORDERING=None))), PROB)


@pytest.mark.parametrize("ordering", ["UNIQ", "NUNIQ", "nuniq", None])
@pytest.mark.parametrize(
    ("form", "zero"), [("J", 0), ("J", 1 << 31), ("K", 0), ("K", 1 << 63), ("I", 1 << 15), ("I", 0)]
)
def test_spellings_and_types_of_uniq(ordering: str | None, form: str, zero: int) -> None:
    kind = {"I": np.uint16, "J": np.uint32, "K": np.uint64}[form] if zero else np.int64
    uniq = fits.Column(name="uniq", format=form, bzero=zero or None, array=(4 * NSIDE**2 + PIXELS).astype(kind))
    density = fits.Column(name="ProbDensity", format="D", array=PROB[PIXELS] / healpy.nside2pixarea(NSIDE))
    hdu = fits.BinTableHDU.from_columns([uniq, density])
    if ordering:
        hdu.header["ORDERING"] = ordering
    out = io.BytesIO()
    hdu.writeto(out)
    assert np.allclose(by_pixel(read_skymap(out.getvalue())), PROB)


EQUATORIAL = (
    "C", "c", "CEL", "Celestial", "Q", "EQ", "Equ", "EQUATORIAL", "ICRS", "icrs ", "FK5", "J2000", "FK5 J2000",
    "FK5J2000", "Equatorial (J2000.0)", "RADEC", "RA/DEC", "C2000", "['C']", "Celestial coordinates",
)  # fmt: skip
OTHERS = (
    "G", "g ", "GAL", "Galactic", "E", "ECL", "Ecliptic", "FK4", "B1950", "C1950", "CG", "C,G", "SUPERGALACTIC", "H",
    "UNKNOWN", "GCRS",
)  # fmt: skip


FRAME_KEYS = (
    "COORDSYS", "COORD", "COORDS", "SKYCOORD", "RADESYS", "RADECSYS", "FRAME", "CSYS", "REFSYS", "SKYFRAME", "SKYSYS",
    "COORDTYP", "COOSYS", "REFFRAME",
)  # fmt: skip


@pytest.mark.parametrize("key", FRAME_KEYS)
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.slow
def test_spellings_of_coordinates(key: str, first: bool) -> None:
    """In either header. No writer but of equatorial maps is read, since nothing here rotates one."""
    for value in EQUATORIAL:
        m = read_skymap(flat({key: value}) if first else flat(**{key: value}))
        assert np.allclose(by_pixel(m), PROB)
        assert READ_NOTE not in m.origin
    for value in OTHERS:
        raw = flat({key: value}, COORDSYS="C") if first and key != "COORDSYS" else flat(**{key: value})
        with pytest.raises(SkyMapError, match=f"{key} = .*; only equatorial maps"):
            read_skymap(raw)


def test_headers_that_name_two_frames_or_another_equinox() -> None:
    with pytest.raises(SkyMapError, match="COORDSYS = 'G'"):
        read_skymap(flat({"COORDSYS": "G"}, COORDSYS="C"))
    with pytest.raises(SkyMapError, match=r"EQUINOX = 1950"):
        read_skymap(flat({"EQUINOX": 1950.0}, COORDSYS="C"))
    assert NO_FRAME in read_skymap(flat()).origin[READ_NOTE]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"CTYPE1": "GLON-HPX", "CTYPE2": "GLAT-HPX"}, "CTYPE1 = 'GLON-HPX'.*it is galactic"),
        ({"CTYPE1": "ELON-CAR"}, "CTYPE1 = 'ELON-CAR'.*it is ecliptic"),
        ({"EQUINOX": "B1950"}, "EQUINOX = B1950"),
        ({"EPOCH": 1950.0}, "EPOCH = 1950"),
        ({"EPOCH": "B1950.0"}, "EPOCH = B1950"),
        ({"RADESYS": "FK4", "EQUINOX": 2000.0}, "RADESYS = 'FK4'.*another equinox"),
        ({"MAPKIND": "Galactic coordinates"}, "MAPKIND = 'Galactic coordinates'.*galactic"),
        ({"SYSTEM": "FK4/B1950"}, "SYSTEM = 'FK4/B1950'"),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_other_frames_under_whatever_keyword_are_refused(words: dict[str, Any], named: str, first: bool) -> None:
    with pytest.raises(SkyMapError, match=named):
        read_skymap(flat(words, COORDSYS="C") if first else flat(COORDSYS="C", **words))


@pytest.mark.parametrize(
    "words",
    [
        {"EQUINOX": "J2000"}, {"EQUINOX": 2000}, {"EPOCH": "J2000.0"}, {"EPOCH": 58709.88}, {"TIMESYS": "UTC"},
        {"CTYPE1": "RA---HPX", "CTYPE2": "DEC--HPX"}, {"CTYPE1": "PIXEL"}, {"OBJECT": "S190814bv"},
        {"TITLE": "Galactic"}, {"COMMENT": "Ecliptic, Galactic or Celestial"},
    ],
)  # fmt: skip
def test_words_of_equatorial_maps_and_of_other_things_are_no_other_frame(words: dict[str, Any]) -> None:
    assert np.allclose(by_pixel(read_skymap(flat(COORDSYS="C", **words))), PROB)


def changed(**values: float) -> np.ndarray:
    prob = PROB.copy()
    prob[100] = 0.0
    prob /= prob.sum()
    for index, value in values.items():
        prob[int(index[1:])] = value
    return prob


@pytest.mark.parametrize("value", [-1e-22, -2.2e-16, -1e-13])
def test_rounding_below_zero_is_zero(value: float) -> None:
    m = read_skymap(file({"PROB": ("D", None, changed(_100=value))}, COORDSYS="C"))
    assert by_pixel(m)[100] == 0
    assert READ_NOTE not in m.origin


@pytest.mark.parametrize("value", [-1e-9, -1e-3, -1.0, -1e30, -9999.0, np.nan, np.inf])
def test_what_is_no_rounding_is_refused(value: float) -> None:
    with pytest.raises(SkyMapError, match=r"negative|not a number"):
        read_skymap(file({"PROB": ("D", None, changed(_100=value))}))


@pytest.mark.parametrize("form", ["D", "E"])
@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
def test_unobserved_pixels_have_no_probability(form: str, ordering: str) -> None:
    prob = changed(_100=healpy.UNSEEN)
    m = read_skymap(file({"PROB": (form, "pix-1", prob)}, ORDERING=ordering, COORDSYS="C"))
    assert m.density.min() == 0
    assert probability(m).max() == pytest.approx(prob.max(), rel=1e-5)
    assert m.origin[READ_NOTE] == "1 pixels are marked as not observed (UNSEEN): no probability is there"


def with_distance(**units: str | None) -> bytes:
    given = {name: (value, units.get(name, unit)) for name, (value, unit) in DISTANCE.items()}
    columns = {name: ("D", unit, np.full(768, value)) for name, (value, unit) in given.items()}
    return file({"PROB": ("D", "pix-1", PROB)} | columns, COORDSYS="C")


def test_distances_in_megaparsecs_by_other_spellings_are_told() -> None:
    right = marginal_distance(read_skymap(with_distance()))
    assert READ_NOTE not in read_skymap(with_distance()).origin
    for unit in ("mpc", "MPC", "Mpc ", "mpC", "megaparsec", "Megaparsecs", "mparsec", None):
        m = read_skymap(with_distance(DISTMU=unit, DISTSIGMA=unit))
        assert marginal_distance(m) == right
        assert (READ_NOTE in m.origin) == (unit != "Mpc ")
    for unit in ("mpc-2", "MPC^-2", "Mpc**-2", "1/mpc2", None):
        assert marginal_distance(read_skymap(with_distance(DISTNORM=unit))) == right
    told = read_skymap(with_distance(DISTMU="mpc")).origin[READ_NOTE]
    assert told == "column DISTMU is in 'mpc': read as Mpc"


@pytest.mark.parametrize(
    ("unit", "factor"), [("kpc", 1e-3), ("KPC", 1e-3), ("Gpc", 1e3), ("gpc", 1e3), ("lyr", None)]
)
def test_other_units_of_distance_are_converted_and_told(unit: str, factor: float | None) -> None:
    m = read_skymap(with_distance(DISTMU=unit, DISTSIGMA=unit)) if factor else None
    if m is None:
        with pytest.raises(SkyMapError, match=r"distances are about .* Mpc, where no merger is seen"):
            read_skymap(with_distance(DISTMU=unit, DISTSIGMA=unit))
        return
    assert m.distmu[0] == pytest.approx(200 * factor)
    assert f"column DISTMU is in {unit!r}" in m.origin[READ_NOTE]


@pytest.mark.parametrize("unit", ["m", "pc", "cm", "parsec", "au"])
def test_distances_at_which_no_merger_is_are_refused(unit: str) -> None:
    with pytest.raises(SkyMapError, match=r"where no merger is seen; correct the units"):
        read_skymap(with_distance(DISTMU=unit, DISTSIGMA=unit))


def test_metres_called_megaparsecs_are_refused() -> None:
    columns = {"DISTMU": 6e24, "DISTSIGMA": 9e23, "DISTNORM": 1e-50}
    given = {name: ("D", DISTANCE[name][1], np.full(768, value)) for name, value in columns.items()}
    with pytest.raises(SkyMapError, match=r"its distances are beyond all that can be, where no merger is seen"):
        read_skymap(file({"PROB": ("D", "pix-1", PROB)} | given, COORDSYS="C"))


@pytest.mark.parametrize("unit", ["s", "qqq", "M", "deg", "Mpc2"])
def test_units_that_are_no_distance_are_refused(unit: str) -> None:
    with pytest.raises(SkyMapError, match="which is no Mpc"):
        read_skymap(with_distance(DISTMU=unit))


def test_distances_that_are_none_are_told() -> None:
    columns = {"DISTMU": np.inf, "DISTSIGMA": 1.0, "DISTNORM": 0.0}
    given = {name: ("D", DISTANCE[name][1], np.full(768, value)) for name, value in columns.items()}
    m = read_skymap(file({"PROB": ("D", "pix-1", PROB)} | given, COORDSYS="C"))
    assert not has_distance(m).any()
    assert "no valid distance" in m.origin[READ_NOTE]


@pytest.mark.parametrize(
    "unit", ["pix-1", "PIX-1", "1/pix", "pixel-1", "1 / Pixel", "pix^-1", "prob/pixel", "", None]
)
def test_units_of_probability_per_pixel(unit: str | None) -> None:
    assert np.allclose(by_pixel(read_skymap(file({"PROB": ("D", unit, PROB)}))), PROB)


@pytest.mark.parametrize(
    ("unit", "area"),
    [("sr-1", 1.0), ("SR-1", 1.0), ("1/sr", 1.0), ("sr^-1", 1.0), ("steradian-1", 1.0), ("deg-2", 3282.80635),
     ("DEG-2", 3282.80635), ("1/deg^2", 3282.80635), ("degree-2", 3282.80635), ("arcmin-2", 3282.80635 * 3600)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["PROB", "PROBDENSITY"])
def test_units_of_probability_per_area(name: str, unit: str, area: float) -> None:
    density = PROB / healpy.nside2pixarea(NSIDE) / area
    assert np.allclose(by_pixel(read_skymap(file({name: ("D", unit, density)}))), PROB)


@pytest.mark.parametrize(
    ("name", "unit"), [("PROB", "sr-1"), ("PROB", "deg-2"), ("PROBDENSITY", None), ("PROB", "%")]
)
def test_a_unit_that_the_numbers_are_not_in_is_refused(name: str, unit: str | None) -> None:
    with pytest.raises(SkyMapError, match=r"sum to|which is no sr-1"):
        read_skymap(file({name: ("D", unit, PROB)}))


def test_what_was_noted_while_reading_stays_with_the_map(tmp_path: Path, data: Path) -> None:
    m = read_skymap(data / "cases/skymaps/a7_dist_unit_03.fits")
    MultiOrderFits().write(m, tmp_path / "map.fits")
    assert read_skymap(tmp_path / "map.fits").origin[READ_NOTE] == m.origin[READ_NOTE]
    assert "DISTMU is in 'mpc': read as Mpc" in m.origin[READ_NOTE]


def test_who_made_a_map_may_stand_in_the_first_header(data: Path) -> None:
    origin = read_skymap(data / "skymaps/grb/glg_healpix_all_bn180116026.fit").origin
    assert origin["CREATOR"] == "GBM_healpix.py 1.2"
    assert (origin["TELESCOP"], origin["INSTRUME"], origin["OBJECT"]) == ("GLAST", "GBM", "GRB180116026")
    assert "OBJECT" not in read_skymap(data / "skymaps/grb/gbm_subthresh_546126856_healpix.fits").origin


def test_a_time_only_as_modified_julian_date() -> None:
    assert read_skymap(flat(**{"MJD-OBS": 58709.88240756174})).origin["DATE-OBS"].startswith("2019-08-14T21:10:40.0")
