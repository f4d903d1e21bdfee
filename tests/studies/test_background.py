"""Background studies: the same table however many workers drew it, and p-values that are uniform under it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.typed import typed

from llama.formats.background_table import read_table
from llama.formats.populations import PopulationsFile

MAPS = ("0.fits", "1.fits", "2.fits")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A data folder with a list of three sky maps."""
    folder = tmp_path_factory.mktemp("study")
    paths = [str((data / "skymaps/mock_and_sim/local_bayestar" / name).resolve()) for name in MAPS]
    (folder / "H1L1V1.csv").write_text("\n".join(paths) + "\n")
    return folder


@pytest.mark.slow
def test_the_table_does_not_depend_on_the_workers(home: Path) -> None:
    one, two = home / "one" / "opa-bns-o4-H1L1V1-IC86-2011.txt", home / "two" / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    for path, workers in ((one, 1), (two, 2)):
        path.parent.mkdir()
        typed("dev", "background", "draw", home / "H1L1V1.csv", "-o", path, "-n", "60", "-j", workers, home=home)
    assert one.read_bytes() == two.read_bytes()
    read = read_table(one)
    rows = read.rows
    assert read.comments["season"] == "IC86-2011" and read.whole
    assert {Path(name).name for name in read.maps} == set(MAPS) and all(
        area > 0 and distance > 0 for area, distance in read.maps.values()
    )
    assert sorted(Path(row.skymap).name for row in rows) == sorted(20 * MAPS)
    assert np.mean([row.n for row in rows]) == pytest.approx(4.74, abs=1.0)
    assert all(row.odds_ratio == 0 for row in rows if row.n == 0)


@pytest.mark.slow
def test_tables_collate_and_serve(home: Path) -> None:
    folder = home / "serve"
    folder.mkdir()
    table = folder / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    typed("dev", "background", "draw", home / "H1L1V1.csv", "-o", table, "-n", "30", "-j", "1", home=home)
    assert "overwrites" in typed(
        "dev", "background", "draw", home / "H1L1V1.csv", "-o", table, "-n", "30", home=home, status=1
    )
    assert "30 events" in typed("dev", "background", "pvalue", folder, home=home)
    populations = PopulationsFile().read(folder / "populations.hdf5")
    assert list(populations.tables) == ["opa/bns/o4/H1L1V1/IC86-2011"]
    assert "overwrites" in typed("dev", "background", "pvalue", folder, home=home, status=1)
    typed("dev", "background", "pvalue", folder, "-c", home=home)


@pytest.mark.slow
def test_both_searches_come_from_the_same_events(home: Path) -> None:
    """One pass or one each makes no difference; the exact statistic adds only what three and more neutrinos say."""
    each, both = home / "each", home / "both"
    names = [f"{kind}-bns-o4-H1L1V1-IC86-2011.txt" for kind in ("opa", "subthreshold")]
    for folder in (each, both):
        folder.mkdir()
    options = ("-n", "60", "-j", "1")
    for name in names:
        typed("dev", "background", "draw", home / "H1L1V1.csv", "-o", each / name, *options, home=home)
    outs = [f"--out={both / name}" for name in names]
    said = typed("dev", "background", "draw", home / "H1L1V1.csv", *outs, *options, home=home)
    assert all(name in said for name in names)
    assert all((each / name).read_bytes() == (both / name).read_bytes() for name in names)
    single, exact = (read_table(both / name).rows for name in names)
    assert [(row.n, row.source, row.skymap) for row in single] == [(row.n, row.source, row.skymap) for row in exact]
    assert [row.odds_ratio for row in single] == pytest.approx([row.odds_ratio for row in exact], rel=1e-3)
    assert typed("dev", "background", "pvalue", both, home=home).count("60 events") == 2
    populations = PopulationsFile().read(both / "populations.hdf5")
    assert sorted(populations.tables) == [f"{kind}/bns/o4/H1L1V1/IC86-2011" for kind in ("opa", "subthreshold")]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["opa-bns-o4-H1L1V1-IC86-2011.txt", "subthreshold-bbh-o4-H1L1V1-IC86-2011.txt"], "nothing but the search"),
        (["opa-bns-o4-H1L1V1-IC86-2011.txt", "bns-o4-H1L1V1.txt"], "two tables of one search type"),
        (["sub-bns-o4-H1L1V1-IC86-2011.txt"], "search type sub; there are opa, subthreshold"),
        (["opa-bns-o4-H1L1V1-IC86-2012.txt"], "named for season IC86-2012, but would be of IC86-2011"),
        (["opa-bns-o3-H1L1V1-IC86-2011.txt"], "named for run o3, but would be of o4"),
    ],
)
@pytest.mark.slow
def test_names_that_do_not_belong_together_are_refused(
    home: Path, tmp_path: Path, names: list[str], complaint: str
) -> None:
    outs = [f"--out={tmp_path / name}" for name in names]
    assert complaint in typed("dev", "background", "draw", home / "H1L1V1.csv", *outs, "-n", "3", home=home, status=1)
    assert not list(tmp_path.glob("*.txt"))


