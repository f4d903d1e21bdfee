"""How often unrelated neutrinos beside one sky map reach the likelihood ratio of an O2 search (SCIENCE 6.1).

Nobody needs the value of each of so many neutrinos, only whether it reaches the event's. So the map's 90 % region is
searched as a tree for all of them at once: a node whose largest density cannot reach it where the neutrino is nearest
is left out, one that reaches it even where the neutrino is furthest settles it, and only what is left is split, down
to the points at which the event's own likelihood ratio was taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.science.significance.bank import SeasonData
from llama.science.significance.own_map import OwnMapP, generator
from llama.science.sky import SkyMap, SkyTree, cell_area_sr, directions_of, max_radius, unit_vectors
from llama.science.statistic import o2

LISTS = 20_000
_AT_ONCE = 4000
_DEEPEST = 30
_RADIUS = np.array([max_radius(order) for order in range(_DEEPEST)])


@dataclass(frozen=True, eq=False)
class O2Background:
    """What unrelated neutrinos give beside one map.

    Attributes:
        p: how often a list's best coincident likelihood ratio reaches the event's.
        lists: that were drawn. expected: neutrinos of a list, on average.
        season, digest: of the events they are drawn from.
    """

    p: OwnMapP
    lists: int
    expected: float
    season: str
    digest: str


@dataclass(frozen=True, eq=False)
class Region:
    """The 90 % region of a map as a tree.

    Attributes:
        tree: of the region alone.
        order: (m,) of each node.
        log_most: (m,) ln of the largest density inside, sr⁻¹.
    """

    tree: SkyTree
    order: Index
    log_most: Float

    @classmethod
    def of(cls, skymap: SkyMap) -> Region:
        region = o2.truncated(skymap)
        tree = SkyTree.of(replace(skymap, density=region))
        most = np.where(tree.cell >= 0, region[tree.cell], 0.0)
        for k in range(tree.level.size - 3, -1, -1):
            here = np.arange(tree.level[k], tree.level[k + 1])
            parents = here[tree.children[here] > 0]
            if parents.size:
                most[parents] = np.maximum.reduceat(most[: tree.level[k + 2]], tree.child[parents])
        return cls(tree, tree.order(), np.log(most))

    def flat(self) -> Region:
        """The same places, all alike."""
        return replace(self, log_most=np.zeros_like(self.log_most))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """A neutrino and a piece of the region each: `node` of the tree, −1 for a part of a cell."""

    who: Index
    node: Index
    order: Index
    ipix: Index
    log_most: Float

    def take(self, some: NDArray[np.bool_]) -> _Pairs:
        return _Pairs(self.who[some], self.node[some], self.order[some], self.ipix[some], self.log_most[some])

    def split(self, region: Region) -> _Pairs:
        """Nodes become their children, cells and parts of cells four quarters."""
        children = np.where(self.node >= 0, region.tree.children[self.node], 0)
        inner, outer = self.take(children > 0), self.take(children == 0)
        many = region.tree.children[inner.node]
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        node = np.repeat(region.tree.child[inner.node], many) + within
        quarter = (4 * outer.ipix[:, None] + np.arange(4)).ravel()
        return _Pairs(
            who=np.concatenate([np.repeat(inner.who, many), np.repeat(outer.who, 4)]),
            node=np.concatenate([node, np.full(quarter.size, -1)]),
            order=np.concatenate([region.order[node], np.repeat(outer.order + 1, 4)]),
            ipix=np.concatenate([region.tree.ipix[node], quarter]),
            log_most=np.concatenate([region.log_most[node], np.repeat(outer.log_most, 4)]),
        )


def reaches(region: Region, direction: Float, sigma_rad: Float, log_least: float) -> NDArray[np.bool_]:
    """(n,) whether density times F_ν reaches exp(log_least) (sr⁻²) at any of the points where L is sampled."""
    found = np.zeros(sigma_rad.size, dtype=bool)
    roots = np.arange(region.tree.level[0], region.tree.level[1])
    for k in range(0, sigma_rad.size, _AT_ONCE):
        who = np.arange(k, min(k + _AT_ONCE, sigma_rad.size))
        node = np.tile(roots, who.size)
        pairs = _Pairs(
            np.repeat(who, roots.size), node, region.order[node], region.tree.ipix[node], region.log_most[node]
        )
        while pairs.who.size:
            reached, open_ = _judged(region, pairs, direction, sigma_rad, log_least)
            found[pairs.who[reached]] = True
            pairs = pairs.take(open_ & ~found[pairs.who]).split(region)
    return found


def _judged(
    region: Region, pairs: _Pairs, direction: Float, sigma_rad: Float, log_least: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pieces settle that their neutrino reaches it, and which may do so when they are split."""
    half = np.linalg.norm(directions_of(pairs.order, pairs.ipix) - direction[pairs.who], axis=-1) / 2
    apart, radius = 2 * np.arcsin(np.minimum(half, 1.0)), _RADIUS[pairs.order]
    sigma = sigma_rad[pairs.who]
    needed = log_least + np.log(2 * np.pi * np.square(sigma)) - pairs.log_most

    def enough(separation_rad: Float) -> NDArray[np.bool_]:
        return np.asarray(-np.square(separation_rad / sigma) / 2 >= needed)

    parts = pairs.node < 0
    cells = parts | (region.tree.children[pairs.node] == 0)
    points = cells & ~o2.is_split(pairs.order, np.sqrt(cell_area_sr(pairs.order)), apart, sigma)
    reached = np.where(points, enough(apart), enough(apart + radius))
    return reached, ~points & enough(np.maximum(apart - radius, 0.0))


def coincident(region: Region, direction: Float, sigma_rad: Float, least: float) -> NDArray[np.bool_]:
    """(n,) whether neutrinos of the search window are coincident with a likelihood ratio of at least that."""
    found = reaches(region.flat(), direction, sigma_rad, math.log(o2.THRESHOLD_PER_DEG2 * o2.DEG2_PER_SR))
    some = np.flatnonzero(found)
    found[some] = reaches(region, direction[some], sigma_rad[some], math.log(least / o2.LIKELIHOOD_FACTOR))
    return found


def o2_background(
    skymap: SkyMap, supply: SeasonData, label: str, likelihood: float, lists: int = LISTS
) -> O2Background:
    """Lists of real events beside a map, and how often their best coincident neutrino reaches a likelihood ratio.

    Args:
        supply: good data in the search window; right ascension and time are uniform, so only how many there are
            matters.
        label: of the event, which decides the random numbers.
        likelihood: L of the event's best coincident neutrino; every list reaches 0.
    """
    events, rng = supply.events, generator(label, "o2")
    if likelihood == 0:
        p = OwnMapP(1.0, float(lists), 0.0, 0.0, 0.0)
    else:
        counts = rng.poisson(supply.expected, lists)
        of = np.repeat(np.arange(lists), counts)
        event = rng.integers(events.dec_rad.size, size=of.size)
        direction = unit_vectors(rng.random(of.size) * 2 * np.pi, events.dec_rad[event]).reshape(-1, 3)
        near = coincident(Region.of(skymap), direction, events.sigma_rad[event], likelihood)
        p = OwnMapP.counted(int(np.unique(of[near]).size), lists)
    return O2Background(p, lists, supply.expected, events.name, events.digest)
