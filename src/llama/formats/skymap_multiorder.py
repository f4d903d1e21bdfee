"""Multi-order sky maps as the GW community writes them (ligo.skymap, mocpy): cells by UNIQ number, density per sr."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import BLOCK, Table
from llama.formats.skymap_columns import Cells, Columns
from llama.formats.skymap_header import ORIGIN_KEYS
from llama.formats.skymap_maker import READ_NOTE
from llama.science.sky import SkyMap, from_uniq, max_order, refuse_too_many, uniq_of

_COLUMNS = {"UNIQ": "", "PROBDENSITY": "sr-1", "DISTMU": "Mpc", "DISTSIGMA": "Mpc", "DISTNORM": "Mpc-2"}
_SIGNS = str.maketrans({"±": "+-", "−": "-", "–": "-", "°": " deg", "²": "^2", "σ": "sigma", "×": "x", "≥": ">="})
_ORIGIN_COMMENTS = {
    "OBJECT": "Unique identifier for this event",
    "REFERENC": "URL of this event",
    "TELESCOP": "Observatory or mission",
    "INSTRUME": "Instruments that triggered this event",
    "DATE-OBS": "UTC date of the observation",
    "DATE": "UTC date of file creation",
    "CREATOR": "Program that created this file",
    "ORIGIN": "Organization responsible for this FITS file",
    READ_NOTE: "what was odd in the file that this is made from",
}


def read_cells(table: Table, columns: Columns) -> Cells:
    """Cells of a multi-order table, as they come; of other columns nothing stays in memory."""
    refuse_too_many(table.rows)
    if table.per_row("UNIQ") != 1 or columns.per_row != 1:
        raise SkyMapError("a multi-order map has one cell per row; get the file again from where it came")
    names = [table.field("UNIQ"), *columns.fields]
    parts = [[chunk[name].reshape(-1).copy() for name in names] for chunk in table.chunks(max(1, table.rows))]
    if not parts:
        raise SkyMapError("the table has no rows; get the file again from where it came")
    stored = [np.concatenate([part[k] for part in parts]) for k in range(len(names))]
    uniq = table.native(stored[0], "UNIQ")
    if uniq.dtype.kind != "i":
        raise SkyMapError("its UNIQ column holds no integers; get the file again from where it came")
    order, ipix = from_uniq(uniq)
    return order, ipix, columns.of(stored[1:], order)


def to_bytes(m: SkyMap) -> bytes:
    """The multi-order FITS file of a map, cells in order of UNIQ as BAYESTAR writes them; no clock in it."""
    columns: dict[str, Any] = {"UNIQ": uniq_of(m.order, m.ipix), "PROBDENSITY": m.density}
    if m.distmu is not None:
        columns |= {"DISTMU": m.distmu, "DISTSIGMA": m.distsigma, "DISTNORM": m.distnorm}
    rows = np.empty(len(m.ipix), dtype=[(name, ">i8" if name == "UNIQ" else ">f8") for name in columns])
    ranked = np.argsort(columns["UNIQ"], kind="stable")
    for name, column in columns.items():
        rows[name] = column[ranked]
    data = rows.tobytes()
    primary = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    parts = [primary.tostring().encode(), _header(m, rows.dtype, len(rows)).tostring().encode(), data]
    return b"".join([*parts, bytes(-len(data) % BLOCK)])


def _header(m: SkyMap, dtype: np.dtype[Any], rows: int) -> fits.Header:
    header = fits.Header()
    header["XTENSION"] = ("BINTABLE", "binary table extension")
    sizes = {"BITPIX": 8, "NAXIS": 2, "NAXIS1": dtype.itemsize, "NAXIS2": rows, "PCOUNT": 0, "GCOUNT": 1}
    header.update(sizes | {"TFIELDS": len(dtype.names or ())})
    for number, name in enumerate(dtype.names or (), start=1):
        header[f"TTYPE{number}"] = name
        header[f"TFORM{number}"] = "K" if name == "UNIQ" else "D"
        if _COLUMNS[name]:
            header[f"TUNIT{number}"] = _COLUMNS[name]
    header["PIXTYPE"] = ("HEALPIX", "HEALPIX pixelisation")
    header["ORDERING"] = ("NUNIQ", "Pixel ordering scheme: RING, NESTED, or NUNIQ")
    header["COORDSYS"] = ("C", "Ecliptic, Galactic or Celestial (equatorial)")
    header["MOCORDER"] = (max_order(m), "MOC resolution (best order)")
    header["INDXSCHM"] = ("EXPLICIT", "Indexing: IMPLICIT or EXPLICIT")
    for key in (*_ORIGIN_COMMENTS, *(key for key in ORIGIN_KEYS if key not in _ORIGIN_COMMENTS)):
        if key in m.origin:
            header[key] = (_ascii(m.origin[key]), _ORIGIN_COMMENTS.get(key, "As the file had it"))
    if m.distmean_mpc is not None:
        header["DISTMEAN"] = (m.distmean_mpc, "Posterior mean distance (Mpc)")
    if m.diststd_mpc is not None:
        header["DISTSTD"] = (m.diststd_mpc, "Posterior standard deviation of distance (Mpc)")
    for line in m.origin.get("HISTORY", "").splitlines():
        header.add_history(_ascii(line))
    return header


def _ascii(text: str) -> str:
    """FITS headers hold ASCII only; signs are written out, and what is left becomes `?`."""
    return text.translate(_SIGNS).encode("ascii", "replace").decode()
