"""Is the neutrinos' likelihood normalised? Of e^{−αn} Π(1 + n w_i) the mean over the background is known everywhere.

It is 1 where every neutrino of the signal might be background too. Signal above all background energies never is: the
part α_b of α there gives lists that no background equals, which leaves e^{−n α_b}.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.background import energy_cap_gev, log_background_density
from llama.science.response import LN10, alpha, interpolate_sin_dec, signal_rows
from llama.studies.validation.background import Background
from llama.studies.validation.check import Cell, Check, Table
from llama.studies.validation.inputs import Inputs, generator
from llama.studies.validation.plots import bracket_plot

Float = NDArray[np.float64]

COUNTS = (0.01, 0.1, 1.0)
JUDGED, TOLERANCE = 0.1, 0.05
_BINS, _FINE = 24, 20


@dataclass(frozen=True, eq=False)
class Norm:
    """By bins of sin δ: ∫w R_ν P dε dt over the background below the cap, what it should be, and α with the rest."""

    found: Float
    within: Float
    alpha: Float

    def mean_bracket(self, n: float) -> Float:
        """⟨e^{−αn} Π(1 + n w)⟩ over what it should be, e^{−n α_b}: the mean over a Poisson process is e^{n(A − "
        "α)}."""
        return np.asarray(np.exp(n * (self.found - self.within)))


def norm(inputs: Inputs, dec_rad: Float, energy_gev: Float, total: float = 1.0) -> Norm:
    """Averages of a/P_emp over background neutrinos, whose density integrates to `total`; σ much below a bin."""
    season, search = inputs.season, inputs.search
    inside = (energy_gev >= search.energy_min_gev) & (energy_gev <= energy_cap_gev(season, search, dec_rad))
    sin_dec = np.sin(dec_rad[inside])
    ratio = _ratios(inputs, dec_rad[inside], energy_gev[inside])
    where = np.minimum(((sin_dec + 1) / 2 * _BINS).astype(np.int64), _BINS - 1)
    found = np.bincount(where, ratio, minlength=_BINS) * total / dec_rad.size / (4 * np.pi / _BINS)
    fine = np.linspace(-1, 1, _BINS * _FINE + 1)
    middle = (fine[1:] + fine[:-1]) / 2
    within, whole = (_alpha_below(inputs, middle), alpha(season, middle))
    return Norm(found, *(values.reshape(_BINS, _FINE).mean(axis=1) for values in (within, whole)))


def _alpha_below(inputs: Inputs, sin_dec: Float) -> Float:
    """α of the energies up to the highest of the background."""
    season = inputs.season
    edges = np.linspace(season.log10_energy[0] - 0.1, season.log10_energy[-1] + 0.1, 2001)
    middle = (edges[1:] + edges[:-1]) / 2
    rows = signal_rows(season, 10**middle) * (10**middle * LN10)[:, None]
    every = interpolate_sin_dec(season, rows, np.arange(middle.size)[:, None], sin_dec[None, :])
    below = 10 ** middle[:, None] <= energy_cap_gev(season, inputs.search, np.arcsin(sin_dec))
    return np.asarray((every * below).sum(axis=0) * (edges[1] - edges[0]))


def _ratios(inputs: Inputs, dec_rad: Float, energy_gev: Float) -> Float:
    """a/P_emp of each neutrino at its own direction, its energy capped like the statistic's."""
    season, search, parts = inputs.season, inputs.search, [np.empty(0)]
    for first in range(0, dec_rad.size, 20_000):
        dec = dec_rad[first : first + 20_000]
        energy = np.minimum(energy_gev[first : first + 20_000], energy_cap_gev(season, search, dec))
        signal = interpolate_sin_dec(season, signal_rows(season, energy), np.arange(dec.size), np.sin(dec))
        parts.append(signal / np.exp(log_background_density(season, search, dec, energy)))
    return np.concatenate(parts)


def check_bracket(inputs: Inputs, seed: int, size: int) -> Check:
    """The neutrinos at hand, and neutrinos drawn from the density itself."""
    pool = inputs.pool.take(generator(seed, "bracket rows", 0).permutation(len(inputs.pool))[:size])
    background = Background.of(inputs.season, inputs.search)
    drawn = background.draw(generator(seed, "bracket", 0), size)
    norms = {
        "neutrinos at hand": norm(inputs, pool.dec_rad, pool.energy_gev),
        "drawn from the density": norm(inputs, *drawn, background.total),
    }
    worst = {name: float(np.abs(one.mean_bracket(JUDGED) - 1).max()) for name, one in norms.items()}
    sin_dec = (np.arange(_BINS) + 0.5) * 2 / _BINS - 1
    rows: list[tuple[Cell, ...]] = [
        (round(float(sin_dec[i]), 3), round(float(one.alpha[i]), 3), round(float(one.within[i]), 3), name,
         round(float(one.found[i]), 3),
         *(round(float(one.mean_bracket(n)[i]), 4) for n in COUNTS))
        for name, one in norms.items() for i in range(_BINS)
    ]  # fmt: skip
    columns = ("sin δ", "α", "α below the cap", "background", "A", *(f"ratio at n = {n:g}" for n in COUNTS))
    return Check(
        name="bracket",
        title="Normalisation over the background",
        question="Averaged over background neutrinos, is the likelihood of a source giving n neutrinos that of none?",
        criterion=f"the mean of e^(−αn) Π(1 + n w) is within {TOLERANCE:g} of e^(−n α_b) relative to it, in every "
        f"bin of "
        f"declination for n = {JUDGED:g}, with the neutrinos at hand and with neutrinos drawn from the density; α_b "
        f"is "
        "the part of α above all background energies",
        value="; ".join(f"{name}: off by {value:.3f} at most" for name, value in worst.items()),
        passed=max(worst.values()) <= TOLERANCE,
        limits="The point spread is left out, as it changes nothing where α is even. A source with n = 1 on average "
        "is "
        "a rare one; there the ratio is shown and not judged. What the signal does above all background energies no "
        "background can tell: there the energy cap is a convention (choice A12).",
        plots=(bracket_plot(sin_dec, norms, COUNTS),),
        tables=(
            Table(
                "By declination: A, the mean of w over the background below the cap, should be the α below the cap.",
                columns,
                tuple(rows),
            ),
        ),
    )
