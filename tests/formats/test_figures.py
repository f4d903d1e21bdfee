"""Figures as files: the same bytes every time, and small."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama.formats.figures import PdfFigure, PngFigure
from llama.formats.skymap import read_skymap
from llama.plots.skymap import Caption, NeutrinoMark, joint_skymap

CAPTION = Caption("S1-1-Test", "2012-09-23 11:18:35.500 UTC", "1 neutrino; p-value 0.5", "llama 0")


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "magic"), [(PngFigure(), b"\x89PNG"), (PdfFigure(), b"%PDF-")])
def test_figures_are_written_the_same_every_time(tmp_path: Path, data: Path, codec: object, magic: bytes) -> None:
    skymap = read_skymap(data / "skymaps/events/S190425z_bayestar_G330561.fits.gz")
    for name in ("one", "two"):
        figure = joint_skymap(skymap, [NeutrinoMark(1, 10.0, 20.0, 1.0)], CAPTION, 1)
        codec.write(figure, tmp_path / name)  # type: ignore[attr-defined]
    one = codec.read(tmp_path / "one")  # type: ignore[attr-defined]
    assert one == (tmp_path / "two").read_bytes()
    assert one.startswith(magic)
    assert len(one) < 1_000_000
    assert b"atplotlib v" not in one and b"CreationDate" not in one
