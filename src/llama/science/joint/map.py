"""Where the source is, given a gravitational wave and the neutrinos that may share it: the joint posterior map.

Given that the merger and the neutrinos of a set g share a source, its direction has the density

    p_g(Ω) ∝ P_gw(Ω) ⟨k! Q_k(αn)⟩(Ω) Π_{i∈g} (a_i/α)(ε_i, Ω) PSF_i(Ω),    k neutrinos in g,

the integrand of the statistic itself (SCIENCE 1.6, 2.2). Which neutrinos do is not known, and a trigger that is noise
has no direction. So the map is, as the gravitational-wave map is, that of a real merger, averaged over g:

    p(Ω) = [c P_gw(Ω) + Σ_g B̃_g p_g(Ω)]/(c + Σ_g B̃_g).

Σ_g B̃_g is that of the exact statistic, over sets of any size. Of sets of three and more only the sum is at hand; they
are drawn as the likeliest pair, a region somewhat larger than theirs where they share it.

A merger without neutrinos is a little less likely where IceCube would have seen some: that changes the first term by
less than 1/f_b even for the nearest sources, and is left out.
Cells are those of the gravitational-wave map, divided wherever a p_g changes within one; nothing is rasterised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import SeasonTable, alpha, interpolate_sin_dec, signal_rows
from llama.science.joint.distance import Reach, carried, reweighted
from llama.science.joint.grid import Grid, Spread, refined
from llama.science.search import Search
from llama.science.sky import SkyMap, cell_area_sr, from_cells, marginal_distance, unit_vectors
from llama.science.statistic import CoincidenceResult, Neutrinos, Prepared

LEAST_PROBABILITY = 1e-6
"""Less probable relations are left out: even beside a map of 1000 deg² a neutrino of 0.1° would not show."""

_DARK = 40.0  # densities below e^-40 of the greatest are zero


@dataclass(frozen=True)
class Relation:
    """Which neutrinos share the merger's source (indices, none for unrelated ones), and how probable that is.

    With `larger` it stands for all sets of three and more, drawn as if they were these neutrinos.
    """

    neutrinos: tuple[int, ...]
    probability: float
    larger: bool = False


def relations(result: CoincidenceResult) -> tuple[Relation, ...]:
    """Every relation of neutrinos with the source that matters, given that the trigger is a merger.

    Unrelated, single neutrinos, pairs, and all larger sets as one, with the probabilities of the exact statistic; the
    unrelated first, the others by falling probability. They sum to one.
    """
    event = result.event.weights
    alone = float(event.chance_gw)
    rest = float(np.logaddexp(np.logaddexp(alone, event.chance_neutrino), event.noise))
    singles = _over(result.weights.signal, result.weights.chance_gw)
    pairs = _over(result.log_odds_pairs + rest, alone)
    members = [(i,) for i in range(singles.size)] + [(int(i), int(j)) for i, j in np.argwhere(np.isfinite(pairs))]
    logs = np.concatenate([singles, pairs[np.isfinite(pairs)]])
    exact = float(_over(result.ensemble.weights.signal, result.ensemble.weights.chance_gw))
    log_total = np.logaddexp(0.0, max(exact, float(np.logaddexp.reduce(logs, initial=-np.inf))))
    probability = np.exp(logs - log_total)
    found = [Relation(which, float(p)) for which, p in zip(members, probability, strict=True)]
    if found:
        likeliest = max(found, key=lambda one: (len(one.neutrinos), one.probability))
        rest_of_all = float(-np.expm1(-log_total) - probability.sum())
        found.append(Relation(likeliest.neutrinos, rest_of_all, larger=True))
    kept = sorted((one for one in found if one.probability > LEAST_PROBABILITY), key=lambda one: -one.probability)
    return (Relation((), max(1.0 - sum(one.probability for one in kept), 0.0)), *kept)


def _over(signal: Float, alone: Float | float) -> Float:
    """ln of a ratio of weights; −inf where there is no signal, also when nothing is a merger."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isfinite(signal), signal - alone, -np.inf))


