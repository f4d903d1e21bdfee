"""Where to look for unrelated neutrinos that look related to one sky map: a rough score, cheap enough for millions.

Most background neutrinos are nowhere near the map, and what matters of a p-value are the few that are. A neutrino is
drawn where the map is at its declination about as often as anywhere else, and scored by the product of what its
energy says and of the map's density around it. Neither has to be right: draws carry weights, and scores only decide
which draws are worth an exact integral (`bank`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import gaussian_filter1d

from llama.science.arrays import Float, Index
from llama.science.detector import (
    LN10,
    SeasonEvents,
    SeasonTable,
    alpha,
    log_background_density,
)
from llama.science.distance import At
from llama.science.search import Search
from llama.science.sky import MAX_ORDER, SkyTree, pieces, unit_vectors
from llama.science.statistic import Host

_BIN_DEG = 1.0
_ROWS, _COLUMNS = int(180 / _BIN_DEG), int(360 / _BIN_DEG)
_SPREADS_DEG = (0.7, 1.1, 1.7, 2.7, 4.2, 6.6, 10.0, 16.0, 25.0, 40.0)
_FINE = 6  # order of the pieces that are counted in bins
_LEAST = 1e-12  # of the map's largest density: further out all are alike
_UNIFORM = 0.5
_LEAST_LOG = -100.0
_DECLINATIONS, _ENERGIES = 61, 49
_EVENTS = 1500
_HELD, _MOST_POINTS = 0.999, 500
_COARSE, _ROUNDING = 3, 1e-9
_DIGITS = 9
_TRUNCATE = 8  # sigma
_UNIFORM_DEG = 400.0  # a Gaussian so wide is the same all around a band
_CENTRES = np.radians(-90 + _BIN_DEG * (np.arange(_ROWS) + 0.5))
_AT_ONCE = 1000


@dataclass(frozen=True, eq=False)
class Draws:
    """Unrelated neutrinos of one season, each with how many of its kind a list has on average.

    Attributes:
        event: (n,) which of the season's events. ra_rad: (n,) right ascension.
        expected: (n,) how many neutrinos of a list it stands for; they add up to the expected number.
        score: (n,) rough ln of its odds, up to a constant.
    """

    event: Index
    ra_rad: Float
    expected: Float
    score: Float

    def take(self, at: Index) -> Draws:
        return Draws(self.event[at], self.ra_rad[at], self.expected[at], self.score[at])


@dataclass(frozen=True, eq=False)
class MapPoints:
    """A sky map as some hundred points with a size each.

    Attributes:
        direction: (m, 3) unit vectors. log_mass: (m,) ln of the probability that each stands for.
        variance: (m,) along one axis, rad².
    """

    direction: Float
    log_mass: Float
    variance: Float

    @classmethod
    def of(cls, tree: SkyTree) -> MapPoints:
        """Of the finest order of the tree at which not too many hold nearly all, and coarse ones of what is left."""
        finest = min(tree.level.size - 2, MAX_ORDER)
        held = (_nearly_all(tree, order) for order in range(finest, -1, -1))
        fine = next(nodes for nodes in held if nodes is not None)
        coarse = tree.covering(_COARSE)
        left = np.exp(tree.log_probability)
        np.subtract.at(left, tree.ancestors(fine, _COARSE), np.exp(tree.log_probability[fine]))
        some = coarse[left[coarse] > _ROUNDING * np.exp(tree.log_probability[coarse])]
        node, mass = np.concatenate([fine, some]), np.concatenate([np.exp(tree.log_probability[fine]), left[some]])
        return cls(tree.direction[node], np.log(mass), tree.spread[node] / 2)

    def log_density(self, direction: Float, sigma_rad: Float) -> Float:
        """(n,) ln of the map's density, smoothed with a point spread, up to a constant."""
        found = np.empty(sigma_rad.size)
        for k in range(0, found.size, _AT_ONCE):
            some = slice(k, k + _AT_ONCE)
            variance = np.square(sigma_rad[some])[:, None] + self.variance
            value = direction[some] @ self.direction.T
            np.minimum(value - 1, 0, out=value)
            value /= variance
            value += self.log_mass - np.log(variance)
            top = value.max(axis=1, keepdims=True)
            np.exp(np.subtract(value, top, out=value), out=value)
            found[some] = np.log(value.sum(axis=1)) + top[:, 0]
        return found


