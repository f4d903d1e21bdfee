"""Bad input, as an operator meets it: one clear message, a sensible exit status, nothing lost, never NaN."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from typed import EVENT_ID, LLAMA, contents, copied, environment, fresh_event, journal, loads, typed

from llama.analyses.result import STATISTIC_FILENAME
from llama.app import DEMO_ALERT, packaged

MULTI = "skymaps/mock_and_sim/MS181101ab_bayestar.multiorder.fits"
FLAT = "skymaps/events/S190425z_bayestar_G330561.fits.gz"
XML = "notices/lvk_voevent/S190425z_initial.xml"
JSON = "notices/igwn_json"
RESULT = "significance_opa_lvc-i3.json"
LIST = "icecube_neutrino_list.json"


@pytest.fixture(scope="module")
def made(home: Path, fresh: Path) -> Path:
    """An event of which everything is made."""
    event = copied(fresh, home / "made")
    typed("run", "-o", event, home=home)
    return event


def edited_map(data: Path, change: Callable[[Any], Any] | None = None, **header: str) -> bytes:
    """A real multi-order map with other rows or other header cards."""
    with fits.open(data / MULTI) as found:
        rows = np.array(found[1].data)
        table = fits.BinTableHDU(change(rows) if change else rows, header=found[1].header)
        table.header.update(header)
        out = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    return out.getvalue()


def probability(index: int | slice, factor: float) -> Callable[[Any], Any]:
    def change(rows: Any) -> Any:
        rows["PROBDENSITY"][index] *= factor
        return rows

    return change


def flipped(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 255]) + raw[middle + 1 :]


MAPS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "truncated": (lambda data: (data / MULTI).read_bytes()[:200_000], "truncated, 576640 bytes are missing"),
    "truncated gzip": (lambda data: (data / FLAT).read_bytes()[:200_000], "truncated"),
    "a bit flipped": (lambda data: flipped((data / FLAT).read_bytes()), "get it again|ask for a corrected map"),
    "sums to two": (lambda data: edited_map(data, probability(slice(None), 2)), "sum to 2, not to 1"),
    "a NaN": (lambda data: edited_map(data, probability(5, np.nan)), "not a number"),
    "negative": (lambda data: edited_map(data, probability(slice(None), -1)), "negative"),
    "an overlap": (lambda data: edited_map(data, lambda rows: np.append(rows, rows[:1])), "overlap"),
    "ordering": (lambda data: edited_map(data, ORDERING="FOO"), "ORDERING = 'FOO'"),
    "a text": (lambda data: b"hello", "not a FITS file"),
}


def refused(said: str, run: Path, message: str) -> None:
    """One line, with this in it, and nothing created."""
    assert any(words in said for words in message.split("|")), said
    assert said.count("\n") == 1, said
    assert not run.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_a_bad_map_starts_no_event(home: Path, data: Path, tmp_path: Path, name: str) -> None:
    make, message = MAPS[name]
    path = tmp_path / "map.fits"
    path.write_bytes(make(data))
    words = ["--voevent", data / XML, "--skymap", path, "-d", tmp_path / "run", "--flags", "DEFAULT"]
    refused(typed("skymap_info", *words, home=home, status=1), tmp_path / "run", message)


def alert(event_id: str = EVENT_ID, **event: Any) -> bytes:
    """The packaged alert with other fields of its event."""
    record = json.loads(packaged(DEMO_ALERT).read_bytes())
    record["superevent_id"] = event_id
    record["event"] |= event
    return json.dumps(record).encode()


def with_doctype(data: Path, doctype: str) -> bytes:
    head, mark, rest = (data / XML).read_text().partition("?>")
    return f"{head}{mark}{doctype}{rest.replace('<Who>', '<Who><Description>&x;</Description>', 1)}".encode()


BOMB = "<!DOCTYPE v [<!ENTITY a 'aaaa'>" + "".join(
    f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefgh", "bcdefghx", strict=True)
)
NOTICES: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "no map": ("--alert", lambda data: alert(skymap=None), "carries no sky map; give one: --skymap FILE"),
    "a damaged map": (
        "--alert",
        lambda data: alert(skymap=base64.b64encode(edited_map(data, probability(5, np.nan))).decode()),
        "not a number",
    ),
    "classes that sum to three": (
        "--alert",
        lambda data: alert(classification={"BNS": 1, "NSBH": 1, "BBH": 0.5, "Terrestrial": 0.5}),
        "event.classification sums to 3, not to 1",
    ),
    "truncated": ("--alert", lambda data: alert()[:5000], "malformed JSON"),
    "another observatory": (
        "--alert",
        lambda data: (data / "notices/gcn_kafka_json/kafka_alert_icecube_gold.json").read_bytes(),
        "a notice of 'IceCube', not a gravitational-wave alert",
    ),
    "malformed XML": ("--voevent", lambda data: (data / XML).read_bytes()[:1500], "malformed XML"),
    "entity bomb": ("--voevent", lambda data: with_doctype(data, BOMB + "]>"), "declares a document type"),
    "external entity": (
        "--voevent",
        lambda data: with_doctype(data, "<!DOCTYPE v [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"),
        "declares a document type",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTICES)
def test_a_bad_notice_starts_no_event(home: Path, data: Path, tmp_path: Path, name: str) -> None:
    option, make, message = NOTICES[name]
    path = tmp_path / "notice"
    path.write_bytes(make(data))
    words = [option, path, "-d", tmp_path / "run", "--flags", "DEFAULT"]
    refused(typed("skymap_info", *words, home=home, status=1), tmp_path / "run", message)


@pytest.mark.slow
def test_a_burst_without_distance_or_classification_gets_a_full_set(home: Path, made: Path, tmp_path: Path) -> None:
    record = json.loads(packaged(DEMO_ALERT).read_bytes())["event"]
    with fits.open(io.BytesIO(base64.b64decode(record["skymap"]))) as found:
        keep = fits.ColDefs([found[1].columns["UNIQ"], found[1].columns["PROBDENSITY"]])
        out = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(keep)]).writeto(out)
    notice = tmp_path / "burst.json"
    skymap = base64.b64encode(out.getvalue()).decode()
    notice.write_bytes(
        alert(skymap=skymap, classification={}, group="Burst", pipeline="CWB", search="AllSky", properties={})
    )
    typed("skymap_info", "--alert", notice, "-d", tmp_path / "run", "--flags", "DEFAULT", home=home)
    event = tmp_path / "run" / EVENT_ID
    typed("run", "-o", event, home=home)
    assert contents(event).keys() == contents(made).keys()
    result = loads(event / RESULT)
    assert (result["distance_mode"], result["p_astro"]["before"]) == ("marginal", None)
    assert any("no p_astro" in note for note in result["notes"])
    assert result["odds_ratio"] > 0
    assert result["p_value_reason"]
    assert loads(event / "lvc_skymap_distances.json") == {"distmean": None, "diststd": None}


@pytest.mark.slow
def test_a_time_outside_all_runs_waits_and_says_why(home: Path, data: Path, tmp_path: Path) -> None:
    notice = data / JSON / "igwn_gwalert_preliminary.json"
    typed("skymap_info", "--alert", notice, "-d", tmp_path, "--flags", "DEFAULT", home=home)
    event = tmp_path / "MS260605l"
    typed("run", "-o", event, home=home)
    found = loads(event / LIST)
    assert (found["complete"], found["covered_s"], found["neutrinos"]) == (False, 0.0, [])
    assert "no good run" in found["why"]
    assert not (event / RESULT).exists()
    said = typed("event", event, home=home)
    assert "no neutrino data for this event: no good run" in said
    assert "looks again" not in said  # the archive will never know more


def edit(event: Path, change: Callable[[dict[str, Any]], object], home: Path) -> None:
    """Change the neutrino list by hand and adopt it."""
    found = json.loads((event / LIST).read_bytes())
    change(found)
    (event / LIST).write_text(json.dumps(found))
    typed("event", event, "adopt", LIST, home=home)


@pytest.mark.slow
def test_an_empty_list_gives_a_full_set(home: Path, made: Path, tmp_path: Path) -> None:
    event = copied(made, tmp_path)
    edit(event, lambda found: found.update(neutrinos=[]), home)
    typed("run", "-o", event, home=home)
    assert contents(event).keys() == contents(made).keys()
    result = loads(event / RESULT)
    assert (result["odds_ratio"], result["log_odds_ratio"], result["single_neutrino"]) == (0.0, None, [])
    assert result["p_value"] == 1.0 or (result["p_value"] is None and result["p_value_reason"])
    assert loads(event / "lvk_nu_track_search.json")["n_events_coincident"] == 0


LISTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "energy": (lambda found: found["neutrinos"][0].update(energy=-5.0), "has energy -5.0 GeV; it must be above zero"),
    "sigma": (lambda found: found["neutrinos"][0].update(sigma=0), "has angular error 0.0 deg"),
    "mjd": (lambda found: found["neutrinos"][0].update(mjd=found["neutrinos"][0]["mjd"] + 1e-3), "but gps"),
    "window": (lambda found: found.update(start_gps=0.0), "says it is complete, but covers 1000.0 of 101"),
    "type": (lambda found: found["neutrinos"][0].update(type="blinded "), "has type 'blinded '; there are"),
    "season": (
        lambda found: found.update(season="IC99"),
        "its season is IC99, but covered has only IC86-2011: correct",
    ),
    "covered": (lambda found: found.update(complete=False, covered_s=9.0), "1000.0 s, but covered_s is 9.0: correct"),
    "nan": (lambda found: found["neutrinos"][0].update(dec=float("nan")), "JSON is malformed"),
}


@pytest.mark.slow
def test_what_the_search_cannot_use_is_named(home: Path, made: Path, tmp_path: Path) -> None:
    lists: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
        "band": (
            lambda found: found["neutrinos"][1].update(energy=1e12),
            "neutrino {} has energy 1e+12 GeV, outside the search's band of ",
        ),
        "season": (
            lambda found: found.update(season="IC99", covered=None),
            "no response table for season 'IC99'; there are ",
        ),
    }
    for name, (change, _) in lists.items():
        edit(copied(made, tmp_path, name), change, home)
    said = typed("run", "-o", f"{tmp_path}/", "+f", "SIGNIFICANCE", home=home, status=1)
    i3event = loads(made / LIST)["neutrinos"][1]["i3event"]
    for name, (_, message) in lists.items():
        line = next(line for line in said.splitlines() if f" {name}: {STATISTIC_FILENAME} failed" in line)
        assert message.format(i3event) in line


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.slow
def test_a_list_that_cannot_be_is_not_adopted(home: Path, made: Path, tmp_path: Path, name: str) -> None:
    """It is refused by name, and what was made before stays."""
    event = copied(made, tmp_path, name)
    change, message = LISTS[name]
    found = json.loads((event / LIST).read_bytes())
    change(found)
    (event / LIST).write_text(json.dumps(found))
    said = typed("event", event, "adopt", LIST, home=home, status=1)
    assert f"{LIST} cannot be read: " in said
    assert message in said
    assert "Nothing was recorded" in said
    assert journal(event) == journal(made)


@pytest.mark.slow
def test_a_search_that_fails_on_its_list_is_told_as_cooling(home: Path, made: Path, tmp_path: Path) -> None:
    event = copied(made, tmp_path)
    edit(event, lambda found: found.update(season="IC99", covered=None), home)
    said = typed("run", "-o", event, "-f", "SIGNIFICANCE", home=home, status=1)
    assert f"was made from another {LIST}" in said
    typed("run", "-o", event, "+f", "SIGNIFICANCE", home=home, status=1)
    assert f"✗ cooling  {STATISTIC_FILENAME}" in typed("event", event, home=home)
    assert (event / RESULT).read_bytes() == (made / RESULT).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("LLAMA_SEARCH", '{"bns": {"parameters": {"snr_minn": 4.0}, "sources": {}}}', "bns: no parameter snr_minn"),
        ("LLAMA_POPULATIONS", "hello", "is not a table of populations"),
    ],
)
def test_shared_files_that_contradict(
    home: Path, made: Path, tmp_path: Path, setting: str, text: str, message: str
) -> None:
    event = copied(made, tmp_path / "run")
    shared = tmp_path / "shared"
    shared.write_text(text)
    said = typed("run", "-o", event, "-f", "SIGNIFICANCE", home=home, status=1, **{setting: str(shared)})
    assert message in said
    typed("event", event, "remake", "SIGNIFICANCE", home=home)
    typed("run", "-o", event, "-f", "SIGNIFICANCE", home=home)
    assert (event / RESULT).read_bytes() == (made / RESULT).read_bytes()


@pytest.mark.slow
def test_a_burst_catalogue_that_is_not_there_has_no_packaged_one(home: Path, made: Path, tmp_path: Path) -> None:
    missing = {"LLAMA_GRB_CATALOGUE": str(tmp_path / "nothing")}
    said = typed("run", "-o", made, "-p", "GW_GRB", home=home, status=1, **missing)
    assert "leave it unset for the archived notices (LLAMA_GRB_NOTICES)" in said


@pytest.mark.parametrize("setting", ["LLAMA_SEARCH", "LLAMA_POPULATIONS"])
def test_a_setting_that_names_no_file_is_named_at_once(home: Path, made: Path, tmp_path: Path, setting: str) -> None:
    before = journal(made)
    said = typed("run", "-o", made, home=home, status=1, **{setting: str(tmp_path / "nothing")})
    name = setting.removeprefix("LLAMA_").lower()
    assert f"${setting}: {name} is {tmp_path}/nothing, which cannot be read (No such file or directory)" in said
    assert said.count("\n") == 1
    assert journal(made) == before


RETRACTED = {
    "igwn_retraction.json": lambda data: (data / JSON / "igwn_gwalert_retraction.json").read_bytes(),
    "lvc_gcn_retraction.xml": lambda data: (data / "notices/lvk_voevent/MS181101ab-4-Retraction.xml").read_bytes(),
}


@pytest.mark.slow
def test_a_retraction_says_how_to_stop_work_on_its_event(home: Path, data: Path, tmp_path: Path) -> None:
    event = fresh_event(tmp_path / "current_run", home)
    notice = tmp_path / "retraction.json"
    record = json.loads((data / JSON / "igwn_gwalert_retraction.json").read_bytes())
    notice.write_text(json.dumps(record | {"superevent_id": EVENT_ID}))
    said = typed("skymap_info", "--alert", notice, home=home)
    command = said.strip().rpartition("llama ")[2]  # there is no such event in this home
    assert command == f"event {EVENT_ID} veto --why retracted"
    shutil.copy(notice, event / "igwn_retraction.json")
    home_of_event = tmp_path
    said = typed("event", EVENT_ID, home=home_of_event)
    assert f"RETRACTED: igwn_retraction.json of {record['time_created'][:10]}" in said
    assert f"to stop it: llama event {event} veto --why retracted" in said
    typed(*command.split(), home=home_of_event)
    said = typed("event", EVENT_ID, home=home_of_event)
    assert "VETOED: retracted; nothing more is made until" in said
    assert "work on it goes on" not in said
    typed("run", "-o", event, home=home_of_event)
    assert not (event / LIST).exists()


@pytest.mark.parametrize("name", RETRACTED)
@pytest.mark.slow
def test_a_retraction_of_another_event_is_named_as_that(
    home: Path, made: Path, data: Path, tmp_path: Path, name: str
) -> None:
    event = copied(made, tmp_path)
    (event / name).write_bytes(RETRACTED[name](data))
    typed("event", event, "adopt", name, home=home)
    said = typed("event", event, home=home)
    assert f"{name} takes back " in said
    assert f"not this event ({EVENT_ID})" in said
    assert "RETRACTED" not in said
    (event / name).write_text("hello")
    assert f"{name} cannot be read: " in typed("event", event, home=home)


@pytest.mark.slow
def test_a_journal_with_garbage_and_a_torn_line_reads(home: Path, made: Path, tmp_path: Path) -> None:
    event = copied(made, tmp_path)
    path = event / ".llama" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"garbage \xff\xfe\n", *lines[3:], b'{"kind":"Made","v":1,"at":"20']))
    assert "journal line 4 is not JSON" in typed("event", event, "check", home=home, status=1)
    said = typed("run", "-o", event, home=home, status=1)
    assert "DAMAGED JOURNAL: journal line 4 is not JSON; what it said is lost" in said
    assert contents(event) == contents(made)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_journal_that_is_lost_is_named_and_the_event_can_start_again(
    home: Path, made: Path, tmp_path: Path, how: str
) -> None:
    event = copied(made, tmp_path / "run")
    path = event / ".llama" / "journal.jsonl"
    path.unlink() if how == "deleted" else path.write_bytes(b"")
    for action in (["check"], ["repair"], [], ["veto"]):
        said = typed("event", event, *action, home=home, status=1)
        assert f"the journal of {event} is {'gone' if how == 'deleted' else 'empty'}" in said
        assert said.count("\n") == 1
    assert "the journal of" in typed("run", "-o", event, home=home, status=1)
    assert contents(event) == contents(made)
    aside = event.rename(tmp_path / "aside")
    words = ["--alert", aside / "igwn_alert.json", "-d", event.parent, "--flags", "DEFAULT"]
    typed("skymap_info", *words, home=home)
    typed("run", "-o", event, home=home)
    assert contents(event) == contents(made)


@pytest.mark.slow
def test_objects_that_were_deleted_are_restored(home: Path, made: Path, tmp_path: Path) -> None:
    event = copied(made, tmp_path)
    shutil.rmtree(event / ".llama" / "objects")
    assert f"{RESULT}: the kept copy is missing" in typed("event", event, "check", home=home, status=1)
    assert f"{RESULT}: kept copy restored from the file in view" in typed("event", event, "repair", home=home)
    assert "every byte is as recorded" in typed("event", event, "check", home=home)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2200k", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_and_is_freed(home: Path, fresh: Path, made: Path, disk: Path) -> None:
    event = copied(fresh, disk)
    said = typed("run", "-o", event, home=home, status=1)
    assert "the disk is full; free some space and run again. What was there before is unharmed." in said
    assert contents(event).items() <= contents(made).items()
    assert "every byte is as recorded" in typed("event", event, "check", home=home)
    subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
    typed("run", "-o", event, home=home)
    assert contents(event) == contents(made)


@pytest.mark.slow
def test_a_read_only_disk(home: Path, fresh: Path, disk: Path) -> None:
    event = copied(fresh, disk)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert "skymap_info.json" in typed("event", event, home=home)
    assert "the file system is read-only" in typed("run", "-o", event, home=home, status=1)
    said = typed("event", event, "veto", home=home, status=1)
    assert "the file system is read-only" in said
    assert said.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["--help"], ["event", "{made}"], ["files", "i3", "-t", "2012-01-30T15:47:32"]],
    ids=lambda words: words[0],
)
def test_streams_that_cannot_be_written_to(home: Path, made: Path, words: list[str]) -> None:
    command = [str(LLAMA), *(word.format(made=made) for word in words)]
    shell = f"{' '.join(command)} > /dev/full; echo $?; {' '.join(command)} >&-; echo $?"
    done = subprocess.run(["bash", "-c", shell], env=environment(home), capture_output=True, text=True)
    assert done.stderr == "llama: No space left on device\n"
    assert done.stdout == "1\n0\n"
    piped = f"{' '.join(command)} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], env=environment(home), capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout in {"141\n", "0\n"}


@pytest.mark.slow
def test_a_locale_without_unicode(home: Path, made: Path, tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = typed("event", made, home=home, **plain)
    assert said.isascii()
    assert f"+ done     {RESULT}" in said
    event = copied(made, tmp_path, "événement ☄ 'x")
    assert "every byte is as recorded" in typed("event", event, "check", home=home, **plain)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["event", "nosuch"], "there is no event nosuch"),
        (["event", "chekc"], "if you meant the action: llama event check"),
        (["event", "veto", "{made}"], "the event comes first: llama event {made} veto"),
        (["event", "{made}", "get", "P_ASTRO", "--into", "{made}"], "is the event's own folder; say where"),
        (["event", "{made}", "frob"], "no action 'frob'"),
        (["event", "{made}", "adopt", "../../x"], "no product of any pipeline is called '../../x'"),
        (["event", "{made}", "adopt", "notes.txt"], "no product of any pipeline is called 'notes.txt'"),
        (["event", "{made}", "adopt", "icecube_neutrino_lst.json"], "did you mean icecube_neutrino_list.json"),
        (["event", "{made}", "adopt", "fermi_grbs.json"], "there is no file fermi_grbs.json in {made} to adopt"),
        (["event", "{made}", "remake", "SIGNIFICANCE_GRBB"], "did you mean SIGNIFICANCE_GRB"),
        (["event", "{made}", "remake", "igwn_alert.json"], "comes from outside and cannot be made again"),
        (["run", "-o", "/no/such/place"], "there is no event place: there is no folder /no/such"),
        (["run", "-o", "/no/such/*"], "there is no folder /no/such; write /PATTERN for events of the default run"),
        (["flags", "{made}", "--flags", "role=martian"], "it must be 'test' or 'observation'"),
        (["run", "-o", "{made}", "-f", "NOPE"], "no product 'NOPE'"),
        (["install", "icecube-3yr", "--from", "{made}/igwn_alert.json"], "is not icecube-3yr"),
    ],
)
def test_words_that_make_no_sense(home: Path, made: Path, words: list[str], message: str) -> None:
    before = contents(made)
    said = typed(*(word.format(made=made) for word in words), home=home, status=1)
    assert message.format(made=made) in said
    assert said.count("\n") == 1
    assert contents(made) == before


@pytest.mark.parametrize(("option", "number", "least"), [("--seed", "-3", 0), ("-j", "0", 1), ("-j", "two", 1)])
def test_a_number_that_a_validation_cannot_take(home: Path, option: str, number: str, least: int) -> None:
    said = typed("dev", "validate", option, number, home=home, status=2)
    assert f"{number!r} is not a whole number from {least} up" in said
