"""Columns of a sky map that say one thing twice, or their unit in their name."""

from __future__ import annotations

from typing import Any

import healpy
import numpy as np
import pytest
from tests.formats.test_skymap_words import DISTANCE, NSIDE, PROB, by_pixel, file

from llama.formats.errors import SkyMapError
from llama.formats.skymap import read_skymap
from llama.formats.skymap_maker import READ_NOTE

DENSITY = PROB / healpy.nside2pixarea(NSIDE)


@pytest.mark.parametrize(
    ("name", "unit", "values"),
    [
        ("Probability/pixel", None, PROB),
        ("prob/pix", None, PROB),
        ("PROB_PER_PIXEL", "pix-1", PROB),
        ("Prob (pix-1)", None, PROB),
        ("PROB [1/pixel]", None, PROB),
        ("prob/sr", None, DENSITY),
        ("prob/sr", "sr-1", DENSITY),
        ("Probability per steradian", None, DENSITY),
        ("PROB_DENSITY", None, DENSITY),
        ("probability density", "sr-1", DENSITY),
        ("PROBDENSITY [sr-1]", None, DENSITY),
        ("Prob/deg^2", None, DENSITY / 3282.80635),
        ("PROBABILITY/DEG2", "deg-2", DENSITY / 3282.80635),
    ],
)
def test_units_in_the_name_of_the_probability(name: str, unit: str | None, values: np.ndarray) -> None:
    assert np.allclose(by_pixel(read_skymap(file({name: ("D", unit, values)}))), PROB)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prob/sr": ("D", "pix-1", PROB)}, "column PROB/SR is in 'pix-1', which is not what its name says"),
        ({"prob/kg": ("D", None, PROB)}, "column PROB/KG is in '1/KG', which is no sr-1"),
        ({"prob/sr": ("D", None, PROB)}, "sum to"),
        ({"problem": ("D", None, PROB)}, "no table .* columns found: PROBLEM"),
        ({"prob_error": ("D", None, PROB)}, "no table .* columns found: PROB_ERROR"),
    ],
)
def test_names_that_are_no_unit_of_probability(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(SkyMapError, match=message):
        read_skymap(file(columns))


@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
@pytest.mark.parametrize("other", [PROB[::-1], PROB * 1.01, np.zeros(768), np.full(768, np.nan)])
def test_two_columns_of_probability_that_disagree_are_refused(ordering: str, other: np.ndarray) -> None:
    columns = {"PROB": ("D", "pix-1", other), "PROBDENSITY": ("D", "sr-1", DENSITY)}
    with pytest.raises(SkyMapError, match="columns PROBDENSITY and PROB disagree in"):
        read_skymap(file(columns, ORDERING=ordering))
    uniq = {"UNIQ": ("K", None, 4 * NSIDE**2 + np.arange(768))}
    with pytest.raises(SkyMapError, match="columns PROBDENSITY and PROB disagree in"):
        read_skymap(file(uniq | columns, ORDERING="NUNIQ"))


@pytest.mark.parametrize("form", ["D", "E"])
def test_two_columns_of_probability_that_agree_are_read_once(form: str) -> None:
    columns = {"PROB": (form, "pix-1", PROB), "PROBDENSITY": ("D", "sr-1", DENSITY)}
    with_both = file(columns | {name: ("D", unit, np.full(768, v)) for name, (v, unit) in DISTANCE.items()})
    m = read_skymap(with_both)
    assert np.allclose(by_pixel(m), PROB, rtol=1e-12)
    assert np.all(m.distmu == 200.0)


@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (1 + 1e-6, False), (1.02, True), (0.5, True)])
@pytest.mark.parametrize(("mu", "sigma", "norm"), [(200.0, 30.0, 2.4449877750611e-5), (0.0, 1.0, 2.0)])
def test_a_norm_that_is_not_that_of_the_distance_is_told(
    mu: float, sigma: float, norm: float, factor: float, told: bool
) -> None:
    """1/(mu² + sigma²) far from the observer; at mu = 0 half a Gaussian's second moment, 1/2."""
    given = {"DISTMU": mu, "DISTSIGMA": sigma, "DISTNORM": norm * factor}
    columns = {name: ("D", DISTANCE[name][1], np.full(768, value)) for name, value in given.items()}
    m = read_skymap(file({"PROB": ("D", "pix-1", PROB)} | columns, COORDSYS="C"))
    assert ("DISTNORM is not what DISTMU and DISTSIGMA make it" in m.origin.get(READ_NOTE, "")) == told
    assert ("100% of the probability" in m.origin.get(READ_NOTE, "")) == told
