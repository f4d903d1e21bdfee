"""How brokers are set up: topics, the place that is kept, and what is said when something is missing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from llama.app import messengers
from llama.cli.main import main
from llama.operate.hearing import HeardSoFar, Listener
from llama.ports import GCN, LVALERT, SCIMMA, BrokerError
from llama.sections import Secret
from llama.services.errors import ServiceError
from llama.services.gcn import PROVIDER, GCNBroker, GCNSettings, chosen
from llama.services.hopskotch import LVALERT_PROVIDER, SCIMMA_PROVIDER
from llama.services.kafka import check_loopback, place
from llama.testing import check_service, world

ASKED = sorted({topic for one in messengers().values() for topic in one.topics})


def settings(**changes: Any) -> GCNSettings:
    return GCNSettings(client_id="x", client_secret=Secret("y" * 20), **changes)


def test_the_usual_topics() -> None:
    found = chosen(ASKED, settings())
    for wanted in (
        "igwn.gwalert",
        "gcn.heartbeat",
        "gcn.notices.icecube.gold_bronze_track_alerts",
        "gcn.notices.icecube.lvk_nu_track_search",
        "gcn.notices.fermi.gbm.*",
        "gcn.notices.swift.bat.guano",
    ):
        assert wanted in found
    assert not [one for one in found if "LVC_" in one], "they are retired"
    assert not [one for one in found if one.startswith("gracedb")], "GCN has no internal stream"


def test_topics_can_be_added_left_out_and_replaced() -> None:
    retired = "gcn.classic.voevent.LVC_INITIAL"
    assert retired in chosen(ASKED, settings(topics_added=(retired,)))
    assert "gcn.notices.swift.bat.guano" not in chosen(ASKED, settings(topics_off=("gcn.notices.swift.*",)))
    assert chosen(ASKED, settings(topics=("igwn.gwalert",), topics_added=("a.b",))) == ("a.b", "igwn.gwalert")


def test_the_place_is_made_once(tmp_path: Path) -> None:
    first = place(tmp_path / "data")
    assert first.startswith("llama-") and place(tmp_path / "data") == first != place(tmp_path / "other")


@pytest.mark.parametrize("address", ["kafka.gcn.nasa.gov:9092", "10.0.0.1:9092", "127.0.0.1.example.org:1"])
def test_what_is_open_is_for_this_machine_only(address: str) -> None:
    with pytest.raises(ServiceError, match="leave it out"):
        check_loopback(address, "bootstrap of [gcn]")


@pytest.mark.parametrize("provider", [PROVIDER, SCIMMA_PROVIDER, LVALERT_PROVIDER], ids=lambda one: one.key.name)
def test_services_keep_their_contract(tmp_path: Path, provider: Any) -> None:
    name = provider.key.name.upper()
    variables = {"CLIENT_ID": "x"} if name == "GCN" else {"USERNAME": "x"}
    check_service(provider, tmp_path, {f"LLAMA_{name}_{key}": value for key, value in variables.items()})


def test_what_is_to_be_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llama.services.kafka.find_spec", lambda name: None)
    given = {"LLAMA_GCN_CLIENT_ID": "x", "LLAMA_GCN_CLIENT_SECRET": "y" * 20}
    given |= {f"LLAMA_{one}_{key}": "z" * 20 for one in ("SCIMMA", "LVALERT") for key in ("USERNAME", "PASSWORD")}
    with world(tmp_path, given) as app:
        for key in (GCN, SCIMMA, LVALERT):
            assert f"pip install 'llama-astro[{key.name}]'" in str(app.lacks(key))
    assert importlib.util.find_spec("gcn_kafka")


@pytest.mark.parametrize("name", ["gcn", "scimma", "lvalert"])
def test_no_credentials_is_one_clear_message(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", name]) == 1
    said = capsys.readouterr().err
    assert f"of [{name}] in settings.toml" in said and said.count("\n") == 1


def test_the_topics_are_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"LLAMA_LVALERT_{key}", "z" * 20)
    monkeypatch.setenv("LLAMA_LVALERT_TOPICS", "superevent,cbc_gstlal")
    assert main(["listen", "lvalert", "--dry-run-topics"]) == 0
    assert capsys.readouterr().out == "gracedb.superevent\ngracedb.cbc_gstlal\nsys.heartbeat\n"


@pytest.mark.slow
def test_a_second_listener_of_a_place_is_refused_whatever_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"CLIENT_ID": "x", "CLIENT_SECRET": "y" * 20, "GROUP": "ours"}.items():
        monkeypatch.setenv(f"LLAMA_GCN_{name}", value)
    monkeypatch.setenv("LLAMA_DATA_DIR", str(tmp_path / "data"))
    heard: list[str] = []

    def listen(self: Listener) -> HeardSoFar:
        heard.append(self.broker.group)
        if len(heard) == 1:
            monkeypatch.setenv("LLAMA_GCN_GROUP", "ours")
            words = ["listen", "gcn", "-r", str(tmp_path / "run"), "-g", str(tmp_path / "gcn")]
            assert main(words) == 1
            said = capsys.readouterr().err
            assert "llama listen gcn works on" in said and f"process {os.getpid()}" in said
            monkeypatch.setenv("LLAMA_GCN_GROUP", "another")
            assert main(words) == 0
        return HeardSoFar()

    monkeypatch.setattr(Listener, "listen", listen)
    assert main(["listen", "gcn"]) == 0
    assert heard == ["ours", "another"]


def test_a_secret_that_is_just_renewed_is_asked_for_again(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("y" * 20)
    broker = GCNBroker(GCNSettings(client_id="x", client_secret=Secret(file=file)), tmp_path)
    broker.subscribe(["igwn.gwalert"])
    file.write_text("")
    with pytest.raises(BrokerError, match="is empty; it is tried again") as caught:
        broker.receive(0.0)
    assert caught.value.kind == "credentials"
