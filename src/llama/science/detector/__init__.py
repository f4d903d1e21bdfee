"""What the detectors hear: IceCube's response (`response`, the first thing to read), its background of atmospheric
neutrinos and real events to draw from (`events`), limits on what was not seen, the antenna pattern of a
gravitational-wave network and the loudness of its noise."""

from __future__ import annotations

from llama.science.detector.antenna import DETECTORS, AntennaPattern, gmst_rad
from llama.science.detector.background import energy_cap_gev, log_background_density
from llama.science.detector.derivation import (
    SIN_DEC,
    TRUE_EDGES,
    SeasonSample,
    Smearing,
    season_events,
    season_table,
)
from llama.science.detector.events import IceCubeEvents, SeasonEvents
from llama.science.detector.limits import energy_limit_erg, fluence_limit, upper_limit_counts
from llama.science.detector.pole import azimuth_deg, zenith_deg
from llama.science.detector.response import (
    LN10,
    IceCubeTables,
    SeasonTable,
    alpha,
    fluence_counts,
    flux_sensitivity,
    grid_place,
    interpolate_sin_dec,
    sensitive_energies_gev,
    signal_rows,
)
from llama.science.detector.snr import log_noise_snr_density, noise_snr_source

__all__ = [
    "DETECTORS",
    "LN10",
    "SIN_DEC",
    "TRUE_EDGES",
    "AntennaPattern",
    "IceCubeEvents",
    "IceCubeTables",
    "SeasonEvents",
    "SeasonSample",
    "SeasonTable",
    "Smearing",
    "alpha",
    "azimuth_deg",
    "energy_cap_gev",
    "energy_limit_erg",
    "fluence_counts",
    "fluence_limit",
    "flux_sensitivity",
    "gmst_rad",
    "grid_place",
    "interpolate_sin_dec",
    "log_background_density",
    "log_noise_snr_density",
    "noise_snr_source",
    "season_events",
    "season_table",
    "sensitive_energies_gev",
    "signal_rows",
    "upper_limit_counts",
    "zenith_deg",
]
