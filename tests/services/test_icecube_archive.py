"""The public releases as a neutrino source: what they hold, when it is covered, and what damage does."""

from __future__ import annotations

import io
import shutil
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama.ports import SeasonStretch
from llama.science.times import gps_from_mjd, gps_from_utc, mjd_from_gps
from llama.services.errors import ArchiveError, BadEvent
from llama.services.icecube.archive import IceCubeArchive, installed_archive, open_archive
from llama.services.icecube.cache import load_release
from llama.services.icecube.sample import (
    COLUMNS,
    Sample,
    Season,
    archive_digest,
    in_intervals,
    join,
    packaged_uptime,
    read_release,
)

HEADER = b"# MJD[days] log10(E/GeV) AngErr[deg] RA[deg] Dec[deg] Azimuth[deg] Zenith[deg]\n"
SEASONS = [("IC79-2010", 93133, 3.41, 1.0), ("IC86-2011", 136244, 4.74, 1.0), ("IC86-2012", 105300, 3.67, 0.9988)]
MIDDAY_2011 = 55900.3


def around(archive: IceCubeArchive, mjd: float, half: float = 500.0):
    gps = float(gps_from_mjd(mjd))
    return archive.window(gps - half, gps + half, seed="")


def made_up(folder: Path, *rows: bytes) -> Path:
    """A 10-year release with one season of these rows."""
    (folder / "events").mkdir(parents=True)
    (folder / "events" / "IC86_II_exp.csv").write_bytes(HEADER + b"\n".join(rows) + b"\n")
    return folder


@pytest.mark.parametrize(("name", "count", "rate_mhz", "good"), SEASONS)
@pytest.mark.slow
def test_seasons_have_their_counts_rates_and_good_runs(archive, name, count, rate_mhz, good):
    season = archive.season(name)
    assert season.events.shape == (len(COLUMNS), count)
    assert season.rate_hz * 1e3 == pytest.approx(rate_mhz, abs=0.005)
    assert season.in_good_run().mean() == pytest.approx(good, abs=1e-4)
    assert np.all(np.diff(season.column("gps")) >= 0)


@pytest.mark.slow
def test_columns_are_those_of_the_release(archive, release):
    with zipfile.ZipFile(release) as zipped:
        table = np.loadtxt(io.BytesIO(zipped.read("3year-data-release/IC86-2012-events.txt")))
    season = archive.season("IC86-2012")
    order = season.column("row").astype(int)
    released = ("mjd", None, None, "ra_deg", "dec_deg", "azimuth_deg", "zenith_deg")
    for index, column in enumerate(released):
        if column:
            assert np.array_equal(season.column(column), table[order, index])
    assert np.allclose(np.log10(season.column("energy_gev")), table[order, 1], atol=1e-12)


def test_angular_errors_have_a_floor_and_nothing_else_changes(archive, release):
    with zipfile.ZipFile(release) as zipped:
        table = np.loadtxt(io.BytesIO(zipped.read("3year-data-release/IC86-2012-events.txt")))
    season = archive.season("IC86-2012")
    sigma, raw = season.column("sigma_deg"), table[season.column("row").astype(int), 2]
    assert (raw < 0.2).sum() > 1000
    assert np.array_equal(sigma, np.where(raw < 0.2, 0.2, raw))


def test_ten_year_format(ten_years, cache):
    archive = open_archive(ten_years, cache)
    assert [season.name for season in archive.sample.seasons] == ["IC40"]
    assert archive.name == "icecube-10yr"
    assert archive.season("IC40").events.shape[1] == 36900
    assert archive.season("IC40").livetime_s / 86400 == pytest.approx(376.36, abs=0.01)
    assert archive.season("IC40").in_good_run().all()


def test_packaged_uptime_is_all_ten_seasons(ten_years):
    packaged = packaged_uptime()
    total = sum(float((days[:, 1] - days[:, 0]).sum()) for days in packaged.values())
    assert len(packaged) == 10
    assert total == pytest.approx(3577.9, abs=0.05)
    for name, days in packaged.items():
        released = np.loadtxt(ten_years / "uptime" / f"{name}_exp.csv", skiprows=1)
        assert days[0, 0] == released[0, 0] and days[-1, 1] == released[-1, 1]


