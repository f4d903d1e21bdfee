"""Background collated into text tables: from event folders, blocks of trials, and tables of other machines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.typed import typed

from llama.analyses.result import finite_odds
from llama.app import App
from llama.formats.background_table import read_table
from llama.formats.populations import PopulationsFile
from llama.studies.blocks import processes
from llama.studies.trials import (
    AsEvents,
    Options,
    Task,
    TrialRun,
    TrialStudy,
    collate,
    do_run,
    kernel_odds,
    open_study,
)
from llama.supplies import elsewhere, trial_inputs

SEASON = "IC86-2011"
SERVERS = {"llama-bns-0": range(2), "llama-bns-1": range(1, 3)}
"""Block 1 was drawn by both."""


def _draw(app: App, folder: Path, listing: Path, depth: str, blocks: range, size: int) -> None:
    inputs = trial_inputs(app, SEASON)
    study = open_study(folder, TrialStudy.of(inputs(), Options(listing, "bns", SEASON, detectors="H1L1V1")))
    run = TrialRun(folder, "background", depth, 0, size, blocks)
    judge = AsEvents(folder, elsewhere(app), own_lists=20) if depth == "pipeline" else kernel_odds
    with processes(1) as executor:
        list(do_run(Task.of(study, "background", depth, size, inputs), run, executor, judge))


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """What two servers have made, and one study of kernel depth, in a folder."""
    app, folder = App.read({}), tmp_path_factory.mktemp("pulled")
    maps = [str((data / f"skymaps/mock_and_sim/local_bayestar/{i}.fits").resolve()) for i in range(3)]
    (folder / "H1L1V1.csv").write_text("\n".join(maps) + "\n")
    for server, blocks in SERVERS.items():
        _draw(app, folder / server, folder / "H1L1V1.csv", "pipeline", blocks, 3)
    _draw(app, folder / "kernel", folder / "H1L1V1.csv", "kernel", range(3), 40)
    return folder


@pytest.fixture
def here(pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may damage, from where its commands are typed."""
    shutil.copytree(pulled, tmp_path / "pulled")
    monkeypatch.chdir(tmp_path / "pulled")
    return tmp_path / "pulled"


def _table(here: Path, *words: object, status: int = 0) -> str:
    return typed("dev", "background", "table", *words, home=here, status=status)


@pytest.mark.slow
def test_event_folders_of_servers_become_one_table(here: Path) -> None:
    said = _table(here, "bns-o4-H1L1V1.txt", *SERVERS)
    assert "kernel" not in said and "kernel depth" in _table(here)
    assert said.count("is there twice") == 3 and "9 background events" in said
    read = read_table(here / "bns-o4-H1L1V1.txt")
    assert read.whole and read.left_out == {"rows that were there twice": 3}
    assert [row.source for row in read.rows[:2]] == [f"llama-bns-0/events/injection-{i}" for i in (0, 1)]
    for row in read.rows:
        content = json.loads((here / row.source / "significance_opa_lvc-i3.json").read_text())
        assert row.odds_ratio == pytest.approx(content["p_value_odds_ratio"], rel=1e-10)
        assert row.n == len(content["single_neutrino"])
        assert row.skymap == content["inputs"]["gw_skymap_info"]["skymap_filename"]
    assert {read.comments[key] for key in ("run", "detectors", "season")} == {"o4", "H1L1V1", SEASON}
    assert len(read.maps) == 3 and len(read.map_quantiles[0]) == len(read.map_quantiles[1]) == 7
    lines = (here / "bns-o4-H1L1V1.txt").read_text().splitlines()
    assert lines[0].split() == ["EVENT-ODDS-RATIO", "N", "SOURCE-DIRECTORY", "SKYMAP-FILENAME"]
    assert set(lines[1]) == {"="}
    assert "exists already" in _table(here, "bns-o4-H1L1V1.txt", *SERVERS, status=1)
    (here / "again").mkdir()
    _table(here, "again/bns-o4-H1L1V1.txt", *reversed(SERVERS))
    assert (here / "again/bns-o4-H1L1V1.txt").read_bytes() == (here / "bns-o4-H1L1V1.txt").read_bytes()


