"""The result file of a real O4 trigger, S230430gr, as `ligo-followup-advocate` 1.3.9 carries it among its test data.

That package is a test dependency pinned by hash; its licence (GPL) is why the file is read from it and not kept here.
"""

from __future__ import annotations

import json
from importlib.metadata import files
from typing import Any

NAME = "significance_subthreshold_lvc-i3.json"


def original_file() -> dict[str, Any]:
    """The file, decoded. The package has it for two superevents, byte for byte the same."""
    found = [one for one in files("ligo-followup-advocate") or () if one.name == NAME]
    texts = {one.locate().read_text(encoding="utf-8") for one in found}
    if len(texts) != 1:
        raise LookupError(f"ligo-followup-advocate holds {len(texts)} different files {NAME}; this needs 1.3.9's one")
    return dict(json.loads(texts.pop()))
