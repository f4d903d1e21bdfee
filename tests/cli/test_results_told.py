"""What `llama run` and `llama event` say of a result, and of one that is none."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from typed import EVENT_ID, fresh_event, typed

from llama.analyses.telling.reading import read_report
from llama.analyses.telling.summary_page import page
from llama.app import DEMO_ALERT, packaged

pytestmark = pytest.mark.slow

TEXTS = ("icecube_neutrino_list_coinc.txt", "IceCubeNeutrinoList.tex", "gcn_circular_draft.txt")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The event of the demo, all made; what `llama run` said is beside it."""
    home = tmp_path_factory.mktemp("told")
    event = fresh_event(home / "current_run", home)
    (home / "said").write_text(typed("run", "-o", event, home=home))
    return event


def copy_of(made: Path, home: Path) -> Path:
    return Path(shutil.copytree(made, home / "current_run" / EVENT_ID, copy_function=shutil.copy2))


def test_run_and_event_say_odds_p_value_p_astro_and_the_most_significant_neutrino(made: Path) -> None:
    said = (made.parent.parent / "said").read_text()
    result = json.loads((made / "significance_opa_lvc-i3.json").read_text())
    for text in (said, typed("event", made, home=made.parent.parent)):
        first, second, maker, third = text[text.index("TEST\n") :].splitlines()[1:5]
        assert first.strip().startswith("opa: odds ") and f"p-value {result['p_value']:.2g}" in first
        assert "for this alert's own map: 40000 background lists, IC86-2011" in first and "p_astro" in first
        assert second.strip().startswith("most significant of 4: neutrino ")
        assert maker.strip() == "Sky map: bayestar.multiorder.fits, made by BAYESTAR (simulation)"
        assert third.strip().startswith("subthreshold: odds ")


def test_a_map_of_a_burst_inside_an_alert_is_told_in_every_output(data: Path, tmp_path: Path) -> None:
    """The notice names bayestar.multiorder.fits; the map is of Fermi's burst monitor."""
    notice = json.loads(packaged(DEMO_ALERT).read_bytes())
    raw = (data / "skymaps/grb/glg_healpix_all_bn180116026.fit").read_bytes()
    notice["event"]["skymap"] = base64.b64encode(raw).decode()
    (tmp_path / "alert.json").write_text(json.dumps(notice))
    words = ["--alert", tmp_path / "alert.json", "-d", tmp_path / "run", "--flags", "DEFAULT"]
    assert "warning: the sky map may be of another event" in typed("skymap_info", *words, home=tmp_path)
    event = tmp_path / "run" / EVENT_ID
    said = [typed("run", "-o", event, home=tmp_path)]
    names = [
        *TEXTS,
        "lvk_nu_track_search.json",
        "significance_opa_lvc-i3.json",
        "significance_subthreshold_lvc-i3.json",
    ]
    said += [(event / name).read_text() for name in names]
    for text in (" ".join(one.split()) for one in said):
        assert "CREATOR GBM_healpix.py 1.2" in text, text
        assert "INSTRUME GBM, which is no detector of gravitational waves" in text
        assert "made by BAYESTAR" not in text
    assert "SKY MAP IN DOUBT: it may be of another event. Do not send" in said[3]
    report = read_report(json.loads((event / "significance_opa_lvc-i3.json").read_bytes()), role="test")
    shown = page(report, "1", None, None)
    assert "SKY MAP IN DOUBT" in shown["warning"]
    assert "made by GBM_healpix.py 1.2 (GIOC), as its header says" in dict(shown["input"])["sky map"]
    assert "BAYESTAR" not in shown["sources"]


def test_a_result_changed_by_hand_is_told_as_not_up_to_date(made: Path, tmp_path: Path) -> None:
    event = copy_of(made, tmp_path)
    (event / "significance_opa_lvc-i3.json").write_text("{}")
    said = typed("event", event, home=tmp_path)
    assert "significance_opa_lvc-i3.json is held: edited by hand" in said
    assert "significance_opa_lvc-i3.json cannot be read as a result" in said