@pytest.mark.slow
def test_a_window_gives_what_a_plain_scan_gives(archive):
    rng = np.random.default_rng(7)
    for mjd in rng.uniform(55350, 56414, 200):
        window = around(archive, mjd)
        expected = 0
        for season in archive.sample.seasons:
            gps = season.column("gps")
            inside = (gps >= window.start_gps) & (gps < window.stop_gps) & season.in_good_run()
            expected += int(np.count_nonzero(inside))
        assert len(window.neutrinos) == expected
        assert [n.mjd for n in window.neutrinos] == sorted(n.mjd for n in window.neutrinos)
        assert all(n.type == "archival" and n.run == 0 for n in window.neutrinos)


def test_a_covered_window_is_complete_and_final(archive):
    window = around(archive, MIDDAY_2011)
    assert window.complete is True and window.covered_s == 1000.0 and window.why == ""
    assert window.covered == (SeasonStretch(window.start_gps, window.stop_gps, "IC86-2011"),)
    assert window.again_gps is None
    assert window.season == "IC86-2011"
    assert window.neutrinos[0].i3event == "IC86-2011_78447"


def test_windows_are_half_open(archive):
    gps = float(archive.season("IC86-2011").column("gps")[78447])
    assert [n.event for n in archive.window(gps, gps + 1e-3, seed="").neutrinos] == [78447]
    assert archive.window(gps - 1e-3, gps, seed="").neutrinos == ()


def test_run_boundary_inside_the_window(archive):
    start = float(archive.season("IC79-2010").runs_gps[0, 0])
    window = archive.window(start - 500, start + 500, seed="")
    assert not window.complete and window.covered_s == pytest.approx(500.0)
    assert "good runs cover 500.0 of 1000.0 s" in window.why
    assert window.covered == (SeasonStretch(start, start + 500, "IC79-2010"),)
    assert window.again_gps is None


def test_gap_between_two_runs(archive):
    runs = archive.season("IC79-2010").runs_gps
    gap = float(runs[1, 0] - runs[0, 1])
    middle = float(runs[1, 0] + runs[0, 1]) / 2
    window = archive.window(middle - 500, middle + 500, seed="")
    assert window.covered_s == pytest.approx(1000 - gap, abs=1e-3)
    assert not window.complete and window.season == "IC79-2010"
    assert window.covered == (
        SeasonStretch(middle - 500, float(runs[0, 1]), "IC79-2010"),
        SeasonStretch(float(runs[1, 0]), middle + 500, "IC79-2010"),
    )


def test_the_19_days_of_two_seasons_are_interleaved_runs_not_duplicates(archive):
    first, second = archive.season("IC86-2011"), archive.season("IC86-2012")
    start, stop = second.runs_gps[0, 0], first.runs_gps[-1, 1]
    assert (stop - start) / 86400 == pytest.approx(19.0, abs=0.1)
    for one, other in ((first, second), (second, first)):
        shared = (one.column("gps") > start) & (one.column("gps") < stop)
        assert shared.sum() > 300
        assert not in_intervals(one.column("gps")[shared], other.runs_gps, 0.0).any()
    last = second.runs_gps[second.runs_gps[:, 1] < stop][-1, 1]
    following = first.runs_gps[first.runs_gps[:, 0] > last][0, 0]
    window = archive.window(last - 2000, following + 3000, seed="")
    assert window.covered_s == pytest.approx(5000, abs=1)
    assert {n.season for n in window.neutrinos} == {"IC86-2011", "IC86-2012"}
    assert window.season == "IC86-2011"
    assert [piece.season for piece in window.covered] == ["IC86-2012", "IC86-2011"], "each has its own"
    assert [piece.start_gps for piece in window.covered] == pytest.approx([last - 2000, following], abs=1)
    assert [piece.stop_gps for piece in window.covered] == pytest.approx([last, following + 3000], abs=1)
    assert sum(piece.stop_gps - piece.start_gps for piece in window.covered) == pytest.approx(window.covered_s)
    for neutrino in window.neutrinos:
        (own,) = (piece for piece in window.covered if piece.season == neutrino.season)
        assert own.start_gps - 1 <= gps_from_mjd(neutrino.mjd) <= own.stop_gps + 1
    assert len({n.i3event for n in window.neutrinos}) == len(window.neutrinos)


