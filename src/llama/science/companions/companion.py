"""What a companion messenger tells the joint statistic: its candidates, and what its silence means.

A companion messenger is one with few, well recognised candidates, each with a sky map: gamma-ray bursts, optical
transients. For a source at direction Ω and distance r that merged at t_s, a candidate multiplies the weight of the
common origin by

    heard(r) · 1[minus ≤ t − t_s ≤ plus]/(plus − minus) · 4π P(Ω) / (rate · noise)

against an unrelated candidate, which comes at any time (`rate`), from anywhere (1/4π), looking like `noise`. A source
that the messenger did not hear has weight `silence(r)` instead (docs/science/messengers.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llama.science.arrays import Float
from llama.science.sky import SkyMap

OfDistance = Callable[[Float], Float]
"""A function of distances in Mpc, any shape, that returns logarithms of that shape; −inf for never."""


@dataclass(frozen=True, eq=False)
class Companion:
    """One candidate.

    Attributes:
        name: unique in its messenger, for people.
        gps_s: when it was seen.
        minus_s, plus_s: where t_candidate − t_source may lie; uniform in between.
        skymap: where it was seen, normalised.
        rate_hz: unrelated candidates of this kind per second.
        log_noise: ln of the density, among unrelated candidates, of whatever else was measured.
        log_heard: of r (Mpc), ln of the chance (density, in the units of `log_noise`) that a source at r is heard
            and looks like this, beaming included.
    """

    name: str
    gps_s: float
    minus_s: float
    plus_s: float
    skymap: SkyMap
    rate_hz: float
    log_noise: float
    log_heard: OfDistance

    def __post_init__(self) -> None:
        if not math.isfinite(self.gps_s):
            raise ValueError(f"candidate {self.name} has time {self.gps_s}; it must be finite")
        if not -math.inf < self.minus_s < self.plus_s < math.inf:
            raise ValueError(f"candidate {self.name} has a time window from {self.minus_s} to {self.plus_s} s")
        if not (0 < self.rate_hz < math.inf and math.isfinite(self.log_noise)):
            raise ValueError(
                f"candidate {self.name} has rate {self.rate_hz} Hz and noise density exp({self.log_noise}); "
                "both must be above zero and finite, or any coincidence would be certain"
            )

    @property
    def window_s(self) -> float:
        """Length of the time window."""
        return self.plus_s - self.minus_s


@dataclass(frozen=True, eq=False)
class Listening:
    """All that one messenger can say about one trigger.

    Attributes:
        messenger: its name, `fermi`.
        companions: its candidates, in order of time.
        log_silence: of r (Mpc), ln of the chance that it hears nothing of a source at r; 0 where it did not listen.
        notes: what the reader of a result must know, among it every candidate that was left out, and why.
        parameters: the numbers that were used, each with its source, for the result file.
    """

    messenger: str
    companions: tuple[Companion, ...]
    log_silence: OfDistance
    notes: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


def log_strength(companion: Companion, r_mpc: Float) -> Float:
    """ln of heard/(window · rate · noise): what a candidate inside its window adds, but for 4π P(Ω)."""
    unrelated = math.log(companion.window_s * companion.rate_hz) + companion.log_noise
    return np.asarray(companion.log_heard(np.asarray(r_mpc, dtype=np.float64)) - unrelated)


def source_times(companion: Companion, gps_s: float) -> tuple[float, float]:
    """When the source may have merged, in seconds after `gps_s`: earliest, latest."""
    # The difference first: GPS times near 1e9 s would eat the microseconds of the window's edges
    delay = companion.gps_s - gps_s
    return delay - companion.plus_s, delay - companion.minus_s


def log_silence_unless(log_heard: OfDistance) -> OfDistance:
    """ln(1 − heard) as a function of distance, for a messenger that is heard at most once per source."""

    def log_silence(r_mpc: Float) -> Float:
        heard = np.exp(log_heard(np.asarray(r_mpc, dtype=np.float64)))
        with np.errstate(divide="ignore"):
            return np.log1p(-np.minimum(heard, 1.0))

    return log_silence


def listens(listening: Listening) -> bool:
    """Whether the messenger can say anything about this trigger: a candidate, or that there was none."""
    return bool(listening.companions) or listening.log_silence is not not_listening


def not_listening(r_mpc: Float) -> Float:
    """ln of the chance that a messenger which was not listening hears nothing: 0 at any distance."""
    return np.zeros(np.shape(r_mpc))
