"""What a matched-filter search measures of a merger: complex SNR time series with noise, and the triggers in them.

A detector of horizon H (distance in Mpc at which a source face-on and overhead has SNR 1) hears

    z(t) = x a(t − t_d) + n(t),    x = (H/r) [(1 + cos²ι)/2 F₊ + i cos ι F_×]

where a is the autocorrelation of the whitened signal, t_d when it arrives there, and n Gaussian noise of the same
autocorrelation, whose real and imaginary part have standard deviation 1/β each. β = 0.83 is by how much BAYESTAR
scales down the SNR it is given, because searches with template banks measure worse than noise alone makes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llama.science.arrays import Bool, Complex, Float, Index, Rows
from llama.studies.simulation.curves import NoiseCurve
from llama.studies.simulation.network import Network
from llama.studies.simulation.sources import times
from llama.studies.simulation.waveform import amplitude

BETA = 0.83
"""Factor on SNR in the likelihood: ligo.skymap's `rescale_loglikelihood`."""

RATE_HZ = 16384.0
"""Samples of an SNR time series: so many that between them a straight line is good to 2e-3 of the SNR."""

HALF_S = 0.08
"""Half the length of a series about the time at the Earth's centre."""

LUCK = 4.0
"""Standard deviations of noise by which a source may be louder than it should; quieter ones are passed over."""

_APART_S = 0.025  # from the true arrival, within which a search looks for the peak
_FEW, _MARGIN = 96, 1.15


@dataclass(frozen=True)
class SearchConditions:
    """What counts as found.

    Attributes:
        band_hz: that the search uses. duty_cycle: chance of each detector to be on.
        single_snr: that two detectors must reach, and others to take part unless `keep_subthreshold`.
        network_snr: of those that take part together.
    """

    band_hz: tuple[float, float]
    duty_cycle: float
    single_snr: float
    network_snr: float
    keep_subthreshold: bool


