"""What an own-map p-value makes of maps, seasons and events that are unlike any other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.science.own_map_cases import (
    SEARCH,
    TRIGGER,
    around,
    beside,
    exact,
    flat,
    season,
    stated,
    supply,
    without_response,
)

from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.significance import OwnMapP, own_background
from llama.science.sky import SkyMap, from_cells
from llama.science.statistic import Neutrinos, coincidence

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packaged() -> tuple[SeasonTable, SeasonEvents]:
    return season()


def _is_whole(one: OwnMapP) -> bool:
    numbers = (one.p, one.above, one.error_lists, one.error_bank, one.error_events)
    return bool(np.isfinite(numbers).all()) and 0 < one.p <= 1 and min(numbers) >= 0


def one_cell(order: int, ipix: int, with_distance: bool) -> SkyMap:
    """All of the probability in one pixel."""
    distance = tuple(np.full(1, value) for value in (200.0, 50.0, 1 / 42_500)) if with_distance else None
    return from_cells(np.array([order]), np.array([ipix]), np.array([4.0**order * 3 / np.pi]), distance)


@pytest.mark.parametrize("with_distance", [True, False])
@pytest.mark.parametrize(("order", "ipix"), [(0, 4), (5, 700), (11, 4_000_000)])
def test_a_map_of_one_cell(
    order: int, ipix: int, with_distance: bool, packaged: tuple[SeasonTable, SeasonEvents]
) -> None:
    found = beside(one_cell(order, ipix, with_distance), packaged[0], supply(*packaged))
    reached = exact(found, 5, 300)
    threshold = float(np.quantile(reached, 0.8))
    one = stated(found, "one cell", threshold)
    assert _is_whole(one)
    assert one.p == pytest.approx(0.2, abs=4 * np.hypot(np.sqrt(0.16 / 300), one.error))


def test_a_flat_map_without_distances(packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    found = beside(flat(with_distance=False), packaged[0], supply(*packaged))
    reached = exact(found, 5, 300)
    one = stated(found, "flat", float(np.quantile(reached, 0.8)))
    assert _is_whole(one)
    assert one.p == pytest.approx(0.2, abs=4 * np.hypot(np.sqrt(0.16 / 300), one.error))


def test_a_region_without_response(packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    """Next to no signal from the whole 90 % region: what is left of the map decides, and nothing is NaN."""
    blind = without_response(packaged[0], 0.0)
    found = beside(around(100.0, 40.0, 8.0), blind, supply(blind, packaged[1]))
    reached = exact(found, 5, 300)
    assert np.isfinite(reached).any()
    one = stated(found, "blind", float(np.quantile(reached[np.isfinite(reached)], 0.8)))
    share = 0.2 * np.isfinite(reached).mean()
    assert _is_whole(one) and one.p == pytest.approx(share, abs=4 * np.hypot(np.sqrt(share / 300), one.error))


def test_no_events_where_the_map_is(packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    """A season without events in the map's band of declination: neutrinos from elsewhere are all there is."""
    table, events = packaged
    away = np.abs(np.degrees(events.dec_rad) - 20.0) > 15.0
    columns = {name: getattr(events, name)[away] for name in ("dec_rad", "sigma_rad", "energy_gev")}
    found = beside(around(120.0, 20.0, 3.0), table, supply(table, replace(events, **columns)))
    reached = exact(found, 5, 400)
    for share in (0.5, 0.2):
        one = stated(found, "away", float(np.quantile(reached, 1 - share)))
        assert _is_whole(one)
        assert one.p == pytest.approx(share, abs=4 * np.hypot(np.sqrt(share * (1 - share) / 400), one.error))


def test_no_neutrinos_have_a_p_of_one(packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    found = beside(around(120.0, 20.0, 3.0), packaged[0], supply(*packaged))
    one = stated(found, "none", -np.inf)
    assert (one.p, one.error, one.is_limit) == (1.0, 0.0, False)


@pytest.mark.parametrize("threshold", [40.0, 700.0, np.inf])
def test_odds_above_any_background_are_an_upper_limit(
    threshold: float, packaged: tuple[SeasonTable, SeasonEvents]
) -> None:
    """Never 0, and no less than one of the lists that were drawn can exclude."""
    found = beside(around(120.0, 20.0, 3.0), packaged[0], supply(*packaged))
    background = own_background(found, "loud", {"event": np.array([threshold])})
    one = background.p_values["event"][0]
    assert one.is_limit and one.above == 0 and _is_whole(one)
    assert 1 / background.lists <= one.p <= 2 / background.lists
    assert 2.3 / background.lists <= one.upper_limit(0.9) <= 4.7 / background.lists


def test_an_event_of_sixty_neutrinos(packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    """The event, each neutrino and each pair that there is has a p-value, from one background."""
    table, events = packaged
    rng, skymap = np.random.default_rng(9), around(120.0, 20.0, 3.0)
    row = rng.integers(events.dec_rad.size, size=60)
    gps, ra = TRIGGER.gps_s + rng.uniform(-500, 500, 60), rng.uniform(0, 2 * np.pi, 60)
    of_event = (events.dec_rad[row], events.sigma_rad[row], events.energy_gev[row])
    result = coincidence(skymap, TRIGGER, Neutrinos(gps, ra, *of_event), table, SEARCH)
    event = np.concatenate([[result.event.log_b], result.log_b_apart])
    found = own_background(beside(skymap, table, supply(*packaged)), "sixty", {"event": event, "ensemble": event[:1]})
    p = found.p_values["event"]
    assert len(p) == 61 and all(map(_is_whole, p))
    assert p[0].p <= min(one.p for one in p[1:]), "all together look as related as any of them"


@pytest.mark.parametrize("intervals", [(), ((10.0, 10.0),)])
def test_a_window_without_a_covered_second(
    intervals: tuple[tuple[float, float], ...], packaged: tuple[SeasonTable, SeasonEvents]
) -> None:
    supplies = (supply(*packaged, intervals),) if intervals else ()
    found = beside(around(120.0, 20.0, 3.0), packaged[0], *supplies)
    with pytest.raises(ValueError, match="no second of the search window has good data"):
        stated(found, "none", 0.0)
