"""Events drawn from the model's own hypotheses: what happened is known, and only what is observed goes further.

A merger is real with probability p_astro. It lies where the sky map says, r² N(r; μ, σ) along the line of sight,
points its neutrinos at us with probability 1/f_b, and then gives Poisson(α n) neutrinos, E_ν log-uniform, their
energies from a/α, directions from the point spread, times uniform in the windows. Besides, there are background
neutrinos from P_emp at R_ν, and astrophysical ones from unrelated sources, each counted as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.science.detector import SeasonTable, alpha, interpolate_sin_dec
from llama.science.search import Search
from llama.science.sky import SkyMap, has_distance, probability, unit_vectors, vectors
from llama.science.statistic import Neutrinos, gw_window_s, neutrino_window_s
from llama.studies.background_density import BackgroundDraws
from llama.studies.pool import Pool

BACKGROUND, MERGER, STRANGER = 0, 1, 2
_RADII = 1200
ERG_PER_EU = 9.521406136918413e51  # of 1 kg Mpc² s⁻²
_EVENTS_AT_ONCE = 500
_AT_ONCE = 1000  # a grid of radii for each takes 10 kB, several times over


@dataclass(frozen=True, eq=False)
class Lists:
    """Neutrinos of many events around one sky map; times are seconds after the trigger.

    Attributes:
        neutrinos: all of them, by event.
        event: (n,) which event, ascending.
        origin: (n,) BACKGROUND, MERGER or STRANGER.
        events: how many events, those without neutrinos too.
    """

    neutrinos: Neutrinos
    event: Index
    origin: Index
    events: int

    @property
    def start(self) -> Index:
        """(events + 1,) neutrinos of event i are start[i] … start[i + 1]."""
        return np.searchsorted(self.event, np.arange(self.events + 1))

    def take(self, keep: NDArray[np.bool_] | Index) -> Lists:
        """Some of the neutrinos; the events stay."""
        return Lists(take(self.neutrinos, keep), self.event[keep], self.origin[keep], self.events)


def take(neutrinos: Neutrinos, keep: NDArray[np.bool_] | Index | slice) -> Neutrinos:
    """Some of the neutrinos."""
    return Neutrinos(**{name: getattr(neutrinos, name)[keep] for name in Neutrinos.__dataclass_fields__})


@dataclass(frozen=True, eq=False)
class Sources:
    """Mergers: unit vectors (n, 3), distances, and α a of each, so that α n = count_mpc2/r²."""

    direction: Float
    distance_mpc: Float
    count_mpc2: Float

    @property
    def mean_count(self) -> Float:
        """α n, the expected number of neutrinos."""
        return self.count_mpc2 / self.distance_mpc**2

    def take(self, at: Index) -> Sources:
        return Sources(self.direction[at], self.distance_mpc[at], self.count_mpc2[at])


def draw_sources(
    rng: np.random.Generator, skymap: SkyMap, season: SeasonTable, search: Search, count: int
) -> Sources:
    """Mergers of one sky map. A cell without a distance takes that of another, drawn by probability."""
    mass = probability(skymap)
    cell = rng.choice(mass.size, count, p=mass / mass.sum())
    direction = _inside(rng, skymap, cell)
    distance = draw_distance(rng, *_distance_parameters(rng, skymap, cell))
    span = rng.random(count) * search.log_nu_span
    return Sources(direction, distance, alpha(season, direction[:, 2]) * search.count_min_mpc2 * np.exp(span))


def sources_at(
    rng: np.random.Generator,
    direction: Float,
    distance_mpc: float,
    season: SeasonTable,
    search: Search,
    count: int,
) -> Sources:
    """Mergers that all lie in one place: a unit vector (3,) and a distance; E_ν log-uniform."""
    span = rng.random(count) * search.log_nu_span
    strength = alpha(season, direction[2:]) * search.count_min_mpc2 * np.exp(span)
    return Sources(np.tile(direction, (count, 1)), np.full(count, distance_mpc), strength)


def _inside(rng: np.random.Generator, skymap: SkyMap, cell: Index) -> Float:
    """A direction inside each cell, uniform on the sphere: HEALPix coordinates keep areas."""
    direction = np.empty((cell.size, 3))
    x, y = rng.random((2, cell.size))
    for order in np.unique(skymap.order[cell]).tolist():
        here = np.flatnonzero(skymap.order[cell] == order)
        direction[here] = vectors(order, skymap.ipix[cell[here]].astype(np.int64), x[here], y[here])
    return direction


def _distance_parameters(rng: np.random.Generator, skymap: SkyMap, cell: Index) -> tuple[Float, Float]:
    if skymap.distmu is None or skymap.distsigma is None:
        raise ValueError("the sky map has no distances; events can be drawn only where it has")
    known = has_distance(skymap)
    missing = np.flatnonzero(~known[cell])
    if missing.size:
        mass = np.where(known, probability(skymap), 0.0)
        cell = cell.copy()
        cell[missing] = rng.choice(mass.size, missing.size, p=mass / mass.sum())
    return skymap.distmu[cell], skymap.distsigma[cell]


def draw_distance(rng: np.random.Generator, mu: Float, sigma: Float) -> Float:
    """r > 0 from r² N(r; mu, sigma), by the inverse of its cumulative distribution on a grid around the mode."""
    some = [slice(first, first + _AT_ONCE) for first in range(0, mu.size, _AT_ONCE)]
    return np.asarray(
        sigma * np.concatenate([np.empty(0), *(_draw_scaled(rng, mu[part] / sigma[part]) for part in some)])
    )


def _draw_scaled(rng: np.random.Generator, m: Float) -> Float:
    """t > 0 from t² exp(−(t − m)²/2)."""
    # (m + √(m² + 8))/2, in the form that keeps its digits for m ≪ 0
    root = np.sqrt(m * m + 8)
    mode = np.where(m > 0, (m + root) / 2, 4 / (root - m))
    width = 1 / np.sqrt(1 + 2 / mode**2)
    t = np.maximum(mode[:, None] + width[:, None] * np.linspace(-9, 25, _RADII), 0.0)
    log_density = 2 * np.log(np.maximum(t, 1e-300)) - (t - m[:, None]) ** 2 / 2
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    steps = (density[:, 1:] + density[:, :-1]) / 2 * np.diff(t, axis=1)
    reached = np.concatenate([np.zeros((m.size, 1)), np.cumsum(steps, axis=1)], axis=1)
    wanted = rng.random(m.size) * reached[:, -1]
    right = np.clip((reached < wanted[:, None]).sum(axis=1), 1, _RADII - 1)
    row = np.arange(m.size)
    low, high = reached[row, right - 1], reached[row, right]
    part = (wanted - low) / np.maximum(high - low, 1e-300)
    return np.asarray(t[row, right - 1] + part * (t[row, right] - t[row, right - 1]))


def draw_energies(rng: np.random.Generator, season: SeasonTable, search: Search, sin_dec: Float) -> Float:
    """Reconstructed energies (GeV) of a source's neutrinos, from a/α in its direction."""
    rows = np.arange(season.log10_energy.size)
    weight = interpolate_sin_dec(
        season, season.signal_per_dex, np.tile(rows, (sin_dec.size, 1)), np.tile(sin_dec[:, None], (1, rows.size))
    )
    reached = np.cumsum(weight, axis=1)
    picked = (reached < (rng.random(sin_dec.size) * reached[:, -1])[:, None]).sum(axis=1)
    step = season.log10_energy[1] - season.log10_energy[0]
    # linear between grid points: a mixture of triangles, each the sum of two uniform numbers
    offset = rng.random((2, sin_dec.size)).sum(axis=0) - 1
    energy = 10 ** (season.log10_energy[picked] + step * offset)
    return np.asarray(np.clip(energy, search.energy_min_gev, search.energy_max_gev))


