"""The main job, from an alert in memory to files on disk, in warm workers as `llama run -F` keeps them.

The alert is the packaged one (1.0 MB, some 20 000 cells) moved to a time at which the real archive has ten neutrinos.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from bench.figure import Figure
from bench.inputs import crowded_times, packaged_alert, use_own_data

EVENTS = 5


def figures() -> list[Figure]:
    """Medians over five events, after one that warms up the forkserver."""
    with tempfile.TemporaryDirectory() as folder:
        use_own_data(Path(folder))
        times = [_one(Path(folder), i, gps_s) for i, gps_s in enumerate(crowded_times(EVENTS + 1))][1:]
    odds, numbers, pictures = (float(np.median(column)) for column in zip(*times, strict=True))
    return [
        Figure("alert with 10 neutrinos to statistic_lvc-i3.json on disk", odds, "s", 0.5),
        Figure("alert with 10 neutrinos to significance_opa_lvc-i3.json on disk", numbers, "s", 1.5),
        Figure("from there until plots, tables, notice and summary are there", pictures - numbers, "s", 5.0),
    ]


def _one(folder: Path, i: int, gps_s: float) -> tuple[float, float, float]:
    """Seconds until the odds, until the p-values with them, and until everything is there."""
    from llama import app
    from llama.engine.folder import Run, SharedDigests
    from llama.engine.running import Maker, Runner, default_workers, utc_now
    from llama.intake import deliver
    from llama.messengers.gw.notice import parse

    data = packaged_alert(f"MS1201{i:02d}x", gps_s)
    environment = app.environment()
    maker = Maker(environment.pipeline(), environment, SharedDigests(environment))
    executor = environment.processes(workers=default_workers())
    assert not executor.missing(app.preload())

    start = time.perf_counter()
    (event,) = deliver(parse(data), Run(folder / "run"), now=utc_now()).events
    seen: dict[str, float] = {}
    names = ("statistic_lvc-i3.json", "significance_opa_lvc-i3.json")
    watchers = [threading.Thread(target=_wait_for, args=(event.path / name, start, seen)) for name in names]
    for watcher in watchers:
        watcher.start()
    Runner(maker, executor).once([event])
    everything = time.perf_counter() - start
    for watcher in watchers:
        watcher.join()
    assert (event.path / "summary_lvc-I3.pdf").exists()
    odds, numbers = (seen[name] for name in names)
    return odds, numbers, everything


def _wait_for(path: Path, start: float, seen: dict[str, float]) -> None:
    while not path.exists() and time.perf_counter() - start < 60:
        time.sleep(0.001)
    seen[path.name] = time.perf_counter() - start
