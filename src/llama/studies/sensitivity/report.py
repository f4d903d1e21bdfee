"""All that a sensitivity study leaves: tables, numbers and figures of both searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llama.formats.figures import PdfFigure, PngFigure
from llama.formats.records import to_json
from llama.formats.whole import naming, put_whole
from llama.studies.sensitivity.figures import efficiency_figure, odds_figure, p_value_figure
from llama.studies.sensitivity.study import Sensitivity, as_json
from llama.studies.sensitivity.tables import as_text, efficiency_csv, odds_csv, p_values_csv

FIGURES: Mapping[str, Callable[[Sensitivity], Any]] = {
    "efficiency": efficiency_figure,
    "p-values": p_value_figure,
    "odds": odds_figure,
}
TABLES: Mapping[str, Callable[[Sensitivity], str]] = {
    "efficiency": efficiency_csv,
    "p-values": p_values_csv,
    "odds": odds_csv,
}


def write_report(found: Sensitivity, folder: Path) -> list[Path]:
    """Write every file of one search, `WHAT-SEARCH.…`, over those of an earlier report; they are named."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / f"sensitivity-{found.search_type}.txt": as_text(found).encode()}
    written[folder / f"sensitivity-{found.search_type}.json"] = to_json(as_json(found))
    for name, table in TABLES.items():
        written[folder / f"{name}-{found.search_type}.csv"] = table(found).encode()
    for path, data in written.items():
        put_whole(path, data)
    pictures = []
    for name, draw in FIGURES.items():
        figure = draw(found)
        for codec, ending in ((PngFigure(), "png"), (PdfFigure(), "pdf")):
            path = folder / f"{name}-{found.search_type}.{ending}"
            with naming(path):
                codec.write(figure, path)
            pictures.append(path)
    return [*written, *pictures]
