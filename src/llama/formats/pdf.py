"""PDF pages set with typst: no TeX, no network, no system fonts, the same bytes for the same input."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llama.formats.errors import FormatError, TypesettingError
from llama.formats.limits import MAX_TABLES_BYTES, read_limited

PDF_MAGIC = b"%PDF-"


class Pdf:
    """Bytes of a PDF document."""

    def write(self, value: bytes, path: Path) -> None:
        path.write_bytes(value)

    def read(self, path: Path) -> bytes:
        data = read_limited(path, MAX_TABLES_BYTES, "a picture or page")
        if not data.startswith(PDF_MAGIC):
            raise FormatError("not a PDF file")
        return data


def typeset(template: str, data: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> bytes:
    """The PDF that a typst template makes of `data`.

    The template reads the data with `json(bytes(sys.inputs.data))` and each of `files` (pictures) by its name.
    Data reach it as JSON values, so nothing in them is taken for markup. Raises TypesettingError.
    """
    import typst

    with tempfile.TemporaryDirectory(prefix="llama-typst-") as name:
        folder = Path(name)
        for file_name, content in (files or {}).items():
            (folder / file_name).write_bytes(content)
        page = folder / "page.typ"
        page.write_text(template, encoding="utf-8")
        try:
            pdf = typst.compile(
                str(page),
                root=str(folder),
                format="pdf",
                ignore_system_fonts=True,
                sys_inputs={"data": json.dumps(data, ensure_ascii=False, allow_nan=False)},
                timestamp=0,  # typst would write today's date
            )
        except RuntimeError as error:  # typst's own errors derive from it
            raise TypesettingError(f"cannot set the page: {error}") from error
    return bytes(pdf)
