"""Splitting and merging cells, whichever of the distance columns a map has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llama.science.sky.cells import from_cells, merge_siblings, split
from llama.science.sky.skymap import SkyMap

COLUMNS = ("density", "distmu", "distsigma", "distnorm")
PER_SR = np.arange(1.0, 13.0)
FULL = from_cells(
    np.zeros(12), np.arange(12), PER_SR / (PER_SR.sum() * np.pi / 3),
    (np.linspace(90, 110, 12), np.linspace(9, 11, 12), np.linspace(1e-5, 2e-5, 12)),
)  # fmt: skip


@pytest.mark.parametrize("missing", [(), ("distnorm",), ("distmu",), ("distmu", "distsigma", "distnorm")])
def test_each_column_goes_with_its_cells(missing: tuple[str, ...]) -> None:
    m: SkyMap = replace(FULL, **dict.fromkeys(missing))
    fine = split(m, [3, 7])
    assert fine.order.tolist() == [0] * 3 + [1] * 4 + [0] * 3 + [1] * 4 + [0] * 4
    back = merge_siblings(fine)
    parents = fine.ipix >> 2 * fine.order.astype(int)
    for name in COLUMNS:
        column = getattr(m, name)
        if column is None:
            assert getattr(fine, name) is getattr(back, name) is None
        else:
            assert np.array_equal(getattr(fine, name), column[parents])
            assert np.array_equal(getattr(back, name), column)
    assert np.array_equal(back.ipix, m.ipix) and np.array_equal(back.order, m.order)
