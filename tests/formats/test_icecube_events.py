"""Events to draw from: those of the release, exactly; the background's own; clear words for any other file."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.science.release_events import read_events

import llama.data
from llama.formats.errors import FormatError, InputError, TableError
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.detector import IceCubeEvents, SeasonEvents
from llama.services.icecube.sample import read_release

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "derive_icecube_events.py"
SHIPPED = Path(llama.data.__file__).parent / "icecube_events.h5"
TABLES = IceCubeTablesFile().read(SHIPPED.parent / "icecube_tables.h5")
EVENTS = IceCubeEventsFile().read(SHIPPED)
SEASONS = ("IC40", "IC79-2010", "IC86-2011", "IC86-2012")
SMALL = SeasonEvents("S", np.radians([-30.1234, 5.0]), np.radians([0.2, 1.5]), np.array([1e3, 10**4.4321]), "")


def as_numbers(season: SeasonEvents) -> np.ndarray:
    """(n, 3) log10 energy, declination and angular error in units of 1e-4, sorted."""
    columns = (np.log10(season.energy_gev), np.degrees(season.dec_rad), np.degrees(season.sigma_rad))
    return ordered(np.column_stack(columns))


def ordered(values: np.ndarray) -> np.ndarray:
    whole = np.rint(values * 1e4).astype(np.int64)
    assert np.abs(values * 1e4 - whole).max() < 1e-6
    return whole[np.lexsort(whole.T)]


def written(path: Path, season: SeasonEvents = SMALL) -> Path:
    IceCubeEventsFile().write(IceCubeEvents({season.name: season}), path)
    return path


def test_every_season_of_the_tables_has_its_events():
    assert set(EVENTS.seasons) == set(TABLES.seasons) == set(SEASONS)
    assert all(EVENTS.season(name).name == name for name in SEASONS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEASONS)
def test_they_are_the_events_of_the_release(data, name):
    assert np.array_equal(as_numbers(EVENTS.season(name)), ordered(read_events(data, name)))


@pytest.mark.slow
def test_they_are_exactly_what_the_archive_gives(data):
    """Bit for bit: a list of neutrinos and one that is drawn hold the same numbers."""
    for season in read_release(data / "neutrinos/icecube_3yr_ps/3year-data-release.zip").seasons:
        ours = EVENTS.season(season.name)
        there = [np.radians(season.column(c)) for c in ("dec_deg", "sigma_deg")] + [season.column("energy_gev")]
        here = [ours.dec_rad, ours.sigma_rad, ours.energy_gev]
        in_order = [np.array(columns)[:, np.lexsort(columns)] for columns in (there, here)]
        assert np.array_equal(*in_order)


@pytest.mark.parametrize("name", SEASONS)
def test_they_are_the_events_that_the_background_counts(name):
    table, events = TABLES.season(name), EVENTS.season(name)
    assert events.dec_rad.size == events.sigma_rad.size == events.energy_gev.size == table.n_observed
    # degrees and logarithms come back with a last bit of difference, which must not carry one over an edge
    dec = np.round(np.degrees(events.dec_rad), 4)
    energy = np.round(np.log10(events.energy_gev), 4)
    assert np.array_equal(
        np.histogram2d(dec, energy, bins=(table.counts_dec_deg, table.counts_log10_energy))[0], table.counts
    )
    peaks = set(zip(np.round(table.peaks_dec_deg, 4), np.round(table.peaks_log10_energy, 4), strict=True))
    assert peaks <= set(zip(dec, energy, strict=True))
    assert np.degrees(events.sigma_rad).min() == pytest.approx(0.2)


def test_the_file_tells_where_they_are_from():
    for name in SEASONS:
        source = EVENTS.season(name).source
        assert re.search(r"sha256 [0-9a-f]{64}", source) and "scripts/derive_icecube_events.py" in source
        assert ("10.7910/DVN/VKL316" in source) == (name == "IC40")
        assert ("3year-data-release.zip" in source and f"{name}-events.txt" in source) == (name != "IC40")


def test_the_digest_is_of_name_and_columns():
    """As the packaged README says, computed without the codec."""
    with h5py.File(SHIPPED) as file:
        for name in SEASONS:
            content = b"".join(file[name][column][()].tobytes() for column in ("dec", "log10_energy", "sigma"))
            digest = hashlib.sha256(name.encode() + b"\0" + content).hexdigest()
            assert EVENTS.season(name).digest == file[name].attrs["digest"] == digest


def test_digests_do_not_change_by_accident():
    assert {name: EVENTS.season(name).digest[:16] for name in SEASONS} == {
        "IC40": "5f864bd5dd71ae1f",
        "IC79-2010": "4ddb946cee4391ba",
        "IC86-2011": "088e94c76625623e",
        "IC86-2012": "fb74569a49371903",
    }


def test_the_digest_does_not_depend_on_the_order_and_tells_one_season_from_another(tmp_path):
    def digest(season: SeasonEvents) -> str:
        return IceCubeEventsFile().read(written(tmp_path / "e.h5", season)).season(season.name).digest

    columns = ("dec_rad", "sigma_rad", "energy_gev")
    backwards = replace(SMALL, **{column: getattr(SMALL, column)[::-1] for column in columns})
    warmer = replace(SMALL, energy_gev=SMALL.energy_gev * 10**1e-4)
    assert digest(SMALL) == digest(backwards)
    assert len({digest(SMALL), digest(replace(SMALL, name="T")), digest(warmer)}) == 3


@pytest.mark.slow
def test_the_shipped_file_is_what_the_script_makes(data, tmp_path):
    subprocess.run([sys.executable, SCRIPT, data, tmp_path / "e.h5"], capture_output=True, check=True)
    assert (tmp_path / "e.h5").read_bytes() == SHIPPED.read_bytes()


def test_round_trip_and_same_bytes(tmp_path):
    again = IceCubeEventsFile().read(written(tmp_path / "a.h5", EVENTS.season("IC40"))).season("IC40")
    assert written(tmp_path / "b.h5", again).read_bytes() == (tmp_path / "a.h5").read_bytes()
    for column in ("dec_rad", "sigma_rad", "energy_gev"):
        assert np.array_equal(getattr(again, column), getattr(EVENTS.season("IC40"), column))
    assert (again.digest, again.source) == (EVENTS.season("IC40").digest, EVENTS.season("IC40").source)


def test_it_ships_with_the_package_and_is_small():
    """The wheel holds all of `packages` that version control does not ignore."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"] == {"packages": ["src/llama"]} and set(build) == {"targets"}
    ignored = [line for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split() if not line.endswith("/")]
    assert SHIPPED.is_relative_to(ROOT / "src" / "llama")
    assert not any(fnmatch(SHIPPED.name, pattern) for pattern in ignored)
    assert SHIPPED.stat().st_size < 2_000_000
    assert f"## {SHIPPED.name}\n" in (SHIPPED.parent / "README.md").read_text(encoding="utf-8")


