"""What a gamma-ray burst says about a merger: how likely one is heard from afar, and how rare an unrelated one is.

Short bursts come from mergers, long ones do not. A burst of which duration or fluence is known is told apart by the
densities of both classes in the catalogue; of one that nothing is known of, only the rate counts. Derivations:
docs/science/messengers.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from llama.science.arrays import Float
from llama.science.companions.companion import OfDistance

DurationClass = Literal["short", "long"]

CM_PER_MPC = 3.0856775814913673e24
_FOUR_PI_CM2 = 4 * math.pi * CM_PER_MPC**2  # cm² per Mpc²: the sphere at 1 Mpc


@dataclass(frozen=True)
class GRBModel:
    """Every number on gamma-ray bursts that an answer depends on; `SOURCES` says where each comes from.

    Attributes:
        name: of this set of numbers.
        minus_s, plus_s: where t_burst − t_merger may lie, uniform in between.
        beaming: f_b,γ; one merger in f_b,γ sends its burst towards us.
        coverage: chance that the detector is on and the Earth not in the way.
        e_min_erg, e_max_erg: isotropic-equivalent gamma-ray energy of a burst, log-uniform (10 to 1000 keV).
        fluence_min: bursts of at least this fluence (erg cm⁻²) trigger.
        subthreshold_fluence_min: those of at least this one become sub-threshold candidates.
        rate_hz: triggers classified as bursts, short and long.
        subthreshold_rate_hz: sub-threshold candidates.
        short_share: of the triggers.
        short_log10_t90, …_width, long_…: normal densities of log10(T90/s).
        short_fluence, …_rise, …_fall, long_…: double power laws, dN/dlnS ∝ 1/((S/S₀)^−rise + (S/S₀)^fall).
        short_right, long_wrong: short part of the bursts labelled short, and of those labelled long.
        core_deg, tail_deg: 68 % radii of the systematic error of positions. core_share: of the first.
    """

    name: str = "gbm-short"
    minus_s: float = -1.0
    plus_s: float = 5.0
    beaming: float = 10.0
    coverage: float = 0.59
    e_min_erg: float = 1e46
    e_max_erg: float = 1e52
    fluence_min: float = 5.774e-8
    subthreshold_fluence_min: float = 2.887e-8
    rate_hz: float = 7.534e-6
    subthreshold_rate_hz: float = 2.66e-5
    short_share: float = 0.2707
    short_log10_t90: float = 0.09213
    short_log10_t90_width: float = 0.6235
    long_log10_t90: float = 1.481
    long_log10_t90_width: float = 0.4253
    short_fluence: float = 4.178e-7
    short_fluence_rise: float = 1.391
    short_fluence_fall: float = 1.364
    long_fluence: float = 2.214e-6
    long_fluence_rise: float = 2.167
    long_fluence_fall: float = 0.8201
    short_right: float = 0.92
    long_wrong: float = 0.05
    core_deg: float = 3.7
    tail_deg: float = 14.0
    core_share: float = 0.9

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"GRB model {self.name}: {name} is {value}, it must be finite")
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"GRB model {self.name}: {name} is {getattr(self, name)}, it must be above zero")
        for low, high in _ASCENDING:
            if not getattr(self, low) < getattr(self, high):
                raise ValueError(f"GRB model {self.name}: {low} must be below {high}")
        for name in ("coverage", "short_share", "short_right", "long_wrong", "core_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"GRB model {self.name}: {name} must lie between 0 and 1")
        if self.beaming < 1:
            raise ValueError(f"GRB model {self.name}: beaming is {self.beaming}, it cannot be below 1")
        if not self.long_wrong < self.short_share < self.short_right:
            raise ValueError(f"GRB model {self.name}: short_share must lie between long_wrong and short_right")

    @property
    def log_span(self) -> float:
        """L = ln(E⁺/E⁻) of the prior on the energy."""
        return math.log(self.e_max_erg / self.e_min_erg)


_POSITIVE = (
    "e_min_erg", "subthreshold_fluence_min", "rate_hz", "subthreshold_rate_hz", "short_log10_t90_width",
    "long_log10_t90_width", "short_fluence", "short_fluence_rise", "short_fluence_fall", "long_fluence",
    "long_fluence_rise", "long_fluence_fall", "core_deg", "tail_deg",
)  # fmt: skip
_ASCENDING = (
    ("minus_s", "plus_s"),
    ("e_min_erg", "e_max_erg"),
    ("subthreshold_fluence_min", "fluence_min"),
    ("core_deg", "tail_deg"),
)

_CATALOGUE = "GBM burst catalogue (HEASARC fermigbrst, 2008-07-14 to 2025-07-11), scripts/derive_grb_model.py"
_LABEL = "GCN schema fermi/gbm/trigger, duration_class"
_SYSTEMATIC = "Connaughton et al. 2015 (arXiv:1411.2685), abstract; assumption for bursts localised since 2019"

SOURCES: Mapping[str, str] = {
    "minus_s": "assumption around the 1.7 s of GW170817 (Abbott et al. 2017, ApJL 848, L13)",
    "plus_s": "assumption around the 1.7 s of GW170817 (Abbott et al. 2017, ApJL 848, L13)",
    "beaming": "assumption: as the neutrinos' f_b of the O4 software",
    "coverage": "0.695 of the sky is within 113° of the zenith (the flight software's horizon), 0.85 of the time "
    "(outside the South Atlantic Anomaly); assumption",
    "e_min_erg": "assumption: below GRB170817A, 5.3e46 erg at 40 Mpc with the catalogue's fluence",
    "e_max_erg": "assumption",
    "fluence_min": f"5 % quantile of bursts with T90 < 2 s; {_CATALOGUE}",
    "subthreshold_fluence_min": "assumption: half the threshold of triggers",
    "rate_hz": _CATALOGUE,
    "subthreshold_rate_hz": "about 70 a month (gcn.gsfc.nasa.gov/fermi_gbm_subthreshold.html)",
    **dict.fromkeys(
        ("short_share", "short_log10_t90", "short_log10_t90_width", "long_log10_t90", "long_log10_t90_width"),
        _CATALOGUE,
    ),
    **dict.fromkeys(("short_fluence", "short_fluence_rise", "short_fluence_fall"), _CATALOGUE),
    **dict.fromkeys(("long_fluence", "long_fluence_rise", "long_fluence_fall"), _CATALOGUE),
    "short_right": _LABEL,
    "long_wrong": _LABEL,
    "core_deg": _SYSTEMATIC,
    "tail_deg": _SYSTEMATIC,
    "core_share": _SYSTEMATIC,
}
"""Where every number of the default model comes from. One that was edited is the editor's own."""


