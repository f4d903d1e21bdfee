"""The main job, from an alert in memory to files on disk, in warm workers as `llama run -F` keeps them.

The alert is the packaged one (1.0 MB, some 20 000 cells) moved to a time at which the real archive has ten neutrinos.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from bench.figure import Figure

DATA = Path(os.environ.get("LLAMA_TEST_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
NUMBER = 10
EVENTS = 5


def figures() -> list[Figure]:
    """Medians over five events, after one that warms up the forkserver."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LLAMA_DATA_DIR"], os.environ["LLAMA_CACHE_DIR"] = folder, folder
        _install(Path(folder))
        times = [_one(Path(folder), i, gps) for i, gps in enumerate(_crowded_times(EVENTS + 1))][1:]
    numbers, pictures = (float(np.median(column)) for column in zip(*times, strict=True))
    return [
        Figure("alert with 10 neutrinos to significance_opa_lvc-i3.json on disk", numbers, "s", 0.5),
        Figure("from there until plots, tables, notice and summary are there", pictures - numbers, "s", 5.0),
    ]


def _install(folder: Path) -> None:
    from llama.services.download import ICECUBE_3YR, install

    install(ICECUBE_3YR, folder / "icecube", copy=DATA / "neutrinos/icecube_3yr_ps/3year-data-release.zip")


def _crowded_times(count: int) -> list[float]:
    """GPS times with exactly ten neutrinos of IC86-2011 within 500 s."""
    from llama.app import neutrino_source

    source = neutrino_source()
    gps = source.season("IC86-2011").column("gps")  # type: ignore[attr-defined]
    centres = gps[200:-200:37] + 100.0
    inside = np.searchsorted(gps, centres + 500) - np.searchsorted(gps, centres - 500)
    chosen = [float(t) for t in centres[inside == NUMBER] if source.window(t - 500, t + 500, seed="").complete]
    return chosen[:count]


def _one(folder: Path, i: int, gps: float) -> tuple[float, float]:
    """Seconds until the significance and until everything is there."""
    from llama import app
    from llama.engine.flags import Flags
    from llama.engine.making import Maker
    from llama.engine.processes import Processes, default_workers
    from llama.engine.run import Delivery, Run
    from llama.engine.runner import Runner
    from llama.engine.store import SharedDigests
    from llama.messengers.gw.notice import parse
    from llama.science.times import utc_from_gps

    alert = json.loads(app.packaged(app.DEMO_ALERT).read_text())
    alert["superevent_id"], alert["event"]["time"] = f"MS1201{i:02d}x", utc_from_gps(gps)
    data = json.dumps(alert).encode()
    environment = app.environment()
    maker = Maker(environment.pipeline(app.DEFAULT_PIPELINE_NAME), environment, SharedDigests(environment))
    executor = Processes(app.ENVIRONMENT, app.DEFAULT_PIPELINE_NAME, default_workers(), app.preload())
    assert not executor.missing(app.preload())

    start = time.perf_counter()
    parsed = parse(data)
    event = Run(folder / "run").accept(Delivery(parsed.event_id(1), parsed.files, Flags()))
    seen: list[float] = []
    watcher = threading.Thread(target=_wait_for, args=(event.path / "significance_opa_lvc-i3.json", start, seen))
    watcher.start()
    Runner(maker, executor).once([event])
    everything = time.perf_counter() - start
    watcher.join()
    assert (event.path / "summary_lvc-I3.pdf").exists()
    return seen[0], everything


def _wait_for(path: Path, start: float, seen: list[float]) -> None:
    while not path.exists() and time.perf_counter() - start < 60:
        time.sleep(0.001)
    seen.append(time.perf_counter() - start)
