"""Background tables: text and HDF5, names, and the rule that says which one fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llama.formats.background_table import BackgroundRow, TextTable, read_table, table_name, write_table
from llama.formats.errors import FormatError
from llama.formats.populations import PopulationsFile, collate
from llama.science.significance import BackgroundTable, Conditions, Populations, TableKind, most_likely_population


def _table(name: str = "opa/bns/o4/H1L1V1/IC86-2011", digest: str = "abc") -> BackgroundTable:
    return BackgroundTable(name, np.array([0.0, 1e-36, 2.0]), 4.74e-3, digest, "map", "three events", "def", 2)


def test_hdf5_round_trip_gives_the_same_bytes(tmp_path: Path) -> None:
    codec, populations = PopulationsFile(), Populations({_table().name: _table()})
    codec.write(populations, tmp_path / "a.hdf5")
    again = codec.read(tmp_path / "a.hdf5")
    codec.write(again, tmp_path / "b.hdf5")
    assert (tmp_path / "a.hdf5").read_bytes() == (tmp_path / "b.hdf5").read_bytes()
    table = again.tables["opa/bns/o4/H1L1V1/IC86-2011"]
    np.testing.assert_array_equal(table.statistics, [0.0, 1e-36, 2.0])
    assert (table.rate_hz, table.search_digest, table.provenance) == (4.74e-3, "abc", "three events")
    assert (table.sky_maps, table.response_digest) == (2, "def")


def test_quantiles_of_a_table_s_maps_come_back_and_tell_what_is_unlike_them(tmp_path: Path) -> None:
    said = replace(_table(), map_area_deg2=(12.0, 150.0, 900.0), map_distance_mpc=(40.0, 210.0))
    PopulationsFile().write(Populations({said.name: said}), tmp_path / "a.hdf5")
    table = PopulationsFile().read(tmp_path / "a.hdf5").tables[said.name]
    assert (table.map_area_deg2, table.map_distance_mpc) == (said.map_area_deg2, said.map_distance_mpc)
    assert table.unlike(12.0, 210.0) == table.unlike(12.0, None) == ""
    assert table.unlike(None, None) == "the area of this map's 90 % region is not recorded"  # of an earlier version
    assert (
        table.unlike(5000.0, 100.0) == "this map's 90 % region is 5000 deg², those of the table's maps are 12 to 900"
    )
    assert "mean distance is 30 Mpc, those of the table's maps are 40 to 210" in table.unlike(20.0, 30.0)
    assert "is not recorded" in _table().unlike(100.0, 100.0)


@pytest.mark.parametrize("quantiles", [(2.0, 1.0), (1.0, np.nan)])
def test_quantiles_that_are_none_are_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="quantiles of the sky maps"):
        replace(_table(), map_area_deg2=quantiles)


def test_tables_together_hold_the_maps_of_all() -> None:
    one = replace(_table(), map_area_deg2=(12.0, 150.0, 900.0))
    two = replace(one, name="opa/bns/o4/H1L1/IC86-2011", map_area_deg2=(50.0, 4000.0))
    pooled = Populations({one.name: one, two.name: two}).choose(replace(KIND, detectors="H1"), FIT).table
    assert pooled is not None and pooled.map_area_deg2 == (12.0, 4000.0)
    silent = replace(two, map_area_deg2=())
    pooled = Populations({one.name: one, two.name: silent}).choose(replace(KIND, detectors="H1"), FIT).table
    assert pooled is not None and pooled.map_area_deg2 == ()


def test_a_file_that_is_no_hdf5_is_named(tmp_path: Path) -> None:
    (tmp_path / "populations.hdf5").write_text("no")
    with pytest.raises(FormatError, match=r"populations\.hdf5"):
        PopulationsFile().read(tmp_path / "populations.hdf5")


def test_text_round_trip_keeps_eleven_digits_and_all_that_is_said(tmp_path: Path) -> None:
    rows = [
        BackgroundRow(2.2912652264e-36, 9, "llama-bns-o3-65/events/injection-323", "bns-o3/8937.fits.gz"),
        BackgroundRow(0.1 + 0.2, 0, "a folder/injection-0", "a map with spaces.fits"),
    ]
    maps = {"bns-o3/8937.fits.gz": (12.5, 200.0), "a map with spaces.fits": (300.0, 40.0)}
    path = tmp_path / "opa-bns-o3-H1L1V1.txt"
    write_table(path, TextTable(rows, {"season": "IC86-2011"}, maps, {"damaged rows": 2}))
    again = read_table(path)
    assert again.rows[0] == rows[0]
    assert again.rows[1] == BackgroundRow(0.3, 0, "a%20folder/injection-0", "a map with spaces.fits")
    assert (again.comments, again.maps, again.left_out) == ({"season": "IC86-2011"}, maps, {"damaged rows": 2})
    assert again.whole and not again.damaged
    assert again.map_quantiles[0][:4] == (12.5, 26.875, 84.375, 156.25)
    assert table_name(path, again.comments) == "opa/bns/o3/H1L1V1/IC86-2011"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], *lines[4:]]))  # a row is lost
    assert read_table(path).whole is False


GUIDE = """\
EVENT-ODDS-RATIO  N  SOURCE-DIRECTORY                      SKYMAP-FILENAME
=========================================================================================================================
+2.2912652264e-36  9  llama-bns-o3-65/events/injection-323  /home/vagrant/pre-er14-background/skymaps/bns-o3/8937.fits.gz
 +2.673378655e-25  4  llama-bns-o3-65/events/injection-111  /home/vagrant/pre-er14-background/skymaps/bns-o3/2304.fits.gz
 +1.677508305e-15  8  llama-bns-o3-65/events/injection-129  /home/vagrant/pre-er14-background/skymaps/bns-o3/4798.fits.gz
