"""What a list of transients contributes to the statistic."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np

from llama.messengers.lists import same_place
from llama.messengers.ztf.record import WHOLE_SKY_DEG2, Transient, TransientList
from llama.science.arrays import Float
from llama.science.companions import (
    Companion,
    Listening,
    Looked,
    OfDistance,
    Unrelated,
    log_silence_unless,
    not_listening,
    rarer,
)
from llama.science.sky import circle
from llama.science.times import gps_from_mjd

_DAY_S = 86400.0
_EXPOSURE_S = 30.0  # of ZTF's survey
_WITHIN = 3.0  # sigma
_ARCSEC_RAD = math.radians(1 / 3600)


def listening(found: TransientList) -> Listening:
    """Candidates of a list, and what the search's silence means."""
    heard = log_found(found)
    kept, repeated = _once(found)
    notes = ["transients were added by hand; their rates and the depth of the search are their author's", *repeated]
    if not found.searched:
        notes.append("nothing was searched in time (searched is 0): that nothing else was found says nothing")
    companions = tuple(_companion(transient, found, heard) for transient in kept)
    return Listening(
        messenger="ztf",
        companions=companions,
        log_silence=log_silence_unless(_log_found_somewhere(found, heard)) if found.searched else not_listening,
        notes=tuple(notes),
        parameters={name: value for name, value in asdict(found).items() if name != "triggers"},
        window_known=False,
        unrelated=_unrelated(found, companions),
    )


def _unrelated(found: TransientList, companions: tuple[Companion, ...]) -> Unrelated:
    """Transients at the rates of the list's own: the rarer are among the more frequent, as each rate is of all that
    would have passed."""
    sky = found.searched_deg2 / WHOLE_SKY_DEG2
    expected = [one.rate_hz * sky * one.window_s for one in companions]

    def draw(rng: np.random.Generator, gps_s: float, ra_rad: float, dec_rad: float) -> Companion:
        like = companions[rarer(expected, rng.random())]
        there = circle(ra_rad, dec_rad, {found.triggers[0].error_arcsec * _ARCSEC_RAD: 1.0}, {"OBJECT": "drawn"})
        return replace(like, gps_s=gps_s + rng.uniform(like.minus_s, like.plus_s), skymap=there)

    return Unrelated(max(expected, default=0.0), draw, 0.0, Looked(found.searched, sky), of_its_list=True)


def _once(found: TransientList) -> tuple[list[Transient], list[str]]:
    """The transients in order of time, each once, and words on those that are there under two names."""
    kept: list[Transient] = []
    notes: list[str] = []
    for transient in _by_time(found):
        same = next((other for other in kept if _same(transient, other)), None)
        if same is None:
            kept.append(transient)
        else:
            notes.append(f"{transient.name} is {same.name} once more, with its time and place: counted once")
    return kept, notes


def _same(one: Transient, other: Transient) -> bool:
    """Whether two names are of one transient: of one exposure, and as near as their errors allow."""
    places = ((t.ra, t.dec, _WITHIN * t.error_arcsec / 3600) for t in (one, other))
    return abs(one.mjd - other.mjd) * _DAY_S <= _EXPOSURE_S and same_place(*places)


def log_found(found: TransientList) -> OfDistance:
    """Of r (Mpc): ln of the chance that a counterpart is bright enough to be found, where it was looked for.

    A transient of the list lies where it was looked for, so this is what it is heard with.
    """
    brightest, faintest = found.peak_magnitudes

    def log_chance(r_mpc: Float) -> Float:
        modulus = 5 * np.log10(np.asarray(r_mpc, dtype=np.float64)) + 25
        part = np.clip((found.limiting_magnitude - modulus - brightest) / (faintest - brightest), 0.0, 1.0)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(part))

    return log_chance


def _log_found_somewhere(found: TransientList, heard: OfDistance) -> OfDistance:
    """Of r (Mpc): ln of the chance that a counterpart is found, wherever in the trigger's sky map it is."""
    with np.errstate(divide="ignore"):
        looked = np.log(np.float64(found.searched))
    return lambda r_mpc: looked + heard(r_mpc)


def _companion(transient: Transient, found: TransientList, heard: OfDistance) -> Companion:
    oldest = math.inf if transient.mjd_last_before is None else transient.mjd - transient.mjd_last_before
    window_days = min(found.window_days, oldest)
    ra, dec = math.radians(transient.ra), math.radians(transient.dec)
    return Companion(
        name=transient.name,
        gps_s=float(gps_from_mjd(transient.mjd)),
        minus_s=0.0,
        plus_s=window_days * _DAY_S,
        skymap=circle(ra, dec, {transient.error_arcsec * _ARCSEC_RAD: 1.0}, {"OBJECT": transient.name}),
        rate_hz=_rate_per_day(transient, window_days) * WHOLE_SKY_DEG2 / found.searched_deg2 / _DAY_S,
        log_noise=0.0,
        log_heard=heard,
    )


def _rate_per_day(transient: Transient, window_days: float) -> float:
    """Of unrelated ones where it was searched: the rate itself, or that with the chance of any within the window."""
    if transient.rate_per_day is not None:
        return transient.rate_per_day
    return -math.log1p(-(transient.chance or 0.0)) / window_days


def _by_time(found: TransientList) -> list[Transient]:
    return sorted(found.triggers, key=lambda transient: (transient.mjd, transient.name))
