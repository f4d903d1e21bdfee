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
from dataclasses import dataclass, field, replace
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
        test: whether its source calls it a test and no observation; nothing is computed from that.
    """

    name: str
    gps_s: float
    minus_s: float
    plus_s: float
    skymap: SkyMap
    rate_hz: float
    log_noise: float
    log_heard: OfDistance
    test: bool = False

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


Draw = Callable[[np.random.Generator, float, float, float], Companion]
"""One candidate in its window after a merger at a GPS time, seen at a right ascension and declination (rad)."""


@dataclass(frozen=True)
class Looked:
    """Where a messenger looked: `part` of the map's probability, in `sky` of the whole sky."""

    part: float
    sky: float


@dataclass(frozen=True, eq=False)
class Unrelated:
    """Candidates of one messenger that are none of the merger's.

    Attributes:
        expected: how many come in their windows after a merger, on average.
        draw: one of them.
        width_rad: how far from its place one still matters, roughly.
        looked: where they may be; None for the whole sky.
        of_its_list: whether all that is known of them is what the event's own candidates say, so that an empty list
            says nothing of them.
    """

    expected: float
    draw: Draw
    width_rad: float
    looked: Looked | None = None
    of_its_list: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.expected < math.inf:
            raise ValueError(
                f"unrelated candidates are expected {self.expected} times; it must be finite, at least 0"
            )


@dataclass(frozen=True, eq=False)
class Listening:
    """All that one messenger can say about one trigger.

    Attributes:
        messenger: its name, `fermi`.
        companions: its candidates, in order of time.
        log_silence: of r (Mpc), ln of the chance that it hears nothing of a source at r; 0 where it did not listen.
        notes: what the reader of a result must know, among it every candidate that was left out, and why.
        parameters: the numbers that were used, each with its source, for the result file.
        window_known: whether its list says which stretch of time it is of. Where it does not, and all of its
            candidates are far from their windows, it is taken to be of another time, and its silence is none.
        unrelated: what candidates that are none of the merger's are like; None where that is not known, and so no
            p-value either.
    """

    messenger: str
    companions: tuple[Companion, ...]
    log_silence: OfDistance
    notes: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    window_known: bool = True
    unrelated: Unrelated | None = None


def log_strength(companion: Companion, r_mpc: Float) -> Float:
    """ln of heard/(window · rate · noise): what a candidate inside its window adds, but for 4π P(Ω)."""
    unrelated = math.log(companion.window_s * companion.rate_hz) + companion.log_noise
    return np.asarray(companion.log_heard(np.asarray(r_mpc, dtype=np.float64)) - unrelated)


def source_times(companion: Companion, gps_s: float) -> tuple[float, float]:
    """When the source may have merged, in seconds after `gps_s`: earliest, latest."""
    # The difference first: GPS times near 1e9 s would eat the microseconds of the window's edges
    delay = companion.gps_s - gps_s
    return delay - companion.plus_s, delay - companion.minus_s


def in_time(companion: Companion, gps_s: float) -> bool:
    """Whether it came when a candidate should after a merger at `gps_s`."""
    first, last = source_times(companion, gps_s)
    return first <= 0 <= last


def within_reach(listening: Listening, gps_s: float, reach_s: tuple[float, float] | None) -> Listening:
    """The same without candidates that can share a source with nothing; notes say which, and which are strangers.

    Args:
        gps_s: of the merger.
        reach_s: when, after it, the sources of other candidates may have been; None when there are no others.
    """
    kept, notes = [], []
    for one in listening.companions:
        first, last = source_times(one, gps_s)
        if in_time(one, gps_s):
            kept.append(one)
            continue
        late = (
            f"candidate {one.name} came {_ago(one.gps_s - gps_s)} the merger, outside its window of "
            f"{one.minus_s:+g} to {one.plus_s:+g} s"
        )
        if reach_s is not None and first < reach_s[1] and last > reach_s[0]:
            kept.append(one)
            notes.append(f"{late}: not counted with the merger, but as what neutrinos may share another source with")
        else:
            notes.append(f"{late}: it counts nowhere")
    silence = listening.log_silence
    if listening.companions and not listening.window_known and all(_far(one, gps_s) for one in listening.companions):
        silence = not_listening
        notes.append(
            f"all candidates of {listening.messenger} are far from their windows: its list is taken to be of another "
            "time, so it is no evidence that nothing was seen"
        )
    return replace(listening, companions=tuple(kept), log_silence=silence, notes=(*listening.notes, *notes))


def _far(companion: Companion, gps_s: float) -> bool:
    """Whether it missed its window by more than the window is long."""
    first, last = source_times(companion, gps_s)
    return max(first, -last) > companion.window_s


def _ago(delay_s: float) -> str:
    size = abs(delay_s)
    amount = f"{size:.2f} s" if size < 86400 else f"{size / 86400:.1f} days"
    return f"{amount} {'after' if delay_s > 0 else 'before'}"


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
