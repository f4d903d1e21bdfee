"""Sky maps and alerts of a known shape, for reviews and tests of the whole chain."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import numpy as np

from llama.formats.records import to_json
from llama.formats.skymap import MultiOrderFits
from llama.science.sky import SkyMap, directions_of, from_cells, merge_siblings
from llama.science.times import utc_from_gps

_MAX_ORDER = 8  # 0.2 degrees: a third of the narrowest map anyone reviews with


def gaussian_skymap(
    ra_rad: float, dec_rad: float, sigma_rad: float, distance_mpc: float, distance_std_mpc: float
) -> SkyMap:
    """A map that falls off as a Gaussian on the sphere (von Mises-Fisher, kappa = 1/sigma²), one distance everywhere.

    Cells are a third of sigma or smaller; the density is sampled at their centres and never exactly zero unless it
    underflows.
    """
    pixel_rad = np.sqrt(np.pi / 3)
    order = int(np.clip(np.ceil(np.log2(3 * pixel_rad / sigma_rad)), 3, _MAX_ORDER))
    ipix = np.arange(12 * 4**order, dtype=np.int64)
    orders = np.full(ipix.shape, order, dtype=np.uint8)
    centre = np.array([np.cos(dec_rad) * np.cos(ra_rad), np.cos(dec_rad) * np.sin(ra_rad), np.sin(dec_rad)])
    # 1 - cos(psi) from the chord keeps its digits near the centre
    chord2 = np.sum((directions_of(orders, ipix) - centre) ** 2, axis=1)
    density = np.exp(-chord2 / (2 * sigma_rad**2))
    density /= density.sum() * (np.pi / 3) / 4**order
    flat = np.ones_like(density)
    mean, std = distance_mpc, distance_std_mpc
    norm = 1 / (mean**2 + std**2)
    distance = (flat * mean, flat * std, flat * norm)
    return merge_siblings(from_cells(orders, ipix, density, distance, distmean_mpc=mean, diststd_mpc=std))


def simulated_alert(graceid: str, gps_s: float, skymap: SkyMap, p_astro: dict[str, float]) -> bytes:
    """An `igwn.gwalert` notice of a test event seen by H1, L1 and V1 with this map embedded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "skymap.multiorder.fits"
        MultiOrderFits().write(skymap, path)
        embedded = base64.b64encode(path.read_bytes()).decode()
    return to_json(
        {
            "alert_type": "PRELIMINARY",
            "time_created": utc_from_gps(gps_s + 30, digits=0),
            "superevent_id": graceid,
            "urls": {},
            "event": {
                "significant": True,
                "time": utc_from_gps(gps_s),
                "far": 1e-9,
                "instruments": ["H1", "L1", "V1"],
                "group": "CBC",
                "pipeline": "gstlal",
                "search": "MDC",
                "properties": {},
                "classification": p_astro,
                "skymap": embedded,
            },
            "external_coinc": None,
        }
    )
