"""Peak memory of a step's process, over every sky map there is.

For each map a process forked as `llama run` forks them, from a server that has the heavy imports already; one such
process makes ALL products of the default pipeline from the map and ten real neutrinos: reading the map, statistic,
both scatter plots, tables, notice, summary. A step's own process makes one product only and needs less. Counted is
the largest resident set (`ru_maxrss`): pages in use that are still shared with the server count too.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench.figure import Figure
from bench.inputs import DATA, all_maps, crowded_times, packaged_alert, use_own_data

GOAL_MB = 500
AT_ONCE = 2


class Peak(NamedTuple):
    """Peak memory with one map; `missing` names the products that were not made."""

    path: Path
    before_mb: float
    peak_mb: float
    missing: tuple[str, ...]

    def line(self) -> str:
        """One line of the list."""
        without = f"  without {', '.join(self.missing)}" if self.missing else ""
        return f"{self.peak_mb:7.1f} MB  {self.path.relative_to(DATA / 'skymaps')}{without}"


def figures() -> list[Figure]:
    """The worst of all maps; the list, worst first, among the details."""
    from llama.app import preload

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload(), "llama.engine.running.worker", "bench.memory"])
    with tempfile.TemporaryDirectory() as folder:
        use_own_data(Path(folder))
        [gps_s] = crowded_times(1)
        with ProcessPoolExecutor(AT_ONCE, mp_context=context, max_tasks_per_child=1) as pool:
            jobs = [pool.submit(_work_on, path, Path(folder) / "run", gps_s) for path in all_maps()]
            peaks = sorted((job.result() for job in jobs), key=lambda peak: -peak.peak_mb)
    worst, incomplete = peaks[0], [peak for peak in peaks if peak.missing]
    return [
        Figure(
            f"peak memory of a worker, {len(peaks)} maps, worst {worst.path.name}",
            worst.peak_mb,
            "MB",
            GOAL_MB,
            tuple(peak.line() for peak in peaks),
        ),
        Figure("  of which before any work", worst.before_mb, "MB", None),
        Figure("maps without a summary or plots", len(incomplete), "", 0),
    ]


def _work_on(path: Path, run: Path, gps_s: float) -> Peak:
    """Make everything of an event with this map, in this process, and see how much memory that took."""
    from llama.app import App
    from llama.engine.folder import Delivery, Run
    from llama.messengers.gw.start import Given, start
    from llama.operate.update import bring_up_to_date

    before_mb = _peak_mb()
    application = App.read()
    begun = start(Given(alert=packaged_alert("MS120130a", gps_s), skymap=str(path)), application.gracedb)
    event = Run(run).accept(Delivery(path.name.split(".fit")[0], begun.files))
    bring_up_to_date([event], application.pipeline(), application)
    wanted = (product.filename for product in application.pipeline() if product.make)
    return Peak(path, before_mb, _peak_mb(), tuple(name for name in wanted if not (event.path / name).exists()))


def _peak_mb() -> float:
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
