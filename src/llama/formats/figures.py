"""Codecs that write a matplotlib figure as PNG or PDF. The same figure gives the same bytes; reading gives bytes.

The figure's label (`Figure.set_label`), where it has one, is kept for programs: as keywords in a PDF, as description
in a PNG.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_TABLES_BYTES, read_limited
from llama.formats.pdf import PDF_MAGIC

PNG_DPI = 150
PDF_DPI = 200
"""Only what is rasterised inside a PDF (the map layer) has a resolution."""


class PngFigure:
    """A matplotlib `Figure` as PNG."""

    def write(self, value: Any, path: Path) -> None:
        _save(value, path, "png", PNG_DPI, {"Software": None, "Description": value.get_label() or None})

    def read(self, path: Path) -> Any:
        return _starting(path, b"\x89PNG\r\n\x1a\n", "PNG")


class PdfFigure:
    """A matplotlib `Figure` as PDF, without dates or version numbers."""

    def write(self, value: Any, path: Path) -> None:
        none = {"Creator": None, "Producer": None, "CreationDate": None}
        _save(value, path, "pdf", PDF_DPI, {**none, "Keywords": value.get_label() or None})

    def read(self, path: Path) -> Any:
        return _starting(path, PDF_MAGIC, "PDF")


def _starting(path: Path, magic: bytes, kind: str) -> bytes:
    data = read_limited(path, MAX_TABLES_BYTES, "a picture or page")
    if not data.startswith(magic):
        raise FormatError(f"not a {kind} file")
    return data


def _save(figure: Any, path: Path, kind: str, dpi: int, metadata: dict[str, str | None]) -> None:
    import matplotlib

    # A user's matplotlibrc must not change what comes out
    own = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    with matplotlib.rc_context(own):
        figure.savefig(path, format=kind, dpi=dpi, metadata=metadata)
