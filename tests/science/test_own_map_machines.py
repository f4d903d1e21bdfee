"""The last digits, which each kind of processor rounds in its own way, decide nothing of an event's own p-value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.science.own_map_cases import around, beside, flat, season, supply

from llama.science.significance import own_background
from llama.science.significance.proposal import _SPREADS_DEG, MapPoints, _smoothed
from llama.science.sky import SkyMap

MAPS = {"sharp": around(120.0, 20.0, 3.0), "wide": around(250.0, -10.0, 15.0, 800.0), "flat": flat()}
LAST_DIGITS = 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_the_same_lists_are_drawn_whatever_the_last_digits_of_the_map(name: str) -> None:
    table, events = season()
    asked = {"event": np.array([-20.0, -8.0, -2.0])}

    def drawn(skymap: SkyMap) -> list[float]:
        found = own_background(beside(skymap, table, supply(table, events)), "some", asked)
        return [one.p for one in found.p_values["event"]]

    skymap, rng = MAPS[name], np.random.default_rng(1)
    noise = 1 + LAST_DIGITS * rng.standard_normal(skymap.density.shape)
    assert_allclose(drawn(replace(skymap, density=skymap.density * noise)), drawn(skymap), rtol=1e-6)


@pytest.mark.parametrize("spread", _SPREADS_DEG)
def test_smoothing_is_good_to_the_last_digits_however_far_from_the_map(spread: float) -> None:
    mass, rng = np.zeros((180, 360)), np.random.default_rng(2)
    mass[100:110, 350:] = rng.random((10, 10))
    there = _smoothed(mass, spread)
    noise = 1 + LAST_DIGITS * rng.standard_normal(mass.shape)
    assert_allclose(_smoothed(mass * noise, spread), there, rtol=20 * LAST_DIGITS)
    assert_allclose(_smoothed(np.roll(mass, 200, axis=1), spread), np.roll(there, 200, axis=1), rtol=1e-12)
    area = np.cos(np.radians(np.arange(180) - 89.5))[:, None]
    assert (there * area).sum() == pytest.approx(mass.sum(), rel=0.05)  # some of it goes over a pole and is lost


def test_a_score_is_good_to_far_more_digits_than_decide_an_order() -> None:
    rng = np.random.default_rng(3)
    points = MapPoints(_directions(rng, 50), np.log(rng.dirichlet(np.ones(50))), rng.uniform(1e-6, 1e-3, 50))
    near = points.direction[rng.integers(50, size=200)] + 0.01 * rng.standard_normal((200, 3))
    direction, sigma = near / np.linalg.norm(near, axis=1, keepdims=True), rng.uniform(0.003, 0.1, 200)
    cosine = sum(direction[:, None, k] * points.direction[None, :, k] for k in range(3))
    variance = sigma[:, None] ** 2 + points.variance
    slow = np.logaddexp.reduce(points.log_mass - np.log(variance) - (1 - cosine) / variance, axis=1)
    assert_allclose(points.log_density(direction, sigma), slow, rtol=0, atol=1e-9)


def _directions(rng: np.random.Generator, count: int) -> np.ndarray:
    found = rng.standard_normal((count, 3))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))