@pytest.mark.slow
def test_a_result_that_was_not_asked_for_is_marked_when_it_is_out_of_date(made: Path, tmp_path: Path) -> None:
    event = copy_of(made, tmp_path)
    typed("event", event, "remake", "SIGNIFICANCE_SUBTHRESHOLD", home=tmp_path)
    said = typed("run", "-o", "-f", "SIGNIFICANCE", "--", event, home=tmp_path)
    assert "OUT OF DATE: significance_subthreshold_lvc-i3.json is ready" in said
    assert "OUT OF DATE" not in typed("run", "-o", event, home=tmp_path)


def test_a_vetoed_event_is_told_as_that(made: Path, tmp_path: Path) -> None:
    event = copy_of(made, tmp_path)
    typed("event", event, "veto", "--why", "no good", home=tmp_path)
    assert "vetoed (no good), so nothing is made; 20 of 20 products are there" in typed(
        "run", "-o", event, home=tmp_path
    )


@pytest.mark.slow
def test_a_retraction_is_in_all_that_people_and_programs_read(made: Path, data: Path, tmp_path: Path) -> None:
    event = copy_of(made, tmp_path)
    record = json.loads((data / "notices/igwn_json/igwn_gwalert_retraction.json").read_bytes())
    notice = tmp_path / "retraction.json"
    notice.write_text(json.dumps(record | {"superevent_id": EVENT_ID}))
    assert f"takes {EVENT_ID} back" in typed("skymap_info", "--alert", notice, home=tmp_path)
    before = {name: (event / name).read_bytes() for name in ("scatterplot_lvc-i3.png", "summary_lvc-I3.pdf")}
    said = typed("run", "-o", event, home=tmp_path)
    assert "RETRACTED" in said
    assert "RETRACTED" in typed("event", event, home=tmp_path)
    for name in TEXTS:
        assert "RETRACTED" in (event / name).read_text(), name
    draft = (event / "gcn_circular_draft.txt").read_text()
    assert "SUBJECT: TEST - LIGO/Virgo/KAGRA MS120130a: RETRACTED" in draft
    assert "p-value of" not in draft
    for name in ("significance_opa_lvc-i3.json", "significance_subthreshold_lvc-i3.json"):
        assert json.loads((event / name).read_text())["retracted"].startswith(record["time_created"][:10])
    gcn = json.loads((event / "lvk_nu_track_search.json").read_text())
    assert (gcn["alert_type"], gcn["pval_bayesian"], gcn["coincident_events"]) == ("retraction", None, [])
    assert "RETRACTED" in gcn["additional_info"]
    for name, bytes_before in before.items():
        assert (event / name).read_bytes() != bytes_before, name
    assert b"RETRACTED" in (event / "skymap_lvc-i3.multiorder.fits").read_bytes()


@pytest.mark.slow
def test_a_blinded_result_says_that_it_is_no_measurement(made: Path, tmp_path: Path) -> None:
    event = copy_of(made, tmp_path)
    typed("flags", event, "--flags", "blinded_neutrinos=true", home=tmp_path)
    said = typed("run", "-o", event, home=tmp_path)
    assert "BLINDED (right ascensions are scrambled)" in said
    assert "NOT A MEASUREMENT" in said
    for name in TEXTS[:2]:
        assert "NOT A MEASUREMENT, since right ascensions are scrambled" in (event / name).read_text(), name


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("/nosuch*", "none of the 1 events in {run} is called nosuch*"),
        ("/nosuch", "there is no event nosuch in {run}; events there: MS120130a"),
    ],
)
def test_events_that_are_not_there_are_named_as_typed(made: Path, word: str, message: str) -> None:
    home = made.parent.parent
    assert message.format(run=made.parent) in typed("run", "-o", word, home=home, status=1)


def test_a_time_of_later_years_is_no_matter_for_a_warning(tmp_path: Path) -> None:
    said = typed("files", "fermi", "-t", "2035-01-01T00:00:00", home=tmp_path)
    assert "# 0 triggers from 2034-12-31T23:51:40" in said
    assert "Warning" not in said


def test_a_group_of_commands_shows_its_own_usage(tmp_path: Path) -> None:
    assert typed("search", "--help", home=tmp_path).startswith("usage: llama search COMMAND [OPTIONS]\n")