+9.3603728371e-09  7  llama-bns-o3-65/events/injection-116  /home/vagrant/pre-er14-background/skymaps/bns-o3/3400.fits.gz
 +9.233942133e-25  3  llama-bns-o3-65/events/injection-324  /home/vagrant/pre-er14-background/skymaps/bns-o3/1865.fits.gz
 +1.565115763e-09  9  llama-bns-o3-65/events/injection-120   /home/vagrant/pre-er14-background/skymaps/bns-o3/699.fits.gz
+3.4337601072e-09  7  llama-bns-o3-65/events/injection-312  /home/vagrant/pre-er14-background/skymaps/bns-o3/8854.fits.gz
+9.4312345753e-09  4  llama-bns-o3-65/events/injection-118  /home/vagrant/pre-er14-background/skymaps/bns-o3/7545.fits.gz
"""  # noqa: E501
"""As the operators' guide prints it."""


def test_the_lines_of_the_guide_come_back_up_to_spaces(tmp_path: Path) -> None:
    path = tmp_path / "bns-o3-H1L1V1.txt"
    path.write_text(GUIDE)
    read = read_table(path)
    assert len(read.rows) == 8 and not read.damaged and read.whole is None and not read.comments
    write_table(path, read)
    lines, printed = path.read_text().splitlines(), GUIDE.splitlines()
    assert [line.split() for line in lines[2:10]] == [line.split() for line in printed[2:]]
    assert lines[0].split() == printed[0].split()
    assert set(lines[1]) == {"="}
    assert len({line.index("  llama-bns") for line in lines[2:10]}) == 1  # aligned
    assert lines[10:] == ["# end: 8 rows"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("bns-o3-H1L1V1", "opa/bns/o3/H1L1V1/unknown"),
        ("bns-o2", "opa/bns/o2/unknown/unknown"),
        ("opa-bbh-o3-H1V1", "opa/bbh/o3/H1V1/unknown"),
        ("subthreshold-bbh-o3-H1V1", "subthreshold/bbh/o3/H1V1/unknown"),
        ("bns-o3-H1L1V1-IC86-2011", "opa/bns/o3/H1L1V1/IC86-2011"),
        ("opa-bns-o4-H1L1V1-IC86-2011", "opa/bns/o4/H1L1V1/IC86-2011"),
    ],
)
def test_names_as_they_are_printed(file: str, name: str) -> None:
    heard = list[str]()
    assert table_name(Path(f"{file}.txt"), {}, notice=heard.append) == name
    assert len(heard) == 5 - len(file.replace("IC86-2011", "S").split("-"))


def test_what_a_name_does_not_say_comes_from_the_comments_else_from_options() -> None:
    options = {"season": "IC79-2010", "search": "subthreshold"}
    assert table_name(Path("bns-o2.txt"), {}, options) == "subthreshold/bns/o2/unknown/IC79-2010"
    said = {"season": "IC86-2011", "detectors": "H1L1"}
    assert table_name(Path("bns-o2.txt"), said, options) == "subthreshold/bns/o2/H1L1/IC86-2011"


@pytest.mark.parametrize("file", ["t.txt", "a-b.txt", "opa--o3-H1.txt", "-o3.txt"])
def test_names_of_another_kind_are_refused(file: str) -> None:
    with pytest.raises(FormatError, match="a background table is called"):
        table_name(Path(file), {})


def test_a_name_that_contradicts_its_table_is_refused() -> None:
    with pytest.raises(FormatError, match="named for season IC86-2012, but is of IC86-2011"):
        table_name(Path("opa-bns-o4-H1-IC86-2012.txt"), {"season": "IC86-2011"})


