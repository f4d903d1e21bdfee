"""Reading sky maps: peak memory over all real maps, time for an alert's map, growth for a large flat one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ligo.skymap.io import read_sky_map

from bench.figure import Figure, median_ms
from bench.inputs import ALERT_MAP, DATA, all_maps
from llama.formats.skymap import MultiOrderFits, read_skymap
from llama.science.sky import credible_area_deg2, credible_level, lookup

FLAT = DATA / "skymaps" / "events" / "GW170814_prelim_bayestar.fits.gz"  # NSIDE 1024, four columns of doubles

_READ = """
import json, resource, sys, time
from pathlib import Path
from llama.formats.skymap import read_skymap

def peak_mb():
    status = Path("/proc/self/status")  # getrusage also counts the parent from before it started us
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 ** 2

before, start = peak_mb(), time.perf_counter()
m = read_skymap(Path(sys.argv[1]))
print(json.dumps([before, peak_mb(), time.perf_counter() - start, len(m.ipix)]))
"""


def figures() -> list[Figure]:
    """Memory of fresh processes, times of this one."""
    readings = {path: _fresh(path) for path in all_maps()}
    worst = max(readings, key=lambda path: readings[path][1])
    before, peak, seconds, _ = readings[FLAT]
    m = read_skymap(ALERT_MAP)
    with tempfile.TemporaryDirectory() as folder:
        write_ms = median_ms(lambda: MultiOrderFits().write(m, Path(folder) / "map.fits"))
    return [
        Figure(f"peak memory of reading, {len(readings)} maps, worst {worst.name}", readings[worst][1], "MB", 500),
        Figure("memory a flat NSIDE 1024 map with distances adds", peak - before, "MB", 100),
        Figure("time to read that map (403 MB unpacked)", seconds, "s", None),
        Figure("read a multi-order map, 19 200 cells", median_ms(lambda: read_skymap(ALERT_MAP)), "ms", 10),
        Figure("  the same by ligo.skymap", median_ms(lambda: read_sky_map(str(ALERT_MAP), moc=True)), "ms", None),
        Figure("write it", write_ms, "ms", 50),
        Figure("its 90 % area", median_ms(lambda: credible_area_deg2(m, 0.9)), "ms", 10),
        Figure("its credible levels", median_ms(lambda: credible_level(m)), "ms", 10),
        Figure("look up ten directions", median_ms(lambda: lookup(m, [0.1] * 10, [0.2] * 10)), "ms", 1),
    ]


def _fresh(path: Path) -> list[float]:
    """Memory before and peak (MB), seconds and cells of one map read in a process of its own."""
    run = subprocess.run([sys.executable, "-c", _READ, str(path)], check=True, capture_output=True, text=True)
    return [float(value) for value in json.loads(run.stdout)]
