"""One reading of a significance file, from which every table, page, notice and draft is written.

All outputs take their numbers, numbering and wording of p-values from here, so that they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llama.analyses.result import (
    BLINDED,
    LISTED_BELOW_P,
    RETRACTED,
    SIMULATED,
    TEST,
    FluxSensitivity,
    is_listed,
)
from llama.analyses.telling.skymap_used import SkymapUsed
from llama.analyses.telling.wording import NOT_AVAILABLE, counted, per_second, shorten

R90_PER_SIGMA = math.sqrt(2.0 * math.log(10.0))
"""Radius holding 90 % of a two-dimensional Gaussian, in units of its sigma: 2.145966."""


@dataclass(frozen=True, slots=True)
class Row:
    """One neutrino of the list. `dt_s` is t_neutrino - t_gw, `sigma_deg` the 1 sigma circular error.

    Attributes:
        number: its place in time order from 1, the same in tables and plots.
        log_odds: natural logarithm of its own odds ratio; None when the odds are exactly zero.
        p_value: of its own odds against the event's background; None when there is no background to compare with.
        p_text: the same for people (`0.012`, `<1/12000`, `n/a`).
    """

    number: int
    i3event: str
    dt_s: float
    ra_deg: float
    dec_deg: float
    sigma_deg: float
    energy_gev: float
    kind: str
    log_odds: float | None = None
    p_value: float | None = None
    p_text: str = NOT_AVAILABLE

    @property
    def r90_deg(self) -> float:
        """Radius of the circle that holds 90 % of the probability, degrees."""
        return R90_PER_SIGMA * self.sigma_deg


@dataclass(frozen=True, slots=True)
class Background:
    """What the p-values were read from: a table's name, its number of events, and of different sky maps in them.

    `sky_maps` is None when the table does not say.
    """

    name: str
    events: int
    sky_maps: int | None

    @property
    def pooled(self) -> bool:
        """Whether events of all sets of detectors stand in for a table of the alert's own."""
        return "any" in self.name.split("/")

    def __str__(self) -> str:
        maps = "an unrecorded number of sky maps" if self.sky_maps is None else counted(self.sky_maps, "sky map")
        return f"{counted(self.events, 'background event')} on {maps}"