@pytest.mark.slow
def test_covered_time_is_that_of_the_released_runs(archive, ten_years):
    """Asked second by second of the lists themselves, around edges of runs where seasons alternate and elsewhere."""
    names = {"IC79-2010": "IC79", "IC86-2011": "IC86_I", "IC86-2012": "IC86_II"}
    released = {
        name: np.asarray(gps_from_mjd(np.loadtxt(ten_years / "uptime" / f"{file}_exp.csv", skiprows=1)))
        for name, file in names.items()
    }
    rng = np.random.default_rng(5)
    edges = np.concatenate([runs.ravel() for runs in released.values()])
    mixed = edges[(edges > gps_from_mjd(56043.4)) & (edges < gps_from_mjd(56063))]
    for middle in (*rng.choice(edges, 60), *rng.choice(mixed, 60)):
        window = archive.window(middle - 500, middle + 500, seed="")
        assert [a.stop_gps <= b.start_gps for a, b in pairwise(window.covered)] == [True] * (len(window.covered) - 1)
        total = sum(piece.stop_gps - piece.start_gps for piece in window.covered)
        assert total == pytest.approx(window.covered_s, abs=1e-3)
        seconds = window.start_gps + np.arange(0.5, 1000.0)
        for name, runs in released.items():
            inside = ((seconds[:, None] >= runs[:, 0]) & (seconds[:, None] < runs[:, 1])).any(axis=1)
            near = (np.abs(seconds[:, None] - runs.ravel()) <= 1.5).any(axis=1)  # gaps of a second are closed
            ours = np.zeros(seconds.shape, dtype=bool)
            for piece in window.covered:
                if piece.season == name:
                    ours |= (seconds >= piece.start_gps) & (seconds < piece.stop_gps)
            assert np.array_equal(ours[~near], inside[~near])


def two_seasons(first: list[list[float]], second: list[list[float]]) -> IceCubeArchive:
    """An archive of two seasons without events, with these good runs."""
    none = np.empty((len(COLUMNS), 0))
    return IceCubeArchive(Sample("x", (Season("A", np.array(first), none), Season("B", np.array(second), none))))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([[0.0, 300.0]], [[300.0, 900.0]], [(0, 300, "A"), (300, 900, "B")]),
        ([[0.0, 300.0]], [[300.6, 900.0]], [(0, 300, "A"), (300, 900, "B")]),  # as near as edges are known
        ([[0.0, 300.0]], [[299.5, 900.0]], [(0, 300, "A"), (300, 900, "B")]),  # no second is counted twice
        ([[0.0, 300.0]], [[302.0, 900.0]], [(0, 300, "A"), (302, 900, "B")]),
        ([[0.0, 300.0], [400.0, 900.0]], [[300.0, 400.0]], [(0, 300, "A"), (300, 400, "B"), (400, 900, "A")]),
        ([[0.0, 1000.0]], [[200.0, 300.0]], [(0, 1000, "A")]),
        ([[500.0, 700.0]], [[2000.0, 3000.0]], [(500, 700, "A")]),
        ([[-50.0, -5.0]], [[2000.0, 3000.0]], []),
        ([[0.004, 300.0]], [[300.0, 999.998]], [(0, 300, "A"), (300, 1000, "B")]),  # lacks no more than rounding
    ],
)
def test_pieces_where_seasons_meet(first, second, expected):
    window = two_seasons(first, second).window(0.0, 1000.0)
    assert [(one.start_gps, one.stop_gps, one.season) for one in window.covered] == expected
    assert sum(stop - start for start, stop, _ in expected) == pytest.approx(window.covered_s)
    assert window.complete == (window.covered_s == 1000.0) and bool(window.season) == bool(expected)