@pytest.mark.slow
def test_a_table_of_events_serves_p_values(here: Path) -> None:
    for path in here.glob("llama-*/events/*/significance_opa_lvc-i3.json"):  # as where no table fitted
        path.write_text(path.read_text().replace("search_digest", "other"))
    _table(here, "bns-o4-H1L1V1.txt", *SERVERS)
    typed("dev", "background", "pvalue", here, home=here)
    (table,) = PopulationsFile().read(here / "populations.hdf5").tables.values()
    packaged = App.read({}).searches()["bns"]
    assert table.name == f"opa/bns/o4/H1L1V1/{SEASON}" and packaged.search.run == "o4"
    assert table.events == 9 and table.sky_maps == 3 and len(table.map_area_deg2) == 7
    assert "left out: 3 rows that were there twice" in table.provenance
    content = json.loads((here / "llama-bns-0/events/injection-0/statistic_lvc-i3.json").read_text())["search"]
    assert (table.search_digest, table.response_digest) == (content["search_digest"], content["response_digest"])


@pytest.mark.slow
@pytest.mark.parametrize("search", ["opa", "subthreshold"])
def test_blocks_of_kernel_depth_become_a_table(here: Path, search: str) -> None:
    name = f"{search}-bns-o4-H1L1V1-{SEASON}.txt"
    said = _table(here, name, "kernel")
    assert "120 background events" in said
    read, trials = read_table(here / name), collate([Path("kernel")], "background", "kernel")
    odds = [finite_odds(one) for one in trials.column(search).tolist()]
    assert sorted(row.odds_ratio for row in read.rows) == pytest.approx(sorted(odds), rel=1e-10)
    assert read.comments["distance_mode"] == "map" and len(read.comments["search_digest"]) == 12
    assert [len(one) for one in read.map_quantiles] == [7, 7]
    (here / "kernel/trials/background-kernel").rename(here / "kept")
    assert "nothing to collate" in _table(here, "-c", name, "kernel", status=1)


@pytest.mark.slow
def test_shards_merge_in_any_order_to_the_same_bytes(here: Path) -> None:
    blocks = sorted((here / "kernel/trials/background-kernel").glob("*.npz"))
    for path in blocks:
        shard = here / path.stem[:6]
        (shard / "trials/background-kernel").mkdir(parents=True)
        shutil.copy(here / "kernel/study.json", shard)
        shutil.copy(path, shard / "trials/background-kernel")
        _table(here, f"{path.stem[:6]}.txt", shard.name)
    shards = [f"{path.stem[:6]}.txt" for path in blocks]
    made = []
    for i, order in enumerate(([0, 1, 2], [2, 0, 1], [1, 2, 0, 1])):
        said = _table(here, f"merged{i}.txt", *(shards[k] for k in order))
        assert "120 background events" in said
        made.append((here / f"merged{i}.txt").read_bytes())
    assert made[0] == made[1] == made[2]
    _table(here, "at-once.txt", *(path.stem[:6] for path in blocks))
    assert (here / "at-once.txt").read_bytes() == made[0]


@pytest.mark.slow
def test_what_cannot_be_collated_is_named_and_counted(here: Path) -> None:
    events = here / "llama-bns-0" / "events"
    (events / "injection-0" / "significance_opa_lvc-i3.json").unlink()
    cut = events / "injection-1" / "significance_opa_lvc-i3.json"
    cut.write_bytes(cut.read_bytes()[:500])
    (events / "injection-2" / "statistic_lvc-i3.json").unlink()
    other = events / "injection-3" / "significance_opa_lvc-i3.json"
    other.write_text(other.read_text().replace('"p_value_odds_ratio"', '"p_value_odds_ratio_was"'))
    (events / "lost+found").mkdir()
    said = _table(here, "t.txt", "llama-bns-0")
    for name in (
        "injection-0 has no",
        "injection-1/significance_opa_lvc-i3.json is damaged",
        "injection-3 has no odds",
    ):
        assert f"left out: llama-bns-0/events/{name}" in said
    assert "lost+found is no event" in said
    read = read_table(here / "t.txt")
    assert {row.source[-1] for row in read.rows} <= set("245")
    assert sum(read.left_out.values()) + len(read.rows) == 7
    assert set(read.left_out) >= {
        "event folders without a result",
        "event folders with a damaged significance file",
        "events without odds at p_astro 1",
        "folders that are no event",
    }