@dataclass(frozen=True, slots=True)
class OwnMap:
    """The background of the alert's own map, when the p-values are from that: how many lists, of which season.

    `error`: one sigma of the p-value, 0 where it is exact or a limit.
    """

    lists: int
    season: str
    p_value: float
    error: float

    def __str__(self) -> str:
        known = f", known to {100 * self.error / self.p_value:.0f} %" if self.error else ""
        return f"for this alert's own map: {self.lists} background lists, {self.season}{known}"


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How often a coincidence as significant comes about by chance, per second, among which alerts.

    `limit_confidence`: where only an upper limit is known, with what confidence (0 to 1); None where the rate is.
    `alerts_hz`, `alerts_source`: how often such alerts come, and where that is from.
    """

    rate_hz: float
    alerts: str
    limit_confidence: float | None = None
    alerts_hz: float | None = None
    alerts_source: str = ""

    @property
    def alerts_counted(self) -> str:
        """How often such alerts come and where that number is from; empty when the result does not say."""
        if not self.alerts_hz or not self.alerts_source:
            return ""
        days = 1.0 / (self.alerts_hz * 86400.0)
        often = f"one in {float(f'{days:.3g}'):g} days" if days >= 1 else f"{float(f'{1 / days:.3g}'):g} per day"
        return f"{often}: {self.alerts_source}"

    def __str__(self) -> str:
        rate = f"{per_second(self.rate_hz)} ({self.alerts})"
        if self.limit_confidence is None:
            return rate
        return f"below {rate}, with {100 * self.limit_confidence:.0f} % confidence"


@dataclass(frozen=True, slots=True)
class EnergyLimit:
    """Isotropic energy in muon neutrinos that would have given so many of them (`counts`): least and greatest over
    the map's 90 % region, at the map's mean distance."""

    low_erg: float
    high_erg: float
    distance_mpc: float
    distance_std_mpc: float
    counts: float = 2.3

    def __str__(self) -> str:
        distance = f"{self.distance_mpc:.0f} ± {self.distance_std_mpc:.0f} Mpc"
        return f"{self.low_erg:.1e} to {self.high_erg:.1e} erg at {distance}"


@dataclass(frozen=True)
class Report:
    """What a significance file says, in the terms of the outputs. See `read_report`.

    Attributes that do not explain themselves:
        marks: the words that nobody may overlook, see `llama.analyses.result.marks`.
        retracted: when the alert was taken back (UTC); None when it stands.
        skymap: the map that was used.
        rows: the neutrinos in time order.
        log_odds: natural logarithm of the event's odds; None when they are exactly zero.
        p_text: the p-value for people.
        p_reason: which background it rests on or why there is none, as the result says it.
        own_map: the background of the alert's own map, when the p-values are from that.
        of_earlier_version: whether the result says nothing of such a background, as those of earlier versions.
        background: what all p-values were read from; None when there are none.
        sigma: the p-value as a one-sided Gaussian significance; None when there is none.
        false_alarms, energy_limit: None when the result has none.
        population: the kind of source the search assumed: `bns`, `nsbh`, `bbh`, `cbc`, `burst`; None when not given.
        best_direction: most probable direction of the source (RA, Dec in degrees); see `direction`.
        complete: whether the neutrino data cover the whole window and are final; `coverage_why` says why not.
        covered_s: seconds of good data in the 1000 s window.
    """

    event_id: str
    graceid: str
    search_type: str
    gps_time: float
    event_time: str
    notice_time: str | None
    marks: tuple[str, ...]
    retracted: str | None
    far_hz: float | None
    significant: bool | None
    pipeline: str
    instruments: tuple[str, ...]
    skymap: SkymapUsed
    rows: tuple[Row, ...]
    log_odds: float | None
    p_value: float | None
    p_text: str
    p_reason: str
    background: Background | None
    own_map: OwnMap | None
    of_earlier_version: bool
    sigma: float | None
    false_alarms: FalseAlarms | None
    p_astro_before: float | None
    p_astro_after: float | None
    population: str | None
    distance_mode: str
    notes: tuple[str, ...]
    best_direction: tuple[float, float] | None
    flux_sensitivity: FluxSensitivity | None
    energy_limit: EnergyLimit | None
    complete: bool
    covered_s: float
    season: str | None
    source: str
    coverage_why: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blinded(self) -> bool:
        """Whether the neutrinos' right ascensions are scrambled: then nothing here is a result."""
        return BLINDED in self.marks

    @property
    def made_up(self) -> bool:
        """Whether some of the neutrinos were simulated and not detected."""
        return SIMULATED in self.marks

    @property
    def test(self) -> bool:
        """Whether this is a test and not an observation."""
        return TEST in self.marks

    @property
    def void(self) -> str:
        """Why the numbers, though computed, are no result; empty when they are one."""
        if self.retracted:
            return "the alert was taken back"
        return "right ascensions are scrambled" if self.blinded else ""

    @property
    def caveat(self) -> str:
        """What follows every number of a void result, with a semicolon before it; empty where it is none."""
        return f"; NOT A MEASUREMENT, since {self.void}" if self.void else ""

    @property
    def coincident(self) -> tuple[Row, ...]:
        """Neutrinos to report: none unless the event's p-value is below 0.1, then those whose own is. Most
        significant first. None where the result is void, or where a common source is impossible."""
        if self.void or self.impossible:
            return ()
        return tuple(row for row in self.by_significance if is_listed(self.p_value, row.p_value))

    @property
    def impossible(self) -> bool:
        """Whether the alert says that there was no source; the p-value is that of a real one."""
        return self.p_astro_before == 0

    @property
    def direction(self) -> tuple[float, float] | None:
        """Most probable direction of a common source; only where something coincides, since without a coincidence
        it is a property of chance."""
        return self.best_direction if self.coincident else None

    @property
    def nothing_coincides(self) -> str:
        """Why no neutrino is reported as coincident; empty when one is."""
        if self.coincident:
            return ""
        if self.void:
            return self.void
        if self.impossible:
            return "a common source is impossible, for the alert is certainly no astrophysical one"
        if self.p_value is None:
            return "there is no p-value"
        return f"nothing coincides with p < {LISTED_BELOW_P:g}"

    @property
    def p_basis(self) -> str:
        """What the p-value rests on, or why there is none."""
        if self.own_map is not None:
            return str(self.own_map)
        if self.background is not None:
            pooled = " (all detectors together)" if self.background.pooled else ""
            return f"of the population: from {self.background}, table {self.background.name}{pooled}"
        # What tables there are is for the file
        return self.p_reason.partition("; there ")[0] or "reason not recorded"

    @property
    def by_significance(self) -> tuple[Row, ...]:
        """All neutrinos, the one with the highest odds first; those with odds of zero last, in time order."""
        return tuple(sorted(self.rows, key=lambda row: (-or_minus_infinity(row.log_odds), row.number)))


def title(report: Report) -> str:
    """The event's name, and that it was taken back: a title may be all that is copied."""
    return shorten(report.event_id, 40) + (" RETRACTED" if report.retracted else "")


_WARNINGS = {
    RETRACTED: "RETRACTED",
    TEST: "TEST, not an observation",
    SIMULATED: "SIMULATED NEUTRINOS",
    BLINDED: "BLINDED: scrambled RA",
}


def warning(report: Report) -> str:
    """What nobody may overlook, in a few words; empty when there is nothing."""
    words = [text for mark, text in _WARNINGS.items() if mark in report.marks]
    words += [] if report.complete else ["INCOMPLETE NEUTRINO DATA"]
    words += ["SKY MAP IN DOUBT"] if report.skymap.doubt else []
    return "; ".join(words)


def or_minus_infinity(value: float | None) -> float:
    """A logarithm as results hold it, null for that of zero, as a number."""
    return -math.inf if value is None else value
