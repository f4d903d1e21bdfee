"""What a batch is asked for: patterns, lists, study files, and the combinations that come of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama.app import packaged
from llama.services.storage import StorageSettings
from llama.services.storage.by_address import ByAddress
from llama.studies.batch.errors import BatchError
from llama.studies.batch.lists import read_values
from llama.studies.batch.patterns import filled, folder_filled, template_filled
from llama.studies.batch.plan import Batch, at_random, check_apart, part_of, plan
from llama.studies.batch.study_file import Asked, read_study


def listed(path: Path, *values: str) -> str:
    path.write_text("".join(f"{value}\n" for value in values))
    return str(path)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """Two lists, of three and two values."""
    parameters = {"a": listed(tmp_path / "a.txt", "x", "y", "z"), "b": listed(tmp_path / "b.txt", "0", "1")}
    return Asked(parameters=parameters, pipeline="GW_NEUTRINO")


def planned(asked: Asked, **environ: str) -> Batch:
    return plan(asked, ByAddress(StorageSettings()), environ)


def test_combinations_have_numbers_that_stay_when_values_are_skipped(asked: Asked, tmp_path: Path) -> None:
    whole = {one.number: dict(one.values) for one in planned(asked)}
    assert whole == {i: {"a": "xyz"[i // 2], "b": "01"[i % 2]} for i in range(6)}
    left = planned(asked.then(Asked(skip={"a": listed(tmp_path / "skip.txt", "y", "never")})))
    assert {one.number: dict(one.values) for one in left} == {i: whole[i] for i in (0, 1, 4, 5)}
    assert (len(left), left.skipped, left.parameters[0].unmet) == (4, 2, 1)
    folders = [left.orders.folder(one).name for one in left]
    assert folders == ["x-0", "x-1", "z-0", "z-1"]


def test_random_combinations_are_those_of_their_seed(asked: Asked) -> None:
    whole = planned(asked)
    first = [one.number for one in at_random(whole, 4, 7)]
    assert first == [one.number for one in at_random(whole, 4, 7)] and len(set(first)) == 4
    assert {tuple(one.number for one in at_random(whole, 4, seed)) for seed in range(20)} != {tuple(first)}
    assert [one.number for one in at_random(whole, 6, 1)] == list(range(6))
    with pytest.raises(BatchError, match="7 at random are more than the 6 combinations"):
        at_random(whole, 7, 1)
    huge = Batch(whole.orders, tuple(_many(one.name) for one in whole.parameters))
    assert len(huge) == 10**10 and len({one.number for one in at_random(huge, 1000, 3)}) == 1000


@pytest.mark.parametrize("drawn", [False, True])
def test_parts_share_all_and_have_nothing_in_common(drawn: bool, asked: Asked) -> None:
    whole = planned(asked)
    whole = at_random(whole, 5, 3) if drawn else whole
    parts = [[one.number for one in part_of(whole, k, 4)] for k in (1, 2, 3, 4)]
    assert sorted(number for part in parts for number in part) == [one.number for one in whole]
    for k, parts_n in ((0, 4), (5, 4)):
        with pytest.raises(BatchError, match=f"there is no part {k} of {parts_n}"):
            part_of(whole, k, parts_n)
    with pytest.raises(BatchError, match="nothing is left for part 7"):
        part_of(whole, 7, 7)


def _many(name: str) -> Any:
    from llama.studies.batch.lists import Parameter

    return Parameter(name, "many", tuple(map(str, range(100_000))))


def test_what_is_neither_listed_nor_set_comes_from_the_environment(asked: Asked) -> None:
    got = asked.then(Asked(get={"f": "{where}/{a}/{b}"}, eventdir="{where}/{number}"))
    (one, *_) = whole = list(planned(got, where="/data"))
    orders = planned(got, where="/data").orders
    assert [orders.address("{where}/{a}/{b}", one) for one in whole][-1] == "/data/z/1"
    assert str(orders.folder(one)) == "/data/0"
    assert planned(got.then(Asked(set={"where": "/set"})), where="/data").orders.folder(one) == Path("/set/0")
    with pytest.raises(
        BatchError, match=r"--eventdir: \{where\} is unknown.*--set NAME=VALUE.*there are a, b, eventid"
    ):
        planned(got)
    with pytest.raises(BatchError, match=r"list a: \{root\} is unknown"):
        planned(asked.then(Asked(parameters={"a": "{root}/a.txt"})))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"parameters": {"number": "x"}}, "number is what each combination has by itself"),
        ({"skip": {"c": "x"}}, "c are to be skipped, which is not listed"),
        ({"set": {"a": "x"}}, "a is both listed and set"),
        ({"parameters": {"a": "nowhere.txt"}}, "the list nowhere.txt is not there"),
        ({"get": {"../x": "y"}}, "cannot be a file of an event"),
        ({"put": {".x": "y"}}, "cannot be a file of an event"),
        ({"format": ("t.template",)}, "--format t.template: it is not fetched"),
        ({"format": ("t.template",), "get": {"t.template": "x", "t": "y"}}, "t is fetched, and made of t.template"),
        ({"discard": True}, "--discard would leave nothing"),
        ({"flags": ("NONSENSE",)}, "no flag preset 'NONSENSE'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_begun(more: dict[str, Any], why: str, asked: Asked) -> None:
    with pytest.raises(BatchError, match=why):
        planned(asked.then(Asked(**more)))


def test_an_unknown_kind_of_address_is_refused(asked: Asked) -> None:
    from llama.ports import TransferRefused

    with pytest.raises(TransferRefused, match=r"ftp://x/a.txt: there are no addresses ftp://; write a path"):
        planned(asked.then(Asked(parameters={"a": "ftp://x/a.txt"})))
    with pytest.raises(BatchError, match="nothing to combine"):
        planned(Asked())


def test_two_combinations_may_not_meet(asked: Asked) -> None:
    with pytest.raises(BatchError, match=r"the event folder .*/x would be of two combinations, number 0 and 1"):
        check_apart(planned(asked.then(Asked(eventdir="{a}"))))
    with pytest.raises(BatchError, match=r"/out/0 would be of two combinations, number 0 and 2"):
        check_apart(planned(asked.then(Asked(put={"f": "/out/{b}"}))))
    with pytest.raises(BatchError, match="the name of an event's folder must not"):
        check_apart(planned(asked.then(Asked(eventdir="/tmp/.{number}"))))
    check_apart(planned(asked.then(Asked(eventdir="{number}", put={"f": "/out/{eventid}"}))))


def test_of_a_very_large_batch_the_patterns_are_judged(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data set of O3B has some 10^8 combinations."""
    monkeypatch.setattr("llama.studies.batch.plan.MOST_COMPARED", 1000)

    def huge(asked: Asked) -> Batch:
        whole = planned(asked)
        return Batch(whole.orders, tuple(_many(one.name) for one in whole.parameters))

    check_apart(huge(asked.then(Asked(put={"f": "/out/{eventid}"}))))
    check_apart(huge(asked.then(Asked(eventdir="{number}", put={"f": "/out/{b}/{a}"}))))
    with pytest.raises(BatchError, match=r"the event folder \{a\} would be of two combinations, since it lacks b"):
        check_apart(huge(asked.then(Asked(eventdir="{a}"))))
    with pytest.raises(BatchError, match=r"--put f /out/\{b\} would be of two combinations, since it lacks a"):
        check_apart(huge(asked.then(Asked(put={"f": "/out/{b}"}))))


