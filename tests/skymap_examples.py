"""Random multi-order sky maps for hypothesis, and flat files made of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import healpy
import numpy as np
from hypothesis import strategies as st
from ligo.skymap.io import write_sky_map
from scipy.special import ndtr

from llama.science.sky import SkyMap, from_cells, max_order, nested_from_ring, positions

DEEPEST = 4

READ = """
import json, resource, sys
from pathlib import Path
from llama.formats.skymap import read_skymap
from llama.science.sky import credible_area_deg2, mean_distance, probability, max_order

def peak_mb():
    # Linux: of this program; getrusage also counts the parent from before it started us
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 ** 2

before = peak_mb()
for path in sys.argv[1:]:
    m = read_skymap(Path(path))
    print(json.dumps({
        "path": path, "area_90": credible_area_deg2(m, 0.9), "distance": mean_distance(m), "order": max_order(m),
        "cells": len(m.ipix), "sum": probability(m).sum(), "before_mb": before, "peak_mb": peak_mb(),
    }))
"""


def read_in_a_fresh_process(*paths: Path) -> list[dict[str, Any]]:
    """The maps read one after the other in a process of their own: answers, and its peak memory so far."""
    command = [sys.executable, "-c", READ, *map(str, paths)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


@st.composite
def skymaps(draw: st.DrawFn, distances: bool | None = None, whole: bool = False) -> SkyMap:
    """A map of mixed orders up to 4, with ties, zeros, perhaps holes, perhaps distances of which some are invalid."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    order, ipix = np.zeros(12, dtype=np.int64), np.arange(12)
    for _ in range(draw(st.integers(0, DEEPEST))):
        chosen = rng.random(len(order)) < draw(st.sampled_from([0.1, 0.5, 1.0]))
        parent = np.repeat(np.arange(len(order)), np.where(chosen, 4, 1))
        child = np.arange(len(parent)) - np.searchsorted(parent, parent)
        ipix = np.where(chosen[parent], 4 * ipix[parent] + child, ipix[parent])
        order = order[parent] + chosen[parent]
    if not whole and draw(st.booleans()):
        kept = rng.random(len(order)) < 0.7
        kept[rng.integers(len(order))] = True
        order, ipix = order[kept], ipix[kept]
    density = rng.choice([0.0, 1.0, 2.0, 3.0, rng.random(), 1e-9], len(order))
    density[rng.integers(len(order))] = 1.5
    density /= np.sum(density * np.pi / 3 / 4.0**order)
    distance = None
    if distances if distances is not None else draw(st.booleans()):
        mu, sigma = rng.choice([-50.0, 20.0, 100.0, np.inf], len(order)), rng.choice([5.0, 30.0], len(order))
        known = np.isfinite(mu)
        x = np.where(known, mu, 0.0) / sigma
        norm = 1 / (sigma**2 * ((x**2 + 1) * ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)))
        distance = (mu, sigma, np.where(known, norm, 0.0))
    return from_cells(order, ipix, density, distance)


def flat_columns(m: SkyMap, order: int) -> list[np.ndarray]:
    """Probability per pixel, then the distance columns, of every NESTED pixel of this order; zero outside the map."""
    start, stop = (edge >> 2 * (29 - order) for edge in positions(m.order, m.ipix))
    where = np.full(12 << (2 * order), -1)
    for k, (first, last) in enumerate(zip(start, stop, strict=True)):
        where[first:last] = k
    prob = np.where(where < 0, 0.0, m.density[where]) * (np.pi / 3 / 4.0**order)
    if m.distmu is None:
        return [prob]
    outside = (np.inf, 1.0, 0.0)
    columns = zip((m.distmu, m.distsigma, m.distnorm), outside, strict=True)
    return [prob, *(np.where(where < 0, missing, column[where]) for column, missing in columns)]


def write_flat(path: Path, m: SkyMap, *, nest: bool, writer: str, order: int | None = None) -> None:
    """A flat file of the map, by ligo.skymap (a pixel per row) or healpy (1024 pixels per row where they fit)."""
    order = max_order(m) if order is None else order
    columns = flat_columns(m, order)
    if not nest:
        ring = nested_from_ring(order, np.arange(12 << (2 * order)))
        columns = [column[ring] for column in columns]
    names = ["PROB", "DISTMU", "DISTSIGMA", "DISTNORM"][: len(columns)]
    if writer == "ligo.skymap":
        write_sky_map(str(path), columns, nest=nest)
        return
    units = ["pix-1", "Mpc", "Mpc", "Mpc-2"][: len(columns)]
    layout = {"column_names": names, "column_units": units, "dtype": np.float64}
    healpy.write_map(str(path), columns, nest=nest, coord="C", overwrite=True, **layout)
