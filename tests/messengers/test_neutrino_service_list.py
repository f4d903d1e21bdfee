"""The neutrino list of an event whose source is a service: live, late, blinded, and while nobody answers."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from llama.app import App
from llama.engine.graph import Pipeline, Product
from llama.formats.records import JsonObject
from llama.messengers.icecube import neutrino_list
from llama.messengers.icecube.blinding import scrambled_ra_deg
from llama.ports import NEUTRINO_SOURCE
from llama.science.times import datetime_from_gps
from llama.services.icecube import read_excerpt
from llama.services.neutrinos import Asking, NeutrinoService
from llama.testing import Bench, FakeEnvironment, Trouble, check_service, serve_neutrinos, world

EXCERPT = Path(__file__).parents[2] / "src" / "llama" / "data" / "demo" / "icecube_excerpt.csv"
TOKEN = "s3cret-of-a-test"
TRIGGER: Product[dict[str, Any]] = Product("TRIGGER", "trigger.json", JsonObject())
NEUTRINOS = neutrino_list(TRIGGER.select("gps_time"))


@pytest.fixture(scope="module")
def gps() -> float:
    notes = EXCERPT.read_text().split("window_gps:")[1].split("\n")[0].split()
    return (float(notes[0]) + float(notes[1])) / 2


def listed(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bench.event.path / NEUTRINOS.filename).read_bytes())
    return found


@pytest.mark.component
def test_an_event_from_the_alert_to_the_final_list(tmp_path, gps):
    """Before the window closes, while livetime is late, while the service is down, and when all is stated."""
    bench: Bench
    with serve_neutrinos(read_excerpt(EXCERPT), token=TOKEN) as service:
        asking = Asking(service.url, None, timeout_s=5, patience_s=0)
        source = NeutrinoService(asking, lambda: gps + (bench.now - datetime_from_gps(gps)).total_seconds())
        service.token = ""
        environment = FakeEnvironment(services={"neutrino_source": source})
        trigger = {"trigger.json": json.dumps({"gps_time": gps}).encode()}
        pipeline = Pipeline("LIST", (TRIGGER, NEUTRINOS))
        bench = Bench(tmp_path / "run" / "S1", pipeline, trigger, environment, datetime_from_gps(gps + 60))
        bench.make(NEUTRINOS)
        early = listed(bench)
        assert not early["complete"] and early["covered_s"] == pytest.approx(560)
        assert bench.status().until == datetime_from_gps(gps + 500)
        service.livetime_until_gps = gps + 100
        bench.wait(440)
        bench.make(NEUTRINOS)
        assert listed(bench)["covered_s"] == pytest.approx(600) and not listed(bench)["complete"]
        assert bench.status().until == datetime_from_gps(gps + 560)
        service.trouble = [Trouble(503)] * 2
        bench.wait(60)
        bench.make(NEUTRINOS)
        waiting = bench.status()
        assert "answers 503" in str(waiting.why) and listed(bench)["covered_s"] == pytest.approx(600)
        assert waiting.until == bench.now + timedelta(minutes=5)
        service.trouble, service.livetime_until_gps = [], float("inf")
        bench.wait(300)
        bench.make(NEUTRINOS)
        final = listed(bench)
        assert final["complete"] and len(final["neutrinos"]) == 4 and final["ask_again"] is None
        assert str(bench.status().kind) == "done"
        source.close()


@pytest.mark.component
@pytest.mark.parametrize(("wanted", "minutes"), [("7", 5), ("1200", 20), ("999999", 240)])
def test_a_service_is_left_alone_for_as_long_as_it_wants(tmp_path, gps, wanted, minutes):
    with serve_neutrinos(read_excerpt(EXCERPT)) as service:
        source = NeutrinoService(Asking(service.url, patience_s=0), lambda: gps + 9e6)
        service.trouble = [Trouble(429, headers={"Retry-After": wanted})]
        environment = FakeEnvironment(services={"neutrino_source": source})
        trigger = {"trigger.json": json.dumps({"gps_time": gps}).encode()}
        pipeline = Pipeline("LIST", (TRIGGER, NEUTRINOS))
        bench = Bench(tmp_path / "run" / "S1", pipeline, trigger, environment, datetime_from_gps(gps + 600))
        bench.make(NEUTRINOS)
        assert bench.status().until == bench.now + timedelta(minutes=minutes)
        source.close()


@pytest.mark.component
def test_a_blinded_event_never_has_true_right_ascensions(tmp_path, gps):
    excerpt = read_excerpt(EXCERPT)
    true = excerpt.window(gps - 500, gps + 500).neutrinos
    with serve_neutrinos(excerpt) as service:
        source = NeutrinoService(Asking(service.url), lambda: gps + 9e6)
        environment = FakeEnvironment(services={"neutrino_source": source})
        trigger = {"trigger.json": json.dumps({"gps_time": gps}).encode()}
        bench = Bench(tmp_path / "run" / "S1", Pipeline("LIST", (TRIGGER, NEUTRINOS)), trigger, environment)
        bench.event.flag({"blinded_neutrinos": True}, why="a test", now=bench.now)
        bench.make(NEUTRINOS)
        source.close()
    rows = listed(bench)["neutrinos"]
    assert [row["type"] for row in rows] == ["blinded"] * len(true)
    assert [row["ra"] for row in rows] == [round(scrambled_ra_deg("S1", one.i3event), 4) for one in true]
    assert [(row["dec"], row["sigma"], row["mjd"]) for row in rows] == [(n.dec_deg, n.sigma_deg, n.mjd) for n in true]
    whole = (bench.event.path / NEUTRINOS.filename).read_text()
    assert not any(f"{one.ra_deg:.2f}" in whole for one in true)


def source_of(folder: Path, **variables: str) -> App:
    return world(folder, {"LLAMA_NEUTRINOS": "service", **variables})


@pytest.mark.component
def test_settings_name_the_service(tmp_path, gps):
    with serve_neutrinos(read_excerpt(EXCERPT), token=TOKEN) as service:
        given = {"LLAMA_NEUTRINO_SERVICE_URL": service.url, "LLAMA_NEUTRINO_SERVICE_TOKEN": TOKEN}
        with source_of(tmp_path, **given) as app:
            assert app.lacks(NEUTRINO_SOURCE) is None
            source = app.service(NEUTRINO_SOURCE)
            assert len(source.window(gps - 500, gps + 500, seed="").neutrinos) == 4
            assert TOKEN not in f"{source!r} {source.name}" and source.name.startswith(
                "neutrino service at 127.0.0.1:"
            )


@pytest.mark.parametrize(
    ("url", "words"),
    [(None, "LLAMA_NEUTRINO_SERVICE_URL"), ("http://neutrinos.example.org/", "anybody can read")],
)
def test_without_an_address_that_will_do_it_says_what_to_set(tmp_path, url, words):
    given = {} if url is None else {"LLAMA_NEUTRINO_SERVICE_URL": url}
    with source_of(tmp_path, **given) as app:
        assert words in (app.lacks(NEUTRINO_SOURCE) or "")


def test_it_keeps_the_contract_of_services(tmp_path):
    from llama.services.sources import NEUTRINOS as PROVIDER

    variables = {"LLAMA_NEUTRINOS": "service", "LLAMA_NEUTRINO_SERVICE_URL": "https://neutrinos.example.org/v1"}
    check_service(PROVIDER, tmp_path, variables)
