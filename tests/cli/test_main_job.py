"""The main job as a person types it: `llama demo`, `llama review`, and looking at what came out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from typed import copied, typed

pytestmark = pytest.mark.slow

FILES = {
    "background_lvc-i3.h5",
    "igwn_alert.json",
    "skymap_info.json",
    "lvc_skymap.multiorder.fits",
    "lvc_skymap_distances.json",
    "p_astro.json",
    "lvc_gracedb_event_data.json",
    "icecube_neutrino_list.json",
    "icecube_neutrino_list.txt",
    "icecube_neutrino_list_coinc.txt",
    "IceCubeNeutrinoList.tex",
    "statistic_lvc-i3.json",
    "significance_opa_lvc-i3.json",
    "significance_subthreshold_lvc-i3.json",
    "scatterplot_lvc-i3.png",
    "scatterplot_lvc-i3.pdf",
    "skymap_lvc-i3.multiorder.fits",
    "skymap_lvc-i3_most_significant.multiorder.fits",
    "summary_lvc-I3.pdf",
    "lvk_nu_track_search.json",
    "gcn_circular_draft.txt",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the demo has run, started as from a terminal."""
    folder = tmp_path_factory.mktemp("data")
    typed("demo", home=folder, fresh=True)
    return folder


@pytest.fixture
def event(home: Path) -> Path:
    return home / "current_run" / "MS120130a"


def test_the_demo_makes_every_file_of_the_default_pipeline(event: Path) -> None:
    assert {path.name for path in event.iterdir() if not path.name.startswith(".")} == FILES


def test_the_demo_again_says_the_same_and_makes_nothing(home: Path, event: Path) -> None:
    before = (event / ".llama" / "journal.jsonl").read_bytes()
    said = typed("demo", home=home)
    assert str(event) in said
    assert "p-value" in said
    assert (event / ".llama" / "journal.jsonl").read_bytes() == before


def test_the_result_holds_what_partners_read(event: Path) -> None:
    result = json.loads((event / "significance_opa_lvc-i3.json").read_text())
    assert result["odds_ratio"] == pytest.approx(result["p_h_s1"] / (result["p_h_0"] + result["p_h_c"]), rel=1e-12)
    assert 0 < result["p_value"] <= 1
    assert result["p_value_from"] == "map" and result["p_value_background"]["lists"] >= 1000
    assert result["p_value_population"]["table"]["name"] == "opa/bns/o4/H1L1V1/IC86-2011"
    assert result["p_value_population"]["table"]["events"] >= 10_000
    assert result["distance_mode"] == "map"
    assert {"ΔE", "δω", "εmin", "εmax"} <= set(result["inputs"]["search_parameters"])
    for single in result["single_neutrino"]:
        assert {"i3event", "dt", "ra", "dec", "sigma", "p_value"} <= set(single)
        assert abs(single["dt"]) <= 500
        assert single["p_value"] >= result["p_value"]  # the event's statistic is their sum
    assert result["inputs"]["neutrino_info"][0]["type"] == "archival"


def test_the_notice_is_valid_by_the_gcn_schema(event: Path, data: Path) -> None:
    root = data / "schemas" / "gcn-schema"
    base = "https://gcn.nasa.gov/schema/main/"
    registry: Registry = Registry().with_resources(
        (f"{base}{path.relative_to(root)}", Resource.from_contents(json.loads(path.read_text())))
        for path in (root / "gcn").rglob("*.schema.json")
    )
    schema = registry.contents(f"{base}gcn/notices/icecube/lvk_nu_track_search.schema.json")
    notice = json.loads((event / "lvk_nu_track_search.json").read_text())
    Draft202012Validator(schema, registry=registry).validate(notice)
    assert notice["reference"] == {"gcn.notices.LVK.alert": "MS120130a"}
    assert notice["observation_livetime"] == 1000


def test_event_shows_every_product_and_why(home: Path, event: Path) -> None:
    said = typed("event", event, home=home)
    for name in FILES:
        assert name in said
    assert "role=test" in said


