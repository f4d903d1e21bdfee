"""A release in the form that loads in milliseconds: one uncompressed `.npz`, named by the archive's digest.

Members carry a checksum, so a damaged file is noticed while it is read, and made again.
"""

from __future__ import annotations

import logging
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from llama.services.icecube.sample import COLUMNS, Sample, Season, archive_digest, read_release

log = logging.getLogger(__name__)
_VERSION = 1  # raise it when the layout or the reading changes


def load_release(path: Path, cache_dir: Path) -> Sample:
    """A release, from the cache when it is there and whole. Raises ArchiveError like `read_release`."""
    cached = cache_dir / f"icecube-{archive_digest(path)[:32]}-v{_VERSION}.npz"
    sample = _load(cached)
    if sample is None:
        sample = read_release(path)
        try:
            _save(sample, cached)
        except OSError as error:
            log.warning("%s cannot be written (%s); reading the archive takes longer each time", cached, error)
    return sample


def _load(cached: Path) -> Sample | None:
    try:
        with np.load(cached, allow_pickle=False) as stored:
            names = [str(name) for name in stored["seasons"]]
            seasons = tuple(Season(n, stored[f"{n}.runs"], stored[f"{n}.events"]) for n in names)
            sample = Sample(str(stored["name"]), seasons)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s is damaged (%s) and is made again", cached, error)
        return None
    whole = all(s.events.ndim == 2 and len(s.events) == len(COLUMNS) for s in sample.seasons)
    return sample if whole else None


def _save(sample: Sample, cached: Path) -> None:
    """Write beside, then rename: of two processes at once the later one wins, with the same content."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"name": np.array(sample.name), "seasons": np.array([s.name for s in sample.seasons])}
    for season in sample.seasons:
        arrays |= {f"{season.name}.runs": season.runs_gps, f"{season.name}.events": season.events}
    handle, temporary = tempfile.mkstemp(dir=cached.parent, prefix=f".{cached.stem}-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # the stubs take keywords for allow_pickle
        Path(temporary).replace(cached)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