@dataclass(frozen=True, eq=False)
class Spectra:
    """How the whitened power of n sources spreads over frequency, in d detectors.

    Attributes:
        frequency_hz: (f,) in steps of 1 Hz. power: (n, d, f) summing to 1. horizon_mpc: (n, d).
    """

    frequency_hz: Float
    power: Float
    horizon_mpc: Float

    @classmethod
    def of(cls, sources: Rows, curves: tuple[NoiseCurve, ...], band_hz: tuple[float, float]) -> Spectra:
        """Of detector-frame masses and noise curves that cover the band."""
        frequency = np.arange(np.ceil(band_hz[0]), np.floor(band_hz[1]) + 1)
        signal = amplitude(sources, frequency) ** 2
        whitened = np.stack([4 * signal / curve.power(frequency) for curve in curves], axis=1)
        squared = whitened.sum(axis=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            power = np.where(squared[..., None] > 0, whitened / squared[..., None], 0.0)
        return cls(frequency, power, np.sqrt(squared))

    def bandwidth_hz(self) -> Float:
        """(n, d) standard deviation of the frequency."""
        mean = self.power @ self.frequency_hz
        return np.asarray(np.sqrt(np.maximum(self.power @ self.frequency_hz**2 - mean**2, 0.0)))


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured of one source, in the d detectors that take part.

    Attributes:
        network: those detectors at the time of the source.
        series: (d, m) complex SNR at `RATE_HZ`. first_s: time of the first sample after `gps`.
        gps: about when the signal passes the Earth's centre.
        horizon_mpc, bandwidth_hz: (d,) of the template in each.
        snr, arrival_s: (d,) of the triggers, arrival after `gps`.
        rate_hz: of the series.
    """

    network: Network
    series: Complex
    first_s: Float
    gps: float
    horizon_mpc: Float
    bandwidth_hz: Float
    snr: Float
    arrival_s: Float
    rate_hz: float = RATE_HZ

    @property
    def network_snr(self) -> float:
        """Root of the sum of squares."""
        return float(np.sqrt(np.sum(self.snr**2)))


def direction_of(source: Rows) -> Float:
    """(3,) unit vector to a source."""
    ra, dec = float(source["longitude"]), float(source["latitude"])
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def signal(source: Rows, network: Network, horizon_mpc: Float) -> Complex:
    """(d,) the complex SNR x that a source would have without noise."""
    plus, cross = (one[0] for one in network.patterns(direction_of(source)[None]))
    twice = 2 * float(source["polarization"])
    plus, cross = np.cos(twice) * plus + np.sin(twice) * cross, np.cos(twice) * cross - np.sin(twice) * plus
    u = np.cos(float(source["inclination"]))
    phase = np.exp(2j * float(source["coa_phase"]))
    return np.asarray(horizon_mpc / float(source["distance"]) * ((1 + u * u) / 2 * plus + 1j * u * cross) * phase)


def measure(
    sources: Rows, curves: tuple[NoiseCurve, ...], conditions: SearchConditions, rng: np.random.Generator
) -> tuple[dict[int, Measurement], float]:
    """What is found among sources, by row, and the largest network SNR any would have without noise.

    Numbers are drawn for sources that can be found at all, in their order.
    """
    names = tuple(curve.detector for curve in curves)
    on = rng.random((len(sources), len(names))) < conditions.duty_cycle
    rows = _promising(sources, on, curves, conditions)
    spectra = Spectra.of(sources[rows], curves, conditions.band_hz)
    bandwidth = spectra.bandwidth_hz()
    found: dict[int, Measurement] = {}
    loudest = 0.0
    for k, row in enumerate(rows.tolist()):
        kept = np.flatnonzero(on[row] & (spectra.horizon_mpc[k] > 0)).tolist()
        if len(kept) < 2:
            continue
        gps = float(times(sources[row : row + 1])[0])
        network = Network.at(names, gps).only(kept)
        x = signal(sources[row], network, spectra.horizon_mpc[k, kept])
        expected = float(np.linalg.norm(x))
        loudest = max(loudest, expected)
        if expected < conditions.network_snr - LUCK / BETA:
            continue
        template = (spectra.horizon_mpc[k, kept], bandwidth[k, kept])
        direction = direction_of(sources[row])
        heard = _listen(network, x, spectra.power[k, kept], spectra.frequency_hz, gps, direction, template, rng)
        if (passed := found_by_search(heard, conditions)) is not None:
            found[row] = passed
    return found, loudest


def _promising(sources: Rows, on: Bool, curves: tuple[NoiseCurve, ...], conditions: SearchConditions) -> Index:
    """Rows that could be found if they were overhead of every detector that is on, and the loudest of the others.

    Horizons are from few frequencies, good to a few percent, and a margin stands for that.
    """
    low, high = conditions.band_hz
    frequency = np.geomspace(np.ceil(low), np.floor(high), _FEW)
    signal = amplitude(sources, frequency) ** 2
    whitened = np.stack([4 * signal / curve.power(frequency) for curve in curves], axis=1)
    squared = (whitened * frequency).sum(axis=2) * np.log(frequency[1] / frequency[0])
    best = np.sqrt((squared * on).sum(axis=1)) * (1 + np.cos(sources["inclination"]) ** 2) / 2 / sources["distance"]
    best = np.where(on.sum(axis=1) >= 2, best, 0.0)
    enough = _MARGIN * best >= conditions.network_snr - LUCK / BETA
    enough[np.argmax(best)] = True
    return np.flatnonzero(enough & (best > 0))


def _listen(
    network: Network,
    x: Complex,
    power: Float,
    frequency_hz: Float,
    gps: float,
    direction: Float,
    template: tuple[Float, Float],
    rng: np.random.Generator,
) -> Measurement:
    arrival = network.delays(direction[None])[0]
    n, m = round(RATE_HZ), round(HALF_S * RATE_HZ)
    noise = rng.standard_normal((*power.shape, 2)) @ np.array([1.0, 1j]) / BETA
    spectrum = np.zeros((len(x), n), np.complex128)
    bins = frequency_hz.astype(np.int64)
    shift = np.exp(-2j * np.pi * frequency_hz * arrival[:, None])
    spectrum[:, bins] = x[:, None] * power * shift + np.sqrt(power) * noise
    around = np.fft.ifft(spectrum, axis=1) * n
    series = np.concatenate([around[:, -m:], around[:, : m + 1]], axis=1)
    first = np.full(len(x), -m / RATE_HZ)
    snr, when = np.empty(len(x)), np.empty(len(x))
    for d in range(len(x)):
        near = np.abs(np.arange(-m, m + 1) / RATE_HZ - arrival[d]) <= _APART_S
        snr[d], when[d] = peak(series[d], near)
    return Measurement(network, series, first, gps, *template, snr, first + when / RATE_HZ)


def peak(series: Complex, near: Bool) -> tuple[float, float]:
    """Height and place, in samples, of the largest |z| among some samples, by a parabola through three."""
    size = np.abs(series)
    at = int(np.argmax(np.where(near, size, -1.0)))
    if not 0 < at < size.size - 1:
        return float(size[at]), float(at)
    before, here, after = size[at - 1 : at + 2]
    bend = before - 2 * here + after
    offset = float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
    return float(here - (before - after) * offset / 4), at + offset


def found_by_search(heard: Measurement, conditions: SearchConditions) -> Measurement | None:
    """With the detectors that take part; None when two of them, or all together, are too quiet."""
    passing = heard.snr >= conditions.single_snr
    if passing.sum() < 2:
        return None
    kept = np.flatnonzero(passing | conditions.keep_subthreshold).tolist()
    if np.sum(heard.snr[kept] ** 2) < conditions.network_snr**2:
        return None
    names = ("series", "first_s", "horizon_mpc", "bandwidth_hz", "snr", "arrival_s")
    return replace(heard, network=heard.network.only(kept), **{name: getattr(heard, name)[kept] for name in names})
