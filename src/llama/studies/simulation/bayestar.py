"""BAYESTAR's own sky maps of what a simulated search measured, through `ligo.skymap` (extra `studies`).

BAYESTAR gets the same SNR time series as the fast localiser, and the template's amplitude (IMRPhenomD) and noise
curves with which they were made.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llama.studies.simulation.curves import NoiseCurve
from llama.studies.simulation.measurement import Measurement

_WAVEFORM = "IMRPhenomD"
_RATE_HZ = 4096.0  # of the series it gets: what its own simulated searches give it for waveforms up to 1024 Hz


def write_bayestar(
    heard: Measurement, source: Any, curves: tuple[NoiseCurve, ...], band_hz: tuple[float, float], path: Path
) -> None:
    """Write the sky map of BAYESTAR, the same bytes for the same measurement.

    Its header would also record the clock, the run time and the command line: the creation time becomes the source's,
    the other two are left out.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before it is loaded: a process is a worker
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lal
        from ligo.skymap import bayestar
        from ligo.skymap.io import fits
    logging.getLogger("BAYESTAR").setLevel(logging.ERROR)
    table = bayestar.localize(_event(heard, source, curves, band_hz), waveform=_WAVEFORM, f_low=band_hz[0])
    table.meta.pop("runtime", None)
    table.meta["gps_creation_time"] = lal.LIGOTimeGPS(heard.gps)
    table.meta["objid"] = str(source["simulation_id"])
    table.meta["origin"] = "simulation"
    history = [line for line in table.meta["history"] if line]
    table.meta["history"] = history[: history.index("This was the command line that started the program:")]
    fits.write_sky_map(str(path), table)


@dataclass(frozen=True)
class _Single:
    """A trigger as `ligo.skymap.io.events.SingleEvent` describes it."""

    detector: str
    snr: float
    phase: float
    time: float
    zerolag_time: float
    psd: Any
    snr_series: Any


@dataclass(frozen=True)
class _Event:
    """A coincidence as `ligo.skymap.io.events.Event` describes it."""

    singles: tuple[_Single, ...]
    template_args: dict[str, float]


def _event(heard: Measurement, source: Any, curves: tuple[NoiseCurve, ...], band_hz: tuple[float, float]) -> _Event:
    noise = {one.detector: _psd(one, band_hz) for one in curves}
    singles = tuple(_single(heard, d, noise[name]) for d, name in enumerate(heard.network.names))
    template = {name: float(source[name]) for name in ("mass1", "mass2", "spin1z", "spin2z")}
    return _Event(singles, template | {"f_final": band_hz[1]})


def _single(heard: Measurement, d: int, psd: Any) -> _Single:
    """One detector: its series about the sample nearest to the peak."""
    import lal

    step = round(heard.rate_hz / _RATE_HZ)
    middle = round((heard.arrival_s[d] - heard.first_s[d]) * heard.rate_hz)
    half = min(middle, heard.series.shape[1] - 1 - middle) // step
    values = heard.series[d, middle - half * step : middle + half * step + 1 : step]
    first = heard.first_s[d] + (middle - half * step) / heard.rate_hz
    epoch = lal.LIGOTimeGPS(heard.gps) + float(first)
    series = lal.CreateCOMPLEX8TimeSeries("snr", epoch, 0, 1 / _RATE_HZ, lal.DimensionlessUnit, values.size)
    series.data.data = values.astype(np.complex64)
    time = lal.LIGOTimeGPS(heard.gps) + float(heard.arrival_s[d])
    return _Single(
        heard.network.names[d], float(heard.snr[d]), float(np.angle(values[half])), time, time, psd, series
    )


def _psd(curve: NoiseCurve, band_hz: tuple[float, float]) -> Any:
    """In steps of 1 Hz, infinite outside of the band."""
    import lal

    count = int(np.floor(band_hz[1])) + 1
    series = lal.CreateREAL8FrequencySeries(curve.detector, 0, 0.0, 1.0, lal.SecondUnit, 2 * count)
    frequency = np.arange(2 * count, dtype=np.float64)
    inside = (frequency >= np.ceil(band_hz[0])) & (frequency < count)
    power = np.full(2 * count, np.inf)
    power[inside] = curve.power(frequency[inside])
    series.data.data = power
    return series
