"""Trials of a study: the same at both depths, on any machine, however often it was stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from llama.app import App
from llama.formats.errors import FormatError
from llama.formats.records import Record, to_json
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList
from llama.studies.blocks import processes
from llama.studies.trials import (
    EVENT_FOLDERS,
    KEPT,
    SEARCH_TYPES,
    AsEvents,
    BlockResult,
    Options,
    Task,
    TrialRun,
    TrialStudy,
    collate,
    do_block,
    do_run,
    kernel_odds,
    open_study,
    read_sources,
    runs_of,
)
from llama.studies.trials.drawing import other_detectors
from llama.supplies import elsewhere, trial_inputs

SEASON = "IC86-2011"


@pytest.fixture(scope="module")
def app() -> App:
    return App.read({})


@pytest.fixture(scope="module")
def maps(data: Path) -> list[str]:
    folder = data / "skymaps/mock_and_sim/local_bayestar"
    return [str((folder / f"{i}.fits").resolve()) for i in range(3)]


Begin = Callable[..., TrialStudy]


@pytest.fixture
def begin(app: App, maps: list[str], tmp_path: Path) -> Begin:
    """Begins a study in a folder."""

    def study(folder: Path, lines: list[str] | None = None, **options: object) -> TrialStudy:
        listing = tmp_path / "H1L1V1.csv"
        listing.write_text("\n".join(lines or maps) + "\n")
        asked = replace(Options(listing, "bns", SEASON), **options)  # type: ignore[arg-type]
        return open_study(folder, TrialStudy.of(trial_inputs(app, SEASON)(), asked))

    return study


def run(app: App, study: TrialStudy, folder: Path, kind: str, blocks: range, size: int = 4) -> list[BlockResult]:
    """Kernel depth, in this process."""
    one = TrialRun(folder, kind, "kernel", 0, size, blocks)
    task = Task.of(study, kind, "kernel", size, trial_inputs(app, SEASON))
    with processes(1) as executor:
        return list(do_run(task, one, executor))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["background", "signal", "doublet"])
def test_both_depths_give_the_same_statistic(app: App, begin: Begin, tmp_path: Path, kind: str) -> None:
    study = begin(tmp_path / "study")
    task = Task.of(study, kind, "kernel", 3, trial_inputs(app, SEASON))
    kernel = do_block(task, kernel_odds, 1)
    events = do_block(task, AsEvents(tmp_path / "study", elsewhere(app), own_lists=20), 1)
    for name in SEARCH_TYPES:
        assert_allclose(getattr(events, name), getattr(kernel, name), rtol=1e-9, atol=1e-9)
    folders = sorted((tmp_path / "study" / EVENT_FOLDERS[kind]).iterdir())
    assert [folder.name for folder in folders] == [f"injection-{n}" for n in (3, 4, 5)]
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == set(KEPT)
        neutrinos = len(Record(NeutrinoList).read(folder / "icecube_neutrino_list.json").neutrinos)
        size = sum(path.stat().st_size for path in folder.iterdir())
        assert size < 40_000 + 3_200 * max(neutrinos - 8, 0), (
            "40 kB at the rates of real samples; more for long lists"
        )
    assert_array_equal(kernel.numbers, [3, 4, 5])


def test_a_trial_is_the_list_that_its_file_holds(app: App, begin: Begin, tmp_path: Path) -> None:
    task = Task.of(begin(tmp_path / "study"), "doublet", "kernel", 20, trial_inputs(app, SEASON))
    _, supply, listed, injected = task.draw(0)
    every = listed.as_kernel()
    for i in range(len(listed)):
        read = Record(NeutrinoList).decode(to_json(listed.record(i)))
        found = kernel_arrays(read)
        some = slice(*every.start[i : i + 2].tolist())
        for name in ("gps_s", "ra_rad", "dec_rad", "sigma_rad", "energy_gev"):
            assert_array_equal(getattr(found, name), getattr(every.neutrinos, name)[some])
        assert (np.diff(found.gps_s) >= 0).all()
        assert sum(row.type == "injected" for row in read.neutrinos) == 2
        signal = sorted(row.energy for row in read.neutrinos if row.type == "injected")
        assert signal == sorted(injected.energy_gev[i].tolist())
    assert (injected.true_energy_gev > 0).all() and (injected.weight > 0).all()
    assert supply.search.energy_min_gev <= listed.energy_gev.min()


def test_background_is_real_events_at_the_season_s_rate(app: App, begin: Begin, tmp_path: Path) -> None:
    task = Task.of(begin(tmp_path / "study"), "background", "kernel", 2000, trial_inputs(app, SEASON))
    _, supply, listed, _ = task.draw(0)
    expected = 1000 * supply.season.rate_hz * 2000
    assert abs(listed.mjd.size - expected) < 5 * np.sqrt(expected)
    dec, energy = np.round(np.degrees(supply.pool.dec_rad), 4), supply.pool.energy_gev
    for k in range(50):
        alike = (np.abs(dec - listed.dec_deg[k]) < 1e-6) & (np.abs(energy / listed.energy_gev[k] - 1) < 1e-5)
        assert alike.any(), "declination and energy of one event go together"
    counts, _ = np.histogram(listed.ra_deg, 12, (0, 360))
    assert np.square(counts - counts.mean()).sum() / counts.mean() < 35  # χ² of 11: one in 4000
    assert (np.abs(listed.gps - listed.gps_s) <= 500.001).all()


def test_blocks_depend_on_seed_kind_and_number_alone(app: App, begin: Begin, tmp_path: Path) -> None:
    one, other = begin(tmp_path / "one"), begin(tmp_path / "other", seed=2)
    first = run(app, one, tmp_path / "one", "background", range(4))
    begin(tmp_path / "apart")
    again = run(app, one, tmp_path / "apart", "background", range(2, 4))
    for here, there in zip(first[2:], again, strict=True):
        assert_array_equal(here.opa, there.opa)
        assert here.skymap == there.skymap
    assert not np.array_equal(first[0].opa, first[3].opa), "of one map, so of other random numbers"
    assert first[0].skymap == first[3].skymap
    assert len({block.skymap for block in first}) == 3
    elsewhere = run(app, other, tmp_path / "other", "background", range(4))
    assert not any(np.array_equal(a.opa, b.opa) for a in first for b in elsewhere)


def test_what_was_stopped_goes_on_to_the_same(app: App, begin: Begin, tmp_path: Path) -> None:
    study, folder = begin(tmp_path / "study"), tmp_path / "study"
    run(app, study, folder, "signal", range(3))
    kept = {path: path.read_bytes() for path in (folder / "trials").rglob("*.npz")}
    assert len(kept) == 3
    lost = min(kept)
    lost.unlink()
    lost.with_suffix(".7.partial").write_bytes(b"half")
    run(app, study, folder, "signal", range(3))
    assert {path: path.read_bytes() for path in (folder / "trials").rglob("*.npz")} == kept
    assert [(one["kind"], one["first"], one["last"]) for one in runs_of(folder)] == [("signal", 0, 2)] * 2
    assert TrialRun.of(folder, "signal", "kernel", 40, maps=3).blocks == range(10), (
        "a later run has blocks of that size"
    )
    with pytest.raises(FormatError, match="4 per map, not 5"):
        run(app, study, folder, "signal", range(3), size=5)


def test_a_block_that_is_there_twice_is_refused(app: App, begin: Begin, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    study = begin(first)
    run(app, study, first, "background", range(2))
    shutil.copytree(first, second)
    with pytest.raises(FormatError, match=r"block [01] is there twice, in .*first.* and in .*second"):
        collate([first, second], "background", "kernel")
    shutil.rmtree(second / "trials")
    run(app, begin(second), second, "background", range(2, 4))
    assert len(collate([second, first], "background", "kernel")) == 16
    one = collate([first, second], "background", "kernel").column("opa")
    assert_array_equal(one, collate([second, first], "background", "kernel").column("opa"))


def test_other_studies_and_damaged_blocks_are_told(app: App, begin: Begin, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    run(app, begin(first), first, "background", range(2))
    begin(second, seed=9)
    with pytest.raises(FormatError, match="different studies"):
        collate([first, second], "background", "kernel")
    with pytest.raises(FormatError, match="seed 1, not 3"):
        begin(first, seed=3)
    (second / "study.json").write_text('{"seed": 9,')
    with pytest.raises(FormatError, match=r"second/study\.json cannot be read"):
        begin(second, seed=9)
    with pytest.raises(FormatError, match="no response table for season 'IC99'"):
        trial_inputs(app, "IC99")()
    victim = min((first / "trials").rglob("*.npz"))
    victim.write_bytes(victim.read_bytes()[:700])
    found = collate([first], "background", "kernel")
    assert found.damaged == (victim,) and len(found.blocks) == 1
    assert found.told.endswith(f"left out: 1 damaged blocks ({victim.name})")
    run(app, begin(first), first, "background", range(2))
    assert len(collate([first], "background", "kernel").blocks) == 2


@pytest.mark.parametrize(
    ("said", "asked", "other"),
    [
        ("H1,L1", "H1L1", ""),
        ("V1, H1,L1", "H1L1V1", ""),
        ("H1,L1", "H1L1V1", "H1L1"),
        ("H1,L1,V1", "H1L1", "H1L1V1"),
        ("H1,L1", "", ""),
        ("", "H1L1", ""),
        ("LIGO Hanford", "H1L1", ""),
        ("H1,L1,V1", "H1,L1,V1", ""),
        ("HLV", "H1L1V1", ""),
        ("H1,L1,V1", "HLV", ""),
        ("H1,L1,V1", "all", ""),
    ],
)
def test_a_map_that_other_detectors_heard_is_told(said: str, asked: str, other: str) -> None:
    assert other_detectors({"INSTRUME": said} if said else {}, asked) == other


@pytest.mark.slow
def test_maps_of_other_detectors_than_said_are_left_out(data: Path, tmp_path: Path) -> None:
    from tests.cli.typed import typed

    maps = data / "skymaps/mock_and_sim/local_bayestar"
    words = ("dev", "trials", "background", maps, "-d", tmp_path, "-p", "bns", "-n", "5", "-j", "1")
    said = typed(*words, "--detectors", "H1L1", home=tmp_path, status=1)
    assert "0.fits was heard by H1L1V1, as its header says, not by H1L1" in said
    assert "0 background trials of kernel depth on 0 sky maps; left out: 5 sky maps" in said


def test_maps_that_cannot_be_used_are_left_out_and_counted(
    app: App, begin: Begin, maps: list[str], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.fits"
    damaged.write_bytes(Path(maps[1]).read_bytes()[:100_000])
    study = begin(tmp_path / "study", [maps[0], "/no/such/map.fits", str(damaged)])
    blocks = run(app, study, tmp_path / "study", "signal", range(6))
    assert sorted(Path(block.skymap).name for block in blocks if block.why) == ["damaged.fits"] * 2 + ["map.fits"] * 2
    assert all(block.skymap in block.why or "damaged.fits" in block.why for block in blocks if block.why)
    trials = collate([tmp_path / "study"], "signal", "kernel")
    assert len(trials) == 8 and trials.maps == 1
    told = "8 signal trials of kernel depth on 1 sky maps; left out: 2 sky maps that cannot be used "
    assert trials.told == f"{told}(damaged.fits, map.fits)"


def test_sources_are_where_the_injections_are(app: App, begin: Begin, maps: list[str], tmp_path: Path) -> None:
    rows = [f"{i}\t{0.5 + i}\t{0.1 * i}\t{40 + i}" for i in (10, 11, 12)]
    path = tmp_path / "injections.dat"
    path.write_text("simulation_id\tlongitude\tlatitude\tdistance\n" + "\n".join(rows) + "\n")
    (tmp_path / "coincs.dat").write_text("coinc_event_id simulation_id ifos\n0 11 H1,L1\n1 12 H1,L1\n2 10 H1,L1,V1\n")
    found = read_sources(path)
    assert {name: one.distance_mpc for name, one in found.items()} == {"0": 51, "1": 52, "2": 50}
    study = begin(tmp_path / "study", [maps[0]], injections=path)
    (block,) = run(app, study, tmp_path / "study", "doublet", range(1), size=50)
    assert_allclose(block.distance_mpc, 51)
    assert_allclose(block.ra_rad, 11.5 % (2 * np.pi))
    assert_allclose(block.dec_rad, 1.1)
    path.write_text("simulation_id\tlongitude\n1\t2\n")
    with pytest.raises(FormatError, match="no column latitude"):
        read_sources(path)


@pytest.mark.slow
def test_a_second_program_is_refused_and_blocks_are_said_as_they_are(
    app: App, maps: list[str], tmp_path: Path
) -> None:
    from datetime import UTC, datetime

    from tests.cli.typed import typed

    from llama.operate.sole import Sole, myself

    (tmp_path / "maps.csv").write_text(maps[0] + "\n")
    words = ("dev", "trials", "background", tmp_path / "maps.csv", "-d", tmp_path / "study", "-p", "bns", "-n", "5")
    (tmp_path / "study").mkdir()
    held = Sole(tmp_path / "study", "trials", myself("another study", datetime.now(UTC)))
    said = typed(*words, "-j", "1", home=tmp_path, status=1)
    assert "another study works on" in said and str(tmp_path / "study") in said
    held.release()
    assert "5 background trials of kernel depth on 1 sky maps" in typed(*words, "-j", "1", home=tmp_path)
    table = (tmp_path / "study/trials/background-kernel.csv").read_text().splitlines()
    assert len(table) == 6 and table[0].startswith("trial,skymap,log_odds_opa,log_odds_subthreshold,n,area90_deg2")
    for wrong in ("3", "4:2", "a:b", "-1:2"):
        assert "FIRST:LAST" in typed(*words, f"--blocks={wrong}", home=tmp_path, status=2)


@pytest.mark.slow
def test_a_list_of_maps_with_and_without_distances_is_refused_and_all_of_them_named(
    data: Path, tmp_path: Path
) -> None:
    from tests.cli.typed import typed
    from tests.studies.test_skymap_lists import a_map

    with_distances = [data / f"skymaps/mock_and_sim/local_bayestar/{i}.fits" for i in range(4)]
    without = [a_map(tmp_path / name) for name in ("a.fits", "b.fits")]
    (tmp_path / "maps.csv").write_text("".join(f"{path}\n" for path in [*with_distances, *without, "/no/such.fits"]))
    words = ("dev", "trials", "background", tmp_path / "maps.csv", "-d", tmp_path, "-p", "bns", "-n", "70", "-j", "1")
    said = typed(*words, home=tmp_path, status=1)
    assert f"list them apart. 2 of 7 have no distances: {tmp_path}/a.fits, {tmp_path}/b.fits" in said
