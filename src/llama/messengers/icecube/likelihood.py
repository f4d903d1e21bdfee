"""What IceCube's list contributes to the statistic."""

from __future__ import annotations

import math

import numpy as np

from llama.messengers.icecube.record import NeutrinoList
from llama.science.statistic import Neutrinos
from llama.science.times import mjd_from_gps, utc_from_gps


def neutrinos(found: NeutrinoList, band_gev: tuple[float, float] = (0.0, math.inf)) -> Neutrinos:
    """The list as the statistic takes it: arrays in the order of the list, in seconds, radians and GeV.

    Raises ValueError, which names the neutrino, for an energy outside `band_gev`. All else that the statistic could
    refuse, a list cannot hold.
    """
    low, high = band_gev
    for row in found.neutrinos:
        if not low <= row.energy <= high:
            raise ValueError(
                f"neutrino {row.i3event} has energy {row.energy:g} GeV, outside the search's band of {low:g} to "
                f"{high:g} GeV; correct it or take it off the list"
            )
    columns = [(row.gps, row.ra, row.dec, row.sigma, row.energy) for row in found.neutrinos]
    gps_s, ra_deg, dec_deg, sigma_deg, energy_gev = np.array(columns, dtype=np.float64).reshape(-1, 5).T.copy()
    return Neutrinos(
        gps_s=gps_s,
        ra_rad=np.radians(ra_deg),
        dec_rad=np.radians(dec_deg),
        sigma_rad=np.radians(sigma_deg),
        energy_gev=energy_gev,
    )


SEASONS = {
    "IC40": (54562, 54972), "IC59": (54971, 55348), "IC79": (55348, 55695), "IC86_I": (55694, 56063),
    "IC86_II": (56043, 56415), "IC86_III": (56400, 56784), "IC86_IV": (56757, 57161), "IC86_V": (57136, 57529),
    "IC86_VI": (57528, 57892), "IC86_VII": (57891, 58310),
}  # fmt: skip
"""Days (MJD) from the first good run of each season to the last, by the 10-year release (doi:10.7910/DVN/VKL316)."""

_BY_YEAR = dict(zip((f"IC86-{year}" for year in range(2011, 2018)), list(SEASONS)[3:], strict=True))
_OTHER_NAMES = {"IC79-2010": "IC79", "IC59-2009": "IC59", "IC40-2008": "IC40", **_BY_YEAR}


def _season_notes(found: NeutrinoList) -> list[str]:
    """Where seasons and dates of a list contradict each other; simulated neutrinos may be of any season.

    After the last released season lists name an earlier one, since there is no table of their own.
    """
    if found.invented or found.season is None:
        return []
    season = _known(found.season)
    named = sorted({row.season for row in found.neutrinos if row.season and _known(row.season) != season})
    notes = [f"the neutrino list is of season {found.season}, neutrinos in it of {', '.join(named)}"] if named else []
    start, stop = mjd_from_gps(found.start_gps), mjd_from_gps(found.stop_gps)
    at_the_time = [name for name, (first, last) in SEASONS.items() if start < last and stop > first]
    if season in SEASONS and at_the_time and season not in at_the_time:
        notes.append(
            f"the neutrino list says season {found.season}, but its window, {utc_from_gps(found.start_gps, 0)} on, "
            f"lies in {' and '.join(at_the_time)}: rate and effective area are those of another season"
        )
    return notes


def _known(season: str) -> str:
    return _OTHER_NAMES.get(season, season)


def covered_pieces(found: NeutrinoList, first_gps: float, last_gps: float) -> tuple[tuple[float, float, str], ...]:
    """Start, stop (GPS seconds) and season of the good livetime between two times, in order.

    What is in no piece is no livetime of the list: of neutrinos then nothing is known, also not that there were none.
    Raises ValueError, which says what to do, for a list that does not tell when its livetime is.
    """
    if found.covered is None:
        raise ValueError(f"{when_unknown(found)}; get the list again, or correct it")
    cut = [(max(one.start_gps, first_gps), min(one.stop_gps, last_gps), one.season) for one in found.covered]
    return tuple((start, stop, season) for start, stop, season in cut if start < stop)


def when_unknown(found: NeutrinoList) -> str:
    """What a list leaves open on when its livetime is; empty when it tells."""
    if found.covered is not None:
        return ""
    length = found.stop_gps - found.start_gps
    left_open = []
    if not found.all_covered:
        left_open.append(f"which {found.covered_s:.1f} of its {length:.1f} s good data cover")
    named = list(dict.fromkeys(map(_known, found.seasons)))
    if len(named) != 1:
        seasons = " and when of ".join(found.seasons)
        left_open.append(f"when it is of {seasons}" if seasons else "of which season it is")
    return f"the neutrino list does not say {', nor '.join(left_open)}" if left_open else ""


def list_notes(found: NeutrinoList) -> list[str]:
    """What the reader of a result must know of the list that it rests on."""
    notes = _season_notes(found)
    contradicts = bool(notes)
    if found.why:
        notes.append(f"the neutrino list{'' if found.complete else ' is not complete'}: {found.why}")
    elif not found.complete:
        covered = f"{found.covered_s:.1f} of {found.stop_gps - found.start_gps:.1f} s"
        notes.append(f"the neutrino list is not complete: good data cover {covered}")
    if (open_question := when_unknown(found)) and not contradicts:
        notes.append(open_question)
    if found.season and found.neutrinos and not found.covered_s:
        notes.append(
            f"the neutrino list says that good data cover none of its window (covered_s is 0), but it has "
            f"{len(found.neutrinos)} neutrino(s): correct one of the two"
        )
    return notes
