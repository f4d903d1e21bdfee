"""Background studies: the same table however many workers drew it, and p-values that are uniform under it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.cli.typed import typed

from llama.app import App
from llama.formats.background_table import read_table
from llama.formats.populations import PopulationsFile
from llama.studies.background import Study, draw
from llama.studies.blocks import processes
from llama.supplies import simulated_neutrinos

MAPS = ("0.fits", "1.fits", "2.fits")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A data folder with the archive installed and a list of three sky maps."""
    folder = tmp_path_factory.mktemp("study")
    typed("install", "icecube-3yr", "--from", data / "neutrinos/icecube_3yr_ps/3year-data-release.zip", home=folder)
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
    assert read.maps.keys() == set(MAPS) and all(area > 0 and distance > 0 for area, distance in read.maps.values())
    assert [row.skymap for row in rows[:4]] == ["0.fits", "1.fits", "2.fits", "0.fits"]
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
    alone, both = home / "alone", home / "both"
    names = [f"{kind}-bns-o4-H1L1V1-IC86-2011.txt" for kind in ("opa", "subthreshold")]
    for folder in (alone, both):
        folder.mkdir()
    options = ("-n", "60", "-j", "1")
    for name in names:
        typed("dev", "background", "draw", home / "H1L1V1.csv", "-o", alone / name, *options, home=home)
    outs = [f"--out={both / name}" for name in names]
    said = typed("dev", "background", "draw", home / "H1L1V1.csv", *outs, *options, home=home)
    assert all(name in said for name in names)
    assert all((alone / name).read_bytes() == (both / name).read_bytes() for name in names)
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
    said = typed("dev", "background", "draw", tmp_path / "maps.csv", "-o", tmp_path / "t.txt", home=home, status=1)
    assert "/no/such/map.fits" in said
    assert not (tmp_path / "t.txt").exists()


@pytest.mark.parametrize("option", ["-n", "-j"])
@pytest.mark.parametrize("value", ["-5", "0", "2.5", "many"])
def test_how_many_is_a_number_from_one_up(tmp_path: Path, option: str, value: str) -> None:
    table = tmp_path / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    words = ("dev", "background", "draw", tmp_path / "H1L1V1.csv", "-o", table, f"{option}={value}")
    said = typed(*words, home=tmp_path, status=2)
    assert said.splitlines()[-1].endswith(f"'{value}' is not a whole number from 1 up")
    assert not table.exists()


@pytest.mark.slow
def test_a_draw_that_is_stopped_goes_on_with_what_it_kept(home: Path, data: Path, tmp_path: Path) -> None:
    app = App.read({"LLAMA_DATA_DIR": str(home)})
    maps = tuple((data / "skymaps/mock_and_sim/local_bayestar" / name).resolve() for name in MAPS)
    study = Study(maps, 9, "study", app.season("IC86-2011"), app.searches()["bns"].search)
    connect = simulated_neutrinos(app, "IC86-2011")
    with processes(1) as executor:
        whole = list(draw(study, connect, executor))
        first = next(draw(study, connect, executor, tmp_path))
        (kept,) = tmp_path.glob("*.npz")
        written = kept.stat().st_mtime_ns
        again = list(draw(study, connect, executor, tmp_path))
    assert first == again[0] and again == whole
    assert kept.stat().st_mtime_ns == written and len(list(tmp_path.glob("*.npz"))) == 3
