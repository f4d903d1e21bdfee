"""What the checks draw from: sky maps and neutrinos, real or simulated when they are at hand, else synthetic."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from llama.formats.skymap import read_skymap
from llama.science.arrays import Float
from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.search import Search
from llama.science.significance import Searches
from llama.science.sky import SkyMap
from llama.studies.blocks import generator
from llama.studies.pool import Pool
from llama.studies.synthetic import gaussian_skymap
from llama.studies.validation.observed import ObservedSeason

FILES = ("*.multiorder.fits", "*.fits", "*.fits.gz")


class MapSource(Protocol):
    """Somewhere to get one sky map from, small enough to be sent to another process."""

    @property
    def name(self) -> str: ...

    def read(self) -> SkyMap: ...

    def digest(self) -> str: ...


@dataclass(frozen=True)
class FileMap:
    """A sky map in a file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> SkyMap:
        return read_skymap(self.path)

    def digest(self) -> str:
        """Of the file's bytes."""
        return sha256(self.path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class GaussianMap:
    """A synthetic sky map: a Gaussian on the sphere with one distance everywhere; degrees and Mpc."""

    ra_deg: float
    dec_deg: float
    sigma_deg: float
    distance_mpc: float
    distance_std_mpc: float

    @property
    def name(self) -> str:
        return f"Gaussian of {self.sigma_deg:.1f} deg at {self.distance_mpc:.0f} Mpc, Dec {self.dec_deg:+.0f}"

    def read(self) -> SkyMap:
        ra, dec, sigma = (math.radians(value) for value in (self.ra_deg, self.dec_deg, self.sigma_deg))
        return gaussian_skymap(ra, dec, sigma, self.distance_mpc, self.distance_std_mpc)

    def digest(self) -> str:
        """Its parameters."""
        return repr(self)


@dataclass(frozen=True)
class Population:
    """Sky maps of one kind of merger, with their detectors' noise in them or without, and the search for it."""

    name: str
    maps: tuple[MapSource, ...]
    source: str
    search: Search

    def first(self, count: int) -> Population:
        """The same with `count` maps at most."""
        return replace(self, maps=self.maps[:count])


@dataclass(frozen=True, eq=False)
class CheckInputs:
    """All a check may use besides its size and its seed.

    `events` are those that own-map p-values of the season are drawn from; where there are none, the pool's.
    `observed` is the season as it was seen; None without an archive.
    """

    populations: tuple[Population, ...]
    pool: Pool
    season: SeasonTable
    events: SeasonEvents | None = None
    observed: ObservedSeason | None = None

    @property
    def season_events(self) -> SeasonEvents:
        """Of the season, to draw own-map backgrounds from."""
        if self.events is not None:
            return self.events
        pool = self.pool
        return SeasonEvents(self.season.name, pool.dec_rad, pool.sigma_rad, pool.energy_gev, "", pool.source)

    def digest(self) -> str:
        """Of everything in it: what was drawn from other inputs is of no use here."""
        found = sha256()
        seen = (self.observed.neutrinos, self.observed) if self.observed else ()
        for record in (self.season, self.pool, self.season_events, *seen):
            for field in fields(record):
                value = getattr(record, field.name)
                found.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        for population in self.populations:
            found.update(repr((population.name, population.search)).encode())
            for skymap in population.maps:
                found.update(skymap.digest().encode())
        return found.hexdigest()


def search_of(name: str, searches: Searches) -> Search:
    """The search for a population called `bns-o4` or the like: that of its first word, else what stands in for it."""
    return searches.choose(name.split("-")[0].lower()).search


def populations_in(folder: Path, searches: Searches) -> tuple[Population, ...]:
    """A population per folder of sky maps: this one and those below it; none when there are no maps."""
    candidates = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())] if folder.is_dir() else []
    found = ((path, _maps_in(path)) for path in candidates)
    return tuple(
        Population(
            path.name,
            tuple(FileMap(file) for file in files),
            f"{len(files)} files in {path.name}",
            search_of(path.name, searches),
        )
        for path, files in found
        if files
    )


def _maps_in(folder: Path) -> list[Path]:
    """Sky maps of a folder, in the order of their numbers."""
    files = {path for pattern in FILES for path in folder.glob(pattern)}
    return sorted(files, key=lambda path: (len(path.name), path.name))


def synthetic_populations(searches: Searches) -> tuple[Population, ...]:
    """Stand-ins for nearby binary neutron stars and far binary black holes, all over the sky."""
    near = [(3.0, 120.0), (6.0, 200.0), (12.0, 160.0), (4.0, 250.0), (9.0, 90.0), (20.0, 180.0)]
    far = [(5.0, 900.0), (8.0, 1500.0), (15.0, 700.0), (6.0, 2200.0), (10.0, 1200.0), (25.0, 1800.0)]
    kinds = (("bns-synthetic", near), ("bbh-synthetic", far))
    return tuple(
        Population(
            name,
            tuple(_spread(k, *shape) for k, shape in enumerate(shapes)),
            "synthetic Gaussian maps",
            search_of(name, searches),
        )
        for name, shapes in kinds
    )


def _spread(k: int, sigma_deg: float, distance_mpc: float) -> GaussianMap:
    """Map k of a set, at golden angles in right ascension and even steps of sin δ."""
    dec = math.degrees(math.asin((k + 0.5) / 3 - 1))
    return GaussianMap(k * 137.50776 % 360, dec, sigma_deg, distance_mpc, 0.25 * distance_mpc)


def synthetic_pool(season: SeasonTable, size: int = 100_000) -> Pool:
    """Neutrinos drawn from the season's counts in declination and energy, with errors around 0.8°: a stand-in."""
    rng = generator(0, "synthetic pool", 0)
    cell = rng.choice(season.counts.size, size, p=season.counts.ravel() / season.counts.sum())
    row, column = np.divmod(cell, season.counts.shape[1])
    dec = np.radians(_within(rng, season.counts_dec_deg, row))
    energy = 10.0 ** _within(rng, season.counts_log10_energy, column)
    sigma = np.radians(np.clip(0.8 * np.exp(0.6 * rng.standard_normal(size)), 0.2, 10.0))
    source = f"drawn from the counts of {season.name} in declination and energy, angular errors assumed"
    return Pool(dec, sigma, energy, source)


def _within(rng: np.random.Generator, edges: Float, at: NDArray[np.int64]) -> Float:
    return np.asarray(edges[at] + (edges[at + 1] - edges[at]) * rng.random(at.size))
