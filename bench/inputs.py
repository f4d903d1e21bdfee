"""Real data that several benchmarks start from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("LLAMA_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
ALERT_MAP = DATA / "skymaps" / "events" / "S231206_G457564_bayestar.multiorder.fits"
"""A map as alerts carry them: 19 200 cells."""

NEUTRINOS = 10


def all_maps() -> list[Path]:
    """Every real or simulated sky map, those of gamma-ray bursts included."""
    return sorted((DATA / "skymaps").rglob("*.fit*"))


def use_own_data(folder: Path) -> None:
    """Let everything that follows, new processes included, keep its data in `folder`; install the 3-year archive."""
    from llama.services.download import ICECUBE_3YR, install

    os.environ["LLAMA_DATA_DIR"], os.environ["LLAMA_CACHE_DIR"] = str(folder), str(folder / "cache")
    install(ICECUBE_3YR, folder / "icecube", copy=DATA / "neutrinos/icecube_3yr_ps/3year-data-release.zip")


def crowded_times(count: int) -> list[float]:
    """GPS times with exactly ten neutrinos of IC86-2011 within 500 s."""
    from llama.app import App
    from llama.ports import NEUTRINO_SOURCE

    source: Any = App.read().service(NEUTRINO_SOURCE)
    gps = source.season("IC86-2011").column("gps")
    centres = gps[200:-200:37] + 100.0
    inside = np.searchsorted(gps, centres + 500) - np.searchsorted(gps, centres - 500)
    crowded = (float(t) for t in centres[inside == NEUTRINOS])
    return [t for t in crowded if source.window(t - 500, t + 500, seed="").complete][:count]


def packaged_alert(event_id: str, gps_s: float) -> bytes:
    """The packaged alert (1.0 MB, some 20 000 cells) under another name and at another time."""
    from llama.app import DEMO_ALERT, packaged
    from llama.science.times import utc_from_gps

    alert = json.loads(packaged(DEMO_ALERT).read_text())
    alert["superevent_id"], alert["event"]["time"] = event_id, utc_from_gps(gps_s)
    return json.dumps(alert).encode()
