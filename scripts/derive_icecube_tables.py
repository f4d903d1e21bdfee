"""Makes src/llama/data/icecube_tables.h5 from IceCube's public releases.

    python scripts/derive_icecube_tables.py DATA [OUT] [--true-energy]

DATA holds neutrinos/icecube_3yr_ps, neutrinos/icecube_10yr_ps and effective_areas as src/llama/data/README.md lists
them. The same input gives the same bytes. Prints the checks that the numbers must pass. The method and what it rests
on: docs/science/response.md.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama.formats.tables import IceCubeTablesFile
from llama.science.arrays import Float
from llama.science.detector import IceCubeTables, SeasonTable, fluence_counts

SIN_DEC = -0.99 + 0.02 * np.arange(100)
TRUE_EDGES = np.round(2 + 0.1 * np.arange(61), 10)  # 100 GeV to 1e8 GeV
DEC_EDGES = np.round(-90 + 0.2 * np.arange(901), 10)
RECO_EDGES = np.round(2 + 0.1 * np.arange(61), 10)  # of the signal density, up to the search's 1e8 GeV
ENERGY_EDGES = np.round(0.99 + 0.02 * np.arange(316), 10)  # releases round to 0.01: edges between their values
BANDS_DEG = {"dec_m50": (-90, -10), "dec_0": (-10, 10), "dec_p50": (10, 90)}  # of the 10-year smearing matrices
KDE = "effective_areas/plenum_irfs/energy_smearing_2D_step-0.1_KDE.npz"
THREE_YEARS = "neutrinos/icecube_3yr_ps/3year-data-release.zip"
ATMOSPHERIC = 3.7  # spectral index that stands for the northern background
NORTH_DEG = 10.0  # north of here the background is atmospheric neutrinos
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999])  # where energy scales of seasons are compared
SOUTH_DEG = -20.0  # south of here it is muons from above, at energies that all selections keep
SOUTH_RATES_HZ = np.array([1e-4, 3e-5, 1e-5, 3e-6, 1e-6])  # of more energetic events, where scales are compared
NARROWEST_DEG = 0.5  # half width of the narrowest declination window for which the peaks are complete
ERG51_100MPC_GEV_CM2 = 6.241509074460763e53 / (4 * np.pi * 3.0856775814913674e26**2) / np.log(1e7)


@dataclass(frozen=True)
class Source:
    """One season: where its events, effective area and good runs are."""

    name: str
    events: str
    uptime: str
    area: str
    read: Callable[[Path, Source], tuple[Float, Float]]


def three_year(data: Path, source: Source) -> tuple[Float, Float]:
    """(events: log10 E, dec deg) and effective area (true energy, sin dec) in cm² of the 3-year release."""
    with zipfile.ZipFile(data / THREE_YEARS) as archive:
        columns = np.loadtxt(io.BytesIO(archive.read(source.events)))
        rows = np.loadtxt(io.BytesIO(archive.read(source.area)))
    area = rows[:, 4].reshape(70, 200)[: TRUE_EDGES.size - 1] * 1e4
    north_first = area.reshape(area.shape[0], 100, 2).mean(axis=2)  # cos θ = −sin δ at the South Pole
    return columns[:, [1, 4]], north_first[:, ::-1]


def ten_year(data: Path, source: Source) -> tuple[Float, Float]:
    """The same of the 10-year release, whose bins are twice as wide in both directions."""
    columns = np.loadtxt(data / source.events, skiprows=1)
    rows = np.loadtxt(data / source.area, skiprows=1)
    lower = np.round(rows[:, 0], 6)
    bins, dec = np.unique(lower), np.unique(rows[:, 2])
    area = (
        rows[:, 4].reshape(dec.size, bins.size).T if lower[0] != lower[1] else rows[:, 4].reshape(bins.size, dec.size)
    )
    coarse = -0.98 + 0.04 * np.arange(50)
    fine = np.array([np.interp(SIN_DEC, coarse, row) for row in area])
    return columns[:, [1, 4]], np.repeat(fine, 2, axis=0)[: TRUE_EDGES.size - 1]


OWN = "IC86-2012"  # the season whose own smearing is public
SOURCES = (
    Source(
        "IC40",
        "neutrinos/icecube_10yr_ps/events/IC40_exp.csv",
        "IC40",
        "effective_areas/icecube_10yr_ps/IC40_effectiveArea.csv",
        ten_year,
    ),
    *(
        Source(
            name,
            f"3year-data-release/{name}-events.txt",
            uptime,
            f"3year-data-release/{name}-TabulatedAeff.txt",
            three_year,
        )
        for name, uptime in (("IC79-2010", "IC79"), ("IC86-2011", "IC86_I"), ("IC86-2012", "IC86_II"))
    ),
)


@dataclass(frozen=True)
class Smearing:
    """P(reconstructed | true energy) of the full detector in three bands of declination, columns that sum to 1."""

    kernels: dict[str, Float]
    edges: Float

    @staticmethod
    def read(data: Path) -> Smearing:
        with np.load(data / KDE) as file:
            return Smearing({band: file[band] for band in BANDS_DEG}, np.round(file["logE_reco_edges"], 10))

    def folded(self, area: Float, index: float) -> Float:
        """(reco, dec) counts per bin of reconstructed energy for a true spectrum E^−index."""
        counts = true_counts(area, index)
        dec = np.degrees(np.arcsin(SIN_DEC))
        out = np.zeros((self.edges.size - 1, SIN_DEC.size))
        for band, (south, north) in BANDS_DEG.items():
            here = (dec > south) & (dec < north)
            out[:, here] = self.kernels[band][:, : TRUE_EDGES.size - 1] @ counts[:, here]
        return out

    def northern_quantiles(self, area: Float) -> Float:
        """log10 energies that the northern background should have at `QUANTILES` on this smearing's scale."""
        counts = self.folded(area, ATMOSPHERIC)[:, np.sin(np.radians(NORTH_DEG)) < SIN_DEC].sum(axis=1)
        return np.interp(QUANTILES, np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum(), self.edges)


