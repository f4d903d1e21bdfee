"""A burst's sky map: used, or told why not; and told when it lies elsewhere than the burst's own position."""

from __future__ import annotations

import base64
import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama.formats.skymap import read_skymap
from llama.formats.skymap_multiorder import to_bytes
from llama.intake import files_between
from llama.messengers.fermi.notices import parse
from llama.ports import BurstWindow
from llama.science.sky import circle as circle_map
from llama.science.sky import directions, unit_vectors
from llama.science.times import gps_from_utc
from llama.services.fermi.archive import NoticeFolder

TRIGGER = gps_from_utc("2024-08-24T02:14:40.43Z")
NAME = "glg_healpix_all_bn240812094.fit"
URL = f"https://heasarc.gsfc.nasa.gov/FTP/fermi/{NAME}"
RA, DEC, SIGMA = 92.17, -66.98, 1.34 / math.sqrt(-2 * math.log(0.32))


def sky(ra: float = RA, dec: float = DEC, sigma: float = 3.0) -> bytes:
    return to_bytes(circle_map(math.radians(ra), math.radians(dec), {math.radians(sigma): 1.0}, {"OBJECT": "x"}))


def asked(data: Path, folder: Path, **change: Any) -> BurstWindow:
    notice = json.loads((data / "cases/grb/circle.json").read_bytes())
    (folder / "circle.json").write_text(json.dumps(notice | change))
    return NoticeFolder(folder, parse, files_between).window(TRIGGER - 500, TRIGGER + 500)


def notes(found: BurstWindow) -> list[str]:
    return [note for note in found.why.split("; ") if note.startswith("bn240812094: ")]


@pytest.mark.parametrize(
    ("file", "url"),
    [
        (NAME, URL),
        (NAME, f"{URL}?version=1#top"),
        (f"{NAME}.gz", URL),
        (NAME, f"{URL}.gz"),
        ("my map [1].fit", "https://example.org/my%20map%20[1].fit"),
        (f"2024-08/24/{NAME}", URL),
    ],
)
def test_the_map_that_is_named_is_used_without_remark(data: Path, tmp_path: Path, file: str, url: str):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(gzip.compress(sky()) if file.endswith(".gz") else sky())
    found = asked(data, tmp_path, healpix_url=url)
    (burst,) = found.bursts
    assert burst.skymap is not None and burst.skymap.name == Path(file).name
    carried = read_skymap(base64.b64decode(burst.skymap.fits_base64))
    likeliest = directions(carried)[np.argmax(carried.density)]
    assert np.dot(likeliest, unit_vectors(math.radians(RA), math.radians(DEC))) > math.cos(math.radians(1.5))
    assert notes(found) == []


@pytest.mark.parametrize(
    ("file", "made", "said"),
    [
        (NAME, sky()[:9000], f"cannot be read: {NAME} ("),
        (NAME, sky().replace(b"COORDSYS= 'C       '", b"COORDSYS= 'G       '"), f"cannot be read: {NAME} ("),
        (NAME, b"not a map", f"cannot be read: {NAME} ("),
        ("renamed.fit", sky(), f"{NAME} is not in "),
    ],
)
def test_one_that_cannot_be_used_is_told(data: Path, tmp_path: Path, file: str, made: bytes, said: str):
    (tmp_path / file).write_bytes(made)
    found = asked(data, tmp_path, healpix_url=URL)
    (burst,) = found.bursts
    assert burst.skymap is None and (burst.ra, burst.error_radius) == (RA, 1.34)
    (note,) = notes(found)
    assert note.startswith(f"bn240812094: the map that its notice names {said}") and "it is not used" in found.why


def test_so_is_a_link_that_leads_nowhere(data: Path, tmp_path: Path):
    (tmp_path / NAME).symlink_to("nowhere")
    assert f"names {NAME} is not in" in asked(data, tmp_path, healpix_url=URL).why


@pytest.mark.parametrize("url", ["https://example.org/", "https://example.org/..", "nothing"])
def test_an_address_without_a_file_is_told(data: Path, tmp_path: Path, url: str):
    assert "it is not used" in asked(data, tmp_path, healpix_url=url).why


def test_a_burst_that_does_not_count_needs_no_word_on_its_map(data: Path, tmp_path: Path):
    assert notes(asked(data, tmp_path, healpix_url=URL, classification={"TGF": 0.9})) == []


# σ 0.888°, with the systematic error not in it: 3 σ + 14° are 16.7°
@pytest.mark.parametrize(("north", "told"), [(0.0, False), (12.0, False), (24.0, True), (120.0, True)])
@pytest.mark.parametrize("inside", [False, True])
def test_a_map_far_from_its_own_position_is_told(data: Path, tmp_path: Path, north: float, told: bool, inside: bool):
    made = sky(dec=DEC + north)
    (tmp_path / NAME).write_bytes(made)
    change = {"healpix_file": base64.b64encode(made).decode()} if inside else {"healpix_url": URL}
    found = asked(data, tmp_path, **change)
    (burst,) = found.bursts
    assert burst.skymap is not None
    if told:
        (note,) = notes(found)
        assert (
            f"of its map lies within {3 * SIGMA + 14:.0f}° of the position of its notice, RA 92.17, Dec -66.98"
            in note
        )
    else:
        assert notes(found) == []


def test_with_the_systematic_error_in_it_the_reach_is_smaller(data: Path, tmp_path: Path):
    (tmp_path / NAME).write_bytes(sky(dec=DEC + 12, sigma=1.0))
    (note,) = notes(asked(data, tmp_path, healpix_url=URL, systematic_included=True))
    assert "only 0% of its map lies within 3° of" in note


def test_a_wide_map_in_large_cells_is_near(data: Path, tmp_path: Path):
    (tmp_path / NAME).write_bytes(sky(sigma=12.0))
    assert notes(asked(data, tmp_path, healpix_url=URL)) == []