def test_a_missing_season_says_which_there_are():
    with pytest.raises(ValueError, match=r"no events to draw from of season 'IC99'; there are IC40, IC79-2010"):
        EVENTS.season("IC99")
    with pytest.raises(ValueError, match="None"):
        EVENTS.season(None)


@pytest.mark.parametrize("content", [b"", b"not HDF5", SHIPPED.read_bytes()[:3000]])
def test_broken_files(tmp_path, content):
    (tmp_path / "events.h5").write_bytes(content)
    with pytest.raises(TableError, match=r"events\.h5 cannot be read as IceCube events"):
        IceCubeEventsFile().read(tmp_path / "events.h5")


def test_other_files(tmp_path):
    with pytest.raises(
        TableError, match=r"icecube_tables\.h5 is not a file of IceCube events.*derive_icecube_events"
    ):
        IceCubeEventsFile().read(SHIPPED.parent / "icecube_tables.h5")
    with pytest.raises(TableError, match="derive_icecube_tables"):
        IceCubeTablesFile().read(SHIPPED)
    with pytest.raises(InputError, match="folder"):
        IceCubeEventsFile().read(tmp_path)
    with pytest.raises(FileNotFoundError):
        IceCubeEventsFile().read(tmp_path / "none.h5")


def changed(path: Path, column: str, value: object) -> Path:
    """One column in place of what it was, with a digest that fits."""
    with h5py.File(written(path), "a") as file:
        del file["S"][column]
        file["S"][column] = value
        content = b"".join(np.atleast_1d(file["S"][name][()]).tobytes() for name in ("dec", "log10_energy", "sigma"))
        file["S"].attrs["digest"] = hashlib.sha256(b"S\0" + content).hexdigest()
    return path


@pytest.mark.parametrize(
    "column, value, words",
    [
        ("dec", np.array([0, 900_001], np.int32), r"event 1 \(counting from 0\) has declination"),
        ("sigma", np.array([0, 2000], np.int32), "event 0 .* angular error"),
        ("log10_energy", np.array([0, 120_001], np.int32), "event 1 .* energy"),
        ("log10_energy", np.array([0, 2_000_000_000], np.int32), "energy .* inf"),
        ("sigma", np.array([2000], np.int32), "shapes"),
        ("sigma", np.array([0.2, 0.3]), "whole numbers"),
        ("sigma", np.int32(2000), "whole numbers|shapes"),
    ],
)
def test_what_no_event_has_is_refused_and_the_file_named(tmp_path, column, value, words):
    events = IceCubeEventsFile().read(changed(tmp_path / "mine.h5", column, value))
    with pytest.raises(FormatError, match=rf"mine\.h5 .*{words}"):
        events.season("S")


def test_an_edit_is_noticed(tmp_path):
    with h5py.File(written(tmp_path / "mine.h5"), "a") as file:
        file["S"]["sigma"][0] += 1
    with pytest.raises(TableError, match=r"mine\.h5 .*season S: its events are not those that its digest is of"):
        IceCubeEventsFile().read(tmp_path / "mine.h5").season("S")


@pytest.mark.parametrize("lost", ["dec", "digest", "source", "group"])
def test_what_lacks_something_is_refused_and_the_file_named(tmp_path, lost):
    with h5py.File(written(tmp_path / "mine.h5"), "a") as file:
        group = file["S"]
        if lost == "group":
            del group["dec"]
            group.create_group("dec")
        else:
            del (group.attrs if lost in group.attrs else group)[lost]
    with pytest.raises(TableError, match=r"mine\.h5 cannot be read as IceCube events"):
        IceCubeEventsFile().read(tmp_path / "mine.h5").season("S")


@pytest.mark.parametrize("column", ["dec_rad", "sigma_rad", "energy_gev"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -7.0])
def test_a_season_holds_only_what_can_be_an_event(column, bad):
    with pytest.raises(ValueError, match=r"season S: event 1 \(counting from 0\) has"):
        replace(SMALL, **{column: np.array([0.1, bad])})


def test_a_season_without_events_has_none_to_draw():
    nothing = np.empty(0)
    with pytest.raises(ValueError, match="no events to draw from"):
        SeasonEvents("S", nothing, nothing, nothing, "")
