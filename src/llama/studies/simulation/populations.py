"""Populations of mergers: masses and spins, and where in the universe they are.

The models of `bayestar-inject` that observing scenarios use (Abbott et al. 2020, Living Rev. Relativ. 23, 3; names
there: bns_astro, nsbh_astro, bbh_astro). In the source's frame:

    neutron stars   mass N(1.33, 0.09²) M☉, spin along the orbit's axis uniform in ±0.05
    black holes     mass ∝ m^-2.3 from 5 to 50 M☉, spin along the orbit's axis uniform in ±0.99

Both components are drawn independently; the heavier is the first. Rows are uniform in comoving volume and in
their own time (dN/dz ∝ dV_c/dz/(1 + z), Planck 2018), over the sky, in orientation, and in time over a year.
Masses that detectors see are (1 + z) times those of the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from llama.formats.errors import FormatError
from llama.science.arrays import Float, Rows
from llama.studies.simulation.sources import SOURCE

_FIRST_GPS, _YEAR_S = 1_000_000_000, 31_557_600  # 2011-09-14 on, as the published lists
_NEUTRON_STAR, _BLACK_HOLE = "neutron star", "black hole"
_MAX_REDSHIFT = 10.0


@dataclass(frozen=True)
class Mergers:
    """What merges, by its name in lists of sky maps."""

    name: str
    first: str
    second: str


POPULATIONS: Mapping[str, Mergers] = {
    one.name: one
    for one in (
        Mergers("bns", _NEUTRON_STAR, _NEUTRON_STAR),
        Mergers("nsbh", _BLACK_HOLE, _NEUTRON_STAR),
        Mergers("bbh", _BLACK_HOLE, _BLACK_HOLE),
    )
}


def population(name: str) -> Mergers:
    """By name; FormatError when there is none."""
    try:
        return POPULATIONS[name.lower()]
    except KeyError:
        raise FormatError(f"there is no population {name}; there are {', '.join(POPULATIONS)}") from None


def loudest(kind: Mergers, redshift: float) -> Rows:
    """(1,) the loudest pair of a population, at a redshift."""
    most = {_NEUTRON_STAR: (1.33 + 5 * 0.09, 0.05), _BLACK_HOLE: (50.0, 0.99)}
    found = np.zeros(1, SOURCE)
    for k, what in ((1, kind.first), (2, kind.second)):
        mass, spin = most[what]
        found[f"mass{k}"], found[f"spin{k}z"] = mass * (1 + redshift), spin
    return found


def draw_sources(kind: Mergers, count: int, first_id: int, max_redshift: float, rng: np.random.Generator) -> Rows:
    """So many sources within a redshift, numbered from `first_id` on."""
    found = np.zeros(count, SOURCE)
    found["simulation_id"] = first_id + np.arange(count)
    redshift, distance = _redshifts(max_redshift, rng.random(count))
    (mass1, spin1), (mass2, spin2) = (_component(what, count, rng) for what in (kind.first, kind.second))
    swap = mass2 > mass1
    mass1, mass2 = np.where(swap, mass2, mass1), np.where(swap, mass1, mass2)
    spin1, spin2 = np.where(swap, spin2, spin1), np.where(swap, spin1, spin2)
    found["mass1"], found["mass2"] = mass1 * (1 + redshift), mass2 * (1 + redshift)
    found["spin1z"], found["spin2z"] = spin1, spin2
    found["distance"] = distance
    found["longitude"] = rng.uniform(0, 2 * np.pi, count)
    found["latitude"] = np.arcsin(rng.uniform(-1, 1, count))
    found["inclination"] = np.arccos(rng.uniform(-1, 1, count))
    found["polarization"] = rng.uniform(0, 2 * np.pi, count)
    found["coa_phase"] = rng.uniform(-np.pi, np.pi, count)
    found["geocent_end_time"] = rng.integers(_FIRST_GPS, _FIRST_GPS + _YEAR_S, count)
    found["geocent_end_time_ns"] = rng.integers(0, 1_000_000_000, count)
    return found


def _component(what: str, count: int, rng: np.random.Generator) -> tuple[Float, Float]:
    if what == _NEUTRON_STAR:
        return rng.normal(1.33, 0.09, count), rng.uniform(-0.05, 0.05, count)
    low, high = 5.0**-1.3, 50.0**-1.3
    return (low - rng.random(count) * (low - high)) ** (-1 / 1.3), rng.uniform(-0.99, 0.99, count)


@cache
def universe() -> tuple[Float, Float, Float]:
    """Redshift, luminosity distance in Mpc, and the share of sources nearer (not normalised), on a grid."""
    from astropy.cosmology import Planck18

    redshift = np.concatenate([[0.0], np.geomspace(1e-5, _MAX_REDSHIFT, 2000)])
    comoving = np.asarray(Planck18.comoving_distance(redshift).value)
    steps = np.diff(comoving**3) / (1 + (redshift[1:] + redshift[:-1]) / 2)
    return redshift, comoving * (1 + redshift), np.concatenate([[0.0], np.cumsum(steps)])


def _redshifts(most: float, share: Float) -> tuple[Float, Float]:
    """Redshift and luminosity distance where this share of the sources within the largest redshift is nearer."""
    redshift, distance, nearer = universe()
    found = np.cbrt(np.interp(share * np.interp(most, redshift, nearer), nearer, redshift**3))
    return found, np.asarray(np.interp(found, redshift, distance))


def redshift_of(distance_mpc: float) -> float:
    """Of a luminosity distance."""
    redshift, distance, _ = universe()
    return float(np.interp(distance_mpc, distance, redshift))
