"""Columns beside a whole sky that may number its pixels: never passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import healpy
import numpy as np
import pytest
from astropy.io import fits
from tests.formats.test_skymap_words import NSIDE, PIXELS, PROB, by_pixel, file

from llama.formats.errors import SkyMapError
from llama.formats.skymap import read_skymap


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("name", ["IPNEST", "ID", "NPIX", "HEALPIXNO"])
def test_pixel_numbers_under_any_name_are_not_passed_over(tmp_path: Path, name: str, first: int) -> None:
    prob = np.random.default_rng(1).dirichlet(np.ones(192))
    order = np.argsort(-prob)
    columns = [
        fits.Column("ROWS", "J", array=np.arange(192)),
        fits.Column("PROB", "D", array=prob[order]),
        fits.Column(name, "K", array=order + first),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(PIXTYPE="HEALPIX", ORDERING="NESTED", NSIDE=4, COORDSYS="C")
    table.writeto(tmp_path / "m.fits")
    with pytest.raises(SkyMapError, match=f"column.* {name}"):
        read_skymap(tmp_path / "m.fits")


@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
def test_whole_numbers_that_number_nothing_change_nothing(tmp_path: Path, ordering: str) -> None:
    prob = np.random.default_rng(1).dirichlet(np.ones(192))
    for name, more in (("plain", []), ("hits", [fits.Column("HITS", "K", array=np.arange(192) // 7)])):
        table = fits.BinTableHDU.from_columns([fits.Column("PROB", "D", array=prob), *more])
        table.header.update(PIXTYPE="HEALPIX", ORDERING=ordering, NSIDE=4, COORDSYS="C")
        table.writeto(tmp_path / f"{name}.fits")
    plain, hits = (read_skymap(tmp_path / f"{name}.fits") for name in ("plain", "hits"))
    assert np.array_equal(plain.density, hits.density) and np.array_equal(plain.ipix, hits.ipix)


def numbered(numbers: np.ndarray, form: str, name: str = "CELLNO", **header: Any) -> bytes:
    """A map of 768 rows that are no pixels in order, beside their numbers."""
    return file({"PROB": ("D", None, PROB), name: (form, None, numbers)}, COORDSYS="C", **header)


RING_OF = healpy.nest2ring(NSIDE, np.arange(768))


@pytest.mark.parametrize(
    ("numbers", "form"),
    [
        (PIXELS, "D"),
        (PIXELS, "E"),
        (PIXELS + 1, "K"),
        (RING_OF, "D"),
        (np.char.mod("%d", PIXELS), "6A"),
        (np.char.mod("%04d", PIXELS), "8A"),
        (4 * NSIDE**2 + PIXELS, "K"),  # UNIQ numbers under another name
        (4 * NSIDE**2 + PIXELS, "D"),
        (np.arange(768) + 20000, "J"),  # a part of a finer map, which happens to have as many pixels
        (np.arange(768) * 7, "D"),
    ],
)
@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
@pytest.mark.parametrize("name", ["CELLNO", "WHERE"])
def test_numbers_of_pixels_are_not_passed_over_however_they_are_written(
    numbers: np.ndarray, form: str, ordering: str, name: str
) -> None:
    with pytest.raises(SkyMapError, match=f"its column {name} holds a number of its own for every pixel"):
        read_skymap(numbered(numbers, form, name, ORDERING=ordering))


@pytest.mark.parametrize("form", ["D", "5A"])
@pytest.mark.parametrize("name", ["PIXEL", "HPX"])
def test_named_pixel_numbers_that_are_no_integers_are_refused(form: str, name: str) -> None:
    numbers = PIXELS if form == "D" else np.char.mod("%d", PIXELS)
    for words in ({}, {"INDXSCHM": "EXPLICIT", "NSIDE": NSIDE}):
        with pytest.raises(SkyMapError, match="number its pixels"):
            read_skymap(numbered(numbers, form, name, **words))


@pytest.mark.parametrize(
    ("numbers", "form", "words"),
    [
        (np.arange(768), "D", {}),
        (np.arange(1, 769), "J", {}),
        (4 * NSIDE**2 + np.arange(768), "K", {}),
        (np.char.mod("%d", np.arange(768)), "4A", {}),
        (np.char.mod("%d", PIXELS // 2), "4A", {}),
        (PIXELS // 2, "E", {}),
        (PROB * 100, "E", {}),
        (np.full(768, np.nan), "D", {}),
        (np.full(768, "GW"), "4A", {}),
        (PIXELS * 7, "J", {"INDXSCHM": "IMPLICIT"}),  # the header says that the rows are the pixels
        (PIXELS * 7, "J", {"NSIDE": NSIDE}),
    ],
)
def test_columns_that_number_no_pixels_otherwise_change_nothing(
    numbers: np.ndarray, form: str, words: dict[str, Any]
) -> None:
    assert np.allclose(by_pixel(read_skymap(numbered(numbers, form, "WHERE", **words))), PROB)


def test_a_multi_order_map_whose_numbers_have_another_name_is_refused() -> None:
    """768 rows of mixed orders; read as a whole sky of NSIDE 8 all of them would be elsewhere."""
    uniq = np.concatenate([np.arange(256, 1024)[1:], 4 * np.arange(256, 257) + np.arange(1)])
    with pytest.raises(SkyMapError, match="its column MOCID holds a number"):
        read_skymap(numbered(uniq, "K", "MOCID"))
    with pytest.raises(SkyMapError, match="the table has no UNIQ column"):
        read_skymap(numbered(uniq, "K", "MOCID", ORDERING="NUNIQ"))