def _score(value: Float) -> Float:
    """As a score, whose last digits, which rounding decides, are none: what is alike stays so on every machine."""
    return np.round(value, _DIGITS)


@dataclass(frozen=True, eq=False)
class Proposal:
    """A sky map as one season's neutrinos may meet it.

    Attributes:
        events: to draw from.
        strength: (events,) rough ln of what each event's energy and declination say.
        row, spread: (events,) which band of declination and which point spread.
        by: (events,) the events, those first that may have the best scores. reached_by: (events + 1,) how often one
            of the first so many is drawn: half of the draws take all alike, half alike per e-fold of this rank.
        share: (spreads, rows, columns) the map's density of expected neutrinos, smoothed, relative to its largest.
        reached: (spreads, rows, columns + 1) running sums over right ascension, 0 to 1 in each band.
        points: the map as some hundred points.
    """

    events: SeasonEvents
    strength: Float
    row: Index
    spread: Index
    by: Index
    reached_by: Float
    share: Float
    reached: Float
    points: MapPoints

    @classmethod
    def of(cls, host: Host, events: SeasonEvents, season: SeasonTable, search: Search) -> Proposal:
        tree = host.radial.weighted_tree(host.tree, 1)
        mass = _binned(tree)
        share = np.stack([_smoothed(mass, spread) for spread in _SPREADS_DEG])
        share = np.maximum(share / share.max(axis=(1, 2), keepdims=True), _LEAST)
        reached = np.concatenate([np.zeros((*share.shape[:2], 1)), share.cumsum(axis=2)], axis=2)
        row = np.clip(((np.degrees(events.dec_rad) + 90) / _BIN_DEG).astype(np.int64), 0, _ROWS - 1)
        # the next larger: what is scored too low, and left out, would stand for many when it is not
        spread = np.minimum(np.searchsorted(_SPREADS_DEG, np.degrees(events.sigma_rad)), len(_SPREADS_DEG) - 1)
        strength = _strength(events, season, search)
        if tree is host.tree:  # what the distance says is not in it; of declination it depends through α alone
            there = At.of(tree, np.full(strength.size, int(np.argmax(tree.log_probability))))
            counts = host.radial.log_q1(there, alpha(season, np.sin(events.dec_rad)))
            strength = strength + np.maximum(counts, _LEAST_LOG)
        best = strength + np.log(share.max(axis=2))[spread, row]
        return cls(
            events=events,
            strength=strength,
            row=row,
            spread=spread,
            by=np.argsort(-_score(best), kind="stable"),
            reached_by=_reached_by(best.size),
            share=share,
            reached=reached / reached[:, :, -1:],
            points=MapPoints.of(tree),
        )

    def draw(self, rng: np.random.Generator, count: int, expected: float) -> Draws:
        """So many draws, stratified over the season's events; lists have `expected` neutrinos of it on average."""
        at = (np.arange(count) + rng.random(count)) / count
        rank = np.minimum(np.searchsorted(self.reached_by, at, side="right") - 1, self.by.size - 1)
        event = self.by[rank]
        band = self.spread[event], self.row[event]
        column = self._columns(band, rng.random(count))
        anywhere = rng.random(count) < _UNIFORM
        column = np.where(anywhere, rng.integers(_COLUMNS, size=count), column)
        ra = (column + rng.random(count)) * (2 * np.pi / _COLUMNS)
        # density relative to uniform of the mixture that was drawn from
        local = _COLUMNS * (self.reached[(*band, column + 1)] - self.reached[(*band, column)])
        often = self.by.size * (self.reached_by[rank + 1] - self.reached_by[rank])
        weight = 1 / ((_UNIFORM + (1 - _UNIFORM) * local) * often)
        score = _score(self.strength[event] + np.log(self.share[(*band, column)]))
        return Draws(event, ra, weight * (expected / weight.sum()), score)

    def closer(self, draws: Draws) -> Draws:
        """The draws with a better score, which takes longer: of the points of the map instead of bins."""
        sigma = self.events.sigma_rad[draws.event]
        direction = unit_vectors(draws.ra_rad, self.events.dec_rad[draws.event])
        score = self.strength[draws.event] + self.points.log_density(direction, sigma)
        return replace(draws, score=_score(score))

    def chance_above(self, share: float) -> Float:
        """(some events,) how often each, at a right ascension at random, has one of the best scores.

        Args:
            share: of all neutrinos that have these scores.
        """
        best, event = self._best_first
        first = max(int(share * best.size), 1)  # p near 1 takes more than a list has
        most = int(event.max()) + 1
        return np.asarray(np.bincount(event[:first], minlength=most) * (most / best.size))

    @cached_property
    def _best_first(self) -> tuple[Float, Index]:
        """Scores of some events in every bin of right ascension, the best first, and which event each is of."""
        some = np.linspace(0, self.strength.size - 1, min(self.strength.size, _EVENTS)).astype(np.int64)
        score = self.strength[some, None] + np.log(self.share[self.spread[some], self.row[some]])
        by = np.argsort(-score.ravel(), kind="stable")
        return score.ravel()[by], by // _COLUMNS

    def _columns(self, band: tuple[Index, Index], at: Float) -> Index:
        """Bins of right ascension in which the map's running sum reaches a number from 0 to 1."""
        flat = band[0] * _ROWS + band[1]
        rows = self.reached.reshape(-1, _COLUMNS + 1)
        offsets = (rows + np.arange(rows.shape[0])[:, None]).ravel()  # ascending through all bands
        place = np.searchsorted(offsets, at + flat, side="right") - 1
        return np.clip(place - flat * (_COLUMNS + 1), 0, _COLUMNS - 1)


