"""Elementary symmetric polynomials: sums over all sets of k of the products of their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float


def symmetric_polynomials(u: Float, sets: Sequence[NDArray[np.bool_]]) -> list[Float]:
    """(k + 1, …) e_0 … e_k of the values u (n, …) in each of several sets of them.

    Those of a set are made from those of a neighbour in the list that lies in it, or else from nothing.
    """
    sizes, found = [int(one.sum()) for one in sets], [np.ones((1, *u.shape[1:]))] * len(sets)
    for i in sorted(range(len(sets)), key=sizes.__getitem__):
        inside = [
            j for j in (i - 1, i + 1) if 0 <= j < len(sets) and sizes[j] < sizes[i] and not (sets[j] & ~sets[i]).any()
        ]
        nearest = max(inside, key=sizes.__getitem__, default=None)
        e = found[i] if nearest is None else found[nearest]
        for k in np.flatnonzero(sets[i] if nearest is None else sets[i] & ~sets[nearest]):
            e = _with_one_more(e, u[k])
        found[i] = e
    return found


def _with_one_more(e: Float, value: Float) -> Float:
    """(k + 2, …) those with one more value."""
    result = np.empty((e.shape[0] + 1, *e.shape[1:]))
    result[0] = e[0]
    np.multiply(e, value, out=result[1:])
    result[1:-1] += e[1:]
    return result
