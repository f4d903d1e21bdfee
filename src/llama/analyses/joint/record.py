"""What a joint result says, as types, in the order of its file; see `llama.analyses.result.record`."""

from __future__ import annotations

from dataclasses import dataclass

from llama.analyses.result import FarJoint, PAstroChange, ResultInputs, UsedSearchName


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate of another messenger, `dt` s after the merger; within `window_s` it may share the source."""

    messenger: str
    name: str
    dt: float
    window_s: tuple[float, float]
    rate_hz: float
    role: str


@dataclass(frozen=True, slots=True)
class WithNeutrino:
    """A set of candidates together with one neutrino: what was seen of it, and what both say."""

    i3event: str
    dt: float
    ra: float
    dec: float
    sigma: float
    energy: float
    type: str
    log_b: float | None
    log_lambda: float | None


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """Candidates, by messenger, that may share the merger's source."""

    candidates: dict[str, str]
    odds_ratio: float | None
    log_odds_ratio: float | None
    log_b: float | None
    with_neutrino: tuple[WithNeutrino, ...]


@dataclass(frozen=True, slots=True)
class SetOdds:
    """What merger and neutrinos say by themselves."""

    odds_ratio: float | None
    log_odds_ratio: float | None


@dataclass(frozen=True, slots=True)
class Stratum:
    """The p-value among some of what was drawn."""

    p_value: float
    above: float | None
    error: float


@dataclass(frozen=True, slots=True)
class JointBackground:
    """What the p-value rests on: drawn lists without a candidate, and draws with one."""

    lists: int
    draws: int
    above: float | None
    error: float
    chance_of_candidate: float
    without_candidate: Stratum
    with_candidate: Stratum
    expected_neutrinos: float
    season: str | None
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSignificance:
    """A joint result; `docs/guides/files.md` says what each key means and when it is null."""

    marks: tuple[str, ...] = ()
    search_type: str
    retracted: str | None
    messengers: tuple[str, ...]
    event_id: str
    graceid: str
    event_time: str
    gps_time: float
    odds_ratio: float | None
    log_odds_ratio: float | None
    p_h_s1: float
    p_h_0: float
    p_h_c: float
    log_weights: dict[str, float | None]
    p_value: float | None
    p_value_text: str
    p_value_reason: str
    significance_sigma: float | None
    far_joint_hz: float | None
    far_joint: FarJoint | None
    p_value_from: str
    p_value_odds_ratio: float | None
    p_value_table: None = None
    p_value_background: JointBackground | None
    p_astro: PAstroChange
    population: str
    search: UsedSearchName
    distance_mode: str
    notes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    sets: tuple[CandidateSet, ...]
    without_candidates: SetOdds | None
    inputs: ResultInputs
