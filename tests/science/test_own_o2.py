"""The p-value of the O2 search: the same cuts as the search itself, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llama.app import packaged
from llama.formats.tables import IceCubeEventsFile
from llama.science.detector import SeasonEvents
from llama.science.significance.bank import SeasonData
from llama.science.significance.own_o2 import LISTS, Region, coincident, o2_background
from llama.science.sky import SkyMap, from_cells, unit_vectors
from llama.science.statistic import o2_search
from llama.studies.synthetic import gaussian_skymap

MAP = gaussian_skymap(1.0, 0.3, math.radians(9), 100.0, 20.0)
WINDOW = np.array([[-500.0, 500.0]])


def events(*, sigma_deg: float, n: int = 20_000, low: float = -1.0, high: float = 1.0) -> SeasonEvents:
    """Evenly over the sky between two sines of declination."""
    dec = np.arcsin(low + (high - low) * (np.arange(n) + 0.5) / n)
    return SeasonEvents("even", dec, np.full(n, math.radians(sigma_deg)), np.full(n, 1e3), "0" * 64)


def isotropic(order: int = 2) -> SkyMap:
    n = 12 * 4**order
    return from_cells(np.full(n, order), np.arange(n), np.full(n, 1 / (4 * np.pi)))


@pytest.mark.slow
def test_bounds_decide_what_the_search_itself_says() -> None:
    rng, n = np.random.default_rng(8), 250
    ra, dec = rng.normal(1.0, 0.3, n), rng.normal(0.3, 0.3, n)
    sigma = np.radians(rng.choice([0.1, 0.5, 2.0, 12.0, 45.0], n))
    found, _ = o2_search(MAP, 0.0, np.zeros(n), ra, dec, sigma)
    exact = np.array([one.likelihood if one.coincident else 0.0 for one in found])
    assert 0.2 < (exact > 0).mean() < 0.9
    for least in np.quantile(exact[exact > 0], [0.0, 0.1, 0.5, 0.9, 1.0]):
        # a hair's breadth below, as an event's own value is
        some = coincident(Region.of(MAP), unit_vectors(ra, dec), sigma, float(least) * (1 - 1e-9))
        assert np.array_equal(some, exact >= least)


def test_of_one_error_the_chance_is_that_of_a_circle() -> None:
    """An isotropic map: L is the same for all near its region, in 90 % of the sky and a rim of the threshold."""
    flat, sigma = isotropic(), math.radians(0.5)
    found, _ = o2_search(flat, 0.0, np.zeros(1), np.ones(1), np.full(1, 0.2), np.full(1, sigma))
    stretch = SeasonData(events(sigma_deg=0.5), 2e-3, WINDOW)
    drawn = o2_background(flat, stretch, "S1", found[0].likelihood / 2, 2000)
    # every neutrino of the sky's 90 % reaches half of the peak
    low, high = (-math.expm1(-2.0 * part) for part in (0.9, 1.0))
    assert low - 4 * drawn.p.error < drawn.p.p < high + 4 * drawn.p.error
    assert drawn.expected == pytest.approx(2.0)


def test_events_elsewhere_never_reach_it_and_their_limit_is_told() -> None:
    drawn = o2_background(MAP, SeasonData(events(sigma_deg=0.5, low=-1.0, high=-0.8), 6e-3, WINDOW), "S1", 1.0)
    assert drawn.p.above == 0 and drawn.p.is_limit
    assert drawn.p.upper_limit(0.9) == pytest.approx(2.303 / LISTS, rel=1e-3)


def test_no_coincident_neutrino_is_nothing_rare_and_streams_are_the_events_own() -> None:
    stretch = SeasonData(events(sigma_deg=2.0), 6e-3, WINDOW)
    assert o2_background(MAP, stretch, "S1", 0.0).p.p == 1.0
    one, again, other = (o2_background(MAP, stretch, name, 50.0, 4000).p.p for name in ("S1", "S1", "S2"))
    assert one == again != other
    assert one == pytest.approx(other, abs=5 * math.sqrt(one / 2000))


@pytest.mark.slow
def test_p_values_of_background_are_uniform() -> None:
    rng, season = (
        np.random.default_rng(11),
        IceCubeEventsFile().read(packaged("icecube_events.h5")).season("IC86-2012"),
    )
    stretch = SeasonData(season, 6e-3, WINDOW)
    found = []
    for _ in range(120):
        n = int(rng.poisson(stretch.expected))
        event = rng.integers(season.dec_rad.size, size=n)
        columns = np.zeros(n), rng.random(n) * 2 * np.pi, season.dec_rad[event], season.sigma_rad[event]
        every, best = o2_search(MAP, 0.0, *columns)
        found.append(o2_background(MAP, stretch, "S1", every[best].likelihood if best is not None else 0.0, 2000).p.p)
    p = np.array(found)
    for level in (0.02, 0.05, 0.1, 0.2):
        assert (p <= level).mean() == pytest.approx(level, abs=3.5 * math.sqrt(level / p.size))
