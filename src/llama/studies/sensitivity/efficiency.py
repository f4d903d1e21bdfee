"""How many injected signals are found at a fixed false alarm probability, and along what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from scipy.stats import t as student_t

from llama.formats.errors import FormatError
from llama.science.arrays import Float, Index
from llama.studies.trials import StudyTrials

CONFIDENCE = 0.6827
LEAST_ABOVE = 10
"""Background trials above a threshold below which it is called uncertain."""


@dataclass(frozen=True)
class Fraction:
    """Successes of a number of tries, with the central Clopper-Pearson interval; weighted, they are not whole.

    Attributes:
        worth: independent tries that they are worth, see `independent`; None where all are.
    """

    found: float
    of: float
    confidence: float = CONFIDENCE
    worth: float | None = None

    @property
    def value(self) -> float:
        return self.found / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Ends that are exceeded with probability (1 − confidence)/2 each: C. J. Clopper, E. S. Pearson 1934."""
        tail = (1 - self.confidence) / 2
        n = self.of if self.worth is None else self.worth
        k = self.found if self.worth is None or not self.of else n * self.value
        low = 0.0 if k <= 0 else float(betaincinv(k, n - k + 1, tail))
        high = 1.0 if k >= n else float(betaincinv(k + 1, n - k, 1 - tail))
        return low, high


def independent(found: NDArray[np.bool_], weight: Float, maps: Index, confidence: float) -> float:
    """How many independent tries these are worth, as trials of one sky map have its source and its shape in common.

    n = p (1 − p) / Var p, with the variance of a weighted mean over maps drawn at random, and a factor for how little
    a few maps say of that variance: E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) 193. At most
    (Σw)²/Σw² of the trials, and of the maps where all or none are found and no variance can be told.

    Args:
        found, weight, maps: (n,) for each trial; n > 0, Σw > 0.
    """
    total, many = float(weight.sum()), np.unique(maps, return_inverse=True)[1]
    most, of_maps = _worth(weight), np.bincount(many, weight).astype(np.float64)
    if of_maps.size == 1:
        return 1.0
    if found.size == of_maps.size:
        return most
    p = float(weight[found].sum()) / total
    residual = np.bincount(many, weight * (found - p))
    variance = of_maps.size / (of_maps.size - 1) * float(np.square(residual).sum()) / total**2
    if not 0 < p < 1 or variance == 0:
        return min(most, _worth(of_maps))
    at = (1 + confidence) / 2
    few = float(student_t.ppf(at, found.size - 1) / student_t.ppf(at, of_maps.size - 1)) ** 2
    return min(most, few * p * (1 - p) / variance)


def _worth(weight: Float) -> float:
    return float(weight.sum() ** 2 / np.square(weight).sum())


def fraction(found: NDArray[np.bool_], maps: Index | None, confidence: float = CONFIDENCE) -> Fraction:
    """Of trials that count alike; (n,) a number for each trial's sky map, None where each has its own."""
    worth = None if maps is None or not found.size else independent(found, np.ones(found.size), maps, confidence)
    return Fraction(int(found.sum()), int(found.size), confidence, worth)


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
    def of(cls, background: Float, probability: float, maps: Index | None = None) -> Threshold:
        """The lowest at which no more of the background pass; FormatError when it is too little to say.

        Args:
            background: (n,) ln of the odds.
            maps: (n,) a number for each trial's sky map; None where each has its own.
        """
        allowed = int(np.floor(probability * background.size + 1e-9))
        if allowed < 1:
            raise FormatError(
                f"{background.size} background trials cannot tell a false alarm probability of {probability:g}: "
                f"draw {int(np.ceil(LEAST_ABOVE / probability))} or ask for a larger one"
            )
        ranked = np.sort(background)[::-1]
        at = float(ranked[min(allowed, ranked.size - 1)])
        return cls(probability, at, fraction(background > at, maps))

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
    axis: EfficiencyAxis, edges: Float, values: Float, found: NDArray[np.bool_], maps: Index | None = None,
    confidence: float = CONFIDENCE,
) -> EfficiencyCurve:  # fmt: skip
    """Every signal counts alike within a bin; bins without signals are left out."""
    where = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)
    bins = []
    for i in np.unique(where).tolist():
        here = where == i
        low, high = float(edges[i]), float(edges[i + 1])
        middle = float(np.sqrt(low * high)) if axis.log else (low + high) / 2
        bins.append(Bin(low, high, middle, fraction(found[here], None if maps is None else maps[here], confidence)))
    return EfficiencyCurve(axis.key, tuple(bins))


def weighted(
    found: NDArray[np.bool_], weight: Float, maps: Index | None = None, confidence: float = CONFIDENCE
) -> Fraction:
    """Efficiency for sources as the population has them: each signal counts as often as such a source gives so many
    neutrinos. Its interval is that of as many tries as the weights are worth, (Σw)²/Σw² or fewer (`independent`)."""
    total = float(weight.sum())
    if not total > 0:
        return Fraction(0.0, 0.0, confidence)
    worth = _worth(weight) if maps is None else independent(found, weight, maps, confidence)
    return Fraction(min(worth * float(weight[found].sum()) / total, worth), worth, confidence)