def test_a_moment_that_nothing_covers_is_not_complete():
    window = two_seasons([[0.0, 1.0]], [[2.0, 3.0]]).window(5.0, 5.001)
    assert not window.complete and window.covered == () and window.covered_s == 0


def test_events_outside_good_runs_are_left_out_aloud(archive):
    season = archive.season("IC86-2012")
    lost = season.column("gps")[~season.in_good_run()]
    assert len(lost) == 119
    window = archive.window(float(lost[0]) - 500, float(lost[0]) + 500, seed="")
    assert window.neutrinos == () and window.season is None and window.covered_s == 0.0
    assert window.covered == (), "no livetime, which is known: nothing is known of neutrinos"
    assert not window.complete and "outside good runs are left out" in window.why


def test_a_time_outside_all_runs_says_what_there_is(archive):
    window = around(archive, 57982.5285)  # GW170817
    assert window.neutrinos == () and window.season is None
    assert not window.complete and window.covered_s == 0.0 and window.again_gps is None
    for words in (
        "no good run",
        "LLAMA_NEUTRINOS=simulated",
        "event EVENT remake NEUTRINOS",
        "2017-08-17",
        "IC79-2010 (2010-06-01 to 2011-05-13)",
        "IC86-2012",
    ):
        assert words in window.why


