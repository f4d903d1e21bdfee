"""An event by `llama run` whose neutrinos come from a service, from one that is down, and from notices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.typed import fresh_event, loads, typed

from llama.app import packaged
from llama.services.icecube import read_excerpt
from llama.testing import Trouble, serve_neutrinos

TOKEN = "s3cret-of-a-test"
LIST, RESULT = "icecube_neutrino_list.json", "significance_opa_lvc-i3.json"


def asking(url: str) -> dict[str, str]:
    return {
        "LLAMA_NEUTRINOS": "service",
        "LLAMA_NEUTRINO_SERVICE_URL": url,
        "LLAMA_NEUTRINO_SERVICE_TOKEN": TOKEN,
        "LLAMA_NEUTRINO_SERVICE_PATIENCE_S": "0",
    }


@pytest.mark.component
def test_a_service_gives_the_result_that_the_excerpt_gives(tmp_path: Path) -> None:
    home = tmp_path / "home"
    by_file, by_service = (fresh_event(tmp_path / name, home) for name in ("file", "service"))
    typed("run", "-o", by_file, "+f", "SIGNIFICANCE", home=home)
    with serve_neutrinos(read_excerpt(packaged("demo/icecube_excerpt.csv")), token=TOKEN, page_size=3) as service:
        typed("run", "-o", by_service, "+f", "SIGNIFICANCE", home=home, **asking(service.url))
        assert len(service.asked) == 2
    expected, found = loads(by_file / RESULT), loads(by_service / RESULT)
    for key in ("odds_ratio", "p_value", "population", "single_neutrino"):
        assert found[key] == expected[key], key
    assert loads(by_service / LIST)["source"].startswith("neutrino service at 127.0.0.1:")
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert everything and not any(TOKEN.encode() in path.read_bytes() for path in everything)


@pytest.mark.component
def test_while_it_is_down_the_event_waits_and_says_why(tmp_path: Path) -> None:
    home = tmp_path / "home"
    event = fresh_event(tmp_path / "run", home)
    with serve_neutrinos(read_excerpt(packaged("demo/icecube_excerpt.csv")), token=TOKEN) as service:
        service.trouble = [Trouble(503)]
        said = typed("run", "-o", event, "+f", "NEUTRINOS", home=home, **asking(service.url))
        assert "answers 503" in said and "failed" not in said
        assert "answers 503" in typed("event", event, home=home, **asking(service.url))
        assert not (event / LIST).exists()
        wrong = asking(service.url) | {"LLAMA_NEUTRINO_SERVICE_TOKEN": "another-s3cret"}
        typed("event", event, "remake", "NEUTRINOS", home=home, **wrong)
        said = typed("run", "-o", event, "+f", "NEUTRINOS", home=home, status=1, **wrong)
        assert "does not know the token" in said and "s3cret" not in said
        said = typed("files", "i3", "-t", "2012-01-30T07:12:00", home=home, status=1, **wrong)
        assert "does not know the token" in said and "s3cret" not in said


@pytest.mark.slow
def test_announced_neutrinos_are_listed_and_have_no_p_value(data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    event = fresh_event(tmp_path / "run", home)
    heard = home / "gcn" / "2012-01" / "30"
    heard.mkdir(parents=True)
    notice = json.loads((data / "notices/gcn_kafka_json/kafka_alert_icecube_gold.json").read_bytes())
    time = loads(event / "skymap_info.json")["event_time"]
    (heard / "gold.json").write_text(json.dumps(notice | {"trigger_time": time, "alert_datetime": time}))
    said = typed("run", "-o", event, home=home, LLAMA_NEUTRINOS="alerts")
    assert "nothing is known of the background of the neutrinos listed" in said and "p-values are n/a" in said
    assert [one["i3event"] for one in loads(event / LIST)["neutrinos"]] == ["137841_57034692"]
    assert "gold track" in (event / "icecube_neutrino_list.txt").read_text()
    assert not (event / RESULT).exists() and not (event / "statistic_lvc-i3.json").exists()