def true_counts(area: Float, index: float) -> Float:
    """(true, dec) counts per bin of true energy for a spectrum E^−index."""
    edges = 10**TRUE_EDGES
    spectrum = (edges[:-1] ** (1 - index) - edges[1:] ** (1 - index)) / (index - 1)
    return np.asarray(area * spectrum[:, None])


@dataclass(frozen=True)
class EnergyScale:
    """What a season calls the energy that the smearing's own season calls `own_season`, both log10 GeV, ascending."""

    own_season: Float
    season: Float

    @property
    def raised_by(self) -> Float:
        return np.round(self.season - self.own_season, 2)

    def __call__(self, log10_energy: Float) -> Float:
        return np.asarray(log10_energy + np.interp(log10_energy, self.own_season, self.raised_by))


def northern_energies(events: Float) -> Float:
    """log10 energies of the observed northern background at `QUANTILES`."""
    return np.quantile(events[events[:, 1] > NORTH_DEG, 0], QUANTILES)


def energies_at_rates(events: Float, rates: Float) -> Float:
    """log10 energies which so many southern events (a number, fractions allowed) exceed."""
    energy = np.sort(events[events[:, 1] < SOUTH_DEG, 0])[::-1]
    return np.interp(rates, np.arange(energy.size) + 0.5, energy)


def muon_area(area: Float) -> float:
    """Southern effective area at 1e6 to 1e7 GeV, arbitrary scale: what share of energetic muons a season keeps."""
    energetic = (TRUE_EDGES[:-1] >= 6) & (TRUE_EDGES[:-1] < 7)
    return float(area[np.ix_(energetic, np.sin(np.radians(SOUTH_DEG)) > SIN_DEC)].mean())


def energy_scale(data: Path, smearing: Smearing, source: Source) -> EnergyScale:
    """Compares backgrounds with those of the smearing's own season, northern ones below and southern ones above.

    In the north each is compared with what the smearing predicts from the effective area; how far the own season lies
    from its prediction tells how well E^−3.7 fits, not how scales differ, and is taken off. In the south the energies
    that muons exceed at the same rate per effective area are the same.
    """
    own_source = next(own for own in SOURCES if own.name == OWN)
    (events, area), (own_events, own_area) = source.read(data, source), own_source.read(data, own_source)
    misfit = northern_energies(own_events) - smearing.northern_quantiles(own_area)
    own_rates = SOUTH_RATES_HZ * livetime_s(data, own_source)
    rates = SOUTH_RATES_HZ * livetime_s(data, source) * muon_area(area) / muon_area(own_area)
    return EnergyScale(
        np.concatenate([smearing.northern_quantiles(area) + misfit, energies_at_rates(own_events, own_rates)]),
        np.concatenate([northern_energies(events), energies_at_rates(events, rates)]),
    )


def livetime_s(data: Path, source: Source) -> float:
    """Seconds of good runs."""
    uptime = np.loadtxt(data / f"neutrinos/icecube_10yr_ps/uptime/{source.uptime}_exp.csv", skiprows=1)
    return float(np.diff(uptime, axis=1).sum() * 86400)


def rebinned(counts: Float, edges: Float) -> Float:
    """(reco, dec) counts in the bins of `RECO_EDGES`, spread evenly within the bins they come in."""
    below = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    return np.diff(np.array([np.interp(RECO_EDGES, edges, column) for column in below.T]).T, axis=0)


def signal(data: Path, source: Source, area: Float) -> tuple[Float, str]:
    """(reco, dec) counts of an E⁻² source, and how their energies were modelled."""
    smearing = Smearing.read(data)
    scale = energy_scale(data, smearing, source)
    counts = rebinned(smearing.folded(area, 2.0), scale(smearing.edges))
    if source.name == OWN:
        return counts, "energy smearing of the 10-year release's IC86_II season (its own detector configuration)"
    low, high = scale.raised_by.min(), scale.raised_by.max()
    change = f"raised by {low:.2f} to {high:.2f}" if low >= 0 else f"shifted by {low:+.2f} to {high:+.2f}"
    return counts, (
        f"energy smearing borrowed from the 10-year release's IC86_II season; reconstructed energies {change} dex to "
        f"the season's own scale, as its background lies against {OWN}'s"
    )


