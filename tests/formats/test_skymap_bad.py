"""Files that are no sky map, or no longer one: each gives one line that says what is wrong and what to do."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from llama.formats.errors import FormatError, SkyMapError
from llama.formats.skymap import read_skymap
from llama.science.sky import SkyMap, probability
from llama.science.sky import cells as skymap_cells

PROB = np.arange(1.0, 49.0) / np.arange(1.0, 49.0).sum()


def table(columns: dict[str, tuple[str, Any]] | None = None, **header: object) -> bytes:
    """A FITS file with these columns (name: format, values), by default a good NESTED map of order 1."""
    given_columns = {"PROB": ("D", PROB)} if columns is None else columns
    made = [fits.Column(name=name, format=form, array=values) for name, (form, values) in given_columns.items()]
    hdu = fits.BinTableHDU.from_columns(made)
    for key, value in ({"ORDERING": "NESTED", "NSIDE": 2} | header).items():
        if value is not None:
            hdu.header[key] = value
    out = io.BytesIO()
    hdu.writeto(out)
    return out.getvalue()


def multi_order(uniq: list[int], density: list[float], form: str = "K", **header: object) -> bytes:
    columns = {"UNIQ": (form, np.array(uniq)), "PROBDENSITY": ("D", np.array(density))}
    return table(columns, **({"ORDERING": "NUNIQ", "NSIDE": None} | header))


def changed(at: int, value: float) -> dict[str, tuple[str, Any]]:
    prob = PROB.copy()
    prob[at] = value
    return {"PROB": ("D", prob)}


def card(key: str, value: str) -> bytes:
    """The good file with the value of one header card replaced by this text."""
    at = GOOD.index(f"{key:<8}=".encode(), 2880)
    return GOOD[:at] + f"{key:<8}= {value:>20}".ljust(80).encode() + GOOD[at + 80 :]


def spoil(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]


GOOD = table()
DISTANCE = {name: ("D", np.ones(48)) for name in ("DISTMU", "DISTSIGMA", "DISTNORM")}
PACKED = gzip.compress(GOOD)

BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not a FITS file"),
    "a web page": (lambda: b"<html>404 not found</html>", "not a FITS file"),
    "a web page, gzipped": (lambda: gzip.compress(b"<html>404</html>"), "not a FITS file"),
    "cut in the first header": (lambda: GOOD[:1000], "truncated"),
    "cut in the second header": (lambda: GOOD[:4000], "truncated"),
    "cut in the rows": (lambda: GOOD[: 2 * 2880 + 100], "truncated, 284 bytes are missing"),
    "gzip cut": (lambda: PACKED[:-30], "gzip file is truncated"),
    "gzip cut before its checksum": (lambda: PACKED[:-8], "gzip file is truncated"),
    "gzip with a wrong checksum": (lambda: spoil(PACKED, len(PACKED) - 8), "gzip file is corrupt"),
    "gzip with wrong data": (lambda: spoil(PACKED, len(PACKED) // 2), "gzip file is (corrupt|truncated)"),
    "header only": (lambda: GOOD[:2880], "no table .* columns found: none"),
    "no column of probabilities": (lambda: table({"FLUX": ("D", PROB)}), "columns found: FLUX"),
    "only a distance": (lambda: table(DISTANCE), "no table .* columns found: DISTMU, DISTSIGMA, DISTNORM"),
    "two thirds of a distance": (
        lambda: table({"PROB": ("D", PROB)} | {k: DISTANCE[k] for k in ("DISTMU", "DISTSIGMA")}),
        "has DISTMU but not DISTNORM",
    ),
    "columns of different length": (
        lambda: table({"PROB": ("4D", PROB.reshape(12, 4))} | {k: ("D", np.ones(12)) for k in DISTANCE}),
        "as many values each",
    ),
    "probabilities in letters": (lambda: table({"PROB": ("4A", ["0.25"] * 48)}), "are no numbers"),
    "no ORDERING": (lambda: table(ORDERING=None), "no ORDERING; set it to NESTED, RING or NUNIQ"),
    "unknown ORDERING": (lambda: table(ORDERING="SPIRAL"), "ORDERING = 'SPIRAL'; set it to"),
    "NUNIQ without UNIQ": (lambda: table(ORDERING="NUNIQ"), "no UNIQ column"),
    "UNIQ but NESTED": (
        lambda: multi_order([4], [3 / np.pi], ORDERING="NESTED"),
        "'NESTED', but the table has a UNIQ",
    ),
    "galactic": (lambda: table(COORDSYS="G"), "COORDSYS = 'G'; only equatorial maps .* rotate the map first"),
    "not a full sky": (lambda: table({"PROB": ("D", PROB[:47])}), "47 pixels are no full sky"),
    "no rows": (lambda: table({"PROB": ("D", PROB[:0])}), "0 pixels are no full sky"),
    "wrong NSIDE": (lambda: table(NSIDE=4), "NSIDE = 4, but 48 pixels make 2"),
    "NaN": (lambda: table(changed(7, np.nan)), r"not a number \(NaN\)"),
    "NaN in a RING map": (lambda: table(changed(7, np.nan), ORDERING="RING"), r"not a number \(NaN\)"),
    "infinite": (lambda: table(changed(7, np.inf)), "infinite"),
    "negative": (lambda: table(changed(7, -0.01)), "negative, down to -0.0"),
    "all zero": (lambda: table({"PROB": ("D", np.zeros(48))}), "all probabilities are zero"),
    "sums to two": (lambda: table({"PROB": ("D", 2 * PROB)}), "sum to 2, not to 1"),
    "sums to nearly one": (lambda: table({"PROB": ("D", 0.998 * PROB)}), "sum to 0.998, not to 1"),
    "counts, not probabilities": (lambda: table({"PROB": ("J", np.arange(48))}), "sum to 1128, not to 1"),
    "unit of something else": (
        lambda: table({"PROB": ("D", PROB)}, TUNIT1="erg"),
        "PROB is in 'erg', which is no sr-1",
    ),
    "nonsense unit": (lambda: table({"PROB": ("D", PROB)}, TUNIT1="qqq"), "PROB is in 'qqq'"),
    "overlapping cells": (lambda: multi_order([4, 16], [1.0, 1.0]), "1 cells overlap"),
    "a cell twice": (lambda: multi_order([4, 4], [1.0, 1.0]), "1 cells overlap"),
    "no such cell": (lambda: multi_order([3], [1.0]), "UNIQ numbers run from 4 to .*, not 3"),
    "UNIQ no integer": (lambda: multi_order([4], [1.0], form="D"), "UNIQ column holds no integers"),
    "multi-order without rows": (lambda: multi_order([], []), "no rows"),
    "multi-order sum": (lambda: multi_order([4], [1.0]), "sum to 1.0472, not to 1"),
    "half the header lost": (lambda: card("NAXIS1", "16"), "16"),
    "no number where one belongs": (lambda: card("NAXIS2", "??"), "NAXIS2"),
    "negative rows": (lambda: card("NAXIS2", "-1"), "NAXIS2 = -1"),
    "endless rows": (lambda: card("NAXIS2", "12884901888"), "NSIDE|truncated"),
    "a card that cannot be read": (lambda: card("ORDERING", "'NESTED"), "header is corrupt; get the file again"),
    "columns without end": (lambda: card("TFIELDS", "999999999"), "TFIELDS"),
    "unknown column type": (lambda: card("TFORM1", "'Y       '"), "unknown type 'Y'"),
    "header without end": (lambda: GOOD[:2880] + b"XTENSION= 'BINTABLE'" + b" " * 4_000_000, "no end"),
    "partial without pixel numbers": (lambda: table(INDXSCHM="EXPLICIT"), "needs a column of pixel numbers"),
    "partial with an odd NSIDE": (
        lambda: table({"PIXEL": ("J", np.arange(48)), "PROB": ("D", PROB)}, INDXSCHM="EXPLICIT", NSIDE=3),
        "a power of two",
    ),
    "partial outside the sky": (
        lambda: table({"PIXEL": ("J", np.arange(1, 49)), "PROB": ("D", PROB)}, INDXSCHM="EXPLICIT"),
        "outside NSIDE 2",
    ),
    "partial with a pixel twice": (
        lambda: table({"PIXEL": ("J", np.arange(48) // 2), "PROB": ("D", PROB)}, INDXSCHM="EXPLICIT"),
        "overlap",
    ),
    "tile-compressed": (lambda: table(ZTABLE=True), "funpack"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_one_clear_line(tmp_path: Path, name: str) -> None:
    make, message = BAD[name]
    path = tmp_path / "bad.fits"
    path.write_bytes(make())
    with pytest.raises(SkyMapError, match=message) as refusal:
        read_skymap(path)
    text = str(refusal.value)
    assert text.startswith("bad.fits: ")
    assert "\n" not in text
    with pytest.raises(FormatError, match=r"^sky map: "):
        read_skymap(path.read_bytes())


def test_the_good_file_they_are_made_from_reads() -> None:
    assert np.allclose(probability(read_skymap(GOOD)), PROB)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.fits"):
        read_skymap(tmp_path / "missing.fits")


@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
def test_a_map_that_stays_too_large_is_refused_while_it_is_read(
    monkeypatch: pytest.MonkeyPatch, ordering: str
) -> None:
    monkeypatch.setattr(skymap_cells, "MAX_CELLS", 47)
    with pytest.raises(SkyMapError, match=r"more than 47 cells even after merging .* multi-order version"):
        read_skymap(table(ORDERING=ordering))
    assert len(read_skymap(table({"PROB": ("D", np.full(48, 1 / 48))}, ORDERING=ordering)).ipix) == 12
    with pytest.raises(SkyMapError, match="more than 47 cells"):
        read_skymap(multi_order(list(range(16, 64)), [1 / (4 * np.pi)] * 48))


@pytest.mark.slow
def test_twelve_million_different_pixels_are_refused(tmp_path: Path) -> None:
    prob = np.random.default_rng(0).random(12 << 20, dtype=np.float32)
    hdu = fits.BinTableHDU.from_columns([fits.Column(name="PROB", format="1024E", array=prob.reshape(-1, 1024))])
    hdu.header["ORDERING"] = "NESTED"
    hdu.writeto(tmp_path / "large.fits")
    with pytest.raises(SkyMapError, match="more than 4194304 cells"):
        read_skymap(tmp_path / "large.fits")


@pytest.mark.slow
@given(
    raw=st.sampled_from([GOOD, multi_order([4, 20, 21], [1.5 / np.pi, 3 / np.pi, 3 / np.pi])]),
    packed=st.booleans(),
    cut=st.none() | st.floats(0, 1),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
)
@settings(deadline=None, max_examples=400)
def test_damage_gives_a_map_or_one_clear_line_and_nothing_else(
    raw: bytes, packed: bool, cut: float | None, damage: list[tuple[float, int]]
) -> None:
    spoilt = bytearray(gzip.compress(raw) if packed else raw)
    for where, value in damage:
        spoilt[int(where * len(spoilt))] = value
    spoilt = spoilt if cut is None else spoilt[: int(cut * len(spoilt))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy's about header cards
        try:
            m = read_skymap(bytes(spoilt))
        except SkyMapError as refusal:
            assert str(refusal).startswith("sky map: ")
            return
    assert isinstance(m, SkyMap)
    assert probability(m).sum() == pytest.approx(1)
