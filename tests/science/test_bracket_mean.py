"""The background mean of e^{−αn} Π(1 + n w_i): 1 if a, α and P_emp fit together (SCIENCE 2.2, 8).

Read here from the events of the releases themselves, with right ascensions drawn anew. By how much it falls short of
1, and why, is in docs/science/response.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_events import read_events
from scipy.special import ive

import llama.data
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector import response
from llama.science.detector.background import log_background_density
from llama.science.search import Search

TABLES = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5")
CBC = Search()
WINDOW_S = 500.0
LOG_ENERGY = np.arange(1.005, 8.0, 0.01)


class Background:
    """The events within 5° of a declination and what a/P_emp they have for a source there."""

    def __init__(self, data: Path, name: str, dec_deg: float) -> None:
        self.season, self.dec = TABLES.season(name), np.radians(dec_deg)
        events = read_events(data, name)
        self.total = len(events)
        log_energy, dec, sigma = events[np.abs(events[:, 1] - dec_deg) < 5].T
        self.band = np.sort(log_energy[np.abs(dec - dec_deg) < CBC.declination_window_deg])
        self.dec_nu, self.sigma = np.radians(dec), np.radians(sigma)
        self.alpha = float(response.alpha(self.season, np.sin(self.dec)))
        density = np.interp(log_energy, LOG_ENERGY, self.signal()) / (10**log_energy * np.log(10))
        self.ratio = density * np.exp(-self.log_background(10**log_energy))

    def signal(self) -> np.ndarray:
        """Density of the signal in log10 energy at `LOG_ENERGY`."""
        rows = response.signal_rows(self.season, 10**LOG_ENERGY) * (10**LOG_ENERGY * np.log(10))[:, None]
        return response.interpolate_sin_dec(self.season, rows, np.arange(LOG_ENERGY.size), np.sin(self.dec))

    def log_background(self, energy: np.ndarray) -> np.ndarray:
        parts = np.array_split(np.arange(energy.size), energy.size // 1000 + 1)
        return np.concatenate(
            [log_background_density(self.season, CBC, self.dec_nu[part], energy[part]) for part in parts]
        )

    def mean_signal(self) -> tuple[float, float]:
        """Mean of a PSF/P_emp over the background, relative to α, and its error; right ascension in closed form."""
        kappa = 1 / self.sigma**2
        flat = kappa * np.cos(self.dec) * np.cos(self.dec_nu)
        along = kappa * (np.sin(self.dec) * np.sin(self.dec_nu) - 1) + flat
        psf = kappa / (2 * np.pi * -np.expm1(-2 * kappa)) * np.exp(along) * ive(0, flat)
        terms = self.ratio * psf / self.alpha / self.total
        return float(terms.sum()), float(np.sqrt((terms**2).sum()))

    def reached(self) -> float:
        """Share of the signal at energies with a background event within ΔE."""
        first, last = (np.searchsorted(self.band, LOG_ENERGY + side * CBC.energy_window_dex) for side in (-1, 1))
        signal = self.signal()
        return float(signal[last > first].sum() / signal.sum())

    def draws(self, n: float, trials: int, seed: int) -> np.ndarray:
        """The bracket of that many windows, each with a Poisson number of events at random right ascensions."""
        rng = np.random.default_rng(seed)
        number = rng.poisson(self.season.rate_hz * WINDOW_S * self.sigma.size / self.total, trials)
        which = rng.integers(self.sigma.size, size=number.sum())
        kappa, dec_nu = 1 / self.sigma[which] ** 2, self.dec_nu[which]
        cosine = np.sin(self.dec) * np.sin(dec_nu) + np.cos(self.dec) * np.cos(dec_nu) * np.cos(
            rng.uniform(0, 2 * np.pi, which.size)
        )
        psf = kappa / (2 * np.pi * -np.expm1(-2 * kappa)) * np.exp(kappa * (cosine - 1))
        w = self.ratio[which] * psf / (self.season.rate_hz * WINDOW_S)
        logs = np.concatenate([[0.0], np.cumsum(np.log1p(n * w))])
        ends = np.cumsum(number)
        return np.exp(logs[ends] - logs[ends - number] - self.alpha * n)


DECLINATIONS = (-80.0, -60.0, -30.0, -15.0, -8.0, -3.0, 3.0, 15.0, 30.0, 60.0, 85.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, tolerance", [("IC86-2012", 0.18), ("IC86-2011", 0.18), ("IC79-2010", 0.3), ("IC40", 0.3)]
)
def test_mean_is_the_reached_share_of_the_signal(data, name, tolerance):
    """∫ a PSF p/P_emp = α × the share of the signal at energies where there is background."""
    off = []
    for dec in DECLINATIONS:
        background = Background(data, name, dec)
        found, error = background.mean_signal()
        off.append(found / background.reached() - 1)
        assert abs(off[-1]) < tolerance + 2 * error, f"δ = {dec}"
    assert abs(np.median(off)) < tolerance / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, dec, n", [("IC86-2011", 30.0, 0.1), ("IC86-2012", -45.0, 1.0), ("IC79-2010", -30.0, 0.1)]
)
def test_bracket_of_scrambled_events(data, name, dec, n):
    """Drawn windows average to exp(−αn(1 − m)), m the mean above. Where αn is not small no number of draws shows it:
    the mean is then made by windows with several signal-like events, which never come."""
    background = Background(data, name, dec)
    m, _ = background.mean_signal()
    found = background.draws(n, 1_000_000, seed=1)
    error = found.std() / np.sqrt(found.size)
    assert error < 0.03
    assert abs(found.mean() - np.exp(-background.alpha * n * (1 - m))) < 3 * error