class Related(Protocol):
    """What a joint map needs of the statistic: `CoincidenceResult` has it.

    `prepared` is what was made of the sky map, `energy_used_gev` the neutrinos' (n,) energies after the cap.
    """

    @property
    def prepared(self) -> Prepared: ...

    @property
    def energy_used_gev(self) -> Float: ...


def joint_map(
    skymap: SkyMap,
    neutrinos: Neutrinos,
    season: SeasonTable,
    search: Search,
    result: Related,
    mixture: Sequence[Relation],
) -> SkyMap:
    """The sky map averaged over relations, whose probabilities sum to one; a single one gives the map given that.

    In distance mode `map` each cell's distance is reweighted with ⟨k! Q_k(αn(r))⟩, as near sources give more
    neutrinos, and written as the r² N(r; mu, sigma) with the same mean and standard deviation. In other modes the
    statistic does not use the map's distances, and they are carried over as they are.

    Raises ValueError for a relation that is impossible: nothing of the sky map is where its neutrinos come from.
    """
    related = [one for one in mixture if one.neutrinos]
    if not related:
        return skymap
    directions = unit_vectors(neutrinos.ra_rad, neutrinos.dec_rad).reshape(-1, 3)
    members = [list(one.neutrinos) for one in related]
    spreads = [Spread(directions[which], neutrinos.sigma_rad[which]) for which in members]
    grid = refined(skymap, result.prepared.tree, spreads)
    parts = np.zeros((max(map(len, members)) + 1, grid.density.size))  # by number of related neutrinos
    parts[0] = max(1.0 - sum(one.probability for one in related), 0.0) * grid.density
    for one, density in zip(related, _densities(grid, spreads, members, season, result), strict=True):
        parts[len(one.neutrinos)] += one.probability * density
    distance = carried(skymap, grid.cell)
    if distance is not None and result.prepared.mode == "map":
        distance = reweighted(distance, parts, grid, Reach(result.prepared.radial, season, search.log_nu_span))
    made = from_cells(grid.order, grid.ipix, parts.sum(axis=0), distance, origin=skymap.origin)
    mean, std = marginal_distance(made) or (None, None)
    return replace(made, distmean_mpc=mean, diststd_mpc=std)


def _densities(
    grid: Grid,
    spreads: Sequence[Spread],
    members: Sequence[list[int]],
    season: SeasonTable,
    result: Related,
) -> list[Float]:
    """(cells,) p_g of each set of neutrinos, normalised: its mean over each cell."""
    with np.errstate(divide="ignore"):
        log_p = [np.log(grid.density) + spread.log_at(grid.gauss) for spread in spreads]
    bright = np.flatnonzero(np.any([one.max(axis=0) > one.max() - _DARK for one in log_p], axis=0))
    points = grid.inside(bright)
    sin_dec = points.direction[:, 2]
    scale = alpha(season, sin_dec)
    log_counts = result.prepared.radial.log_counts(points, scale, max(map(len, members)))
    rows = signal_rows(season, result.energy_used_gev)
    with np.errstate(divide="ignore"):
        log_a = {
            i: np.log(interpolate_sin_dec(season, rows[i], None, sin_dec) / scale) for i in set().union(*members)
        }
    found = []
    for which, one in zip(members, log_p, strict=True):
        log_f = log_counts[len(which) - 1] + sum(log_a[i] for i in which)
        density = np.zeros(grid.density.size)
        density[bright] = _scaled(one[:, bright] + log_f.reshape(4, -1))
        found.append(density / np.sum(density * cell_area_sr(grid.order)))
    return found


def _scaled(log_p: Float) -> Float:
    """The mean of exp over the first axis, but for a factor."""
    if not np.isfinite(log_p.max()):
        raise ValueError("these neutrinos and the merger have no place in common where IceCube could see them")
    return np.asarray(np.exp(log_p - log_p.max()).mean(axis=0))