def true_energy_signal(area: Float) -> tuple[Float, str]:
    """The same without smearing, for comparison only."""
    return true_counts(area, 2.0), "no energy smearing: true energies of the signal against reconstructed background"


def season_table(data: Path, source: Source, true_energy: bool) -> SeasonTable:
    """Everything of one season."""
    events, area = source.read(data, source)
    counts, how = true_energy_signal(area) if true_energy else signal(data, source, area)
    scale = counts.sum(axis=0).mean()  # the sky mean of α becomes 1: sin δ bins have equal solid angle
    livetime = livetime_s(data, source)
    histogram = np.histogram2d(events[:, 1], events[:, 0], bins=(DEC_EDGES, ENERGY_EDGES))[0]
    if int(histogram.sum()) != len(events):
        raise SystemExit(f"{source.name}: {len(events) - int(histogram.sum())} events outside the background's bins")
    highest = peaks(events)
    return SeasonTable(
        name=source.name,
        rate_hz=len(events) / livetime,
        n_observed=len(events),
        livetime_s=livetime,
        sin_dec=SIN_DEC,
        log10_energy=np.round((RECO_EDGES[1:] + RECO_EDGES[:-1]) / 2, 10),
        signal_per_dex=counts / scale / 0.1,
        true_log10_energy=TRUE_EDGES,
        effective_area_cm2=area,
        counts=histogram.astype(np.uint16),
        counts_dec_deg=DEC_EDGES,
        counts_log10_energy=ENERGY_EDGES,
        peaks_dec_deg=highest[:, 1],
        peaks_log10_energy=highest[:, 0],
        peaks_window_deg=NARROWEST_DEG,
        n_51_100=sky_mean_count(area),
        smearing=how,
        source=provenance(data, source),
    )


def sky_mean_count(area: Float) -> float:
    """Expected neutrinos of 1e51 erg in ν_μ + ν̄_μ between 10 and 1e8 GeV (E⁻²) at 100 Mpc, sky mean."""
    weight = -np.diff(10.0**-TRUE_EDGES)
    return float(ERG51_100MPC_GEV_CM2 * (area * weight[:, None]).sum(axis=0).mean())


def peaks(events: Float) -> Float:
    """Events that are the highest of some declination band of half width `NARROWEST_DEG` or more, by declination.

    A band holds an event and none higher when the nearest higher one to the south and the nearest to the north lie
    farther apart than its width. Of equal energies the northernmost counts as the highest.
    """
    ordered = events[np.argsort(events[:, 1], kind="stable")]
    dec = ordered[:, 1]
    rank = np.argsort(np.argsort(ordered[:, 0], kind="stable"))
    gap = nearest_higher(rank, dec) + nearest_higher(rank[::-1], -dec[::-1])[::-1]
    return ordered[gap > 2 * NARROWEST_DEG]


def nearest_higher(rank: NDArray[np.int64], dec_deg: Float) -> Float:
    """Degrees from each event to the nearest before it of higher rank; infinite where there is none."""
    out = np.full(rank.size, np.inf)
    higher: list[int] = []  # descending in rank
    for i in range(rank.size):
        while higher and rank[higher[-1]] < rank[i]:
            higher.pop()
        if higher:
            out[i] = dec_deg[i] - dec_deg[higher[-1]]
        higher.append(i)
    return out


def provenance(data: Path, source: Source) -> str:
    """Names and digests of what went in."""
    files = [KDE, f"neutrinos/icecube_10yr_ps/uptime/{source.uptime}_exp.csv"]
    files += [THREE_YEARS] if source.read is three_year else [source.events, source.area]
    digests = (
        f"{Path(name).name} sha256 {hashlib.sha256((data / name).read_bytes()).hexdigest()[:16]}" for name in files
    )
    release = "3-year" if source.read is three_year else "10-year"
    return f"IceCube {release} point-source release; " + "; ".join(digests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("src/llama/data/icecube_tables.h5"))
    parser.add_argument("--true-energy", action="store_true", help="leave out the energy smearing, for comparison")
    args = parser.parse_args()
    tables = IceCubeTables({source.name: season_table(args.data, source, args.true_energy) for source in SOURCES})
    IceCubeTablesFile().write(tables, args.out)
    for name, season in tables.seasons.items():
        counts = np.interp(np.sin(np.radians([-60, -30, 0, 30, 60])), SIN_DEC, fluence_counts(season))
        print(
            f"{name:10s} rate {1e3 * season.rate_hz:.2f} mHz  alpha {season.alpha.min():.2f} to "
            f"{season.alpha.max():.2f}  n0 {season.n_51_100:.3f}  counts at E²F = 1 GeV/cm², δ = -60 … 60: "
            f"{np.round(counts, 1)}  {season.smearing}"
        )


if __name__ == "__main__":
    main()