@pytest.mark.parametrize(("start", "stop"), [(2.0, 1.0), (1.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_a_window_that_is_none_is_refused(archive, start, stop):
    with pytest.raises(ArchiveError, match="must start before it stops"):
        archive.window(start, stop, seed="")


def test_leap_seconds_are_counted(archive):
    # 2012-07-01 00:00:00 UTC is one second later than 86400 s after the midnight before
    season = archive.season("IC86-2012")
    mjd, gps = season.column("mjd"), season.column("gps")
    before, after = mjd < 56108.0, mjd >= 56109.0
    offset = gps - (mjd - 44244.0) * 86400.0
    assert np.allclose(offset[before], 15.0, atol=1e-4)
    assert np.allclose(offset[after], 16.0, atol=1e-4)
    assert gps_from_utc("2012-07-01T00:00:00") == pytest.approx(float(gps_from_mjd(56109.0)), abs=1e-6)
    assert np.max(np.abs(mjd_from_gps(gps) - mjd)) * 86400 < 2e-6


@pytest.mark.slow
def test_the_cache_gives_the_same_and_heals(release, tmp_path, caplog):
    cache = tmp_path / "cache"
    fresh = load_release(release, cache)
    (cached,) = cache.glob("*.npz")
    again = load_release(release, cache)
    assert [s.name for s in again.seasons] == [s.name for s in fresh.seasons]
    assert all(np.array_equal(a.events, b.events) for a, b in zip(again.seasons, fresh.seasons, strict=True))
    whole = cached.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for damage in (whole[: len(whole) // 3], bytes(flipped), b"", b"not a zip at all"):
        cached.write_bytes(damage)
        healed = load_release(release, cache)
        assert np.array_equal(healed.seasons[1].events, fresh.seasons[1].events)
        assert "made again" in caplog.text
        assert load_release(release, cache).seasons[1].events.shape == fresh.seasons[1].events.shape
    assert sorted(cache.iterdir()) == [cached]


@pytest.mark.slow
def test_without_a_cache_folder_it_still_reads(ten_years, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert load_release(ten_years, blocked).seasons
    assert "cannot be written" in caplog.text


def test_another_archive_is_another_cache(ten_years, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ten_years, copy)
    before = archive_digest(copy)
    with (copy / "events" / "IC40_exp.csv").open("ab") as file:
        file.write(b"54562.4 3.31 0.48 203.024 16.760 218.374 106.712\n")
    assert archive_digest(copy) != before


@pytest.mark.slow
def test_a_damaged_archive_says_what_to_do(release, tmp_path):
    content = release.read_bytes()
    flipped = bytearray(content)
    flipped[3_000_000] ^= 0xFF
    for damage in (content[:5_000_000], bytes(flipped), b""):
        path = tmp_path / "3year-data-release.zip"
        path.write_bytes(damage)
        with pytest.raises(ArchiveError, match="llama install icecube-3yr"):
            open_archive(path, tmp_path / "cache")


def test_a_missing_archive_says_what_to_do(tmp_path):
    for attempt in (lambda: open_archive(tmp_path / "none.zip", tmp_path), lambda: installed_archive(tmp_path)):
        with pytest.raises(ArchiveError, match="llama install icecube-3yr"):
            attempt()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("readme.txt", "nothing")
    with pytest.raises(ArchiveError, match="holds no IceCube events"):
        read_release(tmp_path / "other.zip")


def test_the_installed_archive_is_found(release, tmp_path):
    (tmp_path / "icecube_10year_ps").mkdir()
    assert installed_archive(tmp_path).name == "icecube_10year_ps"
    shutil.copy(release, tmp_path)
    assert installed_archive(tmp_path).name == "3year-data-release.zip"


GOOD = b"56100.1 3.0 0.5 10.0 20.0 30.0 110.0"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (b"56100.2 nan 0.5 10 20 30 110", "row 1 .* energy"),
        (b"56100.2 inf 0.5 10 20 30 110", "row 1 .* energy"),
        (b"56100.2 3 -0.5 10 20 30 110", "row 1 .* angular error .* -0.5"),
        (b"56100.2 3 nan 10 20 30 110", "row 1 .* angular error"),
        (b"56100.2 3 0.5 10 95 30 110", "row 1 .* declination"),
        (b"56100.2 3 0.5 -4 20 30 110", "row 1 .* right ascension"),
        (b"nan 3 0.5 10 20 30 110", "row 1 .* MJD"),
    ],
)
def test_a_row_that_cannot_be_a_neutrino_is_refused(tmp_path, row, words):
    with pytest.raises(BadEvent, match=words):
        read_release(made_up(tmp_path / "x", GOOD, row))


@pytest.mark.parametrize("row", [b"56100.2 three 0.5 10 20 30 110", b"56100.2 3 0.5 10 20 30", b"\xff\xfe"])
def test_a_table_that_is_none_is_refused(tmp_path, row):
    with pytest.raises(ArchiveError, match=r"IC86_II_exp\.csv"):
        read_release(made_up(tmp_path / "x", GOOD, row))


def test_a_season_without_livetime_is_refused(tmp_path):
    folder = made_up(tmp_path / "x", GOOD)
    (folder / "events" / "IC86_II_exp.csv").rename(folder / "events" / "IC99_exp.csv")
    with pytest.raises(ArchiveError, match="no good-run list for IC99"):
        read_release(folder)


@pytest.mark.slow
def test_a_season_without_events_is_a_season(tmp_path):
    sample = read_release(made_up(tmp_path / "x"))
    window = IceCubeArchive(sample).window(*(float(gps_from_mjd(m)) for m in (56043.5, 56043.6)), seed="")
    assert window.neutrinos == () and window.complete and window.season == "IC86_II"


intervals = st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 50)), max_size=12)


@pytest.mark.slow
@given(intervals, st.lists(st.floats(-10, 1100), max_size=20), st.floats(0, 5))
@settings(max_examples=200, deadline=None)
def test_joined_intervals_hold_the_same_times(pieces, times, edge):
    runs = np.array(sorted((a, a + length) for a, length in pieces), dtype=float).reshape(-1, 2)
    joined = join(runs, 0.0)
    assert np.all(joined[1:, 0] > joined[:-1, 1])
    t = np.array(times, dtype=float)
    expected = np.array([any(a - edge <= x <= b + edge for a, b in runs) for x in times], dtype=bool)
    assert np.array_equal(in_intervals(t, joined, edge), expected)
