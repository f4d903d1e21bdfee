"""Sky maps as FITS files: reads every kind that observatories send, writes the standard multi-order one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from astropy.io import fits

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table, open_table
from llama.formats.skymap_columns import DISTANCE_COLUMNS, Columns, probability_column
from llama.formats.skymap_distances import distance_note
from llama.formats.skymap_flat import read_flat
from llama.formats.skymap_frames import refuse_other_frames
from llama.formats.skymap_header import ordering, origin, read_note
from llama.formats.skymap_maker import READ_NOTE
from llama.formats.skymap_multiorder import read_cells, to_bytes
from llama.formats.skymap_times import header_times
from llama.science.sky import SkyMap, from_cells

T = TypeVar("T")


class MultiOrderFits:
    """Codec of sky maps: writes multi-order FITS, the same bytes for the same map; reads any kind of sky map."""

    def write(self, value: SkyMap, path: Path) -> None:
        path.write_bytes(to_bytes(value))

    def read(self, path: Path) -> SkyMap:
        return read_skymap(path)


def read_skymap(source: Path | bytes) -> SkyMap:
    """The sky map in a FITS file or its bytes, gzipped or not: multi-order, or flat in NESTED or RING order.

    Flat maps are streamed and equal siblings merged on the way, so that only distinct cells take memory. What was odd
    and could be read one way only is noted in the map's origin, under `READ_NOTE`.
    Raises SkyMapError with one line that says what is wrong and what to do; OSError when the file cannot be opened.
    """
    name = source.name if isinstance(source, Path) else "sky map"
    try:
        with open_table(source, lambda names: probability_column(names) is not None) as table:
            return _skymap(table)
    except ValueError as error:  # SkyMapError from the file, plain ValueError from the science
        raise SkyMapError(f"{name}: {error}") from error
    except fits.VerifyError as error:
        raise SkyMapError(f"{name}: its FITS header is corrupt; get the file again from where it came") from error
    except MemoryError as error:
        raise SkyMapError(f"{name}: there is not enough memory to read it; use its multi-order version") from error


def read_origin(path: Path) -> dict[str, str]:
    """What a sky map's header says of who made it and when, without reading the map. SkyMapError, OSError."""
    return _of_header(path, origin)


def has_distances(path: Path) -> bool:
    """Whether a sky map has columns of distances, by its header alone. SkyMapError, OSError."""
    return _of_header(path, lambda table: {*table.names} >= DISTANCE_COLUMNS)


def _of_header(path: Path, read: Callable[[Table], T]) -> T:
    try:
        with open_table(path, lambda names: probability_column(names) is not None) as table:
            return read(table)
    except (ValueError, fits.VerifyError) as error:
        raise SkyMapError(f"{path.name}: {error}") from error


def _skymap(table: Table) -> SkyMap:
    columns = Columns(table)
    frame_note, kind = refuse_other_frames(table), ordering(table)
    order, ipix, values = read_cells(table, columns) if kind == "NUNIQ" else read_flat(table, columns, kind)
    found = from_cells(
        order,
        ipix,
        values[0],
        (values[1], values[2], values[3]) if len(values) == 4 else None,
        distmean_mpc=_number(table.header, "DISTMEAN"),
        diststd_mpc=_number(table.header, "DISTSTD"),
        origin=origin(table),
    )
    earlier, (_, times) = read_note(table), header_times(found.origin)
    notes = [frame_note, *columns.notes(), distance_note(found, columns.impossible), *times]
    note = "; ".join(filter(None, [earlier, *(note for note in notes if note not in earlier)]))
    return replace(found, origin=found.origin | {READ_NOTE: note}) if note else found


def _number(header: fits.Header, key: str) -> float | None:
    try:
        return float(header[key])
    except (KeyError, TypeError, ValueError):
        return None
