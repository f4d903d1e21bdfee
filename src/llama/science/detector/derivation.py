"""From a sample in public form to a season's table: signal density in reconstructed energy, background, livetime.

Events, livetime and effective area are the season's; energy smearing is its own, or borrowed from another season,
whose energy scale is then compared by the backgrounds of both. Method and what it rests on: docs/science/response.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.detector.events import SeasonEvents
from llama.science.detector.response import SeasonTable

SIN_DEC: Float = np.asarray(-0.99 + 0.02 * np.arange(100), dtype=np.float64)
TRUE_EDGES = np.round(2 + 0.1 * np.arange(61), 10)  # 100 GeV to 1e8 GeV
RECO_EDGES = np.round(2 + 0.1 * np.arange(61), 10)  # of the signal density, up to the search's 1e8 GeV
DEC_EDGES = np.round(-90 + 0.2 * np.arange(901), 10)
ENERGY_EDGES = np.round(0.99 + 0.02 * np.arange(316), 10)  # releases round to 0.01: edges between their values
ATMOSPHERIC = 3.7  # spectral index that stands for the northern background
NORTH_DEG = 10.0  # north of here the background is atmospheric neutrinos
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999])  # where energy scales of seasons are compared
SOUTH_DEG = -20.0  # south of here it is muons from above, at energies that all selections keep
SOUTH_RATES_HZ = np.array([1e-4, 3e-5, 1e-5, 3e-6, 1e-6])  # of more energetic events, where scales are compared
NARROWEST_DEG = 0.5  # half width of the narrowest declination window for which the peaks are complete
ERG51_100MPC_GEV_CM2 = 6.241509074460763e53 / (4 * np.pi * 3.0856775814913674e26**2) / np.log(1e7)
_MOST_COUNTS = np.iinfo(np.uint16).max
_MOST_ENERGY_BINS = 2000


class DerivationError(ValueError):
    """A sample that no season can be derived from; the message says why."""


@dataclass(frozen=True, eq=False)
class SeasonSample:
    """What a season's table is derived from.

    Attributes:
        log10_energy, dec_deg, sigma_deg: (n,) of the events: reconstructed energy (log10 GeV), declination, 1σ error.
        livetime_s: seconds of good runs.
        area_cm2: (60, 100) effective area for ν_μ + ν̄_μ on TRUE_EDGES and SIN_DEC.
        source: where it comes from, for people.
    """

    name: str
    log10_energy: Float
    dec_deg: Float
    sigma_deg: Float
    livetime_s: float
    area_cm2: Float
    source: str


@dataclass(frozen=True, eq=False)
class Smearing:
    """P(reconstructed | true energy) in bands of declination.

    Attributes:
        bands: south and north edge (deg) of each band, and its (r, 60) matrix over TRUE_EDGES, columns that sum to 1.
        edges: (r + 1,) log10 reconstructed energies.
        source: whose it is, for people.
    """

    bands: tuple[tuple[float, float, Float], ...]
    edges: Float
    source: str

    def folded(self, area: Float, index: float) -> Float:
        """(r, dec) counts per bin of reconstructed energy for a true spectrum E^−index."""
        counts = true_counts(area, index)
        dec = np.degrees(np.arcsin(SIN_DEC))
        out = np.zeros((self.edges.size - 1, SIN_DEC.size))
        for south, north, kernel in self.bands:
            here = (dec > south) & (dec < north)
            out[:, here] = kernel @ counts[:, here]
        return out

    def northern_quantiles(self, area: Float) -> Float:
        """log10 energies that the northern background should have at `QUANTILES` on this smearing's scale."""
        counts = self.folded(area, ATMOSPHERIC)[:, np.sin(np.radians(NORTH_DEG)) < SIN_DEC].sum(axis=1)
        reached = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
        return np.asarray(np.interp(QUANTILES, reached, self.edges))


@dataclass(frozen=True)
class EnergyScale:
    """What a season calls the energy that the smearing's own season calls `own_season`, both log10 GeV, ascending."""

    own_season: Float
    season: Float

    @property
    def raised_by(self) -> Float:
        return np.asarray(np.round(self.season - self.own_season, 2), dtype=np.float64)

    def __call__(self, log10_energy: Float) -> Float:
        return np.asarray(log10_energy + np.interp(log10_energy, self.own_season, self.raised_by))