def test_no_p_value_is_read_from_a_table_that_does_not_say_what_it_was_made_with(tmp_path: Path) -> None:
    (tmp_path / "bns-o4-H1L1V1.txt").write_text(GUIDE)
    (tmp_path / "readme.txt").write_text("all tables of the run\n")
    found = collate(tmp_path, tmp_path / "populations.hdf5")
    assert any("taken for opa" in notice for notice in found.notices)
    assert any("readme.txt" in notice for notice in found.notices)
    populations = PopulationsFile().read(tmp_path / "populations.hdf5")
    (table,) = populations.tables.values()
    assert table.events == table.sky_maps == 8 and table.rate_hz is None and table.search_digest == ""
    assert "unknown: rate_hz, search_digest" in table.provenance
    kind = TableKind.named(table.name)
    for one in (kind, replace(kind, detectors="H1")):
        for fit in (FIT, Conditions("", "", "")):
            assert populations.choose(one, fit).table is None


@pytest.mark.parametrize("row", ["nan 3 a b", "-1 3 a b", "1.0 x a b", "1.0 3 a", "1.0 -3 a b", "inf 1 a b"])
def test_a_wrong_row_is_named_counted_and_left_out(tmp_path: Path, row: str) -> None:
    path = tmp_path / "bns-o3-H1L1V1.txt"
    path.write_text(f"# season: IC86-2011\n{GUIDE}{row}\n")
    assert "bns-o3-H1L1V1.txt, line 12" in read_table(path).damaged[0]
    found = collate(tmp_path, tmp_path / "populations.hdf5")
    (table,) = found.populations.tables.values()
    assert table.events == 8 and "left out: 1 damaged rows" in table.provenance
    assert any("line 12" in notice for notice in found.notices)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("bns-o3-H1L1V1.txt", "opa-bns-o3-H1L1V1.txt"):
        (tmp_path / name).write_text(GUIDE)
    with pytest.raises(FormatError, match=r"are both opa/bns/o3/H1L1V1/unknown"):
        collate(tmp_path, tmp_path / "populations.hdf5")


def test_tables_of_another_file_come_too_where_the_folder_has_none_of_their_name(tmp_path: Path) -> None:
    (tmp_path / "bns-o3-H1L1V1.txt").write_text(GUIDE)
    codec, mine = PopulationsFile(), "opa/bns/o3/H1L1V1/unknown"
    codec.write(Populations({name: _table(name) for name in (mine, _table().name)}), tmp_path / "before.hdf5")
    collate(tmp_path, tmp_path / "alone.hdf5")
    collate(tmp_path, tmp_path / "both.hdf5", others=tmp_path / "before.hdf5")
    alone, both = (codec.read(tmp_path / name).tables for name in ("alone.hdf5", "both.hdf5"))
    assert sorted(both) == [mine, _table().name]
    assert both[mine].provenance == alone[mine].provenance != "three events"
    assert both[_table().name].provenance == "three events"


def test_a_table_with_nan_or_out_of_order_is_refused() -> None:
    for values in ([1.0, np.nan], [2.0, 1.0], []):
        with pytest.raises(ValueError, match="background table x"):
            BackgroundTable("x", np.array(values), 1.0, "", "map", "")


FIT = Conditions("abc", "def", "map")
KIND = TableKind.named("opa/bns/o4/H1L1V1/IC86-2011")


def test_the_table_of_its_own_kind_comes_first() -> None:
    populations = Populations(
        {_table().name: _table(), (other := _table(name="opa/bns/o4/H1L1/IC86-2011")).name: other}
    )
    choice = populations.choose(KIND, FIT)
    assert choice.table is populations.tables[KIND.name]
    assert choice.reason == "background table opa/bns/o4/H1L1V1/IC86-2011, 3 events"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"population": "bbh"},
            "no background table opa/bbh/o4/H1L1V1/IC86-2011; there is none of population bbh, only of bns",
        ),
        ({"season": "IC79-2010"}, "no background table opa/bns/o4/H1L1V1/IC79-2010; there is none of season"),
        ({"search_type": "subthreshold"}, "there is none of search type subthreshold, only of opa"),
        (
            {"run": "o3", "population": "cbc"},
            "there is none of population cbc, only of bns; there is none of run o3, only of o4",
        ),
        ({"detectors": "L1V1", "response_digest": "xyz"}, "there is opa/bns/o4/H1L1V1/IC86-2011, which was made"),
        ({"search_digest": "xyz"}, "made with other search parameters"),
        ({"response_digest": "xyz"}, "made with another detector response"),
        ({"distance_mode": "marginal"}, "is for distance mode map"),
    ],
)
def test_choice_needs_everything_but_the_detectors_to_fit(change: dict[str, str], says: str) -> None:
    populations = Populations({_table().name: _table()})
    kind = replace(KIND, **{name: value for name, value in change.items() if hasattr(KIND, name)})
    fit = replace(FIT, **{name: value for name, value in change.items() if hasattr(FIT, name)})
    choice = populations.choose(kind, fit)
    assert choice.table is None
    assert says in choice.reason