@pytest.mark.parametrize("value", ["../x", "x/../../y", "..", "a/.."])
def test_no_value_leads_out_of_its_folder(value: str) -> None:
    with pytest.raises(BatchError, match=r"would lead out of its folder"):
        filled("s3://b/{root}/{name}", {"root": "r"}, {"name": value})
    with pytest.raises(BatchError, match=r"would lead out of its folder"):
        folder_filled("events/{name}", {}, {"name": value})
    assert filled("{name}", {}, {"name": value}) == value, "a list may hold whole paths"
    assert filled("{root}/{name}", {"root": ".."}, {"name": "x"}) == "../x", "whoever types it may go up"


def test_two_values_do_not_make_a_way_out() -> None:
    with pytest.raises(BatchError, match="lead out"):
        filled("events/{a}{b}/x", {}, {"a": ".", "b": "."})
    for value in ("a/b", ".hidden", "/etc"):
        with pytest.raises(BatchError, match="lead out"):
            folder_filled("{name}", {}, {"name": value})


def test_templates_are_filled_in_json_and_as_pythons() -> None:
    values = {"graceid": "S1", "eventid": "e"}
    plain = template_filled('{"graceid": "{graceid}", "inner": {"a": {}}}', values, "t", {"HOME": "/home"})
    assert json.loads(plain) == {"graceid": "S1", "inner": {"a": {}}}
    doubled = template_filled('{{"graceid": "{graceid}", "inner": {{"a": {{}}}}}}', values, "t", {"HOME": "/home"})
    assert json.loads(doubled) == json.loads(plain)
    for text in ('{"x": "{graceid}", "y": "{far}"}', '{{"y": "{far}"}}'):
        with pytest.raises(
            BatchError, match=r"t has \{far\}, which is neither listed nor set; there are eventid, gra"
        ):
            template_filled(text, values, "t", {"HOME": "/home"})
    assert template_filled("{HOME}/{graceid}", values, "t", {"HOME": "/home"}) == "/home/S1"
    with pytest.raises(BatchError, match="double each brace"):
        template_filled('{{"x": }', values, "t", {"HOME": "/home"})


