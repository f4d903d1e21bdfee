"""A data set in the layout of the O3B background study, made of real sky maps and real neutrinos."""

from __future__ import annotations

import functools
import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from llama.formats.records import to_json
from llama.messengers.icecube.products import WINDOW_S
from llama.messengers.icecube.record import from_window
from llama.ports import NeutrinoWindow, SeasonStretch
from llama.science.times import gps_from_utc, mjd_from_gps, utc_from_gps
from llama.services.icecube.archive import open_archive

EVENT_TIME = "2012-01-30T09:00:00Z"
MAPS = {
    "S190425z": "S190425z_bayestar_G330561.fits.gz",
    "S240621x": "S240621_G495305_bayestar.multiorder.fits",
    "S231206c": "S231206_G457564_bayestar.multiorder.fits",
}
"""Superevents, and the real maps that they have here."""
MISSING = ("S190510g", "S190718y")
"""Superevents of a burst search, of which the data set has no folder."""
UNLISTED = "S190901ap"
_PLACEHOLDER = '{"superevent_id": "none"}\n'
_RIGHT_ASCENSIONS = 7


@dataclass(frozen=True)
class Layout:
    """The data set's folder, and what is in it."""

    root: Path
    superevents: tuple[str, ...]
    lists: tuple[str, ...]

    @property
    def events(self) -> list[str]:
        """The events that the study makes."""
        return [f"{superevent}-{name}" for superevent in self.superevents for name in self.lists]


def write_layout(root: Path, data: Path, cache: Path, *, superevents: int = 3, lists: int = 4) -> Layout:
    """The whole data set below `root`, with so many superevents that have maps, and so many lists."""
    chosen = tuple(MAPS)[:superevents]
    names = tuple(f"bg-{number:05}" for number in range(lists))
    for superevent in chosen:
        folder = root / "superevents" / superevent
        folder.mkdir(parents=True)
        skymap = (data / "skymaps" / "events" / MAPS[superevent]).read_bytes()
        packed = skymap if MAPS[superevent].endswith(".gz") else gzip.compress(skymap, 6, mtime=0)
        (folder / "lvc_skymap.fits.gz").write_bytes(packed)
        classes = {"BNS": 0.1, "NSBH": 0.1, "BBH": 0.2, "Terrestrial": 0.6}
        (folder / "p_astro.json").write_text(json.dumps(classes))
    (root / "bklist").mkdir()
    for number, name in enumerate(names):
        (root / "bklist" / name).write_bytes(_background(data, cache, number))
    (root / "bklist_names.txt").write_text("".join(f"{name}\n" for name in names))
    (root / "superevents.txt").write_text("".join(f"{name}\n" for name in (*chosen, *MISSING)))
    np.save(root / "missing_event_ids_cwb.npy", np.array([*MISSING, UNLISTED]))
    (root / "placeholder.json").write_text(_PLACEHOLDER)
    (root / "skymap_info.json.template").write_text(_template())
    return Layout(root, chosen, names)


def _template() -> str:
    """The fields that operators know of it, from which the others follow."""
    lines = {
        "graceid": "{superevent}",
        "event_time": EVENT_TIME,
        "notice_time": utc_from_gps(float(gps_from_utc(EVENT_TIME)) + 300.0),
        "far": 1e-5,
        "pipeline": "gstlal",
        "skymap_filename": "bayestar.fits.gz",
        "alert_type": "Preliminary",
        "gracedb_service_url": "https://gracedb.ligo.org/api/",
    }
    return json.dumps(lines, indent=2)


@functools.lru_cache
def _archive(path: Path, cache: Path):  # type: ignore[no-untyped-def]
    return open_archive(path, cache)


def _background(data: Path, cache: Path, number: int) -> bytes:
    """Real neutrinos of another time, moved to the event's, their right ascensions scrambled."""
    archive = _archive(data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip", cache)
    gps = float(gps_from_utc(EVENT_TIME))
    there = gps - 86400.0 * (number + 1)
    found = archive.window(there - WINDOW_S, there + WINDOW_S, seed="")
    rng = np.random.default_rng(number)
    start, stop = gps - WINDOW_S, gps + WINDOW_S
    moved = [
        replace(
            one,
            mjd=float(mjd_from_gps(start + (stop - start) * (place + 0.5) / len(found.neutrinos))),
            ra_deg=float(rng.uniform(0, 360)),
        )
        for place, one in enumerate(found.neutrinos)
    ]
    season = "IC86-2011"
    covered = (SeasonStretch(start, stop, season),)
    window = NeutrinoWindow(start, stop, tuple(moved), season, stop - start, True, covered=covered)
    return to_json(from_window(window, archive.name))
