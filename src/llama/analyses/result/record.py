"""What a significance file says, as types: the one place that knows its keys, when it is written and when it is read.

Fields stand in the order of the file. Keys that are not known are left alone and those that earlier versions did not
write have defaults, so that files of every version read; one that only some results have is unset in others.
`docs/guides/significance.schema.json` says the same to other programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import msgspec

from llama.formats.errors import RecordError
from llama.messengers.gw.record import SkymapInfo

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleNeutrino:
    """One neutrino of the list. `dt` is t_neutrino - t_gw in s, angles in degrees, energy in GeV.

    In the sub-threshold file `p_value` is the event's, and `p_value_own` the neutrino's.
    """

    i3event: str
    dt: float
    ra: float
    dec: float
    sigma: float
    energy: float
    type: str
    odds_ratio: float | None = None
    log_odds_ratio: float | None = None
    p_value: float | None = None
    p_value_population: float | None = None
    log_b: float | None = None
    log_lambda: float | None = None
    log_weights: dict[str, float | None] | None = None
    p_value_own: float | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def own_p_value(self) -> float | None:
        """The p-value of its own odds, in either file."""
        return self.p_value if isinstance(self.p_value_own, msgspec.UnsetType) else self.p_value_own


@dataclass(frozen=True, slots=True)
class SignificancePair:
    """Two neutrinos that may share the source."""

    i3event: tuple[str, str]
    dt: tuple[float, float]
    odds_ratio: float | None = None
    log_odds_ratio: float | None = None
    p_value_own_map: float | None = None


@dataclass(frozen=True, slots=True)
class PValueTable:
    """The background table that the p-values were read from."""

    name: str
    events: int
    sky_maps: int | None = None
    rate_hz: float | None = None
    search_digest: str = ""
    response_digest: str = ""
    distance_mode: str = ""
    provenance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PValueBackground:
    """The p-value of the alert's own map, and what it rests on.

    `error` is one sigma of all of: the number of lists, of neutrinos that were put through the kernel (`terms`), and
    of real events to draw from.
    """

    p_value: float
    text: str
    lists: int
    above: float
    error: float
    error_lists: float | None = None
    error_terms: float | None = None
    error_events: float | None = None
    terms: int | None = None
    expected_neutrinos: float | None = None
    season: str
    digest: str


@dataclass(frozen=True, slots=True)
class PValuePopulation:
    """The p-value of a population of sky maps, and the table that it was read from, or why there is none.

    `note`: how the event's map differs from the table's, or that it is not known.
    """

    p_value: float | None
    text: str
    reason: str
    note: str | None = None
    table: PValueTable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FarJoint:
    """The alerts among which a coincidence as significant comes about by chance."""

    alerts: str
    rate_hz: float | None = None
    source: str | None = None
    upper_limit: bool = False
    confidence: float | None


@dataclass(frozen=True, slots=True)
class PAstroChange:
    """Probability that the trigger is real, from the alert and with the neutrinos."""

    before: float | None = None
    after: float | None = None


@dataclass(frozen=True, slots=True)
class SourceDirection:
    """ICRS degrees."""

    ra: float
    dec: float


@dataclass(frozen=True, slots=True)
class UsedSearchName:
    """The search that was used, and why that one."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class FluxSensitivity:
    """Least and largest sensitivity (E² dN/dE, GeV cm⁻²) over some declinations, and the energies it stands for
    (GeV)."""

    flux_sensitivity: tuple[float, float]
    sensitive_energy_range: tuple[float, float]


@dataclass(frozen=True, slots=True)
class NeutrinoLimit:
    """Upper limit on the fluence (GeV cm⁻²) over the map's 90 % region, and what it assumes, for people.

    `coincident` names the neutrinos that count as seen, `counts` is the mean of the Poisson law they exclude.
    """

    confidence: float
    coincident: tuple[str, ...]
    counts: float
    livetime_fraction: float
    flux_limit: tuple[float, float] | None
    assumes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyLimitRange:
    """Isotropic energy in muon neutrinos, erg, over the map's 90 % region at its mean distance, Mpc."""

    energy_erg: tuple[float, float]
    energy_erg_one_sigma: tuple[float, float] | None = None
    distance_mpc: float
    distance_std_mpc: float
    counts: float


