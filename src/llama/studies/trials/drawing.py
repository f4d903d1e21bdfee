"""The trials of one block: one sky map, background neutrinos, and those of a source on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llama.formats.coincs import detectors_in
from llama.formats.skymap import read_skymap
from llama.formats.skymap_times import header_times
from llama.science.arrays import Float
from llama.science.detector import AntennaPattern, SeasonTable
from llama.science.search import Search
from llama.science.sky import SkyMap, credible_area_deg2, mean_distance
from llama.science.statistic import GWTrigger as Trigger
from llama.science.statistic import Prepared, prepare, rate_hz
from llama.studies.listed import Listed
from llama.studies.pool import Pool
from llama.studies.trials.sources import Source
from llama.studies.truth import (
    MERGER,
    Sources,
    draw_sources,
    merged,
    of_sources,
    scrambled,
    sources_at,
    true_energies,
)

GPS_S = 1_000_000_000.0
"""The time of maps that do not say when. Without antenna pattern nothing depends on it but the differences to the
neutrinos'."""

P_ASTRO = 1.0
"""Maps of simulated signals stand for real mergers."""


@dataclass(frozen=True, eq=False)
class TrialMap:
    """A sky map ready for its trials; `area_deg2` of its 90 % region, `distance_mpc` its mean, NaN without one."""

    skymap: SkyMap
    trigger: Trigger
    prepared: Prepared
    area_deg2: float
    distance_mpc: float

    @classmethod
    def read(cls, path: str, detectors: str, season: SeasonTable, search: Search) -> TrialMap:
        """Raises FormatError or OSError for a file that is no sky map, ValueError for one that cannot be used."""
        skymap = read_skymap(Path(path))
        if other := other_detectors(skymap.origin, detectors):
            raise ValueError(f"{path} was heard by {other}, as its header says, not by {detectors}")
        instruments = detectors_in(detectors) or ()
        trigger = Trigger(gps_of(skymap), None, P_ASTRO, instruments)
        stated, prepared = mean_distance(skymap), prepare(skymap, trigger, season, search)
        if prepared.mode == "marginal" and search.antenna_pattern:
            _refuse_unheard(path, skymap, trigger, search)
        return cls(
            skymap=skymap,
            trigger=trigger,
            prepared=prepared,
            area_deg2=credible_area_deg2(skymap, 0.9),
            distance_mpc=np.nan if stated is None else stated[0],
        )


def other_detectors(origin: Mapping[str, str], detectors: str) -> str:
    """The detectors that a map's header names, as `H1L1`; empty where none are asked for, where it names none, and
    where it names the same."""
    said, asked = detectors_in(origin.get("INSTRUME", "")), detectors_in(detectors)
    return "".join(said) if said and asked and said != asked else ""


def gps_of(skymap: SkyMap) -> float:
    """When the map's header says that its signal came, to a second; else the time that studies give to all."""
    stated = _stated_gps(skymap)
    return GPS_S if stated is None else stated


def _stated_gps(skymap: SkyMap) -> float | None:
    times = [one for one in header_times(skymap.origin)[0] if not one.is_day]
    return float(round(times[0].first_gps)) if times else None


def _refuse_unheard(path: str, skymap: SkyMap, trigger: Trigger, search: Search) -> None:
    """ValueError for a map of which nobody can say how its detectors heard a direction, where the odds need that."""
    if _stated_gps(skymap) is None:
        raise ValueError(f"{path} does not say when its signal came, which the search's antenna_pattern needs")
    try:
        AntennaPattern.of(trigger.instruments, trigger.gps_s)
    except ValueError as error:
        raise ValueError(
            f"the search's antenna_pattern cannot be had: {error}; --detectors says who heard"
        ) from error


@dataclass(frozen=True, eq=False)
class Supply:
    """Where neutrinos come from: real events within the search's energies, and the response to a source's."""

    pool: Pool
    season: SeasonTable
    search: Search


@dataclass(frozen=True, eq=False)
class TrueSources:
    """What is true of the source of each trial, k neutrinos each.

    Attributes:
        ra_rad, dec_rad, distance_mpc: (trials,) where it is.
        energy_gev, true_energy_gev: (trials, k) reconstructed energies, and those of the neutrinos themselves.
        weight: (trials,) chance that such a source, aimed at us, gives k neutrinos.
    """

    ra_rad: Float
    dec_rad: Float
    distance_mpc: Float
    energy_gev: Float
    true_energy_gev: Float
    weight: Float


def draw_trials(
    rng: np.random.Generator, host: TrialMap, source: Source | None, supply: Supply, neutrinos: int, count: int
) -> tuple[Listed, TrueSources]:
    """So many trials with so many neutrinos of a source in each: at `source`, else drawn from the map's posterior.

    Raises ValueError for a map without distances, from which no source can be drawn.
    """
    season, search = supply.season, supply.search
    noise = scrambled(rng, supply.pool, rate_hz(season, search), search, count)
    gps = host.trigger.gps_s
    if not neutrinos:
        return Listed.of(merged((noise,), count), gps, season.name), _nothing()
    sources = _sources(rng, host, source, season, search, count)
    event = np.repeat(np.arange(count), neutrinos)
    signal = of_sources(rng, sources.take(event), event, supply.pool.sigma_rad, season, search, MERGER)
    listed = Listed.of(merged((signal, noise), count), gps, season.name)
    energy = listed.energy_gev[listed.injected]
    sin_dec = sources.direction[event, 2]
    shape = (count, neutrinos)
    x, y, z = sources.direction.T
    return listed, TrueSources(
        ra_rad=np.arctan2(y, x) % (2 * np.pi),
        dec_rad=np.arctan2(z, np.hypot(x, y)),
        distance_mpc=sources.distance_mpc,
        energy_gev=energy.reshape(shape),
        true_energy_gev=true_energies(season, sin_dec, energy).reshape(shape),
        weight=_chance(sources.mean_count, neutrinos),
    )


def _sources(
    rng: np.random.Generator, host: TrialMap, source: Source | None, season: SeasonTable, search: Search, count: int
) -> Sources:
    if source is None:
        return draw_sources(rng, host.skymap, season, search, count)
    return sources_at(rng, source.direction, source.distance_mpc, season, search, count)


def _chance(mean: Float, neutrinos: int) -> Float:
    """Poisson probability of so many."""
    from scipy.stats import poisson

    return np.asarray(poisson.pmf(neutrinos, mean), dtype=np.float64)


def _nothing() -> TrueSources:
    none = np.empty(0)
    return TrueSources(none, none, none, np.empty((0, 0)), np.empty((0, 0)), none)
