"""What Fermi's list contributes to the statistic."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence

import numpy as np

from llama.formats.skymap import read_skymap
from llama.messengers.burst_record import BurstList, is_assumed
from llama.messengers.fermi.unrelated import Alike, unrelated, usual
from llama.messengers.lists import Place, same_place
from llama.ports import Burst
from llama.science.arrays import Float
from llama.science.companions import (
    Companion,
    GRBModel,
    Listening,
    Measured,
    OfDistance,
    as_parameters,
    log_heard,
    log_heard_at_all,
    log_noise,
    log_silence_unless,
    not_listening,
)
from llama.science.sky import SkyMap, anywhere, cell_area_sr, circle, ellipse, sigma_of_radius

_SYSTEMATIC_CONTAINMENT = 0.68
_ONE_TRIGGER_S = 0.1  # a unit of the detector's telemetry is longer
_WITHIN = 3.0  # sigma
_SYSTEMATIC_DEG = 14.0  # the 68 % radius of the tail of systematic errors


def listening(found: BurstList, model: GRBModel) -> Listening:
    """Candidates and silence of one list; the notes say what was left out, and what the source cannot speak for."""
    left_out = {burst.trigger_id: why for burst in found.bursts if (why := _why_left_out(burst, found.bursts))}
    bursts = [burst for burst in found.bursts if burst.trigger_id not in left_out]
    notes = [f"{_title(b)} is left out: {left_out[b.trigger_id]}" for b in found.bursts if b.trigger_id in left_out]
    if found.why:
        notes.append(f"the list of bursts{'' if found.complete else ' is incomplete'}: {found.why}")
    if found.covered is None:
        length = found.stop_gps - found.start_gps
        notes.append(f"the list of bursts does not say which {found.covered_s:.1f} of its {length:.1f} s are covered")
    notes += [note for burst in bursts for note in _notes(burst, model)]
    subthreshold = found.subthreshold or any(_measured(burst).subthreshold for burst in bursts)
    return Listening(
        messenger="fermi",
        companions=tuple(companion(burst, model) for burst in bursts),
        log_silence=_log_silence(found, log_heard_at_all(model, subthreshold=subthreshold)),
        notes=tuple(notes),
        parameters=as_parameters(model),
        unrelated=unrelated(model, _alike(bursts, found, model), _covered(found), subthreshold=subthreshold),
    )


def _alike(bursts: Sequence[Burst], found: BurstList, model: GRBModel) -> Alike:
    """As the burst nearest to the trigger, if there is any: what is known of bursts depends on when one asks."""
    middle = (found.start_gps + found.stop_gps) / 2
    burst = min(bursts, key=lambda one: abs(one.gps - middle), default=None)
    if burst is None:
        return usual(model, with_systematic)
    measured = _measured(burst)
    if burst.skymap is not None:  # of the same sharpness: ∫P² dΩ of a circle is 1/4πσ²
        sky = localisation(burst, model)
        square = float(np.sum(np.square(sky.density) * cell_area_sr(sky.order.astype(np.int64))))
        return Alike(measured, {1 / math.sqrt(4 * math.pi * square): 1.0})
    return Alike(measured, widths(burst, model) if _placed(burst) else None)


def _covered(found: BurstList) -> float:
    return min(found.covered_s / (found.stop_gps - found.start_gps), 1.0)


def _why_left_out(burst: Burst, bursts: Sequence[Burst]) -> str:
    """Why a burst of the list is no candidate; empty for one that is."""
    if burst.not_a_burst:
        return burst.not_a_burst
    if burst.role != "observation":
        return "it is a test"
    for other in bursts[: bursts.index(burst)]:
        if not other.not_a_burst and other.role == "observation" and _same(burst, other):
            return f"it is {_title(other)} once more ({other.trigger_id}), with its time and place: counted once"
    return ""


def _same(one: Burst, other: Burst) -> bool:
    """Whether two triggers are one burst: no detector triggers twice within so short a time."""
    return abs(one.gps - other.gps) <= _ONE_TRIGGER_S and same_place(_place(one), _place(other))


def _place(burst: Burst) -> Place | None:
    if burst.ra is None or burst.dec is None or burst.sigma is None:
        return None
    return burst.ra, burst.dec, _WITHIN * burst.sigma + (0.0 if burst.systematic_included else _SYSTEMATIC_DEG)


def _notes(burst: Burst, model: GRBModel) -> list[str]:
    """What the reader must know of a candidate."""
    notes = [] if _placed(burst) else [f"{_title(burst)} has no position with an error: it may be anywhere"]
    notes += [note for note in (_unused(burst, model), _map_note(burst), _ellipse_note(burst)) if note]
    if is_assumed(burst):
        notes.append(f"the error of the position of {_title(burst)} is {burst.error_source}")
    return notes + ([f"{_title(burst)}: {burst.remark}"] if burst.remark else [])


def _ellipse_note(burst: Burst) -> str:
    if burst.skymap is not None or burst.sigma is None or burst.sigma_minor is None or burst.position_angle is None:
        return ""
    return (
        f"the position of {_title(burst)} is known to within an ellipse: 1σ {burst.sigma:.3g}° by "
        f"{burst.sigma_minor:.3g}°, the longer axis {burst.position_angle:g}° from north through east"
    )


def companion(burst: Burst, model: GRBModel) -> Companion:
    """One burst as the statistic takes it."""
    measured = _measured(burst)
    return Companion(
        name=_title(burst),
        gps_s=burst.gps,
        minus_s=model.minus_s,
        plus_s=model.plus_s,
        skymap=localisation(burst, model),
        rate_hz=model.subthreshold_rate_hz if measured.subthreshold else model.rate_hz,
        log_noise=log_noise(model, measured),
        log_heard=log_heard(model, measured),
        test=burst.role == "test",
    )


def localisation(burst: Burst, model: GRBModel) -> SkyMap:
    """The burst's own map, else its circle or ellipse with the systematic error, else the whole sky.

    A map is used as it is: whether it holds the systematic error is said in its record.
    """
    if burst.skymap is not None:
        return read_skymap(base64.b64decode(burst.skymap.fits_base64))
    if burst.ra is None or burst.dec is None or burst.sigma is None:  # as `_placed` says
        return anywhere({"OBJECT": _title(burst), "CREATOR": "no position"})
    ra, dec, origin = math.radians(burst.ra), math.radians(burst.dec), {"OBJECT": _title(burst)}
    along = widths(burst, model)
    if burst.sigma_minor is None or burst.position_angle is None:
        return circle(ra, dec, along, origin | {"CREATOR": "circle from a notice or catalogue"})
    across = widths(burst, model, burst.sigma_minor)
    both = {(a, b): weight for (a, weight), b in zip(along.items(), across, strict=True)}
    return ellipse(ra, dec, both, math.radians(burst.position_angle), origin | {"CREATOR": "ellipse from a notice"})


def widths(burst: Burst, model: GRBModel, sigma_deg: float | None = None) -> Mapping[float, float]:
    """Weight by σ (rad) of a burst's circle: with core and tail of the systematic error, unless it holds that.

    `sigma_deg` is the width along the shorter axis of an ellipse, where that is asked for.
    """
    sigma = math.radians(burst.sigma or 0.0 if sigma_deg is None else sigma_deg)
    return {sigma: 1.0} if burst.systematic_included else with_systematic(sigma, model)


def with_systematic(sigma: float, model: GRBModel) -> Mapping[float, float]:
    """Weight by σ (rad) of a circle with core and tail of the systematic error."""
    shares = ((model.core_deg, model.core_share), (model.tail_deg, 1 - model.core_share))
    return {
        math.hypot(sigma, sigma_of_radius(math.radians(radius), _SYSTEMATIC_CONTAINMENT)): share
        for radius, share in shares
    }


def _measured(burst: Burst) -> Measured:
    return Measured(
        t90_s=burst.t90_s,
        duration_class=burst.duration_class,
        fluence=burst.fluence,
        subthreshold=burst.notice_type == "subthreshold",
    )


def _placed(burst: Burst) -> bool:
    return burst.skymap is not None or None not in (burst.ra, burst.dec, burst.sigma)


def _unused(burst: Burst, model: GRBModel) -> str:
    """What a catalogue should say of a burst and does not, and a fluence that the model cannot use."""
    missing = [name for name, value in (("T90", burst.t90_s), ("fluence", burst.fluence)) if value is None]
    if missing and burst.notice_type == "catalogue":
        return f"{_title(burst)} has no {' and no '.join(missing)} above zero: not used"
    if burst.fluence is not None and burst.fluence < model.fluence_min:
        return (
            f"the fluence of {_title(burst)} is below {model.fluence_min:g} erg cm⁻², the least of triggers: not used"
        )
    return ""


def _log_silence(found: BurstList, heard: OfDistance) -> OfDistance:
    """Silence over the part of the window that the source can speak for."""
    part = _covered(found)
    if not part:
        return not_listening

    def heard_then(r_mpc: Float) -> Float:
        return np.asarray(heard(r_mpc) + math.log(part))

    return log_silence_unless(heard_then)


def _map_note(burst: Burst) -> str:
    if burst.skymap is None or burst.skymap.systematic_included:
        return ""
    return f"the map of {_title(burst)} may lack the systematic error: {burst.skymap.note}"


def _title(burst: Burst) -> str:
    return burst.name or f"GBM trigger {burst.trigger_id}"
