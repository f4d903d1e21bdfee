"""`llama batch` as it is typed, on files of this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.typed import journal, loads, typed
from tests.studies.test_skymap_lists import a_map

QUICK = ("-f", "GW_SKYMAP", "SKYMAP_DISTANCES", "-j", "1")
"""Products that are made in no time."""
RESULT = "lvc_skymap_distances.json"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three maps with a list of them, a list of two words, and a template."""
    for name in ("a", "b", "c"):
        a_map(tmp_path / "maps" / f"{name}.fits")
    (tmp_path / "maps.txt").write_text("a\nb\nc\n")
    (tmp_path / "words.txt").write_text("x\ny\n")
    (tmp_path / "note.txt.template").write_text("{map} and {word} are {number} in {eventid} of {place}")
    monkeypatch.chdir(tmp_path)


WORDS = ("map=maps.txt", "word=words.txt", "--get", "lvc_skymap.fits.gz=maps/{map}.fits")


def batch(*words: str, status: int = 0, **more: str) -> str:
    return typed("batch", *words, home=Path("home"), status=status, **more)


def counts(said: str) -> list[int]:
    """Done, before, failed, skipped."""
    (line,) = re.findall(r"^.* done, .*$", said, flags=re.MULTILINE)
    return [int(word.split()[0]) for word in line.split(", ")]


def test_every_combination_becomes_an_event_and_its_results_are_put() -> None:
    put = ("--put", f"{RESULT}=out/{{word}}/{{map}}.json", "--eventdir", "events/{number}-{map}-{word}")
    said = batch(*WORDS, *QUICK, *put, "--flags", "RERUN", "upload=false")
    assert "6 combinations to do; 0 are skipped" in said and counts(said) == [6, 0, 0, 0]
    names = [f"{number}-{'abc'[number // 2]}-{'xy'[number % 2]}" for number in range(6)]
    assert sorted(path.name for path in Path("events").iterdir() if path.name[0] != ".") == names
    assert {str(path) for path in Path("out").rglob("*.json")} == {f"out/{w}/{m}.json" for w in "xy" for m in "abc"}
    assert loads(Path("out/x/a.json")) == {"distmean": None, "diststd": None}
    flagged = next(entry for entry in journal(Path("events") / names[0]) if "flags" in entry)
    assert flagged["flags"]["role"] == "observation" and flagged["flags"]["upload"] is False
    assert counts(batch(*WORDS, *QUICK, *put)) == [0, 6, 0, 0]
    Path("out/y/b.json").unlink()
    assert counts(batch(*WORDS, *QUICK, *put)) == [1, 5, 0, 0]
    assert Path("out/y/b.json").exists()
    log = Path("home/logs/llama.batch.log").read_text()
    assert "events/3-b-y: done in" in log and log.count(" starts: process ") == 3
    assert counts(batch(*WORDS, *QUICK, *put, "--discard")) == [0, 6, 0, 0]
    assert not [path for path in Path("events").iterdir() if path.name[0] != "."], "what a killed run left goes too"


def test_without_anything_to_put_the_events_are_the_results() -> None:
    assert counts(batch(*WORDS, *QUICK)) == [6, 0, 0, 0]
    made = journal(Path("a-x"))
    assert (Path("a-x") / RESULT).exists() and (Path("c-y") / RESULT).exists()
    assert counts(batch(*WORDS, *QUICK)) == [6, 0, 0, 0]
    assert journal(Path("a-x")) == made, "nothing was made again"


def test_templates_are_filled_in_and_variables_come_from_the_environment() -> None:
    words = ("--get", "note.txt.template={folder}/note.txt.template", "--format", "note.txt.template")
    put = ("--put", "note.txt=out/{eventid}.txt", "--discard")
    said = batch(*WORDS, *QUICK, *words, *put, "--set", "place=here", status=0, folder=str(Path.cwd()))
    assert counts(said) == [6, 0, 0, 0]
    assert Path("out/b-y.txt").read_text() == "b and y are 3 in b-y of here"
    assert not Path("b-y").exists() and not Path("b-y/note.txt.template").exists()
    said = batch(*WORDS, *QUICK, *words, status=1)
    assert "--get note.txt.template: {folder} is unknown" in said and "set the variable folder" in said


def test_a_template_with_a_missing_name_fails_its_events_and_says_so() -> None:
    words = ("--get", "note.txt.template=note.txt.template", "--format", "note.txt.template")
    said = batch(*WORDS, *QUICK, *words, status=1)
    assert counts(said) == [0, 0, 6, 0]
    assert "note.txt.template has {place}, which is neither listed nor set" in said and "and 3 more" in said
    assert not Path("a-x").exists()


def test_one_that_fails_is_dumped_and_stops_no_other() -> None:
    Path("maps/b.fits").write_bytes(b"no map at all")
    said = batch(*WORDS, *QUICK, "--put", f"{RESULT}=out/{{eventid}}", "--errdump", "dumps", status=1)
    assert counts(said) == [4, 0, 2, 0]
    assert said.count("number 2 (map=b, word=x)") == said.count("b-x: ") == 1, "each failure is told once"
    assert {path.name for path in Path("dumps").iterdir()} == {
        f"b-{word}.{kind}" for word in "xy" for kind in ("txt", "tar.gz")
    }
    text = Path("dumps/b-x.txt").read_text()
    assert "map = b" in text and "lvc_skymap.multiorder.fits" in text and text.count("Traceback") >= 2
    with tarfile.open("dumps/b-x.tar.gz") as archive:
        assert {"b-x/lvc_skymap.fits.gz", "b-x/.llama/journal.jsonl"} <= set(archive.getnames())
    words = (*WORDS, *QUICK, "--put", f"{RESULT}=out/{{eventid}}", "--errdump", "dumps/{number}")
    assert counts(batch(*words, status=1)) == [0, 4, 2, 0] and Path("dumps/2.txt").exists()
    kept = [entry for entry in journal(Path("b-x")) if "error" in entry]
    assert len(kept) == 2, "what failed is tried again at once"
    a_map(Path("maps/again.fits")).replace("maps/b.fits")
    assert counts(batch(*words)) == [2, 4, 0, 0], "what was mended is taken"