def true_energies(season: SeasonTable, sin_dec: Float, energy_gev: Float) -> Float:
    """(n,) energies (GeV) of the neutrinos themselves, of those reconstructed in these directions.

    Both distributions are exact, A_eff ε⁻² and a/α; of the smearing tables keep no more than these, so energies are
    tied by rank: the highest reconstructed one is of the highest neutrino.
    """
    edges = season.true_log10_energy
    counts = season.effective_area_cm2 * -np.diff(10.0**-edges)[:, None]
    every = np.arange(season.sin_dec.size)
    nearest = np.abs(season.sin_dec[every] - sin_dec[:, None]).argmin(axis=1)
    found = np.empty(energy_gev.size)
    step = season.log10_energy[1] - season.log10_energy[0]
    ends = season.log10_energy[0] - step / 2 + step * np.arange(season.log10_energy.size + 1)
    for band in np.unique(nearest).tolist():
        here = nearest == band
        seen = np.concatenate([[0.0], np.cumsum(season.signal_per_dex[:, band])])
        rank = np.interp(np.log10(energy_gev[here]), ends, seen / seen[-1])
        true = np.concatenate([[0.0], np.cumsum(counts[:, band])])
        found[here] = 10 ** np.interp(rank, true / true[-1], edges)
    return found