def season_table(sample: SeasonSample, smearing: Smearing | None, own: SeasonSample | None) -> SeasonTable:
    """Everything of one season. DerivationError for a sample that gives none.

    Args:
        smearing: None leaves it out, which overrates the highest energies by large factors, and says so.
        own: the season whose smearing it is, to which energies are compared; None when it is this season's own, or on
            its scale.
    """
    counts, how = _signal(sample, smearing, own)
    scale = counts.sum(axis=0).mean()  # the sky mean of α becomes 1: sin δ bins have equal solid angle
    if not scale > 0:
        raise DerivationError(f"season {sample.name}: its effective area and smearing leave no signal at all")
    histogram, energy_edges = _background(sample)
    highest = peaks(np.column_stack([sample.log10_energy, sample.dec_deg]))
    return SeasonTable(
        name=sample.name,
        rate_hz=sample.dec_deg.size / sample.livetime_s,
        n_observed=sample.dec_deg.size,
        livetime_s=sample.livetime_s,
        sin_dec=SIN_DEC,
        log10_energy=np.round((RECO_EDGES[1:] + RECO_EDGES[:-1]) / 2, 10),
        signal_per_dex=counts / scale / 0.1,
        true_log10_energy=TRUE_EDGES,
        effective_area_cm2=sample.area_cm2,
        counts=histogram,
        counts_dec_deg=DEC_EDGES,
        counts_log10_energy=energy_edges,
        peaks_dec_deg=highest[:, 1],
        peaks_log10_energy=highest[:, 0],
        peaks_window_deg=NARROWEST_DEG,
        n_51_100=sky_mean_count(sample.area_cm2),
        smearing=how,
        source=sample.source,
    )


def season_events(sample: SeasonSample, source: str, least_sigma_deg: float) -> SeasonEvents:
    """All events of a season to draw from; the file that they are written to takes their digest."""
    return SeasonEvents(
        name=sample.name,
        dec_rad=np.radians(sample.dec_deg),
        sigma_rad=np.radians(np.maximum(sample.sigma_deg, least_sigma_deg)),
        energy_gev=10.0**sample.log10_energy,
        digest="",
        source=source,
    )


def _signal(sample: SeasonSample, smearing: Smearing | None, own: SeasonSample | None) -> tuple[Float, str]:
    """(reco, dec) counts of an E⁻² source, and how their energies were modelled."""
    if smearing is None:
        how = "no energy smearing: true energies of the signal against reconstructed background"
        return true_counts(sample.area_cm2, 2.0), how
    counts = smearing.folded(sample.area_cm2, 2.0)
    if own is None:
        how = f"energy smearing of {smearing.source} (its own detector configuration)"
        return rebinned(counts, smearing.edges), how
    scale = energy_scale(smearing, sample, own)
    low, high = scale.raised_by.min(), scale.raised_by.max()
    change = f"raised by {low:.2f} to {high:.2f}" if low >= 0 else f"shifted by {low:+.2f} to {high:+.2f}"
    return rebinned(counts, scale(smearing.edges)), (
        f"energy smearing borrowed from {smearing.source}; reconstructed energies {change} dex to the season's own "
        f"scale, as its background lies against {own.name}'s"
    )


def energy_scale(smearing: Smearing, sample: SeasonSample, own: SeasonSample) -> EnergyScale:
    """Compares backgrounds with those of the smearing's own season, northern ones below and southern ones above.

    In the north each is compared with what the smearing predicts from the effective area; how far the own season lies
    from its prediction tells how well E^−3.7 fits, not how scales differ, and is taken off. In the south the energies
    that muons exceed at the same rate per effective area are the same.
    """
    misfit = northern_energies(own) - smearing.northern_quantiles(own.area_cm2)
    own_rates = SOUTH_RATES_HZ * own.livetime_s
    rates = SOUTH_RATES_HZ * sample.livetime_s * muon_area(sample.area_cm2) / muon_area(own.area_cm2)
    scale = EnergyScale(
        np.concatenate([smearing.northern_quantiles(sample.area_cm2) + misfit, energies_at_rates(own, own_rates)]),
        np.concatenate([northern_energies(sample), energies_at_rates(sample, rates)]),
    )
    moved = scale(smearing.edges)
    if not (np.all(np.diff(scale.own_season) > 0) and np.all(np.diff(moved) > 0)):
        raise DerivationError(
            f"season {sample.name}: its energies and those of {own.name} cannot be put on one scale by their "
            "backgrounds (too few events, or another kind of selection); give its own smearing, or none"
        )
    return scale