def test_random_combinations_are_told_with_their_seed() -> None:
    said = batch(*WORDS, *QUICK, "--random", "2")
    assert "2 of 6 combinations at random" in said and counts(said) == [2, 0, 0, 0]
    (seed,) = re.findall(r"--seed (\d+) gives the same again", said)
    first = {path.parent for path in Path().glob("*/.llama")} - {Path("home")}
    batch(*WORDS, *QUICK, "--random", "2", "--seed", seed)
    assert {path.parent for path in Path().glob("*/.llama")} - {Path("home")} == first and len(first) == 2
    assert "--seed is of --random" in batch(*WORDS, *QUICK, "--seed", seed, status=1)


def test_values_are_skipped_and_counted() -> None:
    Path("skip.json").write_text(json.dumps(["b", "never"]))
    said = batch(*WORDS, *QUICK, "--skip", "map=skip.json")
    assert "3 map in maps.txt; 1 are skipped; 1 to be skipped are not listed" in said
    assert counts(said) == [4, 0, 0, 2] and not Path("b-x").exists()


def test_a_study_file_says_it_all() -> None:
    Path("own.toml").write_text(
        """
        about = "maps of mine"
        pipeline = "GW_NEUTRINO"
        only = ["GW_SKYMAP", "SKYMAP_DISTANCES"]
        eventdir = "{where}/{map}"
        [set]
        where = "events"
        [parameters]
        map = "maps.txt"
        [get]
        "lvc_skymap.fits.gz" = "maps/{map}.fits"
        """
    )
    said = batch("own.toml", "-j", "1", "--set", "where=elsewhere")
    assert said.startswith("maps of mine\n") and counts(said) == [3, 0, 0, 0]
    assert Path("elsewhere/a", RESULT).exists()
    shown = batch("own.toml", "--dry-run")
    assert f"0  {Path.cwd()}/events/a" in shown and "get lvc_skymap.fits.gz = maps/a.fits" in shown
    assert not Path("events").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nonsense",), "there is no study nonsense; there are mid-o3-subthreshold"),
        (("a.toml", "b.toml"), "a.toml and b.toml are two studies"),
        (("map=nowhere.txt",), "the list nowhere.txt is not there"),
        (("map=empty.txt",), "empty.txt lists nothing"),
        (("map=maps.txt", "--get", "x"), "'x' is not understood; write --get FILE=URL"),
        (("map=maps.txt", "--get", "f=a", "--get", "f=b"), "f is given twice"),
        (("map=maps.txt", "--put", "f=https://example.org/{map}"), "read only"),
        (("map=maps.txt", "--put", "f=gopher://x/{map}"), "there are no addresses gopher://"),
        (("map=maps.txt", "--get", "f=gopher://x/{map}"), "there are no addresses gopher://"),
        (("map=maps.txt", "-p", "NONSENSE"), "no pipeline 'NONSENSE'"),
        (("map=maps.txt", "-f", "NONSENSE"), "no product 'NONSENSE'"),
        (("map=maps.txt", "--eventdir", "events"), "would be of two combinations"),
        (("map=up.txt",), "would lead out of its folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words: tuple[str, ...], why: str) -> None:
    Path("empty.txt").write_text("\n")
    Path("up.txt").write_text("../../x\n")
    said = batch(*words, "-j", "1", status=1)
    assert why in said and not Path("a").exists()


def test_a_list_of_whole_paths_is_numbered(tmp_path: Path) -> None:
    Path("paths.txt").write_text("".join(f"{tmp_path}/maps/{name}.fits\n" for name in "abc"))
    words = ("map=paths.txt", "--get", "lvc_skymap.fits.gz={map}", "--eventdir", "events/injection-{number}")
    assert counts(batch(*words, *QUICK)) == [3, 0, 0, 0]
    assert {path.name for path in Path("events").iterdir()} >= {f"injection-{i}" for i in range(3)}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk on which one event finds room, and no second one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("where", [("--eventdir", "small/{eventid}"), ("--put", f"{RESULT}=small/{{eventid}}")])
def test_a_full_disk_ends_it_and_is_said_once(small: Path, where: tuple[str, str]) -> None:
    filler = small / "filler"
    filler.write_bytes(b"x" * (4096 * 79))
    if where[0] == "--eventdir":
        where = (where[0], "small/{map}-{word}")
    else:
        filler.write_bytes(b"x" * (4096 * 80))
    said = batch(*WORDS, *QUICK, *where, "--errdump", "dumps", status=1)
    assert said.count("the disk is full; free some room, and type the same to go on") == 1
    assert re.search(r"^0 done, 0 had been put before, 1 failed, 0 skipped, 5 not begun$", said, flags=re.MULTILINE)
    assert list(Path().rglob("*.partial")) == [] and not Path("dumps").exists()
    filler.unlink()
    small_room = ("--random", "1", "--seed", "1")
    assert counts(batch(*WORDS, *QUICK, *where, *small_room)) == [1, 0, 0, 0]
