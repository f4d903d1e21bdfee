"""Is the neutrinos' likelihood normalised? Of e^{−αn} Π(1 + n w_i) the mean over the background is known everywhere.

It is 1 where every neutrino of the signal might be background too. Signal above all background energies never is: the
part α_b of α there gives lists that no background equals, which leaves e^{−n α_b}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import (
    LN10,
    SeasonTable,
    alpha,
    energy_cap_gev,
    interpolate_sin_dec,
    log_background_density,
    signal_rows,
)
from llama.science.search import Search
from llama.studies.background_density import BackgroundDraws
from llama.studies.blocks import generator
from llama.studies.validation.check import Cell, Check, PageTable, verdict
from llama.studies.validation.inputs import CheckInputs
from llama.studies.validation.plots import bracket_plot

COUNTS = (0.01, 0.1, 1.0)
JUDGED_COUNT = 1.0
WHOLE, EACH, BRACKET = 0.05, 0.30, 0.25
WHOLE_DRAWN, EACH_DRAWN = 0.03, 0.10
ERRORS = 3.0
_BINS, _FINE = 48, 20
AT_HAND, DRAWN = "neutrinos at hand", "drawn from the density"


@dataclass(frozen=True, eq=False)
class Norm:
    """By bins of sin δ: ∫w R_ν P dε dt over the background below the cap and its standard error, what it should be,
    and α with the rest."""

    found: Float
    error: Float
    within: Float
    alpha: Float

    @property
    def ratio(self) -> Float:
        """A over the α below the cap: by what factor B is too high on average, wherever the source is."""
        return np.asarray(self.found / self.within)

    @property
    def whole(self) -> tuple[float, float]:
        """The same over the whole sky, each direction with what it contributes, and its error."""
        every = self.within.sum()
        return float(self.found.sum() / every), float(np.sqrt(np.square(self.error).sum()) / every)

    def mean_bracket(self, n: float) -> Float:
        """⟨e^{−αn} Π(1 + n w)⟩ over what it should be, e^{−n α_b}; of a Poisson process it is e^{n(A − α)}."""
        return np.asarray(np.exp(n * (self.found - self.within)))

    def wrong(self, whole: float, each: float, bracket: float) -> list[str]:
        """What is off by more than these tolerances and three standard errors of the sample."""
        spare, mean = ERRORS * self.error / self.within, self.mean_bracket(JUDGED_COUNT)
        off = {
            "the whole sky": max(abs(self.whole[0] - 1) - ERRORS * self.whole[1] - whole, 0.0),
            "A by declination": float(np.maximum(np.abs(self.ratio - 1) - spare - each, 0.0).max()),
            f"the mean at n = {JUDGED_COUNT:g}": float(
                np.maximum(np.abs(mean - 1) - ERRORS * self.error * mean - bracket, 0.0).max()
            ),
        }
        return [name for name, excess in off.items() if excess > 0]


def norm(season: SeasonTable, search: Search, dec_rad: Float, energy_gev: Float, total: float = 1.0) -> Norm:
    """Averages of a/P_emp over background neutrinos, whose density integrates to `total`; σ much below a bin."""
    inside = (energy_gev >= search.energy_min_gev) & (energy_gev <= energy_cap_gev(season, search, dec_rad))
    sin_dec = np.sin(dec_rad[inside])
    ratio = _ratios(season, search, dec_rad[inside], energy_gev[inside])
    where = np.minimum(((sin_dec + 1) / 2 * _BINS).astype(np.int64), _BINS - 1)
    each = total / dec_rad.size / (4 * np.pi / _BINS)
    found = np.bincount(where, ratio, minlength=_BINS) * each
    error = np.sqrt(np.bincount(where, np.square(ratio), minlength=_BINS)) * each
    fine = np.linspace(-1, 1, _BINS * _FINE + 1)
    middle = (fine[1:] + fine[:-1]) / 2
    within, whole = (_alpha_below(season, search, middle), alpha(season, middle))
    means = (np.asarray(values.reshape(_BINS, _FINE).mean(axis=1), dtype=np.float64) for values in (within, whole))
    return Norm(np.asarray(found, dtype=np.float64), np.asarray(error), *means)


def _alpha_below(season: SeasonTable, search: Search, sin_dec: Float) -> Float:
    """α of the energies up to the highest of the background."""
    edges = np.linspace(season.log10_energy[0] - 0.1, season.log10_energy[-1] + 0.1, 2001)
    middle = (edges[1:] + edges[:-1]) / 2
    rows = signal_rows(season, 10**middle) * (10**middle * LN10)[:, None]
    every = interpolate_sin_dec(season, rows, np.arange(middle.size)[:, None], sin_dec[None, :])
    below = 10 ** middle[:, None] <= energy_cap_gev(season, search, np.arcsin(sin_dec))
    return np.asarray((every * below).sum(axis=0) * (edges[1] - edges[0]))


def _ratios(season: SeasonTable, search: Search, dec_rad: Float, energy_gev: Float) -> Float:
    """a/P_emp of each neutrino at its own direction, its energy capped like the statistic's."""
    parts = [np.empty(0)]
    for first in range(0, dec_rad.size, 20_000):
        dec = dec_rad[first : first + 20_000]
        energy = np.minimum(energy_gev[first : first + 20_000], energy_cap_gev(season, search, dec))
        signal = interpolate_sin_dec(season, signal_rows(season, energy), np.arange(dec.size), np.sin(dec))
        parts.append(signal / np.exp(log_background_density(season, search, dec, energy)))
    return np.concatenate(parts)


