"""How loud noise triggers are: the density P_emp(ρ) of their SNR above the search's threshold (SCIENCE 1.3)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from llama.science.search import Search


def log_noise_snr_density(search: Search, snr: float) -> float:
    """ln of the density per unit SNR; an SNR below the threshold counts as at the threshold.

    Without a list of background SNRs an exponential of the search's scale, which is an assumption. With one, a kernel
    estimate: Gaussians of Silverman's width on each SNR, mirrored at the threshold so that none is lost below it. One
    more trigger is counted that falls off exponentially with the list's mean excess, so that no SNR is impossible.
    """
    above = max(snr - search.snr_min, 0.0)
    if not search.gw_background_snrs:
        return _log_exponential(above, search.gw_background_snr_scale)
    listed = np.asarray(search.gw_background_snrs) - search.snr_min
    width = _width(listed)
    tail = max(float(listed.mean()), width)
    log_each = -0.5 * ((above - np.concatenate([listed, -listed])) / width) ** 2
    log_kernels = float(np.logaddexp.reduce(log_each)) - math.log(width * math.sqrt(2 * math.pi))
    return float(np.logaddexp(log_kernels, _log_exponential(above, tail)) - math.log(listed.size + 1))


def noise_snr_source(search: Search) -> str:
    """Where that density comes from, for people."""
    count = len(search.gw_background_snrs)
    return f"noise from {count} background SNRs" if count else "exponential noise is an assumption"


def _log_exponential(above: float, scale: float) -> float:
    return -above / scale - math.log(scale)


def _width(values: NDArray[np.float64]) -> float:
    """Silverman's rule of thumb, 0.9 min(standard deviation, quartile range/1.34) n^(−1/5); positive always."""
    low, high = np.percentile(values, [25, 75])
    spreads = [spread for spread in (float(values.std()), float(high - low) / 1.34) if spread > 0]
    return float(0.9 * min(spreads, default=1e-2) * values.size**-0.2)
