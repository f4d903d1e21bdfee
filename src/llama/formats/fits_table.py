"""The first table of a FITS file that has what we need, read as a stream: gzip or plain, from a path or from bytes.

Only headers go through astropy; rows are views of the bytes through a numpy record type made from the header
(FITS standard 4.0, sections 4.4.1 and 7.3), so that a table of any length passes through a few megabytes.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from llama.formats.errors import InputError, SkyMapError
from llama.formats.limits import MAX_SKYMAP_BYTES, MAX_UNPACKED_BYTES, Reads, open_regular, too_large

BLOCK = 2880  # every FITS header and data part is padded to a multiple of this
_CHUNK = 1 << 24  # no single read is longer, whatever a corrupt header asks for
_MAX_HEADER_BLOCKS = 1000
_MAX_ROW = 1 << 28  # bytes: a row may hold a whole column of a flat map
_MAX_BEHIND = 1 << 26  # bytes: other tables may follow that of the map
_MAX_COLUMNS = 999  # FITS standard 4.0, section 7.3.1
_KINDS = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_OTHER_BYTES = {"A": 1, "C": 8, "M": 16, "P": 8, "Q": 16}


@dataclass(frozen=True)
class Table:
    """A binary table whose rows are still in the stream.

    `header` is its own, `primary` that of the file, in which some writers put what goes for the table. `names` are
    the column names in upper case, in order of the columns; `dtype` has a field per column, named by its number
    counted from one, so that odd or doubled names do no harm.
    """

    header: fits.Header
    primary: fits.Header
    names: tuple[str, ...]
    dtype: np.dtype[Any]
    rows: int
    stream: Reads

    def chunks(self, rows: int) -> Iterator[NDArray[Any]]:
        """All rows, so many at a time or as many as fit in a few megabytes; the last time what is left.

        Then the stream is read out to check it.
        """
        rows = max(1, min(rows, _CHUNK // max(1, self.dtype.itemsize)))
        for first in range(0, self.rows, rows):
            count = min(rows, self.rows - first)
            yield np.frombuffer(_exactly(self.stream, count * self.dtype.itemsize), dtype=self.dtype)
        behind = 0
        while part := _read(self.stream, _CHUNK):  # a gzip stream says only at its end whether it was whole
            behind += len(part)
            if behind > _MAX_BEHIND:
                raise SkyMapError(f"more than {_MAX_BEHIND} bytes follow its table; get the file again")

    def field(self, name: str) -> str:
        """The field of `dtype` that holds the column of that name."""
        return str(self.names.index(name) + 1)

    def values(self, chunk: NDArray[Any], name: str) -> NDArray[Any]:
        """The column of that name in these rows, flattened; see `native`."""
        return self.native(chunk[self.field(name)].reshape(-1), name)

    def native(self, raw: NDArray[Any], name: str) -> NDArray[Any]:
        """Values of that column as stored -> in native byte order, scaled as the header says."""
        number = self.field(name)
        scale, zero = self.header.get(f"TSCAL{number}", 1), self.header.get(f"TZERO{number}", 0)
        native = raw.astype(raw.dtype.newbyteorder("="))
        if native.dtype.kind in "iu" and scale == 1:
            whole = native.astype(np.int64)
            if zero in (1 << 63, -(1 << 63)):  # the standard's way to write unsigned numbers; of 64 bits here
                return whole ^ np.int64(-(1 << 63))
            if zero in (0, -128, 1 << 15, 1 << 31):  # signed bytes, unsigned numbers of 16 and 32 bits
                return whole + np.int64(zero)
        if scale == 1 and zero == 0:
            return native
        return native * float(scale) + float(zero)

    def unit(self, name: str) -> str:
        """The column's unit as written, empty when it has none."""
        return str(self.header.get(f"TUNIT{self.field(name)}", "")).strip()

    def per_row(self, name: str) -> int:
        """How many values of the column one row holds."""
        return int(np.prod(self.dtype[self.field(name)].shape, dtype=np.int64))


@contextmanager
def open_table(source: Path | bytes, wanted: Callable[[tuple[str, ...]], bool]) -> Iterator[Table]:
    """The first binary table whose column names are `wanted`. SkyMapError when the file is no FITS file, has no such
    table, or turns out broken while it is read."""
    with _plain(source) as stream:
        header = primary = _header(stream, "SIMPLE  =")
        seen: list[str] = []
        while True:
            _skip(stream, _data_bytes(header))
            header = _header(stream, "XTENSION=", seen)
            table = _table(header, primary, stream) if str(header["XTENSION"]).strip() == "BINTABLE" else None
            if table is not None and wanted(table.names):
                yield table
                return
            seen.extend(table.names if table is not None else ())


@contextmanager
def _plain(source: Path | bytes) -> Iterator[Reads]:
    with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as raw:
        size = len(source) if isinstance(source, bytes) else os.fstat(raw.fileno()).st_size
        if size > MAX_SKYMAP_BYTES:
            raise InputError(too_large("the file", size, MAX_SKYMAP_BYTES, "a sky map"))
        magic = raw.read(2)
        raw.seek(0)
        if magic != b"\x1f\x8b":
            yield _Measured(raw)
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield _Measured(cast("IO[bytes]", unpacked))


