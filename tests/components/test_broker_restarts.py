"""A broker that is killed and keeps its log: whoever listens goes on where it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.components.test_gcn_kafka import HASTY, Until, events, gcn
from tests.needs import absent

from llama.engine.folder import Run
from llama.intake import Archive, Intake
from llama.messengers.gw import MESSENGER
from llama.operate.hearing import Listener
from llama.testing import Tansu, demo_alert

pytestmark = pytest.mark.component


@pytest.fixture
def kept() -> Iterator[Tansu]:
    """A broker whose log and offsets are on an S3 server of this machine."""
    try:
        import boto3
        from moto.server import ThreadedMotoServer
    except ImportError:
        absent("moto and boto3 are not installed: pip install 'moto[s3]' boto3")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url, keys = f"http://{host}:{port}", {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    ).create_bucket(Bucket="kafka")
    environ = {"AWS_ENDPOINT": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", **keys}
    with Tansu("s3://kafka/", environ) as broker:
        broker.make_topics(["igwn.gwalert"])
        yield broker
    server.stop()


def test_a_broker_that_was_killed_is_heard_again_where_it_was(
    kept: Tansu, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept.send("igwn.gwalert", [demo_alert().data])
    intake = Intake(Run(tmp_path / "run"), Archive(tmp_path / "gcn"), [MESSENGER])
    with gcn(tmp_path, kept.address, TOPICS="igwn.gwalert") as broker:
        broker.subscribe(())
        program = Until(lambda: len(events(tmp_path)) == 1)
        ear = Listener(broker, intake, program, HASTY)
        with caplog.at_level(logging.WARNING, "llama.listen"):
            ear.listen()
            kept.kill()
            program.done = lambda: "cannot be reached" in caplog.text
            ear.listen()
            kept.start()
            kept.send("igwn.gwalert", [demo_alert("MS120131b").data])
            program.done = lambda: len(events(tmp_path)) == 2
            ear.listen()
    assert "is heard again, after" in caplog.text
    assert ear.so_far.messages in (2, 3), "at most the one that was not told to be safe comes again"
    assert kept.committed("ours", "igwn.gwalert") == 2
