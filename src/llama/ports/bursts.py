"""Who can say which gamma-ray bursts there were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from llama.ports.covered import Stretch
from llama.ports.service import Service


@dataclass(frozen=True, slots=True)
class BurstMap:
    """A burst's sky map, small enough to be carried in a record.

    Attributes:
        name: of the file it came from.
        sha256: of that file's bytes, as found.
        fits_base64: the map as multi-order FITS, thinned to what its resolution is worth.
        systematic_included: whether it holds the systematic error of positions too; None when nobody says.
        note: how that is known.
    """

    name: str
    sha256: str
    fits_base64: str
    systematic_included: bool | None
    note: str


@dataclass(frozen=True, slots=True)
class Burst:
    """A gamma-ray burst trigger as its source describes it. Whatever the source does not say is None or empty.

    Attributes:
        trigger_id: the detector's number of the trigger (GBM: mission elapsed time in s).
        name: `bn180116026`, `GRB170817529`.
        gps: trigger time, GPS seconds. utc: the same, ISO 8601 with Z.
        ra, dec: ICRS degrees; None when the position is not known.
        sigma: width of the two-dimensional Gaussian of the position's error, deg; of an ellipse, along its axis.
        sigma_minor, position_angle: of an ellipse, the width across its longer axis, deg, and where that points, deg
            from north through east; None for a circle.
        error_radius, containment: the number that `sigma` was made of, deg, and the probability inside the region.
        systematic_included: whether that number holds the systematic error too.
        error_source: how containment and systematic error are known, in words.
        notice_type: alert, flight, ground, final, subthreshold or catalogue.
        notice_utc: when it was written.
        significance: of the trigger, sigma. timescale_s: over which that was found.
        t90_s: duration. duration_class: short or long, given before T90 is known.
        fluence: erg cm⁻², 10 to 1000 keV.
        hardness_ratio, hardness_class: hard band over soft band; hard or soft.
        classification: probability of what it can be, by the detector's names; only the likeliest are given.
        not_a_burst: why it is most likely no gamma-ray burst; empty when it may be one.
        reliability: of a sub-threshold candidate, as its source words it.
        skymap_url: where its map is published. skymap: the map itself, when the source has it.
        role: observation or test.
        remark: what else the reader of a result must know about it: what was odd about its notices.
    """

    trigger_id: str
    name: str
    gps: float
    utc: str
    notice_type: str
    notice_utc: str | None = None
    ra: float | None = None
    dec: float | None = None
    sigma: float | None = None
    sigma_minor: float | None = None
    position_angle: float | None = None
    error_radius: float | None = None
    containment: float | None = None
    systematic_included: bool = False
    error_source: str = ""
    significance: float | None = None
    timescale_s: float | None = None
    t90_s: float | None = None
    duration_class: Literal["short", "long"] | None = None
    fluence: float | None = None
    hardness_ratio: float | None = None
    hardness_class: Literal["hard", "soft"] | None = None
    classification: Mapping[str, float] = field(default_factory=dict)
    not_a_burst: str = ""
    reliability: str | None = None
    skymap_url: str | None = None
    skymap: BurstMap | None = None
    role: Literal["observation", "test"] = "observation"
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Retraction:
    """What takes a trigger back, whatever its other notices say. It need say no more than which.

    Attributes:
        names: what it calls the trigger, at least one: a number, `bn180116026`, `GRB 180116A`.
        why: what is said of the burst from then on.
        gps: the trigger's time, GPS seconds; None when it does not say.
        role: observation or test; one takes nothing back of the other.
    """

    names: tuple[str, ...]
    why: str
    gps: float | None = None
    role: Literal["observation", "test"] = "observation"


@dataclass(frozen=True, slots=True)
class BurstWindow:
    """What a source knows about one stretch of time.

    Attributes:
        bursts: in order of time.
        covered_s: seconds of the window for which the source would have any burst there was.
        complete: whether that is all of it.
        why: when not complete, the reason in words; also what was left out.
        subthreshold: whether sub-threshold candidates would be here too.
        again_gps: when the source will know more about this window; None when it never will.
        covered: when the seconds of `covered_s` are, in order, without overlap, inside the window; None when the
            source does not know it. Empty is none of them: then silence means nothing.
    """

    start_gps: float
    stop_gps: float
    bursts: tuple[Burst, ...]
    covered_s: float
    complete: bool
    why: str = ""
    subthreshold: bool = False
    again_gps: float | None = None
    covered: tuple[Stretch, ...] | None = None


class GRBSource(Protocol):
    """Where gamma-ray bursts come from."""

    @property
    def name(self) -> str:
        """How results name this source."""
        ...

    def window(self, start_gps: float, stop_gps: float) -> BurstWindow:
        """All triggers with start <= time < stop."""
        ...

    def close(self) -> None:
        """Let go of whatever it holds; it is not asked again."""


GRB_SOURCE: Service[GRBSource] = Service("grb_source")
SWIFT_SOURCE: Service[GRBSource] = Service("swift_source")
"""The same of Swift's BAT."""