class _Measured:
    """A stream that is refused once it has given more than a sky map has; a small gzip file may hold any amount."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, MAX_UNPACKED_BYTES

    def read(self, size: int, /) -> bytes:
        part = self._stream.read(size)
        self._left -= len(part)
        if self._left < 0:
            raise InputError(too_large("the file, unpacked,", None, MAX_UNPACKED_BYTES, "a sky map"))
        return part


def _read(stream: Reads, size: int) -> bytes:
    try:
        return stream.read(size)
    except EOFError as error:
        raise SkyMapError("the gzip file is truncated; get it again from where it came") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SkyMapError(f"the gzip file is corrupt ({error}); get it again from where it came") from error


def _exactly(stream: Reads, size: int) -> bytes:
    parts, missing = [], size
    while missing and (part := _read(stream, min(missing, _CHUNK))):
        parts.append(part)
        missing -= len(part)
    if missing:
        raise SkyMapError(f"the file is truncated, {missing} bytes are missing; get it again from where it came")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _skip(stream: Reads, size: int) -> None:
    while size:
        size -= len(_exactly(stream, min(size, _CHUNK)))


def _header(stream: Reads, start: str, seen: list[str] | None = None) -> fits.Header:
    block = _read(stream, BLOCK)
    if not block.startswith(start.encode()):
        if seen is None:
            raise SkyMapError("this is not a FITS file; a sky map is .fits, .fits.gz or .multiorder.fits")
        raise SkyMapError(f"no table in this FITS file has a column of probabilities; columns found: {_listed(seen)}")
    if len(block) < BLOCK:
        raise SkyMapError("the file is truncated; get it again from where it came")
    blocks = [block]
    while not _ends(blocks[-1]):
        if len(blocks) == _MAX_HEADER_BLOCKS:
            raise SkyMapError("its FITS header has no end; get the file again from where it came")
        blocks.append(_exactly(stream, BLOCK))
    try:
        return fits.Header.fromstring(b"".join(blocks))
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise SkyMapError(f"its FITS header is corrupt ({error}); get the file again from where it came") from error


def _ends(block: bytes) -> bool:
    return any(block.startswith(b"END     ", k) for k in range(0, len(block), 80))


def _listed(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"


def _card(header: fits.Header, key: str) -> int:
    try:
        value = int(header[key])
    except (KeyError, ValueError, TypeError, fits.VerifyError) as error:
        raise SkyMapError(f"its FITS header has no valid {key}; get the file again from where it came") from error
    if value < 0 and key != "BITPIX":
        raise SkyMapError(f"its FITS header says {key} = {value}; get the file again from where it came")
    return value


def _data_bytes(header: fits.Header) -> int:
    """Length of the data after this header, padding included (FITS 4.0, eq. 2)."""
    axes = [_card(header, f"NAXIS{k + 1}") for k in range(_card(header, "NAXIS"))]
    if not axes:
        return 0
    extra = _card(header, "PCOUNT") if "PCOUNT" in header else 0
    groups = _card(header, "GCOUNT") if "GCOUNT" in header else 1
    size = abs(_card(header, "BITPIX")) // 8 * groups * (extra + int(np.prod(axes, dtype=object)))
    return -(-size // BLOCK) * BLOCK


def _table(header: fits.Header, primary: fits.Header, stream: Reads) -> Table:
    if header.get("ZTABLE"):
        raise SkyMapError("the FITS table is tile-compressed; unpack it with funpack first")
    count = _card(header, "TFIELDS")
    if count > _MAX_COLUMNS:
        raise SkyMapError(f"its FITS header says TFIELDS = {count}; get the file again from where it came")
    names = tuple(str(header.get(f"TTYPE{k}", "")).strip().upper() for k in range(1, count + 1))
    fields = [(str(k), *_form(str(header.get(f"TFORM{k}", "")).strip())) for k in range(1, count + 1)]
    dtype = np.dtype(cast("Any", fields))
    if dtype.itemsize != _card(header, "NAXIS1"):
        raise SkyMapError(
            f"its columns take {dtype.itemsize} bytes a row, but NAXIS1 says {header['NAXIS1']}; "
            "get the file again from where it came"
        )
    if dtype.itemsize > _MAX_ROW:
        raise SkyMapError(f"a row of its table has {dtype.itemsize} bytes; a sky map has at most {_MAX_ROW}")
    return Table(header, primary, names, dtype, _card(header, "NAXIS2"), stream)


def _form(form: str) -> tuple[str, tuple[int, ...]]:
    """numpy type and shape of a TFORM such as 'D' or '1024E'."""
    match = re.match(r"(\d*)([A-Z])", form)
    repeat = int(match[1]) if match and match[1] else 1
    if match and match[2] in _KINDS:
        return _KINDS[match[2]], (repeat,)
    if match and match[2] in _OTHER_BYTES:
        return f"V{max(1, _OTHER_BYTES[match[2]])}", (repeat,)
    if match and match[2] == "X":
        return "V1", (-(-repeat // 8),)
    raise SkyMapError(f"its FITS header has a column of unknown type {form!r}; get the file again from where it came")
