"""What is known of nodes of several cells: where their probability lies, and how a function runs over them."""

from __future__ import annotations

import numpy as np
import pytest

from llama.science.overlap.descent import Entries, triangles
from llama.science.sky.cells import split
from llama.science.sky.pixels import north_and_east
from llama.science.sky.quadtree import SkyTree, vectors
from llama.science.sky.skymap import SkyMap

INSIDE = (np.arange(8) + 0.5) / 8


@pytest.fixture(scope="module")
def tree() -> SkyTree:
    """Cells of 0.9° to 15° in two polar caps, at their edges and in the belt, with probabilities of all sizes."""
    rng = np.random.default_rng(4)
    skymap = SkyMap(np.full(192, 2, np.uint8), np.arange(192), np.ones(192))
    for order in range(2, 6):
        skymap = split(skymap, np.flatnonzero((skymap.order == order) & (rng.random(skymap.order.size) < 0.5)))
    return SkyTree.of(SkyMap(skymap.order, skymap.ipix, np.exp(rng.normal(0, 1.5, skymap.ipix.size))))


def parts(tree: SkyTree, node: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(p, 3) directions evenly over the cells of a node, their probability and their cells as nodes of the tree."""
    order = tree.order()
    leaf = np.flatnonzero((tree.cell >= 0) & (order >= order[node]))
    leaf = leaf[tree.ipix[leaf] >> (2 * (order[leaf] - order[node])) == tree.ipix[node]]
    x, y = (mesh.ravel()[:, None] for mesh in np.meshgrid(INSIDE, INSIDE))
    where = np.concatenate([vectors(int(order[one]), tree.ipix[[one]], x, y)[:, 0] for one in leaf])
    probability = np.exp(tree.log_probability[leaf])
    return where, np.repeat(probability / probability.sum(), x.size) / x.size, np.repeat(leaf, x.size)


def some_nodes(tree: SkyTree) -> np.ndarray:
    """Nodes of several cells, 15° and smaller."""
    inner = np.flatnonzero((tree.cell < 0) & (tree.order() >= 3))
    return np.random.default_rng(5).choice(inner, 40, replace=False)


def about(tree: SkyTree, node: int, where: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(p, 2) north and east of the mean, and the variances like `SkyTree.variances`."""
    away = where - weight @ where
    north, east = north_and_east(tree.direction[[node]])
    flat = np.stack([away @ north[0], away @ east[0]], axis=1)
    second = (weight[:, None, None] * flat[:, :, None] * flat[:, None, :]).sum(axis=0)
    return flat, np.array([second[0, 0], second[1, 1], second[0, 1]])


def test_variances_are_those_of_the_probability_in_a_node(tree):
    for node in some_nodes(tree):
        where, weight, _ = parts(tree, node)
        brute = about(tree, node, where, weight)[1]
        assert tree.variances[:, node] == pytest.approx(brute, abs=0.03 * brute[:2].max())


def test_a_triangle_has_the_mean_and_the_variances_of_its_node(tree):
    nodes = some_nodes(tree)
    entries = Entries(np.zeros_like(nodes), tree.ipix[nodes], tree.log_probability[nodes], nodes)
    found = triangles(tree, tree.order()[nodes], entries)
    assert np.array_equal(found.node, np.repeat(nodes, 3))
    for i, node in enumerate(nodes):
        corners = found.direction[3 * i : 3 * i + 3]
        assert np.exp(found.log_probability[3 * i : 3 * i + 3]).sum() == pytest.approx(
            np.exp(tree.log_probability[node]), rel=1e-12
        )
        assert np.square(corners).sum(axis=1) == pytest.approx(1)
        flat, variances = about(tree, node, corners, np.full(3, 1 / 3))
        size = tree.variances[:2, node].max()
        assert np.square(flat.sum(axis=0)).max() < 1e-4 * size
        assert variances == pytest.approx(tree.variances[:, node], abs=0.01 * size)


def test_trends_are_weighted_least_squares(tree):
    rng = np.random.default_rng(6)
    values = np.where(tree.cell >= 0, tree.direction @ [1.0, -2.0, 0.5] + rng.normal(0, 0.02, tree.cell.size), np.nan)
    trend = tree.trend(values)
    for node in some_nodes(tree):
        where, weight, cell = parts(tree, node)
        flat, _ = about(tree, node, where, weight)
        line = np.concatenate([np.ones((weight.size, 1)), flat], axis=1)
        root = np.sqrt(weight)
        best = np.linalg.lstsq(line * root[:, None], values[cell] * root, rcond=None)[0]
        left = weight @ np.square(values[cell] - line @ best)
        north, east = (one[0] for one in north_and_east(tree.direction[[node]]))
        slope = np.array([trend.slope[node] @ north, trend.slope[node] @ east])
        assert trend.mean[node] == pytest.approx(best[0], abs=1e-9)
        assert slope == pytest.approx(best[1:], abs=0.03 * np.abs(best[1:]).max())
        assert trend.left[node] == pytest.approx(left, rel=0.1)


def test_what_is_not_known_follows_the_rest(tree):
    """A function unknown in some cells has the trend of the others; unknown in all of a node, it has none."""
    leaf = np.flatnonzero(tree.cell >= 0)
    values = np.full(tree.cell.size, np.nan)
    values[leaf[::2]] = 3.0
    trend = tree.trend(values)
    known = np.isfinite(trend.mean)
    assert trend.mean[known] == pytest.approx(3.0, abs=1e-12)
    assert np.abs(trend.slope).max() < 1e-9
    assert np.isnan(tree.trend(np.full(tree.cell.size, np.nan)).mean).all()
