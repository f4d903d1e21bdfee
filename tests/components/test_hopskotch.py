"""hop-client and igwn-alert read from a real broker; the same alert from both brokers is one event."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llama.app import messengers
from llama.engine.folder import Run
from llama.flags import PRESETS
from llama.intake import Archive, Intake
from llama.operate.hearing import HeardSoFar, Listener, Pauses
from llama.ports import GCN, LVALERT, SCIMMA, Broker, BrokerError, Service
from llama.testing import FakeProgram, Tansu, demo_alert, world

pytestmark = pytest.mark.component

HASTY = Pauses(first_s=0.2, most_s=1.0, poll_s=0.2)


@contextmanager
def opened(key: Service[Broker], folder: Path, kafka: Tansu, **variables: str) -> Iterator[Broker]:
    given = {"USERNAME": "me", "PASSWORD": "y" * 20, "CLIENT_ID": "x", "CLIENT_SECRET": "z" * 20}
    given |= {"BOOTSTRAP": kafka.address, "GROUP": "ours"} | variables
    used = ("USERNAME", "PASSWORD") if key is GCN else ("CLIENT_ID", "CLIENT_SECRET")
    settings = {f"LLAMA_{key.name.upper()}_{name}": one for name, one in given.items() if name not in used}
    with world(folder, settings) as app:
        yield app.service(key)


def hear(key: Service[Broker], folder: Path, kafka: Tansu, **variables: str) -> HeardSoFar:
    intake = Intake(Run(folder / "run"), Archive(folder / "gcn"), messengers().values())
    with opened(key, folder, kafka, **variables) as broker:
        broker.subscribe(intake.topics)
        return Listener(broker, intake, FakeProgram(), HASTY, once=True).listen()


def events(folder: Path) -> dict[str, Any]:
    return {event.id: event for event in Run(folder / "run").events()}


def send_avro(kafka: Tansu, notice: bytes) -> None:
    """As LIGO, Virgo and KAGRA send it: by hop's own writer."""
    import hop
    from hop.models import AvroBlob

    record = json.loads(notice)
    record["event"]["skymap"] = base64.b64decode(record["event"]["skymap"])
    with hop.Stream(auth=False).open(f"kafka://{kafka.address}/igwn.gwalert", "w") as stream:
        stream.write(AvroBlob([record]))


def test_the_same_alert_from_both_brokers_is_one_event(tmp_path: Path, kafka: Tansu, data: Path) -> None:
    notice = (data / "notices/igwn_json/igwn_gwalert_preliminary.json").read_bytes()
    with Tansu() as scimma:
        scimma.make_topics(["igwn.gwalert", "sys.heartbeat"])
        send_avro(scimma, notice)
        scimma.send("sys.heartbeat", [b'{"count": 1}'])
        so_far = hear(SCIMMA, tmp_path, scimma)
        assert (so_far.messages, so_far.heartbeats, so_far.dead) == (1, 1, 0)
        assert scimma.committed("ours", "igwn.gwalert") == 1
        kafka.send("igwn.gwalert", [notice])
        assert hear(GCN, tmp_path, kafka).messages == 1
        send_avro(scimma, demo_alert("MS120131b").data)
        assert hear(SCIMMA, tmp_path, scimma).messages == 1, "it goes on where it was"
    assert list(events(tmp_path)) == ["MS120131b-1-Preliminary", "MS260605l-1-Preliminary"]
    kept = sorted(path.suffix for path in (tmp_path / "gcn").glob("2*/*/igwn*"))
    assert kept == [".avro", ".avro", ".json"]


def superevent(name: str, labels: list[str]) -> dict[str, Any]:
    links = {"self": f"https://gracedb.ligo.org/api/superevents/{name}/"}
    preferred = {"group": "CBC", "pipeline": "gstlal", "search": "AllSky", "instruments": "H1,L1", "far": 1e-9}
    return {
        "superevent_id": name,
        "created": "2026-01-02 03:04:05 UTC",
        "t_0": 1451358263.0,
        "far": 1e-9,
        "preferred_event": "G1",
        "preferred_event_data": preferred,
        "labels": labels,
        "links": links,
        "category": "Production",
    }


def told(kafka: Tansu, *messages: dict[str, Any]) -> None:
    """As GraceDB tells its members: by igwn-alert's own client."""
    from igwn_alert import client

    _, _, port = kafka.address.rpartition(":")
    sender = client(noauth=True, group="gracedb", server="kafka://127.0.0.1/", port=int(port))
    sender.connect("superevent")
    for one in messages:
        sender.publish_to_topic("superevent", json.dumps(one))
    sender.disconnect()


def test_what_members_are_told_is_internal_until_it_is_public(tmp_path: Path, kafka: Tansu) -> None:
    kafka.make_topics(["gracedb.superevent"])
    new = superevent("S260102a", [])
    good = superevent("S260102a", ["EM_READY", "ADVOK"])
    told(
        kafka,
        {"uid": "S260102a", "alert_type": "new", "data": new, "object": new},
        {"uid": "S260102a", "alert_type": "log", "data": {"filename": "bayestar.fits.gz"}, "object": {}},
        {"uid": "G1", "alert_type": "new", "data": {"graceid": "G1"}, "object": {"graceid": "G1"}},
        {"uid": "S260102a", "alert_type": "label_added", "data": {"name": "ADVOK"}, "object": good},
    )
    so_far = hear(LVALERT, tmp_path, kafka, HEARTBEAT="")
    assert (so_far.messages, so_far.dead) == (4, 0)
    (event,) = events(tmp_path).values()
    assert event.id == "S260102a" and event.refresh().flags == PRESETS["TRIGGERED_INTERNAL"]
    assert {"lvalert.json", "advok.json"} <= {path.name for path in event.path.iterdir()}
    public = json.loads(demo_alert("S260102a", urls={}).data)
    public["event"]["search"] = "AllSky"
    kafka.send("igwn.gwalert", [json.dumps(public).encode()])
    hear(GCN, tmp_path, kafka)
    found = events(tmp_path)
    assert sorted(found) == ["S260102a", "S260102a-1-Preliminary"]
    for one in found.values():
        assert one.refresh().flags == PRESETS["TRIGGERED_PUBLIC"], one.id
    (raised,) = [one for one in event.entries() if "the same alert is public" in getattr(one, "why", "")]
    assert "TRIGGERED_INTERNAL become TRIGGERED_PUBLIC" in raised.why


def test_a_topic_that_there_is_not_is_named_and_the_others_are_heard(
    tmp_path: Path, kafka: Tansu, caplog: pytest.LogCaptureFixture
) -> None:
    send_avro(kafka, demo_alert().data)
    with caplog.at_level(logging.WARNING, "llama.listen"):
        assert hear(SCIMMA, tmp_path, kafka).messages == 1
    assert "SCiMMA has no topic sys.heartbeat; it is not heard, the others are" in caplog.text
    with pytest.raises(BrokerError, match="none of the topics nothing"):
        hear(SCIMMA, tmp_path, kafka, TOPICS="nothing", HEARTBEAT="nothing.either")


def test_nobody_there_is_said(tmp_path: Path, kafka: Tansu) -> None:
    kafka.kill()
    with pytest.raises(BrokerError, match="SCiMMA cannot be reached"):
        hear(SCIMMA, tmp_path, kafka)