def test_without_any_or_of_a_combination_there_is_none() -> None:
    assert Populations({}).choose(KIND, FIT).reason.endswith("; there are none at all")
    names = "opa/bns/o3/H1L1V1/IC86-2011", "opa/bbh/o4/H1L1V1/IC86-2011"
    populations = Populations({name: _table(name=name) for name in names})
    assert populations.choose(KIND, FIT).reason.endswith("none of this combination, whatever the detectors")


@pytest.mark.parametrize("detectors", ["H1", "H1K1L1", "unknown"])
def test_other_detectors_fall_back_to_all_together_and_say_so(detectors: str) -> None:
    one, two = (
        _table(),
        replace(_table(name="opa/bns/o4/H1L1/IC86-2011"), statistics=np.array([0.0, 1.0]), sky_maps=4),
    )
    odd = _table(name="opa/bns/o4/L1V1/IC86-2011", digest="xyz")
    far = _table(name="opa/bbh/o4/H1L1/IC86-2011")
    populations = Populations({table.name: table for table in (one, two, odd, far)})
    choice = populations.choose(replace(KIND, detectors=detectors), FIT)
    assert choice.table is not None
    assert choice.table.name == "opa/bns/o4/any/IC86-2011"
    np.testing.assert_array_equal(choice.table.statistics, [0.0, 0.0, 1e-36, 1.0, 2.0])
    assert choice.table.sky_maps == (None if one.sky_maps is None else one.sky_maps + 4)
    assert (
        choice.reason
        == f"all detectors together (H1L1, H1L1V1), 5 events, for want of opa/bns/o4/{detectors}/IC86-2011"
    )


@pytest.mark.parametrize(
    ("p_astro", "population"),
    [
        ({"BNS": 0.6, "NSBH": 0.1, "BBH": 0.2, "Terrestrial": 0.1}, "bns"),
        ({"BNS": 0.2, "NSBH": 0.1, "BBH": 0.2, "MassGap": 0.1, "Terrestrial": 0.4}, "bns"),
        ({"BNS": 0.1, "NSBH": 0.1, "BBH": 0.2, "MassGap": 0.1, "Terrestrial": 0.5}, "nsbh"),
        ({"NSBH": 0.6, "Terrestrial": 0.4}, "nsbh"),
        ({"BNS": 0.0, "NSBH": 0.1, "BBH": 0.2, "Terrestrial": 0.7}, "bbh"),
        ({"BNS": 0.0, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 1.0}, "bns"),
        ({"BNS": None, "BBH": None}, "cbc"),
        ({}, "cbc"),
    ],
)
def test_most_likely_population_ignores_terrestrial(p_astro: dict[str, float | None], population: str) -> None:
    assert most_likely_population(p_astro, "CBC") == population


def test_a_trigger_that_is_not_called_a_merger_is_a_burst() -> None:
    assert most_likely_population({}, "Burst") == most_likely_population({}) == "burst"


def test_a_file_that_cannot_be_read_is_a_format_error(tmp_path):
    for path in (tmp_path, tmp_path / "missing.hdf5"):
        with pytest.raises(FormatError, match=path.name):
            PopulationsFile().read(path)


def test_a_table_whose_name_contradicts_it_is_left_out_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "bns-o3-H1L1V1.txt").write_text(GUIDE)
    (tmp_path / "bns-o4-H1L1.txt").write_text(f"{GUIDE}# run: o3\n")
    found = collate(tmp_path, tmp_path / "populations.hdf5")
    assert list(found.populations.tables) == ["opa/bns/o3/H1L1V1/unknown"]
    assert any("bns-o4-H1L1.txt is named for run o4, but is of o3" in notice for notice in found.notices)


def test_damaged_rows_are_one_notice_a_table(tmp_path: Path) -> None:
    (tmp_path / "bns-o3-H1L1V1.txt").write_text(GUIDE + "nan 3 a b\n" * 500)
    found = collate(tmp_path, tmp_path / "populations.hdf5")
    (notice,) = (one for one in found.notices if "line" in one)
    assert notice.endswith("and 499 more damaged rows") and "line 11" in notice
    (table,) = found.populations.tables.values()
    assert "left out: 500 damaged rows" in table.provenance
