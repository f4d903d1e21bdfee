"""What Fermi's list contributes to the statistic."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping

import numpy as np

from llama.formats.skymap import read_skymap
from llama.messengers.fermi.record import BurstList, is_assumed
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
from llama.science.sky import SkyMap, anywhere, circle, sigma_of_radius

_SYSTEMATIC_CONTAINMENT = 0.68


def listening(found: BurstList, model: GRBModel) -> Listening:
    """Candidates and silence of one list; the notes say what was left out, and what the source cannot speak for."""
    bursts = [burst for burst in found.bursts if not burst.not_a_burst]
    notes = [f"{_title(b)} is left out: {b.not_a_burst}" for b in found.bursts if b.not_a_burst]
    if found.why:
        notes.append(f"the list of bursts{'' if found.complete else ' is incomplete'}: {found.why}")
    notes += [f"{_title(b)} has no position with an error: it may be anywhere" for b in bursts if not _placed(b)]
    notes += [note for b in bursts if (note := _unused(b, model))]
    notes += [note for burst in bursts if (note := _map_note(burst))]
    notes += [f"the error of the position of {_title(b)} is {b.error_source}" for b in bursts if is_assumed(b)]
    subthreshold = found.subthreshold or any(_measured(burst).subthreshold for burst in bursts)
    return Listening(
        messenger="fermi",
        companions=tuple(companion(burst, model) for burst in bursts),
        log_silence=_log_silence(found, log_heard_at_all(model, subthreshold=subthreshold)),
        notes=tuple(notes),
        parameters=as_parameters(model),
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
    )


def localisation(burst: Burst, model: GRBModel) -> SkyMap:
    """The burst's own map, else its circle with the systematic error, else the whole sky.

    A map is used as it is: whether it holds the systematic error is said in its record.
    """
    if burst.skymap is not None:
        return read_skymap(base64.b64decode(burst.skymap.fits_base64))
    if burst.ra is None or burst.dec is None or burst.sigma is None:  # as `_placed` says
        return anywhere({"OBJECT": _title(burst), "CREATOR": "no position"})
    origin = {"OBJECT": _title(burst), "CREATOR": "circle from a notice or catalogue"}
    return circle(math.radians(burst.ra), math.radians(burst.dec), widths(burst, model), origin)


def widths(burst: Burst, model: GRBModel) -> Mapping[float, float]:
    """Weight by σ (rad) of a burst's circle: with core and tail of the systematic error, unless it holds that."""
    sigma = math.radians(burst.sigma or 0.0)
    if burst.systematic_included:
        return {sigma: 1.0}
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
    part = min(found.covered_s / (found.stop_gps - found.start_gps), 1.0)
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