def as_parameters(model: GRBModel) -> dict[str, Any]:
    """The model for a result file: every number with its source."""
    default = asdict(GRBModel())
    return {
        name: {"value": value, "source": SOURCES[name] if value == default[name] else "given by hand"}
        for name, value in asdict(model).items()
        if name in SOURCES
    } | {"name": model.name}


@dataclass(frozen=True)
class Measured:
    """What is known of a burst besides where and when; None for what is not.

    Attributes:
        t90_s: the time that holds 90 % of the fluence.
        duration_class: a label given before T90 is known; not used with T90.
        fluence: erg cm⁻², 10 to 1000 keV; not used below the model's `fluence_min`.
        subthreshold: found in a search below the trigger's threshold; nothing else about it is used.
    """

    t90_s: float | None = None
    duration_class: DurationClass | None = None
    fluence: float | None = None
    subthreshold: bool = False

    def __post_init__(self) -> None:
        for name in ("t90_s", "fluence"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"a burst has {name} {value}; it must be above zero and finite")


def log_heard(model: GRBModel, measured: Measured) -> OfDistance:
    """Of r (Mpc): ln of the chance (density) that a merger at r is heard as a burst that looks like this."""
    measured = _usable(model, measured)
    shared = math.log(model.coverage / model.beaming)
    if measured.subthreshold:
        return lambda r_mpc: shared + _log_fraction_between(model, r_mpc)
    shared += _log_class_density(model, measured)[0]
    if measured.fluence is None:
        return lambda r_mpc: shared + log_fraction_above(model, r_mpc, model.fluence_min)
    fluence = measured.fluence
    return lambda r_mpc: shared + log_signal_fluence(model, r_mpc, fluence)


def log_heard_at_all(model: GRBModel, *, subthreshold: bool) -> OfDistance:
    """Of r (Mpc): ln of the chance that a merger at r is heard, whatever the burst looks like.

    With `subthreshold`, as a sub-threshold candidate too.
    """
    shared = math.log(model.coverage / model.beaming)
    least = model.subthreshold_fluence_min if subthreshold else model.fluence_min
    return lambda r_mpc: shared + log_fraction_above(model, r_mpc, least)


def log_noise(model: GRBModel, measured: Measured) -> float:
    """ln of the density of what was measured among unrelated bursts, in the same units as `log_heard`."""
    measured = _usable(model, measured)
    if measured.subthreshold:
        return 0.0
    each = np.array(_log_class_density(model, measured)) + np.log([model.short_share, 1 - model.short_share])
    if measured.fluence is not None:
        each += [float(law) for law in _log_fluence_densities(model, measured.fluence)]
    return float(np.logaddexp(each[0], each[1]))


def p_short(model: GRBModel, measured: Measured) -> float:
    """Probability that an unrelated burst which looks like this is of the short class."""
    measured = _usable(model, measured)
    short = math.log(model.short_share) + _log_class_density(model, measured)[0]
    if measured.fluence is not None:
        short += float(_log_fluence_densities(model, measured.fluence)[0])
    return math.exp(short - log_noise(model, measured))


def _usable(model: GRBModel, measured: Measured) -> Measured:
    """Without a fluence below the trigger's threshold: the model has no burst that triggers and is so faint.

    The density of the signal, ∝ 1/S, and that of the catalogue, which falls there, would give it a weight that grows
    without limit.
    """
    if measured.fluence is None or measured.fluence >= model.fluence_min:
        return measured
    return replace(measured, fluence=None)


