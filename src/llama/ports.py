"""What we ask of the outside world: protocols and their keys, no code behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from llama.sections import Section

S = TypeVar("S")
C = TypeVar("C")


@dataclass(frozen=True)
class Service(Generic[S]):
    """A typed key for something outside; `writes` when using it changes the outside."""

    name: str
    writes: bool = False


class Folders(Protocol):
    """Where things are on this machine."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def cache_dir(self) -> Path: ...
    @property
    def notices(self) -> Path: ...
    @property
    def archives(self) -> Path: ...


class Host(Protocol):
    """What a service may ask of the application that opens it."""

    @property
    def folders(self) -> Folders:
        """Where things are on this machine."""
        ...

    def section(self, section: Section[C]) -> C:
        """The settings of a section that the service declares."""
        ...

    def service(self, key: Service[S]) -> S:
        """Another service, to build on it."""
        ...


@dataclass(frozen=True)
class Provider(Generic[S]):
    """How a service is opened: the value that an entry point of the group `llama.services` names.

    The entry point has the name of the key.

    Attributes:
        key: what it serves.
        open: makes the adapter, which has a `close` for the end; called at most once per command, on first use.
        sections: of the settings, that it reads. Fields without a default must be set before it is opened.
        lacks: what else is to be set up before it can be used, as a sentence for people; None when nothing.
    """

    key: Service[S]
    open: Callable[[Host], S]
    sections: tuple[Section[Any], ...] = ()
    lacks: Callable[[Host], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Neutrino:
    """One track-like event as its source gives it (ICRS degrees, GeV, UTC Modified Julian Date)."""

    mjd: float
    ra_deg: float
    dec_deg: float
    zenith_deg: float
    azimuth_deg: float
    sigma_deg: float
    energy_gev: float
    run: int
    event: int
    type: str
    season: str

    @property
    def i3event(self) -> str:
        """Unique name: RUN_EVENT, or SEASON_ROW for archives, which carry no run (run 0, event = row).

        One that never happened says so, since SEASON_ROW would name an event that did.
        """
        if self.run:
            return f"{self.run}_{self.event}"
        invented = "simulated-" if self.type == "simulated" else ""
        return f"{invented}{self.season}_{self.event}"


@dataclass(frozen=True, slots=True)
class NeutrinoWindow:
    """What a source knows about one stretch of time.

    Attributes:
        neutrinos: in order of time.
        season: the sample they come from, which decides rate, densities and effective area; None when none covers it.
        covered_s: seconds of good detector livetime inside the window.
        complete: whether all of the window is good livetime, and all its neutrinos are here.
        why: when not complete, the reason in words.
        again_gps: when the source will know more about this window; None when it never will (an archive's answer
            is final, whether complete or not).
    """

    start_gps: float
    stop_gps: float
    neutrinos: tuple[Neutrino, ...]
    season: str | None
    covered_s: float
    complete: bool
    why: str = ""
    again_gps: float | None = None


SIMULATED_SOURCE = "simulated"
"""How the name of a source begins whose neutrinos never happened: it tells so also where blinding took their type."""


class NeutrinoSource(Protocol):
    """Where neutrinos come from."""

    @property
    def name(self) -> str:
        """How results name this source."""
        ...

    def window(self, start_gps: float, stop_gps: float, *, seed: str) -> NeutrinoWindow:
        """All neutrinos with start <= time < stop; `seed` decides whatever is random about the answer."""
        ...

    def close(self) -> None:
        """Let go of whatever it holds; it is not asked again."""


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
        sigma: width of the two-dimensional Gaussian of the position's error, deg.
        error_radius, containment: the number that `sigma` was made of, deg, and the probability inside that circle.
        systematic_included: whether that number holds the systematic error too.
        error_source: how containment and systematic error are known, in words.
        notice_type: alert, flight, ground, final, subthreshold or catalogue. notice_utc: when it was written.
        significance: of the trigger, sigma. timescale_s: over which that was found.
        t90_s: duration. duration_class: short or long, given before T90 is known.
        fluence: erg cm⁻², 10 to 1000 keV.
        hardness_ratio, hardness_class: hard band over soft band; hard or soft.
        classification: probability of what it can be, by the detector's names; only the likeliest are given.
        not_a_burst: why it is most likely no gamma-ray burst; empty when it may be one.
        reliability: of a sub-threshold candidate, as its source words it.
        skymap_url: where its map is published. skymap: the map itself, when the source has it.
        role: observation or test.
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
    """

    start_gps: float
    stop_gps: float
    bursts: tuple[Burst, ...]
    covered_s: float
    complete: bool
    why: str = ""
    subthreshold: bool = False
    again_gps: float | None = None


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


class GraceDB(Protocol):
    """The Gravitational-Wave Candidate Event Database, read side."""

    def superevent(self, graceid: str) -> dict[str, object]:
        """The superevent's record."""
        ...

    def file(self, graceid: str, filename: str, into: Path) -> None:
        """Download one of its files."""
        ...

    def close(self) -> None:
        """Let go of whatever it holds; it is not asked again."""


NEUTRINO_SOURCE: Service[NeutrinoSource] = Service("neutrino_source")
GRB_SOURCE: Service[GRBSource] = Service("grb_source")
GRACEDB: Service[GraceDB] = Service("gracedb")
