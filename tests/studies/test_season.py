"""A season of one's own: what the packaged ones were made of gives them again, and bad files are told."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest

from llama.app import packaged
from llama.formats.errors import TableError
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.detector import TRUE_EDGES, SeasonTable
from llama.services.icecube import SIGMA_FLOOR_DEG
from llama.studies.season import LEAST_SIGMA_DEG, AddedSeason, SeasonFiles, add_season, read_sample
from llama.studies.season_files import BANDS_DEG, find, read_area, read_smearing

pytestmark = pytest.mark.slow

TABLES = IceCubeTablesFile().read(packaged("icecube_tables.h5"))
EVENTS = IceCubeEventsFile().read(packaged("icecube_events.h5"))
THERE = TABLES, EVENTS
ZIP = "neutrinos/icecube_3yr_ps/3year-data-release.zip/3year-data-release"
UPTIME = "neutrinos/icecube_10yr_ps/uptime"
KDE = "effective_areas/plenum_irfs/energy_smearing_2D_step-0.1_KDE.npz"


def three_years(data: Path, season: str, uptime: str, name: str = "") -> SeasonFiles:
    events, area = data / ZIP / f"{season}-events.txt", data / ZIP / f"{season}-TabulatedAeff.txt"
    return SeasonFiles(name or season, (events,), (data / UPTIME / f"{uptime}_exp.csv",), area, data / KDE)


def ic40(data: Path, name: str = "IC40") -> SeasonFiles:
    folder = data / "neutrinos/icecube_10yr_ps"
    area = data / "effective_areas/icecube_10yr_ps/IC40_effectiveArea.csv"
    return SeasonFiles(name, (folder / "events/IC40_exp.csv",), (folder / "uptime/IC40_exp.csv",), area, data / KDE)


def assert_same(one: SeasonTable, other: SeasonTable, rtol: float) -> None:
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.shape == b.shape, field.name
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12, err_msg=field.name)
        elif isinstance(a, float):
            assert a == pytest.approx(b, rel=rtol), field.name


def test_the_season_whose_smearing_is_its_own_is_the_packaged_one(data, tmp_path):
    files = three_years(data, "IC86-2012", "IC86_II")
    added = add_season(files, THERE, tmp_path, smearing_of="IC86-2012", overwrite=True)
    assert_same(added.table, TABLES.season("IC86-2012"), 0.0)
    assert added.table.smearing == TABLES.season("IC86-2012").smearing
    assert IceCubeEventsFile().read(added.events_path).season("IC86-2012").digest == EVENTS.season("IC86-2012").digest
    assert added.outside == 119


@pytest.mark.parametrize(("season", "uptime"), [("IC79-2010", "IC79"), ("IC86-2011", "IC86_I")])
def test_seasons_that_borrow_it_are_the_packaged_ones(data, tmp_path, season, uptime):
    """Only the season that it is compared with comes out of a file, whose areas have seven digits."""
    added = add_season(three_years(data, season, uptime), THERE, tmp_path, smearing_of="IC86-2012", overwrite=True)
    assert_same(added.table, TABLES.season(season), 1e-6)
    assert added.table.smearing == TABLES.season(season).smearing


@pytest.fixture(scope="module")
def added(data: Path, tmp_path_factory: pytest.TempPathFactory) -> AddedSeason:
    folder = tmp_path_factory.mktemp("seasons")
    return add_season(ic40(data, "IC40-own"), THERE, folder, smearing_of="IC86-2012")


def test_a_new_season_stands_beside_the_others(added):
    tables, events = IceCubeTablesFile().read(added.tables_path), IceCubeEventsFile().read(added.events_path)
    assert sorted(tables.seasons) == sorted(events.seasons) == sorted([*TABLES.seasons, "IC40-own"])
    assert_same(tables.season("IC40-own"), TABLES.season("IC40"), 1e-6)
    assert events.season("IC40-own").dec_rad.size == tables.season("IC40-own").n_observed == 36900
    assert np.array_equal(events.season("IC40-own").sigma_rad, EVENTS.season("IC40").sigma_rad)
    assert tables.season("IC86-2011").n_observed == TABLES.season("IC86-2011").n_observed
    assert len(added.digest) == 64


def test_the_digest_is_of_all_numbers_and_of_nothing_else(added, data, tmp_path):
    again = add_season(ic40(data, "IC40-own"), THERE, tmp_path / "a", smearing_of="IC86-2012", alone=True)
    assert again.digest == added.digest
    assert list(IceCubeTablesFile().read(again.tables_path).seasons) == ["IC40-own"]
    bare = dataclasses.replace(ic40(data, "IC40-own"), smearing=None)
    other = add_season(bare, THERE, tmp_path / "b", smearing_of="IC86-2012", alone=True)
    assert other.digest != added.digest and "no energy smearing" in other.table.smearing


def test_two_halves_are_one_season(added, data, tmp_path):
    files = ic40(data, "IC40-own")
    parts = []
    for kind, (path,) in (("events", files.events), ("runs", files.livetime)):
        head, *rows = path.read_text().splitlines(keepends=True)
        for number, some in enumerate((rows[len(rows) // 2 :], rows[: len(rows) // 2])):
            parts.append(tmp_path / f"{kind}-{number}.csv")
            parts[-1].write_text("".join([head, *some]))
    halves = dataclasses.replace(files, events=tuple(parts[:2]), livetime=tuple(parts[2:]))
    found = add_season(halves, THERE, tmp_path / "out", smearing_of="IC86-2012", alone=True)
    assert_same(found.table, added.table, 1e-12)


def test_nothing_is_overwritten_unless_asked(added, data):
    with pytest.raises(TableError, match="is there already"):
        add_season(ic40(data, "X"), THERE, added.tables_path.parent, smearing_of="IC86-2012")
    with pytest.raises(TableError, match="there is a season IC40 already"):
        add_season(ic40(data), THERE, added.tables_path.parent / "new", smearing_of="IC86-2012")
    with pytest.raises(TableError, match="would not tell 2024 in the name GFU_2024"):
        add_season(ic40(data, "GFU_2024"), THERE, added.tables_path.parent / "new", smearing_of="IC86-2012")
    with pytest.raises(TableError, match="--smearing-of IC99"):
        add_season(ic40(data, "X"), THERE, added.tables_path.parent / "new", smearing_of="IC99")
    assert not (added.tables_path.parent / "new").exists()


def test_floors_are_one():
    assert LEAST_SIGMA_DEG == SIGMA_FLOOR_DEG


@pytest.mark.parametrize("season", ["IC40", "IC86_II"])
def test_both_orders_of_an_area_are_read_alike(data, tmp_path, season):
    path = data / f"effective_areas/icecube_10yr_ps/{season}_effectiveArea.csv"
    head, *rows = path.read_text().splitlines()
    turned = tmp_path / "area.csv"
    turned.write_text("\n".join([head, *sorted(rows, key=lambda row: float(row.split()[2]), reverse=True)]) + "\n")
    area = read_area(find(path))
    assert area.shape == (60, 100) and np.array_equal(area, read_area(find(turned)))


def test_areas_of_the_two_releases_agree(data):
    three = read_area(find(data / ZIP / "IC86-2012-TabulatedAeff.txt"))
    ten = read_area(find(data / "effective_areas/icecube_10yr_ps/IC86_II_effectiveArea.csv"))
    north = slice(60, 95)
    assert three[20:40, north].sum() == pytest.approx(ten[20:40, north].sum(), rel=0.1)


def official(compact: Path, path: Path) -> None:
    """The same smearing as the 10-year release would write it: eleven columns, angles in two bins each."""
    with np.load(compact) as file:
        kernels, edges = {band: file[band] for band in BANDS_DEG}, np.round(file["logE_reco_edges"], 10)
    lines = [
        "# log10(E_nu/GeV)_min _max Dec_nu_min _max log10(E/GeV)_min _max PSF_min _max AngErr_min _max Fractional"
    ]
    for band, (south, north) in BANDS_DEG.items():
        for k in range(TRUE_EDGES.size - 1):
            for j in np.flatnonzero(kernels[band][:, k] > 1e-7):
                half = kernels[band][j, k] / 2
                where = (
                    f"{TRUE_EDGES[k]:.2f} {TRUE_EDGES[k + 1]:.2f} {south} {north} {edges[j]:.2f} {edges[j + 1]:.2f}"
                )
                lines += [f"{where} {psf} {psf + 1} 0.2 2.0 {half:.12e}" for psf in (0, 1)]
    path.write_text("\n".join(lines) + "\n")


def test_a_smearing_table_of_the_release_is_read(data, tmp_path):
    official(data / KDE, tmp_path / "IC86_II_smearing.csv")
    compact, table = read_smearing(find(data / KDE)), read_smearing(find(tmp_path / "IC86_II_smearing.csv"))
    area = read_sample(ic40(data))[0].area_cm2
    a, b = compact.folded(area, 2.0), table.folded(area, 2.0)
    shift = round((table.edges[0] - compact.edges[0]) * 10)
    np.testing.assert_allclose(b, a[shift : shift + len(b)], rtol=1e-4, atol=1e-4 * a.max())
    assert table.source == "IC86_II_smearing.csv"


def broken(path: Path, change, folder: Path) -> Path:
    made = folder / path.name
    made.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    return made


@pytest.mark.parametrize(
    ("which", "change", "words"),
    [
        ("events", lambda rows: [*rows[:5], "nonsense"], "is not a table of events"),
        ("events", lambda rows: [row + " 1" for row in rows], "8 columns"),
        ("events", lambda rows: rows[:1], "is not a table of events"),
        ("events", lambda rows: [*rows, "54600 3 1 10 95 0 0"], "declination"),
        ("events", lambda rows: [*rows, "2454600 3 1 10 5 0 0"], "MJD"),
        ("events", lambda rows: [*rows, "54600 nan 1 10 5 0 0"], "no number"),
        ("events", lambda rows: [*rows, "54600 200 1 10 5 0 0"], "energies of 10"),
        ("livetime", lambda rows: [*rows, "54600.0 54700.0"], "begins before another ends"),
        ("livetime", lambda rows: [*rows, "54601.0 54600.0"], "no run is from"),
        ("livetime", lambda rows: rows[:200], "in no good run"),
        ("events", lambda rows: [*rows, *rows[1:4]], "3 of 36903 events of X are there twice"),
        ("events", lambda rows: rows[:20000], "days of good runs of X pass without an event"),
        ("area", lambda rows: rows[:-1], "no grid of"),
        ("area", lambda rows: [*rows[:-1], rows[-1].rsplit(None, 1)[0] + " -1"], "below 0"),
    ],
)
def test_bad_files_are_told(data, tmp_path, which, change, words):
    files = ic40(data, "X")
    given = getattr(files, which)
    path = broken(given if which == "area" else given[0], change, tmp_path)
    files = dataclasses.replace(files, **{which: path if which == "area" else (path,)})
    with pytest.raises(TableError, match=words):
        add_season(files, THERE, tmp_path / "out", smearing_of="IC86-2012")
    assert not (tmp_path / "out").exists()


def test_files_that_are_none(data, tmp_path):
    for path, words in (
        (tmp_path / "nothing.csv", "there is no file"),
        (data / ZIP / "nothing.txt", "cannot be read out of"),
        (data / UPTIME / "IC40_exp.csv", "2 columns"),
    ):
        with pytest.raises(TableError, match=words):
            add_season(dataclasses.replace(ic40(data, "X"), events=(path,)), THERE, tmp_path, smearing_of="X")
    with zipfile.ZipFile(tmp_path / "smearing.npz", "w") as other:
        other.writestr("a.npy", b"x")
    with pytest.raises(TableError, match="no energy smearing"):
        read_smearing(find(tmp_path / "smearing.npz"))


def test_too_few_events_to_compare_energies(data, tmp_path):
    few = broken(ic40(data).events[0], lambda rows: [rows[0], *rows[1::36]], tmp_path)
    files = dataclasses.replace(ic40(data, "X"), events=(few,))
    with pytest.raises(TableError, match="events south of -20 deg, too few to compare energies by"):
        add_season(files, THERE, tmp_path / "out", smearing_of="IC86-2012")
    own = add_season(files, THERE, tmp_path / "out", smearing_of="X", alone=True)
    assert own.table.n_observed == 1025


def test_too_few_events_for_a_background(data, tmp_path):
    """Of three, spread over a year, p-values came out below 1e-14."""
    few = broken(ic40(data).events[0], lambda rows: [rows[0], *rows[1::37]], tmp_path)
    with pytest.raises(TableError, match="X has 998 events; a background needs 1000 or more"):
        read_sample(dataclasses.replace(ic40(data, "X"), events=(few,)))