@dataclass(frozen=True, slots=True)
class AlertSaid:
    """The alert's `skymap_info.json` as it was, in `inputs.gw_skymap_info`; see `SkymapInfo`."""

    graceid: str | None = None
    event_id: str | None = None
    event_time: str | None = None
    gps_time: float | None = None
    notice_time: str | None = None
    far: float | None = None
    pipeline: str | None = None
    group: str | None = None
    search: str | None = None
    instruments: tuple[str, ...] | None = None
    alert_type: str | None = None
    significant: bool | None = None
    skymap_filename: str | None = None
    gracedb_service_url: str | None = None
    role: str | None = None

    @classmethod
    def of(cls, info: SkymapInfo) -> AlertSaid:
        return cls(**asdict(info))


@dataclass(frozen=True, slots=True)
class MapHeader:
    """What the header of the map that was used says, which need not be the alert's own.

    `doubt` is why it seems to be another event's, `read` what was odd in its file and how it was read.
    """

    creator: str | None = None
    origin: str | None = None
    telescope: str | None = None
    instruments: str | None = None
    object: str | None = None
    date_obs: str | None = None
    doubt: str | None = None
    read: str | None = None


@dataclass(frozen=True, slots=True)
class ListSaid:
    """What the neutrino list says of itself, in `inputs.neutrino_list`."""

    complete: bool = False
    covered_s: float = 0.0
    season: str | None = None
    source: str | None = None
    why: str | None = None
    made_up: bool = False


@dataclass(frozen=True, slots=True)
class ResultInputs:
    """What a result was made from; `neutrino_info` holds the rows of the list as they were."""

    gw_skymap_info: AlertSaid
    gw_skymap_header: MapHeader | None = None
    neutrino_info: tuple[dict[str, Any], ...] | None = None
    neutrino_list: ListSaid | None = None
    search_parameters: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    companion_parameters: dict[str, dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Significance:
    """A significance file; `docs/guides/files.md` says what each key means and when it is null."""

    marks: tuple[str, ...] = ()
    search_type: str
    headline: bool = False
    retracted: str | None = None
    event_id: str
    graceid: str
    event_time: str
    gps_time: float
    odds_ratio: float | None = None
    log_odds_ratio: float | None = None
    p_h_s1: float | None = None
    p_h_0: float | None = None
    p_h_c: float | None = None
    log_weights: dict[str, float | None] | None = None
    p_value: float | None = None
    p_value_text: str | None = None
    p_value_reason: str | None = None
    significance_sigma: float | None = None
    far_joint_hz: float | None = None
    far_joint: FarJoint | None = None
    p_value_from: str = "population"
    p_value_odds_ratio: float | None = None
    p_value_table: PValueTable | None = None
    p_value_background: PValueBackground | None = None
    p_value_population: PValuePopulation | None = None
    p_astro: PAstroChange | None = None
    population: str | None = None
    search: UsedSearchName | None = None
    distance_mode: str | None = None
    notes: tuple[str, ...] | None = None
    most_probable_direction: SourceDirection | None = None
    neutrino_flux_sensitivity_range: FluxSensitivity | None = None
    neutrino_limit: NeutrinoLimit | None = None
    isotropic_energy_limit_range: EnergyLimitRange | None = None
    isotropic_energy_limit_reason: str | None = None
    inputs: ResultInputs
    single_neutrino: tuple[SingleNeutrino, ...]
    neutrino_pair: tuple[SignificancePair, ...] | msgspec.UnsetType = msgspec.UNSET
    dump: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


def decoded(record: object) -> dict[str, Any]:
    """A record as plain values, as its file is written from."""
    return dict(msgspec.to_builtins(record))


def read_significance(content: Mapping[str, Any]) -> Significance:
    """The record in a decoded file; RecordError names the key that is missing or is not what it must be."""
    return _read(content, Significance)


def read_inputs(content: Mapping[str, Any]) -> ResultInputs:
    """What a decoded result, of whatever search, was made from."""
    return _read(content["inputs"], ResultInputs)


def _read(content: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(dict(content), kind)
    except msgspec.ValidationError as error:
        raise RecordError(f"the result cannot be read: {error}") from error