def norms(inputs: CheckInputs, search: Search, seed: int, size: int) -> dict[str, Norm]:
    """Of the neutrinos at hand, and of neutrinos drawn from the density itself."""
    pool = inputs.pool.take(generator(seed, "bracket rows", 0).permutation(len(inputs.pool))[:size])
    background = BackgroundDraws.of(inputs.season, search)
    drawn = background.draw(generator(seed, "bracket", 0), size)
    return {
        AT_HAND: norm(inputs.season, search, pool.dec_rad, pool.energy_gev),
        DRAWN: norm(inputs.season, search, *drawn, background.total),
    }


def check_bracket(inputs: CheckInputs, seed: int, size: int) -> Check:
    """Every search whose energies and windows differ from the others'."""
    every = {_depends_on(p.search): p.search for p in inputs.populations}
    found = {
        name if len(every) == 1 else f"{name}, {search.name}": one
        for search in every.values()
        for name, one in norms(inputs, search, seed, size).items()
    }
    return judge(found, sorted({p.search.name for p in inputs.populations}))


def _depends_on(search: Search) -> tuple[float, ...]:
    """All that response and background take from a search."""
    return search.energy_min_gev, search.energy_max_gev, search.energy_window_dex, search.declination_window_deg


def judge(found: Mapping[str, Norm], searches: Sequence[str]) -> Check:
    """The verdict."""
    wrong = [
        f"{name}: {what}"
        for name, one in found.items()
        for what in one.wrong(*((WHOLE_DRAWN, EACH_DRAWN) if name.startswith(DRAWN) else (WHOLE, EACH)), BRACKET)
    ]
    sin_dec = (np.arange(_BINS) + 0.5) * 2 / _BINS - 1
    return Check(
        name="bracket",
        title="Normalisation over the background",
        question="Averaged over background neutrinos, is the likelihood of a source giving n neutrinos that of none?",
        criterion=f"A/α_b, the mean of w over what it should be, is within {100 * WHOLE:g} % of 1 over the sky, "
        f"each declination with what it contributes, and within {100 * EACH:g} % in each of {_BINS} bins of sin δ; "
        f"the mean of e^(−αn) Π(1 + n w) over e^(−n α_b) is within {100 * BRACKET:g} % of 1 in each at n = "
        f"{JUDGED_COUNT:g}. For neutrinos drawn from the density, where nothing but arithmetic can be wrong, "
        f"{100 * WHOLE_DRAWN:g} and {100 * EACH_DRAWN:g} %. Each allows {ERRORS:g} standard errors of the sample "
        "besides. α_b is the part of α above which no background is",
        value="; ".join(map(_in_words, found.items()))
        + f"; searches: {', '.join(searches)}"
        + (f"; too far off: {', '.join(wrong)}" if wrong else ""),
        verdict=verdict(len(found), len(wrong)),
        limits=f"Where A/α_b is not 1, B is too high by that factor on average: {100 * EACH:g} % is 0.3 in ln O, and "
        "takes a stated probability of 0.5 to 0.57 or 0.43; the background window is wide against the edges of the "
        "selection, which makes such errors, and what is stated near them is no better than that. The point spread "
        "is left out, as it changes nothing where α is even. What the signal does above all background energies no "
        "background can tell: there the energy cap is a convention (choice A12).",
        plots=(bracket_plot(sin_dec, found, EACH, JUDGED_COUNT, BRACKET),),
        tables=(_table(sin_dec, found),),
    )


def _in_words(item: tuple[str, Norm]) -> str:
    name, one = item
    mean = one.mean_bracket(JUDGED_COUNT)
    return (
        f"{name}: A/α_b {one.whole[0]:.3f} ± {one.whole[1]:.3f} over the sky, {one.ratio.min():.2f} to "
        f"{one.ratio.max():.2f} by declination, mean at n = {JUDGED_COUNT:g} {mean.min():.2f} to {mean.max():.2f}"
    )


def _table(sin_dec: Float, found: Mapping[str, Norm]) -> PageTable:
    rows: list[tuple[Cell, ...]] = [
        (round(float(sin_dec[i]), 3), name, round(float(one.alpha[i]), 3), round(float(one.within[i]), 3),
         round(float(one.found[i]), 3), round(float(one.ratio[i]), 3), round(float(one.error[i] / one.within[i]), 3),
         *(round(float(one.mean_bracket(n)[i]), 4) for n in COUNTS))
        for name, one in found.items() for i in range(_BINS)
    ]  # fmt: skip
    columns = ("sin δ", "background", "α", "α_b", "A", "A/α_b", "±", *(f"mean at n = {n:g}" for n in COUNTS))
    caption = (
        "By declination: A, the mean of w over the background below the cap, should be α_b, the α below the cap."
    )
    return PageTable(caption, columns, tuple(rows))
