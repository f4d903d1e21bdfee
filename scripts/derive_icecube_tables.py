"""Makes src/llama/data/icecube_tables.h5 from IceCube's public releases.

    python scripts/derive_icecube_tables.py DATA [OUT]

DATA holds neutrinos/icecube_3yr_ps, neutrinos/icecube_10yr_ps and effective_areas as src/llama/data/README.md lists
them. The same input gives the same bytes. Prints the checks that the numbers must pass.
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
from llama.science.response import IceCubeTables, SeasonTable, fluence_counts

Float = NDArray[np.float64]

SIN_DEC = -0.99 + 0.02 * np.arange(100)
TRUE_EDGES = np.round(2 + 0.1 * np.arange(61), 10)  # 100 GeV to 1e8 GeV
DEC_EDGES = np.round(-90 + 0.2 * np.arange(901), 10)
ENERGY_EDGES = np.round(0.99 + 0.02 * np.arange(316), 10)  # releases round to 0.01: edges between their values
BANDS_DEG = {"dec_m50": (-90, -10), "dec_0": (-10, 10), "dec_p50": (10, 90)}  # of the 10-year smearing matrices
KDE = "effective_areas/plenum_irfs/energy_smearing_2D_step-0.1_KDE.npz"
THREE_YEARS = "neutrinos/icecube_3yr_ps/3year-data-release.zip"
ATMOSPHERIC = 3.7  # spectral index that stands for the northern background
ERG51_100MPC_GEV_CM2 = 6.241509074460763e53 / (4 * np.pi * 3.0856775814913674e26**2) / np.log(1e7)


@dataclass(frozen=True)
class Source:
    """One season: where its events, effective area and good runs are, and whether the smearing is its own."""

    name: str
    events: str
    uptime: str
    area: str
    note: str
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


OWN = "energy smearing of the 10-year release's IC86_II season (its own detector configuration)"
BORROWED = "energy smearing borrowed from the 10-year release's IC86_II season"
SOURCES = (
    Source(
        "IC40",
        "neutrinos/icecube_10yr_ps/events/IC40_exp.csv",
        "IC40",
        "effective_areas/icecube_10yr_ps/IC40_effectiveArea.csv",
        BORROWED,
        ten_year,
    ),
    *(
        Source(
            name,
            f"3year-data-release/{name}-events.txt",
            uptime,
            f"3year-data-release/{name}-TabulatedAeff.txt",
            note,
            three_year,
        )
        for name, uptime, note in (
            ("IC79-2010", "IC79", BORROWED),
            ("IC86-2011", "IC86_I", BORROWED),
            ("IC86-2012", "IC86_II", OWN),
        )
    ),
)


def smear(area: Float, kernels: dict[str, Float], index: float) -> Float:
    """(reco, dec) counts per bin of reconstructed energy for a true spectrum E^−index."""
    edges = 10**TRUE_EDGES
    spectrum = (edges[:-1] ** (1 - index) - edges[1:] ** (1 - index)) / (index - 1)
    true_counts = area * spectrum[:, None]
    dec = np.degrees(np.arcsin(SIN_DEC))
    out = np.zeros((kernels["dec_0"].shape[0], SIN_DEC.size))
    for band, (south, north) in BANDS_DEG.items():
        here = (dec > south) & (dec < north)
        out[:, here] = kernels[band][:, : TRUE_EDGES.size - 1] @ true_counts[:, here]
    return out


def energy_shift(area: Float, kernels: dict[str, Float], reco: Float, events: Float) -> float:
    """Median of the observed northern background minus what the smearing predicts for atmospheric neutrinos, dex.

    Seasons define the energy proxy differently (IC40 and IC79-2010 read 0.3 to 0.4 dex higher); without the shift
    signal and background would be compared on two scales.
    """
    folded = smear(area, kernels, ATMOSPHERIC)[:, np.sin(np.radians(10)) < SIN_DEC].sum(axis=1)
    reached = (np.cumsum(folded) - folded / 2) / folded.sum()
    expected = np.interp(0.5, reached, reco)
    return float(np.round(np.median(events[events[:, 1] > 10, 0]) - expected, 2))


def season_table(data: Path, source: Source) -> SeasonTable:
    """Everything of one season."""
    events, area = source.read(data, source)
    with np.load(data / KDE) as file:
        kernels = {band: file[band] for band in BANDS_DEG}
        reco = (file["logE_reco_edges"][1:] + file["logE_reco_edges"][:-1]) / 2
    shift = energy_shift(area, kernels, reco, events)
    counts = smear(area, kernels, 2.0)
    scale = counts.sum(axis=0).mean()  # the sky mean of α becomes 1: sin δ bins have equal solid angle
    uptime = np.loadtxt(data / f"neutrinos/icecube_10yr_ps/uptime/{source.uptime}_exp.csv", skiprows=1)
    livetime = float(np.diff(uptime, axis=1).sum() * 86400)
    histogram = np.histogram2d(events[:, 1], events[:, 0], bins=(DEC_EDGES, ENERGY_EDGES))[0]
    if int(histogram.sum()) != len(events):
        raise SystemExit(f"{source.name}: {len(events) - int(histogram.sum())} events outside the background's bins")
    return SeasonTable(
        name=source.name,
        rate_hz=len(events) / livetime,
        n_observed=len(events),
        livetime_s=livetime,
        sin_dec=SIN_DEC,
        log10_energy=np.round(reco + shift, 10),
        signal_per_dex=counts / scale / 0.1,
        true_log10_energy=TRUE_EDGES,
        effective_area_cm2=area,
        counts=histogram.astype(np.uint16),
        counts_dec_deg=DEC_EDGES,
        counts_log10_energy=ENERGY_EDGES,
        highest_log10_energy=highest(events),
        n_51_100=sky_mean_count(area),
        smearing=f"{source.note}; reconstructed energies shifted by {shift:+.2f} dex "
        "to the season's northern background",
        source=provenance(data, source),
    )


def sky_mean_count(area: Float) -> float:
    """Expected neutrinos of 1e51 erg in ν_μ + ν̄_μ between 10 and 1e8 GeV (E⁻²) at 100 Mpc, sky mean."""
    weight = -np.diff(10.0**-TRUE_EDGES)
    return float(ERG51_100MPC_GEV_CM2 * (area * weight[:, None]).sum(axis=0).mean())


def highest(events: Float) -> Float:
    """(b,) highest log10 energy per declination bin."""
    out = np.full(DEC_EDGES.size - 1, -np.inf)
    np.maximum.at(out, np.clip(np.searchsorted(DEC_EDGES, events[:, 1], "right") - 1, 0, out.size - 1), events[:, 0])
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
    args = parser.parse_args()
    tables = IceCubeTables({source.name: season_table(args.data, source) for source in SOURCES})
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
