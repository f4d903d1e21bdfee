"""The single-neutrino statistic: ten neutrinos on a real sky map of 20 000 cells."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

import llama.data
from bench.figure import Figure, median_ms
from bench.inputs import DATA
from llama.formats.skymap import read_skymap
from llama.formats.tables import IceCubeTablesFile
from llama.science.coincidence import coincidence
from llama.science.observed import GWTrigger, Neutrinos
from llama.science.overlap import overlap_nodes
from llama.science.prepared import prepare
from llama.science.psf import unit_vectors
from llama.science.quadtree import vectors
from llama.science.search import Search

GPS_S = 1e9
MAPS = ("S231206_G457564_bayestar", "GW190412_PublicationSamples")


def figures() -> list[Figure]:
    """Wall times; "loaded" leaves out what is made once per trigger."""
    season = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5").season("IC86-2012")
    rows = []
    trigger, search = GWTrigger(GPS_S, None, 0.5), Search()
    for name in MAPS:
        skymap = read_skymap(DATA / "skymaps" / "events" / f"{name}.multiorder.fits")
        ready = prepare(skymap, trigger, season, search)
        for what, neutrinos in (("all over the sky", scattered()), ("all on the map", on_the_map(skymap))):
            label = f"{name[:9]}, {skymap.density.size} cells, 10 neutrinos {what}"
            loaded = median_ms(partial(coincidence, skymap, trigger, neutrinos, season, search, ready))
            cold = median_ms(partial(coincidence, skymap, trigger, neutrinos, season, search))
            where = unit_vectors(neutrinos.ra_rad, neutrinos.dec_rad)
            walk = median_ms(partial(overlap_nodes, ready.tree, where, neutrinos.sigma_rad))
            rows += [
                Figure(f"{label}: map loaded", loaded, "ms", 20.0),
                Figure(f"{label}: with the map's tree", cold, "ms", 20.0),
                Figure(f"{label}: overlap nodes only", walk, "ms", None),
            ]
    return rows


def scattered() -> Neutrinos:
    """Ten of them, isotropic, with the errors of the public sample."""
    rng = np.random.default_rng(1)
    return _neutrinos(rng, rng.uniform(0, 2 * np.pi, 10), np.arcsin(rng.uniform(-1, 1, 10)))


def on_the_map(skymap) -> Neutrinos:
    """Ten drawn from the map itself."""
    rng = np.random.default_rng(2)
    probability = skymap.density / 4.0**skymap.order
    picked = rng.choice(probability.size, 10, p=probability / probability.sum())
    x, y, z = np.concatenate([vectors(int(skymap.order[i]), skymap.ipix[i : i + 1], 0.5, 0.5) for i in picked]).T
    return _neutrinos(rng, np.arctan2(y, x), np.arcsin(z))


def _neutrinos(rng: np.random.Generator, ra, dec) -> Neutrinos:
    sigma = np.radians(np.clip(rng.lognormal(np.log(0.8), 0.7, 10), 0.2, 6))
    return Neutrinos(GPS_S + rng.uniform(-500, 500, 10), ra, dec, sigma, 10 ** rng.uniform(2.5, 4, 10))
