"""Sky maps as FITS files: reads every kind that observatories send, writes the standard multi-order one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astropy.io import fits

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table, open_table
from llama.formats.skymap_columns import Cells, probability_column
from llama.formats.skymap_flat import read_nested, read_partial, read_ring
from llama.formats.skymap_multiorder import read_cells, to_bytes
from llama.science.sky import SkyMap, from_cells

ORIGIN_KEYS = ("OBJECT", "CREATOR", "ORIGIN", "INSTRUME", "REFERENC", "DATE-OBS", "DATE")
_EQUATORIAL = {"C", "ICRS", "EQUATORIAL", "CELESTIAL", "FK5", "J2000", "RADEC"}


class MultiOrderFits:
    """Codec of sky maps: writes multi-order FITS, the same bytes for the same map; reads any kind of sky map."""

    def write(self, value: SkyMap, path: Path) -> None:
        path.write_bytes(to_bytes(value))

    def read(self, path: Path) -> SkyMap:
        return read_skymap(path)


def read_skymap(source: Path | bytes) -> SkyMap:
    """The sky map in a FITS file or its bytes, gzipped or not: multi-order, or flat in NESTED or RING order.

    Flat maps are streamed and equal siblings merged on the way, so that only distinct cells take memory.
    Raises SkyMapError with one line that says what is wrong and what to do; OSError when the file cannot be opened.
    """
    name = source.name if isinstance(source, Path) else "sky map"
    try:
        with open_table(source, lambda names: probability_column(names) is not None) as table:
            _refuse_other_frames(table.header)
            order, ipix, columns = _cells(table)
            return from_cells(
                order,
                ipix,
                columns[0],
                (columns[1], columns[2], columns[3]) if len(columns) == 4 else None,
                distmean_mpc=_number(table.header, "DISTMEAN"),
                diststd_mpc=_number(table.header, "DISTSTD"),
                origin={key: text for key in ORIGIN_KEYS if (text := _text(table.header.get(key)))},
            )
    except ValueError as error:  # SkyMapError from the file, plain ValueError from the science
        raise SkyMapError(f"{name}: {error}") from error
    except fits.VerifyError as error:
        raise SkyMapError(f"{name}: its FITS header is corrupt; get the file again from where it came") from error


def _cells(table: Table) -> Cells:
    ordering = _text(table.header.get("ORDERING", "")).upper()
    if not ordering and "UNIQ" in table.names:
        ordering = "NUNIQ"  # Aframe's maps do not say so, but UNIQ numbers are of one kind only
    scheme = _text(table.header.get("INDXSCHM", "IMPLICIT")).upper()
    if ordering not in {"NESTED", "RING", "NUNIQ"}:
        said = f"ORDERING = {ordering!r}" if ordering else "no ORDERING"
        raise SkyMapError(f"the header has {said}; set it to NESTED, RING or NUNIQ, whichever its pixels are in")
    if (ordering == "NUNIQ") != ("UNIQ" in table.names):
        has = "a UNIQ column" if "UNIQ" in table.names else "no UNIQ column"
        raise SkyMapError(f"ORDERING = {ordering!r}, but the table has {has}; get the file again from where it came")
    if ordering == "NUNIQ":
        return read_cells(table)
    if scheme == "EXPLICIT":
        return read_partial(table, ordering)
    return read_nested(table) if ordering == "NESTED" else read_ring(table)


def _refuse_other_frames(header: fits.Header) -> None:
    frame = _text(header.get("COORDSYS", "C")).upper() or "C"
    if frame not in _EQUATORIAL:
        raise SkyMapError(f"COORDSYS = {frame!r}; only equatorial maps (C, ICRS) are read, rotate the map first")


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, fits.card.Undefined) else str(value).strip()


def _number(header: fits.Header, key: str) -> float | None:
    try:
        return float(header[key])
    except (KeyError, TypeError, ValueError):
        return None
