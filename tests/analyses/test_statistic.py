"""The statistic's file: nothing is lost in it, it is measured once, and nothing is written from another's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from significance_examples import (
    INFO,
    LIST,
    P_ASTRO,
    SEARCHES,
    SKYMAP,
    TABLES,
    neutrino_list,
    own_background,
    row,
    statistic,
)

import llama.analyses.result.statistic as measuring
from llama.analyses.gw_neutrino import SIGNIFICANCE, STATISTIC
from llama.analyses.result.event_analysis import Analysis, EventInputs
from llama.analyses.result.statistic import measure
from llama.app import DEMO_ALERT, App, packaged
from llama.engine.folder import Delivery, Run
from llama.flags import Flags
from llama.formats.records import to_json
from llama.formats.skymap import MultiOrderFits
from llama.messengers.gw.start import Given, start
from llama.operate.update import bring_up_to_date
from llama.science.joint import relations
from llama.science.significance import Populations
from llama.science.statistic import CoincidenceResult, coincidence

PAIR = neutrino_list(row(1, 30.0), row(2, 60.0), row(3, 900.0 - 500.0, 250.0))


@pytest.mark.slow
def test_every_number_comes_back_from_the_file_to_the_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also weights of exactly zero: with p_astro 0 nothing is a common source."""
    results: list[CoincidenceResult] = []

    def kept(*given: Any) -> CoincidenceResult:
        results.append(coincidence(*given))
        return results[-1]

    monkeypatch.setattr(measuring, "coincidence", kept)
    for p_astro in (P_ASTRO, {"BNS": 0.0, "Terrestrial": 1.0}, {}):
        made = measure(INFO, SKYMAP, PAIR, p_astro, TABLES, SEARCHES)
        again, result = STATISTIC.codec.decode(to_json(made)), results[-1]  # type: ignore[attr-defined]
        assert again == made
        for sums, of in ((again.event, result.event), (again.ensemble, result.ensemble)):
            numbers = sums.as_numbers()
            assert numbers.log_b == of.log_b and numbers.log_odds == of.log_odds
        assert [measuring.logarithm(one.log_b_apart) for one in again.neutrinos] == result.log_b_apart.tolist()
        assert [measuring.logarithm(one.log_odds) for one in again.neutrinos] == result.log_odds.tolist()
        assert [result.log_odds_pairs[one.first, one.second] for one in again.pairs] == [
            one.log_odds for one in again.pairs
        ]
        assert again.relations == relations(result)


@pytest.mark.parametrize(
    "other", [neutrino_list(row(1, 30.0)), neutrino_list(*(replace(one, ra=one.ra + 1) for one in LIST.neutrinos))]
)
def test_nothing_is_written_from_the_statistic_of_another_list(other: Any) -> None:
    with pytest.raises(ValueError, match=r"of other neutrinos than icecube_neutrino_list\.json.*remake"):
        Analysis.of(
            EventInputs(INFO, other, statistic(), TABLES, SEARCHES, Populations({}), own_background(statistic())),
            "opa",
        )


def test_nothing_is_written_from_the_statistic_of_another_search() -> None:
    kept = statistic()
    changed = replace(kept, search=replace(kept.search, search_digest="0123456789ab"))
    with pytest.raises(ValueError, match=r"other numbers of search .* remake"):
        Analysis.of(
            EventInputs(INFO, LIST, changed, TABLES, SEARCHES, Populations({}), own_background(statistic())), "opa"
        )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLAMA_DATA_DIR", str(tmp_path_factory.mktemp("statistic")))
        yield App.read()


def begun(app: App, name: str, flags: Flags) -> Any:
    delivered = start(Given(alert=packaged(DEMO_ALERT).read_bytes()), app.gracedb)
    return Run(app.settings.current_run.parent / name).accept(Delivery(delivered.event_id, delivered.files, flags))


def counting(counts: Counter[str], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        counts[name] += 1
        return real(*given, **named)

    return call


@pytest.mark.slow
def test_the_statistic_of_an_event_is_measured_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """By both significance files and both joint maps; neither file needs the sky map, but their background does."""
    counts: Counter[str] = Counter()
    monkeypatch.setattr(measuring, "coincidence", counting(counts, "coincidence", coincidence))
    monkeypatch.setattr(MultiOrderFits, "read", counting(counts, "map", MultiOrderFits.read))
    event = begun(app, "once", Flags())
    results = ["SIGNIFICANCE", "SIGNIFICANCE_SUBTHRESHOLD"]
    bring_up_to_date([event], app.pipeline().only(results, ancestors=True), app)
    assert counts == {"coincidence": 1, "map": 2}
    maps = ["JOINT_SKYMAP", "JOINT_SKYMAP_MOST_SIGNIFICANT"]
    bring_up_to_date([event], app.pipeline().only(maps, ancestors=True), app)
    assert (event.path / "skymap_lvc-i3.multiorder.fits").is_file()
    assert counts == {"coincidence": 1, "map": 4}


@pytest.mark.slow
def test_nothing_is_made_from_a_statistic_that_is_not_blinded(app: App) -> None:
    """One that was adopted under the flag: its numbers are of true directions."""
    event, wanted = begun(app, "blinded", Flags()), app.pipeline().only(["SIGNIFICANCE"], ancestors=True)
    bring_up_to_date([event], app.pipeline().only(["STATISTIC"], ancestors=True), app)
    content = (event.path / STATISTIC.filename).read_bytes()
    assert json.loads(content)["neutrinos"][0]["type"] == "archival"
    blinded = begun(app, "blinded-2", Flags(blinded_neutrinos=True))
    (blinded.path / STATISTIC.filename).write_bytes(content)
    blinded.adopt(STATISTIC.filename, STATISTIC.codec, why="a test", now=datetime.now(UTC))
    bring_up_to_date([blinded], wanted, app)
    assert not (blinded.path / SIGNIFICANCE.filename).exists()
    assert not Path(blinded.path / "lvk_nu_track_search.json").exists()