def test_every_kind_of_list(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("a\n\n  b \nc")
    assert read_values(path, "list.txt") == ("a", "b", "c")
    path.write_text('["a", 2, 3.5]')
    assert read_values(path, "list.json") == ("a", "2", "3.5")
    for array in (np.array(["a", "bc"]), np.array([b"a", b"bc"]), np.array([7, 8])):
        np.save(tmp_path / "list.npy", array)
        assert len(read_values(tmp_path / "list.npy", "s3://x/list.npy")) == 2
    assert read_values(tmp_path / "list.npy", "list.npy") == ("7", "8")


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"\n \n", "l.txt", "l.txt lists nothing"),
        (b"a\nb\na\n", "l.txt", "lists a twice, as value 1 and 3"),
        (b"\xff\xfe\x00a", "l.txt", "is no text"),
        (b"a\x00b", "l.txt", "no plain text"),
        (b"{}", "l.json", "is no list"),
        (b"[[1]]", "l.json", "a value is text or a number"),
        (b"[", "l.json", "is no JSON"),
        (b"no array", "l.npy", "is no array of texts"),
        (b"", "l.npy", "is no array of texts"),
    ],
)
def test_a_list_that_is_none_is_named(content: bytes, name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BatchError, match=why):
        read_values(tmp_path / name, name)


def test_an_array_of_objects_is_not_run(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", np.array(["a", None], dtype=object), allow_pickle=True)
    with pytest.raises(BatchError, match="one of Python objects is not read"):
        read_values(tmp_path / "l.npy", "l.npy")
    np.save(tmp_path / "l.npy", np.array([["a"]]))
    with pytest.raises(BatchError, match="one dimension"):
        read_values(tmp_path / "l.npy", "l.npy")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gett = 1", "there is no key gett; there are about"),
        ("get = 1", "get must be a table of texts"),
        ("format = 'x'", "format must be a list of texts"),
        ("discard = 'yes'", "discard is 'yes'; it must be true or false"),
        ("eventdir = 1", "eventdir is 1; it must be text"),
        ("[", "is no study file"),
    ],
)
def test_a_study_file_with_a_mistake_is_named(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(BatchError, match=why):
        read_study(tmp_path / "study.toml")


def test_the_packaged_study_has_the_addresses_of_the_guide(tmp_path: Path) -> None:
    study = read_study(packaged("studies/mid-o3-subthreshold.toml"))
    assert study.set["root"] == "s3://llama/llama/artifacts/mid-o3-subthreshold-background"
    assert study.parameters == {"superevent": "{root}/superevents.txt", "bklist": "{root}/bklist_names.txt"}
    assert study.skip == {"superevent": "{root}/missing_event_ids_cwb.npy"}
    assert study.get["icecube_neutrino_list.json"] == "{root}/bklist/{bklist}"
    assert study.get["lvc_skymap.fits.gz"].startswith("{root}/superevents/{superevent}/")
    assert all(url.startswith("{root}/mid-o3-subthreshold-background/{eventid}/") for url in study.put.values())
    typed = Asked(get={"p_astro.json": ""}, put={"f": "x"}, only=("STATISTIC",), set={"root": "/data"})
    changed = study.then(typed)
    assert "p_astro.json" not in changed.get and changed.put["f"] == "x" and changed.set["root"] == "/data"
    assert (changed.only, changed.upto) == (("STATISTIC",), ())
