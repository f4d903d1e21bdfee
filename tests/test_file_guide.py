"""The guide to the JSON files names every key that real results have, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama.analyses.result.pvalues import conditions
from llama.analyses.tables import ICECUBE_TABLES, SEARCHES
from llama.analyses.telling.gcn_notice import notice
from llama.analyses.telling.reading import read_report
from llama.app import DEMO_ALERT, App, packaged
from llama.engine.folder.run import Delivery, Run
from llama.flags import Flags
from llama.formats.populations import PopulationsFile
from llama.formats.records import to_json
from llama.messengers.burst_record import BurstList
from llama.messengers.gw.start import Given, start
from llama.operate.update import bring_up_to_date
from llama.ports import Burst, BurstMap
from llama.science.significance import BackgroundTable, Populations
from llama.science.times import utc_from_gps
from tests.analyses.significance_examples import OF_MAP, found, neutrino_list, row, statistic

pytestmark = pytest.mark.slow

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "guides" / "files.md").read_text(encoding="utf-8")
SIGNIFICANCE, NOTICE = "significance_opa_lvc-i3.json", "lvk_nu_track_search.json"
SUBTHRESHOLD = "significance_subthreshold_lvc-i3.json"
COPIES = {"inputs.gw_skymap_info", "inputs.neutrino_info", "skymap.header"}
NAMED_BY_OTHERS = {"reference", "made_from", "bursts[].classification"}
"""Their keys hold dots, which are no levels."""


def documented(filename: str) -> set[str]:
    section = re.search(rf"^## `{re.escape(filename)}`\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert section, filename
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section[1], re.MULTILINE)
    assert all(len(rest.split(" | ")) == 3 and rest.split(" | ")[1].strip() for _, rest in rows), "empty cells"
    return {key for key, _ in rows}


def keys(value: Any, where: str = "") -> Iterator[str]:
    """Every key with its level, as the guide writes it; objects are named by their keys alone."""
    if isinstance(value, dict) and value and where not in COPIES | NAMED_BY_OTHERS:
        for name, child in value.items():
            yield from keys(child, f"{where}.{name}" if where else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and where not in COPIES:
        for child in value:
            yield from keys(child, f"{where}[]")
    else:
        yield where


def is_group(key: str, all_keys: set[str]) -> bool:
    """Whether the guide also names the object or list whose keys follow; they say when all of it is null."""
    return any(other.startswith((f"{key}.", f"{key}[]")) for other in all_keys)


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The demo event, with a background table that fits it whatever the search's parameters are today."""
    folder = tmp_path_factory.mktemp("guide")
    search = SEARCHES.codec.read(packaged("search.json")).choose("bns").search
    season = ICECUBE_TABLES.codec.read(packaged("icecube_tables.h5")).season("IC86-2011")
    names = [f"{search_type}/bns/{search.run}/H1L1V1/{season.name}" for search_type in ("opa", "subthreshold")]
    fitting = asdict(conditions(search, season, "map")) | {"rate_hz": season.rate_hz, "provenance": "a test"}
    tables = {name: BackgroundTable(name, np.linspace(0.0, 1.0, 11), sky_maps=2, **fitting) for name in names}
    PopulationsFile().write(Populations(tables), folder / "populations.hdf5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLAMA_DATA_DIR", str(folder))
        patch.setenv("LLAMA_POPULATIONS", str(folder / "populations.hdf5"))
        yield made(packaged(DEMO_ALERT).read_bytes())


def made(alert: bytes) -> Path:
    app = App.read()
    begun = start(Given(alert=alert), app.gracedb)
    made = Run(app.settings.current_run).accept(Delivery(begun.event_id, begun.files, Flags(), "a test"))
    wanted = ["NOTICE", "SKYMAP_DISTANCES"]
    bring_up_to_date([made], app.pipeline().only(wanted, ancestors=True), app)
    return made.path


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def check(filename: str, written: set[str], optional: Collection[str] = (), told: set[str] | None = None) -> None:
    told = told or documented(filename)
    groups = {key for key in told if is_group(key, told)}
    assert sorted(written - told) == [], f"{filename}: not in docs/guides/files.md"
    missing = told - groups - set(optional) - written
    assert sorted(missing) == [], f"{filename}: in docs/guides/files.md, but not written"


@pytest.mark.slow
def test_the_significance_file_is_as_described(event: Path) -> None:
    result = read(event / SIGNIFICANCE)
    two = neutrino_list(row(1, 30.0), row(2, 60.0))
    pair = found(neutrinos=two, searches=OF_MAP)  # which the demo has not
    check(SIGNIFICANCE, set(keys(result)) | set(keys(pair)))
    assert result["inputs"]["gw_skymap_info"] == read(event / "skymap_info.json")
    assert result["inputs"]["neutrino_info"] == read(event / "icecube_neutrino_list.json")["neutrinos"]


def test_the_statistic_is_as_described(event: Path) -> None:
    pair = json.loads(
        to_json(statistic(neutrinos=neutrino_list(row(1, 30.0), row(2, 60.0))))
    )  # which the demo has not
    check("statistic_lvc-i3.json", set(keys(read(event / "statistic_lvc-i3.json"))) | set(keys(pair)))


def test_the_subthreshold_file_is_as_described(event: Path) -> None:
    """The guide tells only what differs, so all that it says of the other file must hold for this one."""
    common = {key for key in documented(SIGNIFICANCE) if not key.startswith("neutrino_pair")}
    check(SUBTHRESHOLD, set(keys(read(event / SUBTHRESHOLD))), told=common | documented(SUBTHRESHOLD))


@pytest.mark.parametrize("filename", ["icecube_neutrino_list.json", "skymap_info.json", "lvc_skymap_distances.json"])
def test_the_other_records_are_as_described(event: Path, filename: str) -> None:
    check(filename, set(keys(read(event / filename))))


def test_the_burst_list_is_as_described() -> None:
    """With all that a burst can have, an ellipse, a map, and without it."""
    gps = 1_187_008_884.0
    plain = Burst(trigger_id="1", name="", gps=gps, utc=utc_from_gps(gps), notice_type="alert")
    chart = BurstMap("a.fit", "0" * 64, "", None, "")
    ellipse = {"ra": 10.0, "dec": 5.0, "sigma": 3.0, "sigma_minor": 2.0, "position_angle": 20.0}
    other = replace(plain, trigger_id="2", skymap=chart, classification={"GRB": 0.9}, **ellipse)
    listed = BurstList(True, 1000.0, gps - 500, gps + 500, "a test", "", (plain, other))
    check("fermi_grbs.json", set(keys(json.loads(to_json(listed)))) - {"bursts[].skymap"})


def test_the_classification_is_as_described(event: Path) -> None:
    check("p_astro.json", set(keys(read(event / "p_astro.json"))), optional={"MassGap"})


def test_the_notice_is_as_described(event: Path) -> None:
    """The demo's own, and one where a neutrino of it is significant."""
    result = read(event / SIGNIFICANCE)
    significant = result | {"p_value": 0.01, "single_neutrino": [result["single_neutrino"][0] | {"p_value": 0.01}]}
    written = set(keys(read(event / NOTICE))) | set(keys(notice(read_report(significant))))
    written |= set(keys(notice(read_report(significant | {"retracted": "2011-12-05T09:00:00Z"}))))
    check(NOTICE, written - {"coincident_events"})
