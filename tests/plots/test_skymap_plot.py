"""The joint sky map: geometry that can be checked by numbers, and real maps drawn without a complaint."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama.formats.skymap import read_skymap
from llama.plots.labels import needs_line, place_labels
from llama.plots.projection import circle, colour_scale, evaluate, mollweide, square, tangent
from llama.plots.skymap import Caption, NeutrinoMark, joint_skymap
from llama.plots.zoom import zoom_on_map
from llama.science.sky import centres, credible_level

CAPTION = Caption("S1-1-Test", "2012-09-23 11:18:35.500 UTC", "1 neutrino; p-value 0.5", "llama 0")
RA, DEC = st.floats(0, 360), st.floats(-90, 90)
MAPS = {
    "16 deg²": "events/GW170817_GWTC1.multiorder.fits",
    "461 deg² across RA 0": "events/S231206_G457564_bayestar.multiorder.fits",
    "flat, 10183 deg²": "events/S190425z_bayestar_G330561.fits.gz",
    "at the pole": "events/S250319bu_G565155_bayestar.multiorder.fits",
}
AWKWARD = [
    NeutrinoMark(1, 120.0, 89.5, 6.0, True),
    NeutrinoMark(2, 0.0, -1.0, 4.0),
    NeutrinoMark(3, 359.999, 0.0, 0.43),
    NeutrinoMark(4, 10.0, -90.0, 0.43),
    NeutrinoMark(5, 180.0, 0.0, 60.0),
]


def crowd(count: int) -> list[NeutrinoMark]:
    """`count` marks spread evenly over the sphere."""
    dec = np.degrees(np.arcsin(1 - 2 * (np.arange(count) + 0.5) / max(count, 1)))
    return [NeutrinoMark(i + 1, (137.5 * i) % 360, float(dec[i]), 0.43 + 0.1 * i, i % 9 == 0) for i in range(count)]


def png(figure: object) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60, metadata={"Software": None})  # type: ignore[attr-defined]
    return buffer.getvalue()


def separation_deg(ra1, dec1, ra2, dec2):  # type: ignore[no-untyped-def]
    a, b = (
        np.stack([np.cos(d) * np.cos(r), np.cos(d) * np.sin(r), np.sin(d)])
        for r, d in (np.radians([ra1, dec1]), np.radians([ra2, dec2]))
    )
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b, axis=0), axis=0), np.sum(a * b, axis=0)))


@given(ra=RA, dec=DEC, radius=st.floats(0.01, 120))
def test_error_circles_are_circles_on_the_sphere(ra: float, dec: float, radius: float) -> None:
    around_ra, around_dec = circle(ra, dec, radius)
    here = np.full_like(around_ra, ra), np.full_like(around_ra, dec)
    assert separation_deg(*here, around_ra, around_dec) == pytest.approx(radius, abs=1e-5)


@given(ra=st.floats(0.5, 359.5), dec=st.floats(-89.0, 89.0))
def test_views_map_forth_and_back(ra: float, dec: float) -> None:
    for view in (mollweide(1300), tangent(ra, dec, 5.0, 520)):
        x, y = view.pixels(ra, dec)
        back_ra, back_dec = view.wcs.wcs_pix2world(x, y, 0)
        assert separation_deg(ra, dec, back_ra[0], back_dec[0]) < 1e-3


def test_right_ascension_increases_to_the_left_and_north_is_up() -> None:
    for view in (mollweide(1300), tangent(180.0, 0.0, 5.0, 520)):
        x, y = view.pixels([180.0, 181.0, 180.0], [0.0, 0.0, 1.0])
        assert x[1] < x[0] and y[2] > y[0]
        assert (x[0], y[0]) == pytest.approx((view.shape[1] / 2 - 0.5, view.shape[0] / 2 - 0.5), abs=1e-6)


def test_a_zoom_does_not_show_what_lies_behind_it() -> None:
    x, _ = tangent(10.0, 20.0, 5.0, 520).pixels([190.0], [-20.0])
    assert np.isnan(x).all()


def test_lines_break_where_they_leave_the_sky() -> None:
    view = mollweide(1300)
    x, _ = view.line(*circle(2.0, 10.0, 5.0))
    assert np.isnan(x).sum() == 2
    steps = np.abs(np.diff(x))
    assert np.nanmax(steps) < 10


def test_the_zoom_box_encloses_what_the_zoom_shows() -> None:
    ra, dec = square(0.0, 45.0, 3.0)
    distance = separation_deg(np.zeros_like(ra), np.full_like(ra, 45.0), ra, dec)
    assert 2.99 < distance.min() < 3.01 and distance.max() == pytest.approx(4.2, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_the_drawn_density_integrates_to_one(data: Path, name: str) -> None:
    """The Mollweide projection keeps areas, so the mean over its pixels is the mean over the sky."""
    skymap = read_skymap(data / "skymaps" / MAPS[name])
    (density,) = evaluate(skymap, ((skymap.density, 0.0),), mollweide(1300))
    assert np.nanmean(density) * 4 * np.pi == pytest.approx(1.0, abs=0.02)


def test_the_colour_scale_starts_white_and_darkens_evenly() -> None:
    red, green, blue, _ = colour_scale()(np.linspace(0, 1, 21)).T
    assert min(red[0], green[0], blue[0]) > 0.99
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (red, green, blue)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    lightness = 116 * np.cbrt(luminance) - 16
    steps = np.diff(lightness)
    assert (steps < 0).all() and np.ptp(steps) < 1.5


@pytest.mark.slow
def test_labels_stay_inside_and_apart() -> None:
    view = mollweide(1300)
    marks = crowd(60)
    x, y = view.pixels([m.ra_deg for m in marks], [m.dec_deg for m in marks])
    places = np.array(place_labels(x, y, 22.0, view.contains))
    assert view.contains(places[:, 0], places[:, 1]).all()
    distance = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert distance[~np.eye(60, dtype=bool)].min() > 10


def test_labels_keep_clear_of_words_that_are_there_already() -> None:
    view = mollweide(1300)
    x, y = np.array([650.0]), np.array([340.0])
    (free,) = place_labels(x, y, 22.0, view.contains)
    (moved,) = place_labels(x, y, 22.0, view.contains, [free])
    assert math.dist(moved, free) > 22.0


def test_numbers_of_ten_neutrinos_in_one_place_do_not_cover_each_other_or_a_cross() -> None:
    view, size = mollweide(1300), 1300 / 60
    x, y = 650.0 + np.linspace(-8, 8, 10), 340.0 + np.linspace(5, -5, 10)
    digits = [1] * 9 + [2]
    places = np.array(place_labels(x, y, size, view.contains, digits=digits))
    width = 0.6 * size * np.array(digits)
    apart = np.abs(places[:, None] - places[None])
    beside = (apart[..., 0] > (width[:, None] + width) / 2) | (apart[..., 1] > 0.8 * size)
    assert beside[~np.eye(10, dtype=bool)].all()
    on_cross = np.abs(places[:, None] - np.stack([x, y], -1)[None])
    assert ((on_cross[..., 0] > 0.4 * size) | (on_cross[..., 1] > 0.6 * size)).all()
    assert all(needs_line(tuple(places[i]), i, x, y, size) for i in range(10))


def test_a_number_does_not_lie_on_its_own_circle() -> None:
    view, size = mollweide(1300), 1300 / 60
    for radius in (12.0, 16.0, 20.0, 30.0):
        angle = np.linspace(0, 2 * np.pi, 181)
        ring = 650.0 + radius * np.cos(angle), 340.0 + radius * np.sin(angle)
        (place,) = place_labels(np.array([650.0]), np.array([340.0]), size, view.contains, lines=[ring])
        off = np.abs(np.stack(ring, -1) - place)
        assert not np.any((off[:, 0] < 0.48 * size) & (off[:, 1] < 0.44 * size)), radius


@pytest.mark.slow
@pytest.mark.parametrize(("r90_deg", "told"), [(0.02, False), (4.0, True)])
def test_the_legend_speaks_of_circles_only_where_there_are_some(data: Path, r90_deg: float, told: bool) -> None:
    skymap = read_skymap(data / "skymaps" / MAPS["16 deg²"])
    (legend,) = joint_skymap(skymap, [NeutrinoMark(1, 197.0, -23.0, r90_deg)], CAPTION).legends
    words = " ".join(text.get_text() for text in legend.get_texts())
    assert "neutrino" in words and ("circle: 90 % radius" in words) == told


def test_a_number_beside_a_lone_cross_needs_no_line() -> None:
    x, y, size = np.array([650.0, 900.0]), np.array([340.0, 300.0]), 1300 / 60
    places = place_labels(x, y, size, mollweide(1300).contains)
    assert not any(needs_line(place, i, x, y, size) for i, place in enumerate(places))


@pytest.mark.parametrize("name", MAPS)
def test_the_zoom_on_a_map_shows_its_densest_part(data: Path, name: str) -> None:
    skymap = read_skymap(data / "skymaps" / MAPS[name])
    zoom = zoom_on_map(skymap, credible_level(skymap))
    ra, dec = np.degrees([angle[np.argmax(skymap.density)] for angle in centres(skymap)])
    view = tangent(*zoom.centre_deg, zoom.half_width_deg, 520)
    x, y = view.pixels(ra, dec)
    assert view.contains(x, y).all()
    assert 3.0 <= zoom.half_width_deg <= 30.0


def test_the_zoom_on_a_small_map_shows_its_whole_90_percent_region(data: Path) -> None:
    skymap = read_skymap(data / "skymaps" / MAPS["16 deg²"])
    level = credible_level(skymap)
    zoom = zoom_on_map(skymap, level)
    view = tangent(*zoom.centre_deg, zoom.half_width_deg, 520)
    ra, dec = np.degrees(centres(skymap))
    x, y = view.pixels(ra[level <= 0.9], dec[level <= 0.9])
    assert zoom.title == "zoom on the 90 % region"
    assert view.contains(x, y).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"), [*((name, 10) for name in MAPS), *((next(iter(MAPS)), n) for n in (0, 1, 60))]
)
def test_real_maps_are_drawn_without_a_warning(data: Path, name: str, count: int) -> None:
    skymap = read_skymap(data / "skymaps" / MAPS[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = png(joint_skymap(skymap, crowd(count), CAPTION, 1 if count else None))
    assert picture.startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("focus", [1, 2, 3, 4, 5])
def test_zooms_at_the_poles_and_at_ra_zero(data: Path, focus: int) -> None:
    skymap = read_skymap(data / "skymaps" / MAPS["16 deg²"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(joint_skymap(skymap, AWKWARD, CAPTION, focus))


@pytest.mark.slow
def test_the_same_input_gives_the_same_picture_whatever_the_users_style(data: Path) -> None:
    import matplotlib

    skymap = read_skymap(data / "skymaps" / MAPS["16 deg²"])
    first = png(joint_skymap(skymap, AWKWARD, CAPTION, 1))
    with matplotlib.rc_context({"font.size": 23, "lines.linewidth": 9, "axes.facecolor": "black"}):
        assert png(joint_skymap(skymap, AWKWARD, CAPTION, 1)) == first


@pytest.mark.slow
def test_pyplot_does_not_know_the_figure(data: Path) -> None:
    from matplotlib import pyplot

    joint_skymap(read_skymap(data / "skymaps" / MAPS["16 deg²"]), [], CAPTION)
    assert pyplot.get_fignums() == []


@pytest.mark.slow
def test_dollar_signs_in_names_are_not_mathematics(data: Path) -> None:
    skymap = read_skymap(data / "skymaps" / MAPS["16 deg²"])
    odd = Caption("S1$x_{$", "α $", "ünïcode $ \\alpha", "v$", "TEST $_")
    assert png(joint_skymap(skymap, [], odd))