def _reached_by(events: int) -> Float:
    """(events + 1,) running sum, 0 to 1, of how often the event of each rank is drawn."""
    rank = np.arange(1, events + 1)
    often = _UNIFORM / events + (1 - _UNIFORM) / (rank * np.log(1 + rank[-1]))
    reached = np.concatenate([[0.0], np.cumsum(often)])
    return np.asarray(reached / reached[-1])


def _nearly_all(tree: SkyTree, order: int) -> Index | None:
    """The nodes of an order that hold nearly all of the map, if they are few."""
    nodes = tree.covering(order)
    by = nodes[np.argsort(-tree.log_probability[nodes], kind="stable")]
    reached = np.cumsum(np.exp(tree.log_probability[by]))
    held = by[: int(np.searchsorted(reached, _HELD * reached[-1])) + 1]
    return held if held.size <= _MOST_POINTS or order <= _COARSE else None


def _binned(tree: SkyTree) -> Float:
    """(rows, columns) probability per bin, cut into pieces of 0.9°."""
    node = tree.covering(_FINE)
    of, direction, share = pieces(tree.order()[node], tree.ipix[node], _FINE)
    dec = np.degrees(np.arcsin(np.clip(direction[:, 2], -1, 1)))
    ra = np.degrees(np.arctan2(direction[:, 1], direction[:, 0])) % 360
    largest = tree.log_probability[node].max()
    mass = np.exp(tree.log_probability[node] - largest)[of] * share
    found, _, _ = np.histogram2d(dec, ra, bins=(_ROWS, _COLUMNS), range=((-90, 90), (0, 360)), weights=mass)
    return np.asarray(found)


