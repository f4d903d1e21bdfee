"""Quadrature: Gauss–Legendre rules, and sums of what is kept as logarithms."""

from __future__ import annotations

import functools

import numpy as np

from llama.science.arrays import Float


@functools.cache
def legendre(points: int) -> tuple[Float, Float]:
    """Nodes and weights of Gauss–Legendre quadrature on [−1, 1], found once."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights


@functools.cache
def pieces(count: int, points: int = 16) -> tuple[Float, Float]:
    """The same in equal pieces of [−1, 1]: for kinks, and found much faster than so many points at once."""
    nodes, weights = legendre(points)
    middle = (2 * np.arange(count) + 1) / count - 1
    found = (middle[:, None] + nodes / count).ravel(), np.tile(weights / count, count)
    for one in found:
        one.setflags(write=False)
    return found


def log_sum(values: Float) -> Float:
    """ln Σ exp over the last axis; −inf where all of it is."""
    top = np.maximum(values.max(axis=-1), -1e300)
    with np.errstate(divide="ignore"):
        return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(axis=-1)))
