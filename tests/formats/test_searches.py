"""`search.json`: what ships, what people may write, and what is refused with the file and key named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llama.app import packaged
from llama.formats.errors import RecordError
from llama.formats.searches import SearchesFile
from llama.science.search import Search
from llama.science.significance import PARAMETERS, UNITS, Searches, parameters

PACKAGED = SearchesFile().read(packaged("search.json"))


def written(**change: Any) -> dict[str, Any]:
    """A file with one search, some of its parameters changed."""
    found = json.loads(SearchesFile().encode(Searches({"bns": PACKAGED["bns"]})))
    found["bns"]["parameters"] |= change
    return dict(found)


def decoded(found: object) -> Searches:
    return SearchesFile().decode(json.dumps(found).encode())


def test_the_packaged_file_holds_every_population_and_cbc_is_the_default() -> None:
    assert list(PACKAGED.records) == ["cbc", "bns", "nsbh", "bbh", "burst"]
    assert PACKAGED["cbc"].search == Search()
    assert packaged("search.json").read_bytes() == SearchesFile().encode(PACKAGED)
    for record in PACKAGED.records.values():
        assert set(record.sources) == set(PARAMETERS) == set(parameters(record.search))
    assert set(UNITS) <= set(PARAMETERS)


def test_rates_are_those_they_are_said_to_be() -> None:
    for name, per_gpc3_yr in (("bns", 130), ("nsbh", 33), ("bbh", 28)):
        found = PACKAGED[name].search.source_rate_mpc3_s * 365.25 * 86400 * 1e9
        assert found == pytest.approx(per_gpc3_yr, rel=1e-12)
    assert PACKAGED["cbc"].search.source_rate_mpc3_s * 365 * 86400 * 1e9 == pytest.approx(23.9, rel=1e-12)


def test_a_search_that_was_changed_reads() -> None:
    searches = decoded(written(beaming=5.0, gw_background_snrs=[6.0, 7.5]))
    assert searches["bns"].search.beaming == 5.0
    assert searches["bns"].search.gw_background_snrs == (6.0, 7.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beaming": 0.5}, "^search bns: beaming is 0.5, it cannot be below 1"),
        ({"beaming": "ten"}, r"bns: Expected `float`, got `str` - at `\$.beaming`"),
        ({"beeming": 10.0}, "bns: no parameter beeming; there are run, t_gw"),
        ({"e_gw_min_eu": 100.0}, "^search bns: e_gw_min_eu must be below e_gw_max_eu"),
        ({"source_rate_mpc3_s": 0.0}, "source_rate_mpc3_s is 0.0, it must be positive"),
        ({"gw_background_rate_hz": 0.0}, "gw_background_rate_hz is 0.0, it must be positive"),
        ({"neutrino_rate_hz": 0.0}, "neutrino_rate_hz is 0.0, it must be positive"),
        ({"gw_background_snrs": [5.0, 7.0]}, "gw_background_snrs holds 5.0; each must be finite and not below"),
        ({"gw_background_snrs": [7.0]}, "a density needs two or more"),
        ({"distance_mode": "near"}, "^bns: distance_mode is 'near'; there are auto, map, pinned, marginal$"),
        ({"distance_mode": ["map"]}, r"^bns: distance_mode is \['map'\]; there are auto"),
        ({"run": ""}, "^search bns: run is ''; it is of small letters and digits like o4"),
        ({"run": "o-4"}, "run is 'o-4'; it is of small letters"),
        ({"declination_window_deg": 300.0}, "declination_window_deg is 300.0, it cannot be above 180"),
        ({"snr_min": None}, "snr_min"),
    ],
)
def test_parameters_that_cannot_be_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        decoded(written(**change))


def test_every_parameter_needs_its_source() -> None:
    found = written()
    del found["bns"]["sources"]["beaming"]
    with pytest.raises(RecordError, match="bns: sources does not say where beaming comes from"):
        decoded(found)
    with pytest.raises(RecordError, match="does not say where beaming"):
        found["bns"]["sources"]["beaming"] = "  "
        decoded(found)
    with pytest.raises(RecordError, match="bns: sources has beeming, which is no parameter"):
        found["bns"]["sources"] |= {"beaming": "assumption", "beeming": "assumption"}
        decoded(found)
    del (found := written())["bns"]["parameters"]["run"]
    with pytest.raises(RecordError, match="bns: parameters lacks run"):
        decoded(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{}", "no search in it"),
        ('{"beaming": 10.0}', "beaming: a search is"),
        ('{"bns": {"parameters": {}}}', "bns: a search is"),
        ('{"bns": {"parameters": [], "sources": {}}}', "bns: a search is"),
        ('{"bns": {}, "bns": {}}', "bns is given more than once"),
        ('{"bns": {"parameters": {"beaming": NaN}}}', "NaN is not a number"),
        ("\xff", "codec can't decode"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_files_of_another_shape_are_refused(text: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        SearchesFile().decode(text.encode("latin-1"))


def test_names_become_part_of_other_names() -> None:
    found = written()
    with pytest.raises(RecordError, match="B/NS"):
        decoded({"B/NS": found["bns"]})


def test_the_population_chooses_and_the_choice_says_so() -> None:
    assert PACKAGED.choose("nsbh").search is PACKAGED["nsbh"].search
    assert PACKAGED.choose("nsbh").why == "population nsbh"
    without = Searches({name: PACKAGED[name] for name in ("cbc", "bns", "bbh")})
    assert without.choose("nsbh").search.name == "cbc"
    assert "cbc instead" in without.choose("nsbh").why
    assert Searches({"bns": PACKAGED["bns"]}).choose("bbh").why == "no search for population bbh: bns instead"
    with pytest.raises(ValueError, match="no search for population burst, nor cbc"):
        Searches({name: PACKAGED[name] for name in ("bns", "bbh")}).choose("burst")


def test_a_file_round_trips(tmp_path: Path) -> None:
    SearchesFile().write(PACKAGED, tmp_path / "search.json")
    assert SearchesFile().read(tmp_path / "search.json") == PACKAGED