@pytest.mark.slow
def test_damaged_and_repeated_blocks_are_named_and_counted(here: Path) -> None:
    shutil.copytree(here / "kernel", here / "copy")
    first = sorted((here / "kernel/trials/background-kernel").glob("*.npz"))[0]
    first.write_bytes(first.read_bytes()[:200])
    said = _table(here, "t.txt", "kernel", "copy")
    assert str(first.name) in said and said.count("is there twice") == 2
    read = read_table(here / "t.txt")
    assert len(read.rows) == 120
    assert read.left_out == {"blocks that were there twice": 2, "damaged blocks": 1}


@pytest.mark.slow
def test_a_half_written_shard_is_named_and_what_is_known_stays(here: Path) -> None:
    _table(here, "a.txt", "kernel")
    text = (here / "a.txt").read_text()
    lines = text.splitlines(keepends=True)
    (here / "a.txt").write_text("".join(lines[:50]) + lines[50][:30])
    _table(here, "b.txt", *SERVERS)
    said = _table(here, "t.txt", "a.txt", "b.txt")
    assert "a.txt, line 51" in said and "do not say their" in said
    read = read_table(here / "t.txt")
    assert len(read.rows) == 9 and read.left_out["damaged rows"] == 1
    assert read.left_out["rows that do not say how they were made, beside others that do"] == 48


@pytest.mark.slow
def test_rows_of_different_searches_are_not_mixed(here: Path) -> None:
    _table(here, "a.txt", "kernel")
    text = (here / "a.txt").read_text()
    (here / "b.txt").write_text(text.replace("search_digest: ", "search_digest: f"))
    said = _table(here, "t.txt", "a.txt", "b.txt", status=1)
    assert "different search_digest" in said and not (here / "t.txt").exists()
    (here / "b.txt").write_text(f"{text}# kind: signal\n")
    said = _table(here, "t.txt", "a.txt", "b.txt", status=1)
    assert "b.txt is a table of signal trials, not of background" in said and not (here / "t.txt").exists()


@pytest.mark.slow
def test_a_row_for_each_neutrino(here: Path) -> None:
    said = typed("dev", "background", "table_singles", "singles.txt", *SERVERS, home=here)
    lines = (here / "singles.txt").read_text().splitlines()
    rows = [line.split() for line in lines[2:] if not line.startswith("#")]
    typed("dev", "background", "table", "events.txt", *SERVERS, home=here)
    events = read_table(here / "events.txt")
    assert f"{len(rows)} neutrinos of {len(events.rows)} events" in said
    about = [line for line in (here / "events.txt").read_text().splitlines() if line.startswith("#")]
    told = [line for line in lines if line.startswith("#")]
    assert told == [f"# events: {len(events.rows)}", *about[:-1], f"# end: {len(rows)} rows"]
    assert any(line.startswith("# provenance: event folders") for line in told)
    contents = {
        path.parent.relative_to(here).as_posix(): json.loads(path.read_text())
        for path in here.glob("llama-*/events/*/significance_opa_lvc-i3.json")
    }
    assert len(rows) == sum(len(contents[source]["single_neutrino"]) for source in {row[2] for row in rows})
    for odds, name, source, _ in rows:
        (one,) = (one for one in contents[source]["single_neutrino"] if one["i3event"] == name)
        if one["odds_ratio"]:  # the maps are at p_astro 1, where its odds are those
            assert np.log(float(odds)) == pytest.approx(one["log_odds_ratio"], rel=1e-3)
    said = typed("dev", "background", "pvalue", here, home=here, status=1)
    assert "singles.txt is a table of single neutrinos" in said


@pytest.mark.slow
def test_a_study_says_its_run_whatever_searches_are_set_now(here: Path) -> None:
    searches = json.loads(typed("search", "show", "bns", "--json", home=here))
    searches["bns"]["parameters"] |= {"run": "o3", "beaming": 9.0}
    (here / "mine.json").write_text(json.dumps(searches))
    words = ("dev", "background", "table", "opa-bns-o3-H1L1V1-IC86-2011.txt", "kernel")
    said = typed(*words, home=here, status=1, LLAMA_SEARCH=str(here / "mine.json"))
    assert "is named for run o3, but is of o4; rename it" in said