@pytest.mark.slow
def test_a_list_that_names_a_missing_map_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "maps.csv").write_text("/no/such/map.fits\n")
    table = tmp_path / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    said = typed("dev", "background", "draw", tmp_path / "maps.csv", "-o", table, "-n", "3", home=home, status=1)
    assert "left out: /no/such/map.fits" in said
    assert not table.exists()


@pytest.mark.slow
def test_a_map_that_comes_later_is_tried_again(home: Path, data: Path, tmp_path: Path) -> None:
    table, late = tmp_path / "opa-bns-o4-H1L1V1-IC86-2011.txt", tmp_path / "late.fits"
    there = (data / "skymaps/mock_and_sim/local_bayestar/0.fits").resolve()
    (tmp_path / "maps.csv").write_text(f"{there}\n{late}\n")
    draw = ("dev", "background", "draw", tmp_path / "maps.csv", "-o", table, "-n", "6", "-j", "1")
    assert "3 of 6 events are lacking" in typed(*draw, home=home, status=1)
    assert len(read_table(table).rows) == 3
    shutil.copy(there, late)
    assert "6 background events" in typed(*draw, "-c", home=home)


@pytest.mark.slow
def test_the_same_trials_of_two_places_count_once(home: Path, tmp_path: Path) -> None:
    tables = [tmp_path / place / "opa-bns-o4-H1L1V1-IC86-2011.txt" for place in ("here", "there")]
    for table in tables:
        table.parent.mkdir()
        typed("dev", "background", "draw", home / "H1L1V1.csv", "-o", table, "-n", "6", "-j", "1", home=home)
    both = tmp_path / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    typed("dev", "background", "table", both, *tables, home=home)
    assert len(read_table(both).rows) == 6


@pytest.mark.parametrize("option", ["-n", "-j"])
@pytest.mark.parametrize("value", ["-5", "0", "2.5", "many"])
def test_how_many_is_a_number_from_one_up(tmp_path: Path, option: str, value: str) -> None:
    table = tmp_path / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    words = ("dev", "background", "draw", tmp_path / "H1L1V1.csv", "-o", table, f"{option}={value}")
    said = typed(*words, home=tmp_path, status=2)
    assert said.splitlines()[-1].endswith(f"'{value}' is not a whole number from 1 up")
    assert not table.exists()


@pytest.mark.slow
def test_a_larger_draw_goes_on_with_what_there_is(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    draw = ("dev", "background", "draw", home / "H1L1V1.csv", "-o", table, "-j", "1")
    typed(*draw, "-n", "9", home=home)
    rows = {(row.source, row.odds_ratio) for row in read_table(table).rows}
    blocks = sorted((tmp_path / "bns-o4-H1L1V1-IC86-2011").rglob("*.npz"))
    written = [path.stat().st_mtime_ns for path in blocks]
    assert len(rows) == 9 and len(blocks) == 3
    assert "18 background events" in typed(*draw, "-n", "18", "-c", home=home)
    more = {(row.source, row.odds_ratio) for row in read_table(table).rows}
    assert len(more) == 18 and rows < more, "those there were, and as many again"
    assert [path.stat().st_mtime_ns for path in blocks] == written


@pytest.mark.slow
def test_any_search_may_have_a_table(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "opa-cbc-o4-H1L1V1-IC86-2011.txt"
    typed("dev", "background", "draw", home / "H1L1V1.csv", "-o", table, "-n", "6", "-j", "1", home=home)
    assert read_table(table).comments["population"] == "cbc"