def log_fraction_above(model: GRBModel, r_mpc: ArrayLike, fluence: float) -> Float:
    """ln of the part of the energy prior that gives at least this fluence (erg cm⁻²) at r."""
    needed = np.log(_FOUR_PI_CM2 * fluence) + 2 * np.log(np.asarray(r_mpc, dtype=np.float64))
    part = np.clip((math.log(model.e_max_erg) - needed) / model.log_span, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(part))


def log_signal_fluence(model: GRBModel, r_mpc: ArrayLike, fluence: float) -> Float:
    """ln ∫dE P(E) δ(S − E/4πr²) = −ln(S L), per erg cm⁻², where the energy lies in its prior; else −inf."""
    energy = _FOUR_PI_CM2 * fluence * np.square(np.asarray(r_mpc, dtype=np.float64))
    inside = (energy >= model.e_min_erg) & (energy <= model.e_max_erg)
    return np.where(inside, -math.log(fluence * model.log_span), -np.inf)


def log_normal(x: ArrayLike, mean: float, width: float) -> Float:
    """ln of the normal density."""
    return np.asarray(-0.5 * np.square((np.asarray(x) - mean) / width) - math.log(width * math.sqrt(2 * math.pi)))


def log_double_power_law(fluence: ArrayLike, scale: float, rise: float, fall: float) -> Float:
    """ln of the density (per erg cm⁻²) with dN/dlnS ∝ 1/(x^−rise + x^fall), x = S/scale.

    N(>S) ∝ S^−fall far above the scale, 3/2 in Euclidean space; ∫dlnx/(x^−a + x^b) = π/((a+b) sin(πa/(a+b))).
    """
    log_x = np.log(np.asarray(fluence, dtype=np.float64) / scale)
    total = math.pi / ((rise + fall) * math.sin(math.pi * rise / (rise + fall)))
    return np.asarray(-np.logaddexp(-rise * log_x, fall * log_x) - math.log(total) - log_x - math.log(scale))


def _log_fraction_between(model: GRBModel, r_mpc: Float) -> Float:
    """ln of the part of the prior between the two thresholds at r."""
    below = np.exp(log_fraction_above(model, r_mpc, model.subthreshold_fluence_min))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(below - np.exp(log_fraction_above(model, r_mpc, model.fluence_min))))


def _log_class_density(model: GRBModel, measured: Measured) -> tuple[float, float]:
    """ln of the density of T90 (per decade), else of the chance of the label, in the short and in the long class."""
    if measured.t90_s is not None:
        x = math.log10(measured.t90_s)
        long = float(log_normal(x, model.long_log10_t90, model.long_log10_t90_width))
        # the longer, the less like a short burst, though the wider of two Gaussians is above the other on both sides
        turn = _least_short(model)
        ratio = _log_short_over_long(model, min(x, turn))
        return long + ratio - math.log(_short_total(model, turn)), long
    if measured.duration_class is None:
        return 0.0, 0.0
    # how often bursts are labelled short follows from how often they are short: right·x + wrong·(1 − x) = share
    labelled = (model.short_share - model.long_wrong) / (model.short_right - model.long_wrong)
    short = model.short_right * labelled / model.short_share
    long = (1 - model.short_right) * labelled / (1 - model.short_share)
    return (
        (math.log(short), math.log(long))
        if measured.duration_class == "short"
        else (
            math.log1p(-short),
            math.log1p(-long),
        )
    )


def _log_short_over_long(model: GRBModel, log10_t90: float) -> float:
    short = log_normal(log10_t90, model.short_log10_t90, model.short_log10_t90_width)
    return float(short - log_normal(log10_t90, model.long_log10_t90, model.long_log10_t90_width))


def _short_total(model: GRBModel, turn: float) -> float:
    """∫ of the short class's density when beyond the turn it keeps its ratio to that of the long one."""
    if turn == math.inf:
        return 1.0
    short, long = (
        math.erfc((turn - mean) / (width * math.sqrt(2))) / 2
        for mean, width in (
            (model.short_log10_t90, model.short_log10_t90_width),
            (model.long_log10_t90, model.long_log10_t90_width),
        )
    )
    return 1 - short + long * math.exp(_log_short_over_long(model, turn))


def _least_short(model: GRBModel) -> float:
    """log10 T90 of the burst that is least like a short one; infinite where that is the longest."""
    short, long = 1 / model.short_log10_t90_width**2, 1 / model.long_log10_t90_width**2
    if short >= long:
        return math.inf
    return (long * model.long_log10_t90 - short * model.short_log10_t90) / (long - short)


def _log_fluence_densities(model: GRBModel, fluence: float) -> tuple[Float, Float]:
    return (
        log_double_power_law(fluence, model.short_fluence, model.short_fluence_rise, model.short_fluence_fall),
        log_double_power_law(fluence, model.long_fluence, model.long_fluence_rise, model.long_fluence_fall),
    )
