"""A packaged stretch of a release answers as the release does, and says so outside its window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llama.science.times import gps_from_mjd
from llama.services.errors import ArchiveError, BadEvent
from llama.services.icecube.archive import IceCubeArchive
from llama.services.icecube.excerpt import FIELDS, read_excerpt
from llama.services.icecube.sample import COLUMNS

GPS = float(gps_from_mjd(55900.3))


def write_excerpt(archive: IceCubeArchive, start_gps: float, stop_gps: float, path: Path) -> None:
    """The events of a window, in the release's digits."""
    lines = ["# for a test", "# source: icecube-3yr", f"# window_gps: {start_gps!r} {stop_gps!r}", ",".join(FIELDS)]
    for season in archive.sample.seasons:
        first, last = np.searchsorted(season.column("gps"), [start_gps, stop_gps], side="left")
        for i in range(first, last):
            v = {name: season.column(name)[i] for name in COLUMNS}
            numbers = [f"{v['mjd']:.8f}", f"{np.log10(v['energy_gev']):.4f}", f"{v['sigma_deg']:.4f}"]
            numbers += [f"{v[name]:.4f}" for name in ("ra_deg", "dec_deg", "azimuth_deg", "zenith_deg")]
            lines.append(",".join([season.name, f"{v['row']:.0f}", *numbers]))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def excerpt(archive, tmp_path):
    path = tmp_path / "neutrinos.csv"
    write_excerpt(archive, GPS - 500, GPS + 500, path)
    return path


def test_inside_it_answers_as_the_release(archive, excerpt):
    for half in (500.0, 400.0):
        one, other = (a.window(GPS - half, GPS + half, seed="") for a in (archive, read_excerpt(excerpt)))
        assert one == other and one.neutrinos


def test_outside_it_says_what_it_is(excerpt):
    source = read_excerpt(excerpt)
    assert source.name == "icecube-3yr (excerpt)"
    late = source.window(GPS + 1000, GPS + 2000, seed="")
    assert not late.complete and late.covered_s == 0 and late.season is None and late.covered == ()
    assert "it holds only 2011-12-05T07:03:40Z" in late.why and "llama install icecube-3yr" in late.why
    wider = source.window(GPS - 600, GPS + 500, seed="")
    assert not wider.complete and wider.covered_s == pytest.approx(1000) and "llama install" in wider.why
    (piece,) = wider.covered
    assert (piece.start_gps, piece.stop_gps) == pytest.approx((GPS - 500, GPS + 500)) and piece.season == "IC86-2011"


def test_an_empty_excerpt_still_knows_its_livetime(archive, tmp_path):
    events = archive.season("IC86-2011").column("gps")
    widest = int(abs(events - GPS).argmin())
    start = float(events[widest]) + 1e-3
    stop = float(events[widest + 1]) - 1e-3
    write_excerpt(archive, start, stop, tmp_path / "empty.csv")
    window = read_excerpt(tmp_path / "empty.csv").window(start, stop, seed="")
    assert window.complete and window.neutrinos == () and window.season == "IC86-2011"


@pytest.mark.parametrize("change", [("# window_gps:", "# was:"), ("# source:", "# from:"), ("IC86-2011,", "IC99,")])
@pytest.mark.slow
def test_what_is_no_excerpt_is_refused(excerpt, change):
    excerpt.write_text(excerpt.read_text().replace(*change))
    with pytest.raises(ArchiveError, match="not an excerpt"):
        read_excerpt(excerpt)


def test_bad_rows_are_refused(excerpt):
    excerpt.write_text(excerpt.read_text() + "IC86-2011,9,55900.3,3.0,-0.2,10,10,10,100\n")
    with pytest.raises(BadEvent, match=r"row 5 .* angular error"):
        read_excerpt(excerpt)
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_excerpt(excerpt.parent / "none.csv")
