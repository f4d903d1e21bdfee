"""Pages set with typst."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llama.formats.errors import FormatError, TypesettingError
from llama.formats.pdf import Pdf, typeset

TEMPLATE = "#set document(date: none)\n#let d = json(bytes(sys.inputs.data))\n#d.text\n"
HASH_ONE = f"""
import hashlib
from llama.formats.pdf import typeset
print(hashlib.sha256(typeset({TEMPLATE!r}, {{"text": "γ ≤ 1"}})).hexdigest())
"""


def test_two_processes_set_the_same_bytes() -> None:
    here = hashlib.sha256(typeset(TEMPLATE, {"text": "γ ≤ 1"})).hexdigest()
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    there = subprocess.run(
        [sys.executable, "-c", HASH_ONE], capture_output=True, text=True, check=True, env=environment
    )
    assert there.stdout.strip() == here


@pytest.mark.parametrize("text", ["#panic()", "$x", "*bold", '"quoted\\', '#import "x"', "[", "\u0000"])
def test_data_are_never_taken_for_markup(text: str) -> None:
    assert typeset(TEMPLATE, {"text": text}).startswith(b"%PDF-")


def test_a_template_that_does_not_fit_says_so() -> None:
    with pytest.raises(TypesettingError, match="cannot set the page"):
        typeset(TEMPLATE, {"other": 1})


def test_the_codec_keeps_bytes_and_refuses_what_is_no_pdf(tmp_path: Path) -> None:
    pdf = typeset(TEMPLATE, {"text": "x"})
    Pdf().write(pdf, tmp_path / "a.pdf")
    assert Pdf().read(tmp_path / "a.pdf") == pdf
    (tmp_path / "b.pdf").write_bytes(b"PK")
    with pytest.raises(FormatError, match="not a PDF"):
        Pdf().read(tmp_path / "b.pdf")
