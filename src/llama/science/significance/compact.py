"""Background tables that hold fewer values than events, and say the same p-values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from llama.science.significance.populations import BackgroundTable

TOP = 0.01
"""Fraction of the most extreme events that are kept, each with its own value."""
QUANTILES = 2000
"""How many values are kept of all others."""
WHOLE = 10_000
"""A table of so many events, or fewer, is kept as it is."""


def compacted(table: BackgroundTable) -> BackgroundTable:
    """The table with every value of its upper 1 % and 2000 of those below, evenly in ln p.

    With c_k the events at or above the k-th kept value, an event that lies between values k − 1 and k is given
    p = (c_{k−1} − 1)/n, and its true p is between that and c_k/n. So p is exact in the upper 1 %, and elsewhere too
    large by at most the step of c, 100^(1/1999) − 1 = 0.23 % of p, and nowhere too small.
    """
    n = table.statistics.size
    if table.weights is not None or n <= WHOLE:
        return table
    top = int(np.ceil(TOP * n))
    at_or_above = np.unique(np.rint(np.geomspace(top + 1, n, QUANTILES)).astype(np.int64))[::-1]
    ranks = np.concatenate([n - at_or_above, np.arange(n - top, n)])
    return replace(table, statistics=table.statistics[ranks], weights=np.diff(ranks, prepend=-1))
