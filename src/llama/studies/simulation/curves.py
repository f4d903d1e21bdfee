"""Noise of each detector in each observing run: amplitude spectral densities, from text files or LALSimulation."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_RECORD_BYTES, read_limited
from llama.science.arrays import Float

LOW_HZ, HIGH_HZ = 30.0, 1024.0
"""The band a search and a sky map use, unless told otherwise."""

EXTRA = "pip install 'llama-astro[studies]'"

FILES: Mapping[str, Mapping[str, str]] = {
    "O3": {"H1": "aligo_O3actual_H1.txt", "L1": "aligo_O3actual_L1.txt", "V1": "avirgo_O3actual.txt"},
    "O4": {
        "H1": "aligo_O4high.txt",
        "L1": "aligo_O4high.txt",
        "V1": "avirgo_O4high_NEW.txt",
        "K1": "kagra_10Mpc.txt",
    },
    "O5": {"H1": "AplusDesign.txt", "L1": "AplusDesign.txt", "V1": "avirgo_O5high_NEW.txt", "K1": "kagra_80Mpc.txt"},
}
"""As LIGO-T2000012 names them."""

NAMES: Mapping[str, Mapping[str, str]] = {
    "O3": {"H1": "aLIGOaLIGOO3LowT1800545", "L1": "aLIGOaLIGOO3LowT1800545", "V1": "aLIGOAdVO3LowT1800545"},
    "O4": {
        "H1": "aLIGO175MpcT1800545",
        "L1": "aLIGO175MpcT1800545",
        "V1": "aLIGOAdVO4T1800545",
        "K1": "aLIGOKAGRA10MpcT1800545",
    },
    "O5": {
        "H1": "aLIGOAPlusDesignSensitivityT1800042",
        "L1": "aLIGOAPlusDesignSensitivityT1800042",
        "V1": "AdvVirgo",
        "K1": "aLIGOKAGRA128MpcT1800545",
    },
}
"""What stands for them in LALSimulation where there is no file: T1800545, and the design of Advanced Virgo for O5."""


@dataclass(frozen=True, eq=False)
class NoiseCurve:
    """Noise of one detector.

    Attributes:
        detector: H1, L1, V1, K1. source: the file's name or LALSimulation's. digest: of what was read.
        frequency_hz, asd: ascending, and Hz^-1/2 at each.
    """

    detector: str
    source: str
    digest: str
    frequency_hz: Float
    asd: Float

    def power(self, frequency_hz: Float) -> Float:
        """Power spectral density in 1/Hz, interpolated in log-log; frequencies are within the curve."""
        log_asd = np.interp(np.log(frequency_hz), np.log(self.frequency_hz), np.log(self.asd))
        return np.asarray(np.exp(2 * log_asd))


def curves(
    run: str, detectors: Iterable[str], folder: Path | None, given: Mapping[str, str], band_hz: tuple[float, float]
) -> tuple[NoiseCurve, ...]:
    """The curve of each detector: as given, else from the run's file in the folder, else from LALSimulation.

    Args:
        given: by detector, a file or the name of a curve in LALSimulation. band_hz: what each must cover.

    Raises FormatError for a curve that is missing, is no curve, or does not cover the band.
    """
    names = dict.fromkeys(FILES[run].values())
    if folder is not None and not any((folder / name).is_file() for name in names):
        raise FormatError(f"{folder} has no noise curves of {run}; they are called {', '.join(names)}")
    found = []
    for detector in detectors:
        word = given.get(detector)
        file = folder / FILES[run][detector] if folder and detector in FILES[run] else None
        if word is not None and Path(word).exists():
            curve = _of_file(detector, Path(word))
        elif word is None and file is not None and file.exists():
            curve = _of_file(detector, file)
        elif word is None and detector not in NAMES[run]:
            raise FormatError(f"{detector} has no noise curve for {run}; give one with --asd {detector}=FILE")
        else:
            curve = _of_library(detector, word or NAMES[run][detector], band_hz)
        _refuse_gaps(curve, band_hz)
        found.append(curve)
    return tuple(found)


def _of_file(detector: str, path: Path) -> NoiseCurve:
    data = read_limited(path, MAX_RECORD_BYTES, "a noise curve")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an empty file is a warning of numpy's
            rows = np.loadtxt(data.decode().splitlines(), ndmin=2)
    except (ValueError, UserWarning) as error:
        raise FormatError(f"{path} is no noise curve of two columns, frequency and amplitude: {error}") from error
    if rows.shape[0] < 2 or rows.shape[1] != 2 or not np.isfinite(rows).all() or (rows <= 0).any():
        raise FormatError(
            f"{path} is no noise curve: it needs lines of two positive numbers, frequency and amplitude"
        )
    if (np.diff(rows[:, 0]) <= 0).any():
        raise FormatError(f"{path}: its frequencies do not ascend")
    return NoiseCurve(detector, path.name, sha256(data).hexdigest(), rows[:, 0], rows[:, 1])


def _of_library(detector: str, name: str, band_hz: tuple[float, float]) -> NoiseCurve:
    """A curve that comes with LALSimulation, by its name there without `SimNoisePSD`."""
    try:
        import lal
        import lalsimulation
    except ImportError:
        raise FormatError(
            f"{name} of {detector} is no file; curves by name come with LALSimulation: {EXTRA}, "
            f"or give a folder of files with --curves, or --asd {detector}=FILE"
        ) from None
    function = getattr(lalsimulation, f"SimNoisePSD{name}", None)
    if function is None:
        raise FormatError(f"{name} of {detector} is neither a file nor a curve of LALSimulation (SimNoisePSD…)")
    low, high = np.floor(band_hz[0]), np.ceil(band_hz[1])
    series = lal.CreateREAL8FrequencySeries(name, 0, 0.0, 1.0, lal.SecondUnit, int(high) + 2)
    try:
        function(series, low - 1)
        power = np.array(series.data.data)
    except TypeError:  # one frequency at a time
        power = np.array([function(float(f)) if f else np.inf for f in range(int(high) + 2)])
    frequency = np.arange(power.size, dtype=np.float64)
    good = (frequency >= low) & (frequency <= high) & np.isfinite(power) & (power > 0)
    if not good.any():
        raise FormatError(f"{name} of LALSimulation says nothing between {low:g} and {high:g} Hz")
    asd = np.sqrt(power[good])
    return NoiseCurve(detector, name, sha256(asd.tobytes()).hexdigest(), frequency[good], asd)


def _refuse_gaps(curve: NoiseCurve, band_hz: tuple[float, float]) -> None:
    first, last = curve.frequency_hz[0], curve.frequency_hz[-1]
    if first > band_hz[0] or last < band_hz[1]:
        raise FormatError(
            f"{curve.source} of {curve.detector} covers {first:g} to {last:g} Hz, not the band of "
            f"{band_hz[0]:g} to {band_hz[1]:g} Hz; give another curve, or a band with --f-low and --f-high"
        )