def northern_energies(sample: SeasonSample) -> Float:
    """log10 energies of the observed northern background at `QUANTILES`."""
    north = sample.log10_energy[sample.dec_deg > NORTH_DEG]
    if not north.size:
        raise DerivationError(f"season {sample.name} has no events north of {NORTH_DEG:g} deg to compare energies by")
    return np.asarray(np.quantile(north, QUANTILES))


def energies_at_rates(sample: SeasonSample, counts: Float) -> Float:
    """log10 energies which so many southern events (a number, fractions allowed) exceed."""
    energy = np.sort(sample.log10_energy[sample.dec_deg < SOUTH_DEG])[::-1]
    if energy.size < counts.max():  # the rarer ones would all have the lowest energy
        raise DerivationError(
            f"season {sample.name} has {energy.size} events south of {SOUTH_DEG:g} deg, too few to compare energies "
            f"by ({counts.max():.0f}); give its own smearing, or none"
        )
    return np.interp(counts, np.arange(energy.size) + 0.5, energy)


def muon_area(area: Float) -> float:
    """Southern effective area at 1e6 to 1e7 GeV, arbitrary scale: what share of energetic muons a season keeps."""
    energetic = (TRUE_EDGES[:-1] >= 6) & (TRUE_EDGES[:-1] < 7)
    return float(area[np.ix_(energetic, np.sin(np.radians(SOUTH_DEG)) > SIN_DEC)].mean())


def true_counts(area: Float, index: float) -> Float:
    """(true, dec) counts per bin of true energy for a spectrum E^−index."""
    edges = 10**TRUE_EDGES
    spectrum = (edges[:-1] ** (1 - index) - edges[1:] ** (1 - index)) / (index - 1)
    return np.asarray(area * spectrum[:, None])


def rebinned(counts: Float, edges: Float) -> Float:
    """(reco, dec) counts in the bins of `RECO_EDGES`, spread evenly within the bins they come in."""
    below = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    return np.diff(np.array([np.interp(RECO_EDGES, edges, column) for column in below.T]).T, axis=0)


def sky_mean_count(area: Float) -> float:
    """Expected neutrinos of 1e51 erg in ν_μ + ν̄_μ between 10 and 1e8 GeV (E⁻²) at 100 Mpc, sky mean."""
    weight = -np.diff(10.0**-TRUE_EDGES)
    return float(ERG51_100MPC_GEV_CM2 * (area * weight[:, None]).sum(axis=0).mean())


def _background(sample: SeasonSample) -> tuple[NDArray[np.uint16], Float]:
    """Events in bins of declination and energy, and the energies' edges: further bins where events lie outside."""
    edges, step = ENERGY_EDGES, 0.02
    low, high = float(sample.log10_energy.min()), float(sample.log10_energy.max())
    before = max(0, int(np.ceil((edges[0] - low) / step)))
    after = max(0, int(np.floor((high - edges[-1]) / step)) + 1)
    if before or after:
        if edges.size + before + after > _MOST_ENERGY_BINS:
            raise DerivationError(f"season {sample.name} has energies of 10^{low:g} to 10^{high:g} GeV")
        edges = np.round(edges[0] - step * before + step * np.arange(edges.size + before + after), 10)
    counts = np.histogram2d(sample.dec_deg, sample.log10_energy, bins=(DEC_EDGES, edges))[0]
    if int(counts.sum()) != sample.dec_deg.size or counts.max() > _MOST_COUNTS:
        raise DerivationError(f"season {sample.name}: its events do not fit the background's bins")
    return counts.astype(np.uint16), edges


def peaks(events: Float) -> Float:
    """Of events (log10 energy, declination), those that are the highest of some declination band of half width
    `NARROWEST_DEG` or more, by declination.

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
