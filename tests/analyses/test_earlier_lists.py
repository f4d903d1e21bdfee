"""Lists that were written before they said when good data are: their events open, run and pass their checks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.analyses.significance_examples import neutrino_list, row

from llama.analyses.gw_neutrino import GW_NEUTRINO, NEUTRINOS
from llama.app import DEMO_ALERT, environment, packaged
from llama.engine.folder.care import check
from llama.engine.folder.event import Event
from llama.engine.folder.run import Delivery, Run
from llama.engine.folder.store import SharedDigests
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind, statuses
from llama.flags import Flags
from llama.formats.records import to_json
from llama.messengers.gw.start import Given, start

PIPELINE = GW_NEUTRINO.only(["SIGNIFICANCE", "SIGNIFICANCE_SUBTHRESHOLD", "NEUTRINO_TEXT"], ancestors=True)


def delivered(folder: Path, **change: Any) -> tuple[Event, bytes]:
    """The demo's event with a list in the form of earlier versions, brought up to date; and the list's bytes."""
    plain = json.loads(to_json(neutrino_list(row(1, 30.0), **change)))
    del plain["covered"]
    content = json.dumps(plain).encode()
    begun = start(Given(alert=packaged(DEMO_ALERT).read_bytes()), environment().gracedb)
    files = {**begun.files, NEUTRINOS.filename: content}
    event = Run(folder).accept(Delivery(begun.event_id, files, Flags(), "a test"))
    bring_up(event)
    return event, content


def bring_up(event: Event) -> None:
    application = environment()
    maker = Maker(PIPELINE, application, SharedDigests(application))
    runner = Runner(maker, Here(maker))
    runner.once([event])
    assert not runner.troubles, runner.troubles


def kinds(event: Event) -> set[Kind]:
    """Of all files that are there; others of the alert's forms were never given."""
    state = event.look(PIPELINE, SharedDigests(environment()))
    found = statuses(PIPELINE, state, datetime.now(UTC))
    assert {NEUTRINOS.filename, "significance_opa_lvc-i3.json", "icecube_neutrino_list.txt"} <= found.keys()
    return {one.kind for filename, one in found.items() if (event.path / filename).exists()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "noted"),
    [({}, False), ({"complete": False, "covered_s": 700.0, "why": "a gap"}, True)],
    ids=["complete", "with a gap"],
)
def test_an_event_with_a_list_of_an_earlier_version(tmp_path: Path, change: dict[str, Any], noted: bool) -> None:
    event, content = delivered(tmp_path, **change)
    assert (event.path / NEUTRINOS.filename).read_bytes() == content, "it stays as it was written"
    result = json.loads((event.path / "significance_opa_lvc-i3.json").read_bytes())
    said = "the neutrino list does not say which 700.0 of its 1000.0 s good data cover"
    assert (said in result["notes"]) == noted
    assert "covered" not in result["inputs"]["neutrino_list"]
    before = (event.path / ".llama" / "journal.jsonl").read_bytes()
    bring_up(event)
    assert (event.path / ".llama" / "journal.jsonl").read_bytes() == before, "nothing is made again"
    assert kinds(event) == {Kind.DONE} and check(event) == []
