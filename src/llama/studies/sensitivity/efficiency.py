"""How many injected signals are found at a fixed false alarm probability, and along what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from llama.formats.errors import FormatError
from llama.science.arrays import Float
from llama.studies.trials import StudyTrials

CONFIDENCE = 0.6827
LEAST_ABOVE = 10
"""Background trials above a threshold below which it is called uncertain."""


@dataclass(frozen=True)
class Fraction:
    """Successes of a number of tries, with the central Clopper-Pearson interval; weighted, they are not whole."""

    found: float
    of: float
    confidence: float = CONFIDENCE

    @property
    def value(self) -> float:
        return self.found / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Ends that are exceeded with probability (1 − confidence)/2 each: C. J. Clopper, E. S. Pearson 1934."""
        tail = (1 - self.confidence) / 2
        k, n = self.found, self.of
        low = 0.0 if k <= 0 else float(betaincinv(k, n - k + 1, tail))
        high = 1.0 if k >= n else float(betaincinv(k + 1, n - k, 1 - tail))
        return low, high


@dataclass(frozen=True)
class Threshold:
    """Where a search calls a trial a detection.

    Attributes:
        asked: false alarm probability that is allowed.
        log_odds: a detection is above it. passed: background trials that are.
    """

    asked: float
    log_odds: float
    passed: Fraction

    @classmethod
    def of(cls, background: Float, probability: float) -> Threshold:
        """The lowest at which no more of the background pass; FormatError when it is too little to say."""
        allowed = int(np.floor(probability * background.size + 1e-9))
        if allowed < 1:
            raise FormatError(
                f"{background.size} background trials cannot tell a false alarm probability of {probability:g}: "
                f"draw {int(np.ceil(LEAST_ABOVE / probability))} or ask for a larger one"
            )
        ranked = np.sort(background)[::-1]
        at = float(ranked[min(allowed, ranked.size - 1)])
        return cls(probability, at, Fraction(int((background > at).sum()), int(background.size)))

    @property
    def vague(self) -> bool:
        """Whether so few pass that the threshold is uncertain."""
        return self.passed.found < LEAST_ABOVE

    def found(self, log_odds: Float) -> NDArray[np.bool_]:
        """(n,) which are detections."""
        return np.asarray(log_odds > self.log_odds)


@dataclass(frozen=True)
class Bin:
    """Detections among the signals between two values."""

    low: float
    high: float
    middle: float
    found: Fraction


@dataclass(frozen=True)
class EfficiencyCurve:
    """Efficiency along one axis."""

    axis: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class EfficiencyAxis:
    """Something that the efficiency depends on: its name with unit, for tables and for figures."""

    key: str
    label: str
    log: bool


AXES = (
    EfficiencyAxis("energy_gev", "Highest reconstructed energy (GeV)", True),
    EfficiencyAxis("true_energy_gev", "Highest neutrino energy, by rank (GeV)", True),
    EfficiencyAxis("distance_mpc", "Distance of the source (Mpc)", True),
    EfficiencyAxis("sin_dec", r"Sine of the source's declination, $\sin\delta$", False),
)
_PER_DECADE = {"energy_gev": 2, "true_energy_gev": 2, "distance_mpc": 5}
_SIN_DEC_BINS = 10


def values_of(trials: StudyTrials, axis: EfficiencyAxis) -> Float:
    """(trials,) along an axis: of the most energetic neutrino where there are two."""
    if axis.key == "sin_dec":
        return np.sin(trials.column("dec_rad"))
    found = trials.column(axis.key)
    return np.asarray(found.max(axis=1) if found.ndim > 1 else found)


def edges_of(axis: EfficiencyAxis, values: Sequence[Float]) -> Float:
    """The same round edges for all kinds of trials."""
    if not axis.log:
        return np.linspace(-1, 1, _SIN_DEC_BINS + 1)
    every = np.concatenate(list(values))
    step = 1 / _PER_DECADE[axis.key]
    low, high = np.floor(np.log10(every.min()) / step), np.ceil(np.log10(every.max()) / step)
    return np.asarray(10 ** (np.arange(low, max(high, low + 1) + 1) * step))


def curve(
    axis: EfficiencyAxis, edges: Float, values: Float, found: NDArray[np.bool_], confidence: float = CONFIDENCE
) -> EfficiencyCurve:
    """Every signal counts alike within a bin; bins without signals are left out."""
    where = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)
    bins = []
    for i in np.unique(where).tolist():
        here = where == i
        low, high = float(edges[i]), float(edges[i + 1])
        middle = float(np.sqrt(low * high)) if axis.log else (low + high) / 2
        bins.append(Bin(low, high, middle, Fraction(int(found[here].sum()), int(here.sum()), confidence)))
    return EfficiencyCurve(axis.key, tuple(bins))


def weighted(found: NDArray[np.bool_], weight: Float, confidence: float = CONFIDENCE) -> Fraction:
    """Efficiency for sources as the population has them: each signal counts as often as such a source gives so many
    neutrinos. Its interval is that of as many tries as the weights are worth, (Σw)²/Σw²."""
    total = float(weight.sum())
    if not total > 0:
        return Fraction(0.0, 0.0, confidence)
    worth = total**2 / float(np.square(weight).sum())
    return Fraction(min(worth * float(weight[found].sum()) / total, worth), worth, confidence)
