"""The sky map of a burst: inside its notice, or a file beside the notices under the name that its address ends in.

A map that is named and cannot be used, and one that lies elsewhere than its notice says, is told: the burst's circle
and its map may give very different odds.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import math
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_SKYMAP_BYTES, read_limited
from llama.formats.skymap import read_skymap
from llama.formats.skymap_multiorder import to_bytes
from llama.ports import Burst, BurstMap
from llama.science.sky import SkyMap, cell_area_sr, directions, probability, thinned, unit_vectors

_HEADER_BYTES = 2880 * 8
_SYSTEMATIC = {
    b"GBM_healpix.py": "made by the GBM team's GBM_healpix.py, whose maps hold it (measured on bn180116026)",
    b"'gwcelery": "made by gwcelery, which folds in core and tail of Connaughton et al. 2015",
}
_WITHIN = 3.0  # sigma
_SYSTEMATIC_DEG = 14.0  # the 68 % radius of the tail of systematic errors
_MOST = 0.5


def with_map(burst: Burst, folder: Path) -> tuple[Burst, str]:
    """The burst with its map in the cells that matter, and what the reader of a result must know about that map."""
    if burst.skymap is not None:
        m = thinned(read_skymap(base64.b64decode(burst.skymap.fits_base64)))
        return replace(burst, skymap=replace(burst.skymap, fits_base64=_base64(m))), _elsewhere(burst, m)
    if not burst.skymap_url:
        return burst, ""
    name = unquote(urlsplit(burst.skymap_url).path).rsplit("/", 1)[-1]
    wrong = []
    for path in _found(folder, name):
        try:
            found, m = _read(path)
        except (FormatError, OSError) as error:
            wrong.append(f"{path.name} ({error})")
            continue
        return replace(burst, skymap=found), _elsewhere(burst, m)
    told = f"cannot be read: {', '.join(wrong)}" if wrong else f"{name or burst.skymap_url} is not in {folder}"
    return burst, f"the map that its notice names {told}; it is not used"


def _found(folder: Path, name: str) -> list[Path]:
    """Files of that name, as published or packed since."""
    names = (name, f"{name}.gz", name.removesuffix(".gz")) if name.strip(".") else ()
    return [path for one in dict.fromkeys(names) for path in sorted(folder.rglob(glob.escape(one)))]


def _read(path: Path) -> tuple[BurstMap, SkyMap]:
    """A map file as it goes into a record, and its cells. FormatError or OSError for what is no sky map."""
    data = read_limited(path, MAX_SKYMAP_BYTES, "a sky map")
    m = thinned(read_skymap(path))
    maker = next((maker for maker in _SYSTEMATIC if maker in data[:_HEADER_BYTES]), None)
    found = BurstMap(
        name=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        fits_base64=_base64(m),
        systematic_included=None if maker is None else True,
        note="its header does not say; used as it is" if maker is None else _SYSTEMATIC[maker],
    )
    return found, m


def _base64(m: SkyMap) -> str:
    return base64.b64encode(to_bytes(m)).decode()


def _elsewhere(burst: Burst, m: SkyMap) -> str:
    """A remark when most of a map is farther from its notice's own position than the errors of both allow."""
    if burst.ra is None or burst.dec is None or burst.sigma is None:
        return ""
    reach_deg = _WITHIN * burst.sigma + (0.0 if burst.systematic_included else _SYSTEMATIC_DEG)
    centre = unit_vectors(math.radians(burst.ra), math.radians(burst.dec))
    half_chord = np.linalg.norm(directions(m) - centre, axis=1) / 2
    apart = 2 * np.arcsin(np.minimum(half_chord, 1.0))
    # a cell counts when it may touch the circle: thinned maps have large ones
    near = apart <= math.radians(reach_deg) + np.sqrt(cell_area_sr(m.order))
    share = float(probability(m)[near].sum())
    if share >= _MOST:
        return ""
    return (
        f"only {share:.0%} of its map lies within {reach_deg:.0f}° of the position of its notice, RA {burst.ra:g}, "
        f"Dec {burst.dec:g}: the map may be of something else; it is used"
    )