@pytest.mark.slow
def test_the_same_event_twice_gives_the_same_bytes(event: Path, tmp_path: Path) -> None:
    typed("demo", home=tmp_path)
    again = tmp_path / "current_run" / "MS120130a"
    for name in FILES:
        assert (again / name).read_bytes() == (event / name).read_bytes(), name


@pytest.mark.slow
def test_a_hand_edit_is_held_until_adopted(event: Path, tmp_path: Path) -> None:
    event = copied(event, tmp_path / "current_run")
    path = event / "icecube_neutrino_list.json"
    edited = json.loads(path.read_text())
    edited["neutrinos"] = edited["neutrinos"][:2]
    path.write_text(json.dumps(edited))
    assert "edited by hand" in typed("event", event, home=tmp_path)
    typed("event", event, "adopt", path.name, home=tmp_path)
    typed("run", "-o", event, home=tmp_path)
    result = json.loads((event / "significance_opa_lvc-i3.json").read_text())
    assert len(result["single_neutrino"]) == 2


@pytest.mark.slow
def test_review_orders_the_five_cases(home: Path) -> None:
    said = typed("review", home=home, fresh=True)
    assert "a > b > e > c and d = 0: yes" in said


@pytest.mark.slow
def test_help_lists_every_command_and_unknown_ones_are_refused(home: Path) -> None:
    from llama.cli.main import COMMANDS

    said = typed("--help", home=home)
    for words in COMMANDS:
        assert f"llama {' '.join(words)}" in said
        assert "usage:" in typed(*words, "--help", home=home)
    assert "no command 'frobnicate'; `llama" in typed("frobnicate", home=home, status=2)
    assert "no command 'even' (did you mean `llama event`?)" in typed("even", home=home, status=2)
    assert "did you mean `llama search list`" in typed("search", "lst", home=home, status=2)
    said = typed("flags", "--flag-presets", home=home, LLAMA_NEUTRINO="simulated")
    assert "there is no setting LLAMA_NEUTRINO; did you mean LLAMA_NEUTRINOS?" in said


@pytest.mark.slow
def test_every_command_starts_by_itself(home: Path, event: Path, tmp_path: Path, data: Path) -> None:
    """With a Python of its own and nothing imported beforehand; the demo, the review and the validation do so too."""
    release = data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip"
    notice, maps = event / "igwn_alert.json", tmp_path / "H1L1V1.csv"
    maps.write_text(f"{data / 'skymaps/mock_and_sim/local_bayestar/0.fits'}\n")
    table = tmp_path / "tables" / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    table.parent.mkdir()
    for words, answer in (
        (["skymap_info", "--alert", notice, "-d", tmp_path / "a", "--flags", "DEFAULT"], "MS120130a"),
        (["files", "skymap_info", "--alert", notice, "-d", tmp_path / "b", "--flags", "DEFAULT"], "MS120130a"),
        (["run", "-o", event], "20 of 20 products up to date"),
        (["event", event], "significance_opa_lvc-i3.json"),
        (["event", event, "check"], "every byte is as recorded"),
        (["flags", event], "role=test"),
        (["install", "icecube-3yr", "--from", release], "icecube-3yr"),
        (["files", "i3", "-t", "2012-01-30T15:47:32"], "IC86-2011"),
        (["files", "fermi", "-t", "2017-08-17T12:41:04"], "triggers from 2017-08-17"),
        (["search", "list"], "nsbh"),
        (["search", "show", "bns"], "source_rate_mpc3_s"),
        (["dev", "background", "draw", maps, "-o", table, "-n", "3"], table.name),
        (["dev", "background", "pvalue", table.parent], "3 events"),
    ):
        assert answer in typed(*words, home=tmp_path, fresh=True), words


@pytest.mark.slow
def test_a_command_that_is_forked_says_what_one_with_a_python_of_its_own_says(home: Path, event: Path) -> None:
    for words, status in (
        (["event", event], 0),
        (["flags", event], 0),
        (["event", "nosuch"], 1),
        (["event", "-x"], 2),
    ):
        forked, alone = (typed(*words, home=home, status=status, fresh=fresh) for fresh in (False, True))
        assert forked == alone
