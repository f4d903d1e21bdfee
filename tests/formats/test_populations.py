"""Background tables: text and HDF5, names, and the rule that says which one fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llama.formats.errors import FormatError
from llama.formats.populations import BackgroundRow, PopulationsFile, read_table, table_name, write_table
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


def test_text_round_trip_keeps_every_digit(tmp_path: Path) -> None:
    rows = [
        BackgroundRow(2.2912652264e-36, 9, "llama-bns-o3-65/events/injection-323", "bns-o3/8937.fits.gz"),
        BackgroundRow(0.1 + 0.2, 0, "block-0", "a map with spaces.fits"),
    ]
    path = tmp_path / "opa-bns-o3-H1L1V1.txt"
    write_table(path, rows, comments={"season": "IC86-2011"})
    comments, again = read_table(path)
    assert again == rows
    assert table_name(path, comments) == "opa/bns/o3/H1L1V1/IC86-2011"


def test_the_form_printed_in_the_original_documentation_reads(tmp_path: Path) -> None:
    path = tmp_path / "bns-o3-H1L1V1.txt"
    path.write_text(
        "EVENT-ODDS-RATIO   N  SOURCE-DIRECTORY  SKYMAP-FILENAME\n"
        "------------------------------------------------------\n"
        "+2.2912652264e-36  9  llama-bns-o3-65/events/injection-323  /x/bns-o3/8937.fits.gz\n"
    )
    comments, rows = read_table(path)
    assert rows == [
        BackgroundRow(2.2912652264e-36, 9, "llama-bns-o3-65/events/injection-323", "/x/bns-o3/8937.fits.gz")
    ]
    assert table_name(path, comments | {"season": "IC86-2011"}) == "opa/bns/o3/H1L1V1/IC86-2011"


@pytest.mark.parametrize("row", ["nan 3 a b", "-1 3 a b", "1.0 x a b", "1.0 3 a"])
def test_a_wrong_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "t.txt"
    path.write_text(f"# season: IC86-2011\n{row}\n")
    with pytest.raises(FormatError, match=r"t\.txt, line 2"):
        read_table(path)


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
        ({"population": "bbh"}, "no background table opa/bbh/o4/H1L1V1/IC86-2011; there are: opa/bns"),
        ({"season": "IC79-2010"}, "no background table opa/bns/o4/H1L1V1/IC79-2010"),
        ({"search_type": "subthreshold"}, "no background table subthreshold/bns"),
        ({"run": "o3"}, "no background table opa/bns/o3"),
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