def scatter(rng: np.random.Generator, direction: Float, sigma_rad: Float) -> tuple[Float, Float]:
    """Right ascension and declination seen of these directions, von Mises–Fisher with κ = 1/σ²."""
    kappa = 1 / sigma_rad**2
    one_minus_cos = -np.log1p(-rng.random(sigma_rad.size) * -np.expm1(-2 * kappa)) / kappa
    cosine, sine = 1 - one_minus_cos, np.sqrt(one_minus_cos * np.maximum(2 - one_minus_cos, 0.0))
    turn = 2 * np.pi * rng.random(sigma_rad.size)
    pole = np.where(np.abs(direction[:, 2:]) < 0.9, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    east = np.cross(pole, direction)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    north = np.cross(direction, east)
    across = np.cos(turn)[:, None] * east + np.sin(turn)[:, None] * north
    x, y, z = (cosine[:, None] * direction + sine[:, None] * across).T
    return np.arctan2(y, x) % (2 * np.pi), np.arctan2(z, np.hypot(x, y))


def of_sources(
    rng: np.random.Generator,
    sources: Sources,
    event: Index,
    sigmas: Float,
    season: SeasonTable,
    search: Search,
    origin: int,
) -> Lists:
    """One neutrino per entry of `event` from the source beside it; those of one event share the source's time."""
    every = int(event.max(initial=-1)) + 1
    source_s = -rng.uniform(search.t_gw_minus_s, search.t_gw_plus_s, every)[event]
    time = source_s + rng.uniform(search.t_nu_minus_s, search.t_nu_plus_s, event.size)
    sigma = rng.choice(sigmas, event.size)
    energy = draw_energies(rng, season, search, sources.direction[:, 2])
    ra, dec = scatter(rng, sources.direction, sigma)
    return Lists(Neutrinos(time, ra, dec, sigma, energy), event, np.full(event.size, origin), every)


def draw_background(
    rng: np.random.Generator, background: BackgroundDraws, sigmas: Float, rate_hz: float, search: Search, events: int
) -> Lists:
    """Background neutrinos of the density the statistic uses, Poisson at the rate it uses."""
    low, high = window_s(search)
    event = np.repeat(np.arange(events), rng.poisson(rate_hz * background.total * (high - low), events))
    dec, energy = background.draw(rng, event.size)
    ra = 2 * np.pi * rng.random(event.size)
    time = rng.uniform(low, high, event.size)
    neutrinos = Neutrinos(time, ra, dec, rng.choice(sigmas, event.size), energy)
    return Lists(neutrinos, event, np.full(event.size, BACKGROUND), events)


def scrambled(rng: np.random.Generator, pool: Pool, rate_hz: float, search: Search, events: int) -> Lists:
    """Neutrinos of the pool at random right ascensions and times, Poisson in number."""
    low, high = window_s(search)
    event = np.repeat(np.arange(events), rng.poisson(rate_hz * (high - low), events))
    row = rng.integers(len(pool), size=event.size)
    columns = (pool.dec_rad[row], pool.sigma_rad[row], pool.energy_gev[row])
    time, ra = rng.uniform(low, high, event.size), 2 * np.pi * rng.random(event.size)
    neutrinos = Neutrinos(time, ra, columns[0], columns[1], columns[2])
    return Lists(neutrinos, event, np.full(event.size, BACKGROUND), events)


def draw_strangers(
    rng: np.random.Generator, sigmas: Float, season: SeasonTable, search: Search, events: int
) -> Lists:
    """Astrophysical neutrinos of sources unrelated to the merger, of those that give exactly one.

    The sources themselves are drawn: ṅ/f_b of them in the volume of the horizon, E_ν log-uniform, counts Poisson.
    Nothing here comes from the closed forms that the statistic takes its λ from.
    """
    low, high = window_s(search)
    volume = 4 / 3 * np.pi * search.horizon_mpc(search.e_gw_max_eu) ** 3
    every = search.source_rate_mpc3_s / search.beaming * volume * (high - low)
    parts = [(np.empty(0, np.int64), np.empty((0, 3)))]
    for first in range(0, events, _EVENTS_AT_ONCE):
        some = min(_EVENTS_AT_ONCE, events - first)
        owner = first + np.sort(rng.integers(some, size=rng.poisson(every * some)))
        parts.append(_strangers(rng, owner, season, search))
    event, direction = (np.concatenate(column) for column in zip(*parts, strict=True))
    time, sigma = rng.uniform(low, high, event.size), rng.choice(sigmas, event.size)
    energy = draw_energies(rng, season, search, direction[:, 2])
    ra, dec = scatter(rng, direction, sigma)
    return Lists(Neutrinos(time, ra, dec, sigma, energy), event, np.full(event.size, STRANGER), events)


def _strangers(rng: np.random.Generator, owner: Index, season: SeasonTable, search: Search) -> tuple[Index, Float]:
    """Whose list, and the direction, of those unrelated sources that give exactly one neutrino."""
    z = rng.uniform(-1, 1, owner.size)
    distance = search.horizon_mpc(search.e_gw_max_eu) * np.cbrt(1 - rng.random(owner.size))
    energy_eu = search.e_nu_min_eu * np.exp(search.log_nu_span * rng.random(owner.size))
    mean = alpha(season, z) * _counts_mpc2(search, energy_eu) / distance**2
    one = rng.poisson(mean) == 1
    ra = 2 * np.pi * rng.random(int(one.sum()))
    return owner[one], unit_vectors(ra, np.arcsin(z[one])).reshape(-1, 3)


def stranger_counts(rng: np.random.Generator, season: SeasonTable, search: Search, drawn: int = 1_000_000) -> float:
    """How many such neutrinos a window holds on average, from a draw of this many sources."""
    low, high = window_s(search)
    volume = 4 / 3 * np.pi * search.horizon_mpc(search.e_gw_max_eu) ** 3
    one, _ = _strangers(rng, np.zeros(drawn, np.int64), season, search)
    return float(search.source_rate_mpc3_s / search.beaming * volume * (high - low) * one.size / drawn)


def _counts_mpc2(search: Search, energy_eu: Float) -> Float:
    """Neutrinos of sources of these energies, sky average, times r²: n_51_100 at 1e51 erg and 100 Mpc."""
    return np.asarray(search.n_51_100 * (energy_eu * ERG_PER_EU / 1e51) * 100.0**2)


def window_s(search: Search) -> tuple[float, float]:
    """First and last time of a neutrino that can share a source with a trigger at 0."""
    return search.t_nu_minus_s - search.t_gw_plus_s, search.t_nu_plus_s - search.t_gw_minus_s


def window_length_s(search: Search) -> float:
    """T_c = T_gw + T_ν."""
    return gw_window_s(search) + neutrino_window_s(search)


def merged(parts: tuple[Lists, ...], events: int) -> Lists:
    """Neutrinos of all parts, by event, in order of time within each."""
    event = np.concatenate([part.event for part in parts])
    gps = np.concatenate([part.neutrinos.gps_s for part in parts])
    by = np.lexsort((gps, event))
    columns = {
        name: np.concatenate([getattr(part.neutrinos, name) for part in parts])[by]
        for name in Neutrinos.__dataclass_fields__
    }
    return Lists(Neutrinos(**columns), event[by], np.concatenate([part.origin for part in parts])[by], events)
