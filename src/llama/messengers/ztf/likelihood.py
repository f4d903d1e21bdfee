"""What a list of transients contributes to the statistic."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np

from llama.messengers.ztf.record import WHOLE_SKY_DEG2, Transient, TransientList
from llama.science.arrays import Float
from llama.science.companions import Companion, Listening, OfDistance, log_silence_unless
from llama.science.sky import circle
from llama.science.times import gps_from_mjd

_DAY_S = 86400.0
_ARCSEC_RAD = math.radians(1 / 3600)


def listening(found: TransientList) -> Listening:
    """Candidates of a list, and what the search's silence means."""
    heard = log_found(found)
    return Listening(
        messenger="ztf",
        companions=tuple(_companion(transient, found, heard) for transient in _by_time(found)),
        log_silence=log_silence_unless(_log_found_somewhere(found, heard)),
        notes=("transients were added by hand; their rates and the depth of the search are their author's",),
        parameters={name: value for name, value in asdict(found).items() if name != "triggers"},
    )


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