def _smoothed(mass: Float, spread_deg: float) -> Float:
    """(rows, columns) density per solid angle, smoothed over declination, then along each band.

    A sum of what is positive: in a Fourier transform, whose rounding is that of the largest bin, the order of bins
    far from the map, and with it what is drawn, would be another on each kind of processor.
    """
    over = gaussian_filter1d(mass, spread_deg / _BIN_DEG, axis=0, mode="constant", truncate=_TRUNCATE)
    kernel, reach = _along(spread_deg)
    reach = np.where(over.max(axis=1) > 0, reach, 0)
    by = np.argsort(-reach, kind="stable")  # those that reach furthest first
    kernel, around, nearness = kernel[by], np.tile(over[by], 3), -reach[by]
    along = over[by] * kernel[:, :1]
    for k in range(1, _COLUMNS // 2 + 1):
        rows = slice(int(np.searchsorted(nearness, -k, side="right")))
        both = around[rows, _COLUMNS + k : 2 * _COLUMNS + k] + around[rows, _COLUMNS - k : 2 * _COLUMNS - k]
        both *= kernel[rows, k, None]
        along[rows] += both
    found = np.empty_like(along)
    found[by] = along
    return np.asarray(found / np.cos(_CENTRES)[:, None])


@functools.cache
def _along(spread_deg: float) -> tuple[Float, Index]:
    """(rows, columns / 2 + 1) a Gaussian along each band, wound around it, by distance in bins, what is half around
    counted from both sides; (rows,) how many bins it reaches."""
    sigma = np.minimum(spread_deg / np.cos(_CENTRES), _UNIFORM_DEG)[:, None]
    bins = np.arange(_COLUMNS // 2 + 1)
    turns = np.ceil(_TRUNCATE * sigma.max() / 360)
    kernel = np.zeros((_ROWS, bins.size))
    for turn in np.arange(-turns, turns + 1):
        kernel += np.exp(-np.square((bins * _BIN_DEG + 360 * turn) / sigma) / 2)
    kernel[:, -1] /= 2
    total = kernel[:, 0] + 2 * kernel[:, 1:].sum(axis=1)
    return kernel / total[:, None], np.ceil(_TRUNCATE * sigma[:, 0] / _BIN_DEG).astype(np.int64)


def _strength(events: SeasonEvents, season: SeasonTable, search: Search) -> Float:
    """(events,) rough ln of (a/α)/P_emp at each event's own declination, from a coarse table of the background."""
    dec = np.linspace(-np.pi / 2, np.pi / 2, _DECLINATIONS)
    log10_energy = np.log10(events.energy_gev)
    grid = np.linspace(log10_energy.min(), log10_energy.max() + 1e-9, _ENERGIES)
    mesh = (one.ravel() for one in np.meshgrid(dec, 10.0**grid, indexing="ij"))
    table = log_background_density(season, search, *mesh).reshape(_DECLINATIONS, _ENERGIES)
    background = RegularGridInterpolator((dec, grid), table)(np.stack([events.dec_rad, log10_energy], axis=-1))
    padded = season.padded_signal_per_dex
    step = (season.log10_energy[-1] - season.log10_energy[0]) / (season.log10_energy.size - 1)
    energies = season.log10_energy[0] + step * (np.arange(padded.shape[0]) - 1)
    signal = RegularGridInterpolator((energies, season.sin_dec), padded, bounds_error=False, fill_value=0.0)
    south, north = season.sin_dec[0], season.sin_dec[-1]
    per_dex = signal(np.stack([log10_energy, np.clip(np.sin(events.dec_rad), south, north)], axis=-1))
    with np.errstate(divide="ignore"):
        found = np.log(per_dex / (events.energy_gev * LN10)) - np.log(alpha(season, np.sin(events.dec_rad)))
    return np.asarray(np.maximum(found - background, _LEAST_LOG))
